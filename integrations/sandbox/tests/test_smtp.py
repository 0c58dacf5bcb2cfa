import smtplib
import ssl
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
import trustme

from integrations.sandbox.server import Addresses
from integrations.sandbox.testing import sandbox_in_thread

from .conftest import Client

SENDER, ALICE, BOB = "bounce@renum.example", "alice@acme.example", "bob@globex.example"


def mail(**headers: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Recuperação de senha"
    made["From"] = "RENUM <no-reply@renum.example>"
    made["To"] = ALICE
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("Olá, Alice")
    made.add_alternative("<p>Olá, Alice</p>", subtype="html")
    return made


def connect(sandbox: Client) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=5)


def send(sandbox: Client, *recipients: str) -> dict[str, Any]:
    """Who was refused."""
    with connect(sandbox) as smtp:
        return smtp.send_message(mail(), SENDER, recipients or (ALICE,))


def test_mail_ends_in_the_journal(sandbox: Client) -> None:
    with connect(sandbox) as smtp:
        smtp.send_message(
            mail(
                Cc=f"Bob <{BOB}>",
                Message_ID="<1@renum.example>",
                Reply_To="ask@renum.example",
                Auto_Submitted="auto-generated",
                List_Unsubscribe="<https://renum.example/u>",
                List_Unsubscribe_Post="List-Unsubscribe=One-Click",
            ),
            SENDER,
            [ALICE, BOB, "blind@renum.example"],
        )

    (entry,) = sandbox.journal(provider="smtp")
    assert (entry["method"], entry["path"], entry["outcome"]) == ("DATA", SENDER, "accepted")
    assert entry["body"] == {
        "from": SENDER,
        "to": [ALICE, BOB, "blind@renum.example"],
        "cc": [BOB],
        "bcc": ["blind@renum.example"],
        "subject": "Recuperação de senha",
        "text": "Olá, Alice\n",
        "html": "<p>Olá, Alice</p>\n",
        "message_id": "<1@renum.example>",
        "reply_to": "ask@renum.example",
        "auto_submitted": "auto-generated",
        "list_unsubscribe": "<https://renum.example/u>",
        "list_unsubscribe_post": "List-Unsubscribe=One-Click",
        "tls": False,
        "user": None,
        "session": 1,
    }


def test_odd_mail_is_accepted_as_well(sandbox: Client) -> None:
    odd = [
        b"no headers at all",
        b"",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Subject: =?utf-8?q?=ff?=\r\nContent-Type: multipart/mixed\r\n\r\nx",
        b"To: <<>,,\r\nCc: ;;\r\n\r\nx",
    ]
    with connect(sandbox) as smtp:
        for raw in odd:
            smtp.sendmail("", [ALICE], raw)

    assert len(sandbox.journal(provider="smtp")) == len(odd)


def test_a_mailbox_that_does_not_exist_is_refused(sandbox: Client) -> None:
    refused = send(sandbox, ALICE, "Unknown.person@acme.example")

    assert refused == {"Unknown.person@acme.example": (550, b"5.1.1 No such mailbox here")}
    assert [entry["body"]["to"] for entry in sandbox.journal(provider="smtp")] == [[ALICE]]


def test_connections_are_counted(sandbox: Client) -> None:
    send(sandbox)
    with connect(sandbox) as smtp:
        smtp.send_message(mail(), SENDER, [ALICE])
        smtp.send_message(mail(), SENDER, [BOB])

    assert [entry["body"]["session"] for entry in sandbox.journal(provider="smtp")] == [1, 2, 2]


# Authentication and TLS


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
def test_the_demo_user_is_known_and_its_password_is_not_kept(sandbox: Client, mechanism: str) -> None:
    with connect(sandbox) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = "demo", "demo-password"
        smtp.auth(mechanism.removeprefix("auth_").upper(), getattr(smtp, mechanism))
        smtp.send_message(mail(), SENDER, [ALICE])

    (entry,) = sandbox.journal(provider="smtp")
    assert entry["body"]["user"] == "demo"
    assert "demo-password" not in str(entry)


@pytest.mark.parametrize("known", [("demo", "wrong"), ("somebody", "demo-password"), ("demo", "")])
def test_anybody_else_is_refused(sandbox: Client, known: tuple[str, str]) -> None:
    with connect(sandbox) as smtp, pytest.raises(smtplib.SMTPAuthenticationError) as raised:
        smtp.login(*known)
    assert raised.value.smtp_code == 535


def test_without_a_certificate_there_is_no_tls(sandbox: Client) -> None:
    with connect(sandbox) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("starttls") and smtp.has_extn("auth")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(authority: trustme.CA) -> Iterator[tuple[Addresses, httpx.Client]]:
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(certificate)
    with (
        sandbox_in_thread(certificate=certificate) as addresses,
        httpx.Client(base_url=addresses.url) as http,
    ):
        yield addresses, http


@pytest.mark.parametrize("implicit", [False, True])
def test_takes_mail_over_tls(
    authority: trustme.CA, secured: tuple[Addresses, httpx.Client], implicit: bool
) -> None:
    addresses, http = secured
    http.delete("/_sandbox/journal")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    if implicit:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL("localhost", addresses.smtps_port, timeout=5, context=trusting)
    else:
        smtp = smtplib.SMTP("localhost", addresses.smtp_port, timeout=5)
    with smtp:
        if not implicit:
            smtp.starttls(context=trusting)
        smtp.login("demo", "demo-password")
        smtp.send_message(mail(), SENDER, [ALICE])

    (entry,) = http.get("/_sandbox/journal", params={"provider": "smtp"}).json()
    assert (entry["body"]["tls"], entry["body"]["user"]) == (True, "demo")


# Faults


def outcomes(sandbox: Client) -> list[tuple[str, str]]:
    return [(entry["method"], entry["outcome"]) for entry in sandbox.journal(provider="smtp")]


@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "mail", "rcpt", "data", "body"])
def test_a_scripted_reply_is_given_at_its_stage_and_as_often_as_said(sandbox: Client, stage: str) -> None:
    sandbox.script({"kind": "smtp_reply", "stage": stage, "code": 550, "text": "5.7.1 no", "times": 2})
    for _ in range(2):
        with pytest.raises(smtplib.SMTPException), connect(sandbox) as smtp:
            code, said = smtp.ehlo()
            if code == 550:
                raise smtplib.SMTPHeloError(code, said)
            smtp.user, smtp.password = "demo", "demo-password"
            smtp.auth("PLAIN", smtp.auth_plain)
            smtp.send_message(mail(), SENDER, [ALICE])
    assert send(sandbox) == {}

    method = {"body": "DATA"}.get(stage, stage.upper())
    assert outcomes(sandbox) == [(method, "fault:550"), (method, "fault:550"), ("DATA", "accepted")]
    assert sandbox.http.get("/_sandbox/faults").json() == []


def test_a_fault_with_a_target_meets_that_address_only(sandbox: Client) -> None:
    sandbox.script({"kind": "smtp-reply", "stage": "rcpt", "code": 450, "text": "4.2.0 busy", "target": BOB})

    assert send(sandbox, ALICE, "bobby@globex.example") == {}
    assert send(sandbox, ALICE, "Bob@globex.example") == {"Bob@globex.example": (450, b"4.2.0 busy")}
    named = [entry["body"].get("address") for entry in sandbox.journal(provider="smtp")]
    assert named == [None, "Bob@globex.example", None]


def test_after_421_the_connection_ends(sandbox: Client) -> None:
    sandbox.script({"kind": "smtp_reply", "stage": "mail", "code": 421, "text": "4.3.2 bye"})
    with connect(sandbox) as smtp:
        assert smtp.docmd("EHLO", "x")[0] == 250
        assert smtp.docmd("MAIL", f"FROM:<{SENDER}>") == (421, b"4.3.2 bye")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            smtp.noop()


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "body"])
def test_a_drop_cuts_the_connection(sandbox: Client, stage: str) -> None:
    sandbox.script({"kind": "smtp_drop", "stage": stage})
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(sandbox)
    assert [outcome for _, outcome in outcomes(sandbox)] == ["dropped"]


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data", "body"])
def test_a_hang_says_nothing_more(sandbox: Client, stage: str) -> None:
    sandbox.script({"kind": "smtp_hang", "stage": stage})
    started = time.monotonic()
    with (
        pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)),
        smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=0.3) as smtp,
    ):
        smtp.send_message(mail(), SENDER, [ALICE])
    assert time.monotonic() - started >= 0.3
    (entry,) = sandbox.journal(provider="smtp")
    assert entry["outcome"] == "hung"
    assert entry["body"]["text"] == ("Olá, Alice\n" if stage == "body" else "")


def test_http_and_smtp_do_not_meet_each_others_faults(sandbox: Client) -> None:
    sandbox.script(
        {"kind": "status", "status": 503},
        {"kind": "smtp_reply", "stage": "mail", "code": 451},
    )
    with pytest.raises(smtplib.SMTPSenderRefused):
        send(sandbox)
    assert send(sandbox) == {}
    assert [fault["kind"] for fault in sandbox.http.get("/_sandbox/faults").json()] == ["status"]
    assert sandbox.send().status_code == 503

    sandbox.script({"kind": "smtp_drop", "stage": "connect"})
    assert sandbox.send().status_code == 200
    assert [fault["kind"] for fault in sandbox.http.get("/_sandbox/faults").json()] == ["smtp_drop"]


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "smtp_reply", "stage": "mail"},
        {"kind": "smtp_reply", "stage": "helo", "code": 500},
        {"kind": "smtp_reply", "stage": "mail", "code": 199},
        {"kind": "smtp_reply", "stage": "mail", "code": 500, "text": "two\r\nlines"},
        {"kind": "smtp_drop", "stage": "rcpt", "target": "not an address"},
        {"kind": "smtp_hang", "stage": "rcpt", "path": "/send"},
    ],
)
def test_a_malformed_fault_is_refused(sandbox: Client, fault: dict[str, Any]) -> None:
    assert sandbox.script(fault).status_code == 400
    assert sandbox.http.get("/_sandbox/faults").json() == []
