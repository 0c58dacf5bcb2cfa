"""Mails over SMTP: what the server answers, and what we make of it."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from integrations import errors
from integrations.providers.base import RefusedRecipient, SendResult
from integrations.sandbox.server import Addresses
from integrations.sandbox.testing import sandbox_in_thread
from integrations.tests.helpers import closed_port
from integrations.tests.mailing import ANA, BIA, CAIO, MAIL, SENDER, account, check, send, using, with_login


@dataclass(frozen=True)
class Post:
    """The sandbox's mail servers, as a test scripts and watches them."""

    http: httpx.Client
    addresses: Addresses

    @property
    def port(self) -> int:
        return self.addresses.smtp_port

    def mails(self, outcome: str = "accepted") -> list[dict[str, Any]]:
        entries = self.http.get("/_sandbox/journal", params={"provider": "smtp"}).json()
        return [entry["body"] for entry in entries if entry["outcome"] == outcome]

    def script(self, *faults: dict[str, Any]) -> None:
        self.http.post("/_sandbox/faults", json=list(faults)).raise_for_status()

    def pending(self) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = self.http.get("/_sandbox/faults").json()
        return faults


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def _post(authority: trustme.CA) -> Iterator[Post]:
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(certificate)
    with (
        sandbox_in_thread(certificate=certificate) as addresses,
        httpx.Client(base_url=addresses.url) as http,
    ):
        yield Post(http, addresses)


@pytest.fixture
def post(_post: Post, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """An empty journal, no faults, and a machine that trusts the sandbox's certificate."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    _post.http.delete("/_sandbox/faults")
    _post.http.delete("/_sandbox/journal")
    return _post


def port_for(post: Post, security: str) -> int:
    return post.addresses.smtps_port if security == "tls" else post.port


# --- what goes out --------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls", "plain"])
def test_sends_in_every_kind_of_security(post: Post, security: str) -> None:
    config = with_login(port_for(post, security), security=security)
    assert check(config).connected
    assert post.mails() == []  # a check sends nothing

    assert send(config) == SendResult("<7f3c-01@acme.example>")

    (mail,) = post.mails()
    assert (mail["tls"], mail["user"]) == (security != "plain", "demo")
    assert (mail["from"], mail["to"], mail["subject"]) == (SENDER, [ANA], MAIL.subject)


def test_without_a_user_it_does_not_authenticate(post: Post) -> None:
    send(account(post.port))
    assert [mail["user"] for mail in post.mails()] == [None]


def test_text_html_copies_and_reply_to_arrive(post: Post) -> None:
    text = "Olá, Ana.\n.\n..duas\n" + "longa " * 400 + "\nfim"
    send(
        account(post.port, from_name="Clínica São José, filial"),
        text=text,
        html="<p>Olá, <b>Ana</b></p>",
        cc=(BIA,),
        bcc=(CAIO,),
        reply_to="atende@acme.example",
    )
    (mail,) = post.mails()
    assert (mail["text"], mail["html"]) == (text, "<p>Olá, <b>Ana</b></p>")
    assert (mail["to"], mail["cc"], mail["bcc"]) == ([ANA, BIA, CAIO], [BIA], [CAIO])
    assert mail["reply_to"] == "atende@acme.example"
    assert mail["message_id"] == "<7f3c-01@acme.example>"
    assert mail["auto_submitted"] == mail["list_unsubscribe"] == ""


def test_a_mail_that_nobody_asked_for_says_so_and_offers_one_click(post: Post) -> None:
    send(account(post.port), automated=True, unsubscribe_url="https://renum.example/u/abc")
    (mail,) = post.mails()
    assert mail["auto_submitted"] == "auto-generated"
    assert mail["list_unsubscribe"] == "<https://renum.example/u/abc>"
    assert mail["list_unsubscribe_post"] == "List-Unsubscribe=One-Click"


def test_an_address_named_twice_is_told_to_the_server_once(post: Post) -> None:
    send(account(post.port), cc=(ANA,), bcc=(ANA, BIA))
    assert [mail["to"] for mail in post.mails()] == [[ANA, BIA]]


# --- every stage, every reply ---------------------------------------------------------------------

UNAVAILABLE, LIMITED, REJECTED, AUTH = (
    errors.Unavailable,
    errors.RateLimited,
    errors.Rejected,
    errors.AuthFailed,
)
REPLIES: list[tuple[str, int, str, type[errors.ProviderError]]] = [
    ("connect", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("connect", 421, "4.7.0 too many connections", LIMITED),
    ("connect", 554, "5.7.1 no service for you", UNAVAILABLE),
    ("ehlo", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("ehlo", 451, "later", UNAVAILABLE),
    ("ehlo", 502, "not implemented", UNAVAILABLE),
    ("auth", 535, "5.7.8 wrong", AUTH),
    ("auth", 534, "5.7.9 application-specific password required", AUTH),
    ("auth", 504, "5.5.4 unknown mechanism", AUTH),
    ("auth", 550, "5.7.1 no", AUTH),
    ("auth", 454, "4.7.0 temporary authentication failure", UNAVAILABLE),
    ("auth", 421, "4.7.0 goodbye", UNAVAILABLE),
    ("mail", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("mail", 451, "4.3.0 local error", UNAVAILABLE),
    ("mail", 452, "4.3.1 no space", UNAVAILABLE),
    ("mail", 450, "4.7.1 slow down", LIMITED),
    ("mail", 530, "5.7.0 authentication required", AUTH),
    ("mail", 552, "5.3.4 too big", REJECTED),
    ("mail", 553, "5.1.8 no such domain", REJECTED),
    ("mail", 550, "5.7.60 cannot send as", REJECTED),
    ("mail", 501, "syntax", REJECTED),
    ("rcpt", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("rcpt", 450, "4.2.0 busy", UNAVAILABLE),
    ("rcpt", 450, "4.2.1 receiving too much", LIMITED),
    ("rcpt", 451, "4.7.1 greylisted", LIMITED),
    ("rcpt", 452, "4.5.3 too many recipients", LIMITED),
    ("rcpt", 452, "4.2.2 full", UNAVAILABLE),
    ("rcpt", 530, "5.7.0 authentication required", AUTH),
    ("rcpt", 550, "5.1.1 unknown", REJECTED),
    ("rcpt", 551, "not local", REJECTED),
    ("rcpt", 552, "5.2.2 full", REJECTED),
    ("rcpt", 553, "5.1.3 bad address", REJECTED),
    ("rcpt", 554, "5.7.1 relay denied", REJECTED),
    ("data", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("data", 451, "4.3.0 local error", UNAVAILABLE),
    ("data", 554, "no valid recipients", REJECTED),
    ("data", 250, "what?", UNAVAILABLE),  # outside the protocol, but nothing of the mail was sent
    ("body", 421, "4.3.2 shutting down", UNAVAILABLE),
    ("body", 450, "4.7.0 slow down", LIMITED),
    ("body", 451, "4.3.0 local error", UNAVAILABLE),
    ("body", 452, "4.3.1 no space", UNAVAILABLE),
    ("body", 550, "5.7.1 spam", REJECTED),
    ("body", 552, "5.3.4 too big", REJECTED),
    ("body", 554, "5.6.0 no", REJECTED),
]


@pytest.mark.parametrize(("stage", "code", "text", "expected"), REPLIES)
def test_a_reply_is_what_the_server_says_and_nothing_is_sent(
    post: Post, stage: str, code: int, text: str, expected: type[errors.ProviderError]
) -> None:
    post.script({"kind": "smtp_reply", "stage": stage, "code": code, "text": text})
    with pytest.raises(errors.ProviderError) as raised:
        send(with_login(post.port))
    error = raised.value
    assert type(error) is expected
    assert not error.uncertain and error.retryable is (expected in (UNAVAILABLE, LIMITED))
    assert error.http_status == (None if (stage, code) == ("data", 250) else code)
    assert error.message.endswith(".") and not any(char.isdigit() for char in error.message)
    assert post.mails() == [] and post.pending() == []


def test_a_reply_outside_the_protocol_after_the_mail_is_uncertain(post: Post) -> None:
    post.script({"kind": "smtp_reply", "stage": "body", "code": 354, "text": "go on"})
    with pytest.raises(errors.ProtocolError) as raised:
        send(account(post.port))
    assert raised.value.uncertain and not raised.value.retryable


@pytest.mark.parametrize("kind", ["smtp_drop", "smtp_hang"])
@pytest.mark.parametrize("stage", ["connect", "ehlo", "auth", "mail", "rcpt", "data", "body"])
def test_without_an_answer_only_a_mail_that_was_handed_over_is_uncertain(
    post: Post, environment: Callable[..., None], stage: str, kind: str
) -> None:
    environment(provider_timeout_seconds=1 if kind == "smtp_hang" else 10)
    post.script({"kind": kind, "stage": stage})
    started = time.monotonic()
    with pytest.raises(errors.ProviderError) as raised:
        send(with_login(post.port))
    assert time.monotonic() - started < 5
    assert type(raised.value) is (errors.TimedOut if stage == "body" else errors.Unavailable)
    assert raised.value.uncertain is (stage == "body")
    assert post.mails() == []
    assert len(post.mails("dropped" if kind == "smtp_drop" else "hung")) == 1


def test_a_refused_connection_sent_nothing() -> None:
    with pytest.raises(errors.Unavailable) as raised:
        send(account(closed_port()))
    assert raised.value.retryable


# --- recipients -----------------------------------------------------------------------------------


def rcpt(address: str, code: int, text: str) -> dict[str, Any]:
    return {"kind": "smtp_reply", "stage": "rcpt", "code": code, "text": text, "target": address}


GONE, BUSY = "5.1.1 no such mailbox", "4.2.0 busy"


def test_one_refused_for_good_does_not_keep_the_mail_from_the_others(post: Post) -> None:
    post.script(rcpt(BIA, 550, f"{GONE} <{BIA}>"))
    result = send(account(post.port), cc=(BIA,), bcc=(CAIO,))
    assert result.refused == (RefusedRecipient(BIA, 550, f"{GONE} <***>"),)
    assert [mail["to"] for mail in post.mails()] == [[ANA, CAIO]]


def test_one_refused_for_the_moment_keeps_the_mail_from_all(post: Post) -> None:
    post.script(rcpt(BIA, 450, BUSY))
    with pytest.raises(errors.Unavailable):
        send(account(post.port), cc=(BIA,), bcc=(CAIO,))
    assert post.mails() == []


def test_one_refused_for_the_moment_is_left_out_when_partial_is_accepted(post: Post) -> None:
    post.script(rcpt(BIA, 450, BUSY))
    result = send(account(post.port), cc=(BIA,), accept_partial=True)
    assert result.refused == (RefusedRecipient(BIA, 450, BUSY),)
    assert [mail["to"] for mail in post.mails()] == [[ANA]]


@pytest.mark.parametrize("accept_partial", [False, True])
@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([(550, GONE), (550, GONE)], errors.Rejected),
        ([(450, BUSY), (450, BUSY)], errors.Unavailable),
        ([(550, GONE), (450, BUSY)], errors.Unavailable),
        ([(450, BUSY), (550, GONE)], errors.Unavailable),
    ],
    ids=["gone", "busy", "gone-busy", "busy-gone"],
)
def test_if_nobody_is_left_the_mail_fails_and_waits_for_those_who_are_busy(
    post: Post, replies: list[tuple[int, str]], expected: type[errors.ProviderError], accept_partial: bool
) -> None:
    post.script(*(rcpt(address, *reply) for address, reply in zip((ANA, BIA), replies, strict=True)))
    with pytest.raises(expected):
        send(account(post.port), cc=(BIA,), accept_partial=accept_partial)
    assert post.mails() == []


@pytest.mark.parametrize("accept_partial", [False, True])
def test_a_reply_that_ends_the_connection_is_nobodys_refusal(post: Post, accept_partial: bool) -> None:
    post.script(rcpt(BIA, 421, "4.7.0 too many mails"))
    with pytest.raises(errors.RateLimited) as raised:
        send(account(post.port), cc=(BIA,), accept_partial=accept_partial)
    assert raised.value.http_status == 421
    assert post.mails() == []


# --- one connection for many mails ----------------------------------------------------------------


def test_a_batch_goes_over_one_connection_whatever_becomes_of_its_mails(post: Post) -> None:
    post.script(rcpt(BIA, 550, GONE), rcpt(CAIO, 450, BUSY))

    async def batch(provider: Any) -> None:
        await provider.check()
        await provider.send_mail(MAIL)
        with pytest.raises(errors.Rejected):
            await provider.send_mail(replace(MAIL, to=(BIA,)))
        with pytest.raises(errors.Unavailable):
            await provider.send_mail(replace(MAIL, to=(ANA, CAIO)))
        await provider.send_mail(replace(MAIL, to=(BIA,), reference="7f3c-02"))

    using(with_login(post.port), batch)
    first, last = post.mails()
    assert (first["to"], last["to"]) == ([ANA], [BIA])  # nobody of the mail that failed
    assert first["session"] == last["session"]


@pytest.mark.parametrize("kind", ["smtp_drop", "smtp_hang"])
def test_a_connection_that_failed_is_not_used_again(
    post: Post, environment: Callable[..., None], kind: str
) -> None:
    environment(provider_timeout_seconds=1 if kind == "smtp_hang" else 10)
    post.script({"kind": kind, "stage": "body"})

    async def batch(provider: Any) -> None:
        with pytest.raises(errors.TimedOut):
            await provider.send_mail(MAIL)
        await provider.send_mail(replace(MAIL, to=(BIA,)))

    using(account(post.port), batch)
    (sent,), (lost,) = post.mails(), post.mails("dropped" if kind == "smtp_drop" else "hung")
    assert (sent["to"], lost["to"]) == ([BIA], [ANA])
    assert sent["session"] != lost["session"]


def test_what_became_of_one_mail_says_nothing_about_the_next(post: Post) -> None:
    post.script({"kind": "smtp_drop", "stage": "rcpt", "target": BIA})

    async def batch(provider: Any) -> None:
        await provider.send_mail(MAIL)
        with pytest.raises(errors.Unavailable):  # nothing of this one has left
            await provider.send_mail(replace(MAIL, to=(BIA,)))

    using(account(post.port), batch)
    assert [mail["to"] for mail in post.mails()] == [[ANA]]


# --- TLS and credentials --------------------------------------------------------------------------

AUTH_WATCH = {"kind": "smtp_reply", "stage": "auth", "code": 535}


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["wrong-name", "wrong-authority"])
def test_a_certificate_that_cannot_be_trusted_gets_no_password(
    post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, security: str
) -> None:
    if host == "localhost":
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    post.script(AUTH_WATCH)
    with pytest.raises(errors.Unavailable) as raised:
        send(with_login(port_for(post, security), host=host, security=security))
    assert (
        raised.value.message == "O certificado do servidor de e-mail não é confiável ou é de outro endereço."
    )
    assert post.mails() == [] and len(post.pending()) == 1  # nobody came to the stage of AUTH


def test_tls_to_a_port_in_the_clear_fails_with_a_hint(post: Post) -> None:
    with pytest.raises(errors.Unavailable, match="TLS"):
        check(with_login(post.port, security="tls"))


def test_starttls_to_a_port_with_tls_throughout_is_given_up(
    post: Post, environment: Callable[..., None]
) -> None:
    environment(provider_timeout_seconds=0.5)
    with pytest.raises(errors.Unavailable, match="a tempo"):
        check(with_login(post.addresses.smtps_port, security="starttls"))


@pytest.mark.parametrize("fields", [{"password": "wrong"}, {"username": "somebody"}])
def test_wrong_credentials_are_refused(post: Post, fields: dict[str, str]) -> None:
    with pytest.raises(errors.AuthFailed) as raised:
        check(with_login(post.port, security="starttls", **fields))
    assert raised.value.http_status == 535
    assert not any(value in str(raised.value) for value in fields.values())
