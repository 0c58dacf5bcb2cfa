"""E-mail: SMTP first, SendGrid only when SMTP certainly did not take the mail, and only if both are there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection

from integrations.delivery.routes import active_integration
from integrations.models import DeliveryState, Integration, OutboundMessage
from integrations.providers.smtp.config import SmtpSettings
from integrations.services import send_mail
from integrations.tasks import send_email
from integrations.tests.helpers import (
    Clock,
    Vendor,
    all_outbound,
    attempts_of,
    closed_port,
    dispatch,
    reread,
)
from integrations.tests.mailing import speaking
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.emails import email_index
from renum.conversations.models import Channel
from renum.events.cause import Cause
from renum.security.tests.peers import listening
from tests.cast import Cast
from tests.factories import make_suppression

ANA, BIA, CAIO = "ana@cliente.example", "bia@cliente.example", "caio@cliente.example"


def connect(client: Client, provider: str, config: dict[str, Any], **fields: Any) -> Integration:
    from integrations import providers

    settings = providers.get(provider).settings.model_validate(config)
    key = uuid.uuid4().hex
    with service_scope(reason="test rows"):
        return Integration.objects.create(
            client=client,
            type=providers.get(provider).integration_type,
            provider=provider,
            name=provider,
            status="connected",
            config=settings.model_dump(),
            webhook_key=key,
            webhook_key_index=(key * 2)[:64],
            **fields,
        )


def connect_smtp(client: Client, port: int, **fields: Any) -> Integration:
    config = {
        "host": "127.0.0.1", "port": port, "use_tls": False, "from_email": "contato@acme.example",
    }  # fmt: skip
    return connect(client, "smtp", config, **fields)


def connect_sendgrid(client: Client, sandbox: Vendor, **fields: Any) -> Integration:
    config = {
        "api_key": "SG.demo-key",
        "from_email": "contato@acme.example",
        "api_host": f"{sandbox.url}/sendgrid",
    }
    return connect(client, "sendgrid", config, **fields)


def queue(client: Client, to: list[str] | None = None, **more: Any) -> OutboundMessage:
    with service_scope(reason="test"):
        return send_mail(
            client.id,
            to or [ANA],
            "Relatório de Leads",
            "<h1>Relatório</h1><p>Conteúdo aqui...</p>",
            idempotency_key=f"test:{uuid.uuid4()}",
            cause=Cause(("test:1",)),
            **more,
        )


def mails(sandbox: Vendor) -> list[dict[str, Any]]:
    return sandbox.journal(provider="smtp")


def sendgrid_mails(sandbox: Vendor) -> list[dict[str, Any]]:
    return [one for one in sandbox.journal(provider="sendgrid") if one["path"].endswith("/mail/send")]


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor, clock_stands: Clock) -> Client:
    return committed_cast.acme


def test_a_mail_leaves_by_smtp_when_both_are_there(acme: Client, sandbox: Vendor) -> None:
    connect_smtp(acme, sandbox.smtp_port)
    connect_sendgrid(acme, sandbox)
    message = queue(acme)
    assert dispatch() == 1
    row = reread(message)
    assert (row.state, row.channel, row.kind) == ("sent", "email", "mail")
    assert row.body is None and row.recipient is None
    assert row.provider_message_id == f"<{message.id}@acme.example>"
    (mail,) = mails(sandbox)
    assert mail["body"]["to"] == [ANA] and "Conteúdo aqui..." in mail["body"]["text"]
    assert sendgrid_mails(sandbox) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "smtp_reply", "stage": "connect", "code": 421, "text": "4.3.2 busy"},
        {"kind": "smtp_reply", "stage": "mail", "code": 451, "text": "4.3.0 try later"},
        {"kind": "smtp_reply", "stage": "rcpt", "code": 450, "text": "4.2.0 greylisted"},
        {"kind": "smtp_reply", "stage": "body", "code": 452, "text": "4.3.1 no space"},
        {"kind": "smtp_drop", "stage": "ehlo"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault['stage']}",
)
def test_a_passing_failure_of_smtp_sends_it_by_sendgrid_once(
    acme: Client, sandbox: Vendor, fault: dict[str, Any]
) -> None:
    smtp, sendgrid = connect_smtp(acme, sandbox.smtp_port), connect_sendgrid(acme, sandbox)
    sandbox.script(fault)
    message = queue(acme)
    assert dispatch() == 2
    row = reread(message)
    assert (row.state, row.integration_id) == ("sent", sendgrid.id)
    assert [(one.number, one.provider, one.outcome) for one in attempts_of(message)] == [
        (1, "smtp", "retry"),
        (2, "sendgrid", "sent"),
    ]
    assert len(sendgrid_mails(sandbox)) == 1
    assert not [mail for mail in mails(sandbox) if mail["outcome"] == "accepted"]
    assert smtp.id != sendgrid.id


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "smtp_reply", "stage": "rcpt", "code": 550, "text": "5.1.1 no such user"}, "failed"),
        ({"kind": "smtp_reply", "stage": "mail", "code": 553, "text": "5.1.8 bad sender"}, "failed"),
        ({"kind": "smtp_reply", "stage": "body", "code": 554, "text": "5.7.1 spam"}, "failed"),
        ({"kind": "smtp_drop", "stage": "body"}, "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value['kind']}-{value['stage']}",
)
def test_a_refusal_or_a_doubt_stays_with_smtp(
    acme: Client, sandbox: Vendor, fault: dict[str, Any], state: str
) -> None:
    """Sent by SendGrid too, it could arrive twice, or where it was refused for good reason."""
    connect_smtp(acme, sandbox.smtp_port)
    connect_sendgrid(acme, sandbox)
    sandbox.script(fault)
    message = queue(acme)
    assert dispatch() == 1
    assert reread(message).state == state
    assert sendgrid_mails(sandbox) == []


def test_without_sendgrid_smtp_is_tried_again(acme: Client, sandbox: Vendor, clock_stands: Clock) -> None:
    connect_smtp(acme, closed_port())
    message = queue(acme)
    for _ in range(4):
        assert dispatch() == 1
        clock_stands.at = max(clock_stands.at, reread(message).next_attempt_at)
    assert (reread(message).state, reread(message).reason_code) == ("failed", "CONNECTION_FAILED")
    assert [one.provider for one in attempts_of(message)] == ["smtp"] * 4


@pytest.mark.parametrize("fields", [{"enabled": False}, {"paused": True}])
def test_a_sendgrid_that_is_off_is_not_turned_to(
    acme: Client, sandbox: Vendor, fields: dict[str, Any]
) -> None:
    connect_smtp(acme, closed_port())
    connect_sendgrid(acme, sandbox, **fields)
    message = queue(acme)
    assert dispatch() == 1
    assert reread(message).state == "queued"
    assert sendgrid_mails(sandbox) == []


def test_sendgrid_s_own_failures_are_tried_four_times_and_not_handed_back(
    acme: Client, sandbox: Vendor, clock_stands: Clock
) -> None:
    connect_smtp(acme, closed_port())
    connect_sendgrid(acme, sandbox)
    sandbox.script({"kind": "status", "status": 503, "times": 100, "path": "/v3/mail/send"})
    message = queue(acme)
    for _ in range(6):
        dispatch()
        clock_stands.at = max(clock_stands.at, reread(message).next_attempt_at)
    assert reread(message).state == "failed"
    assert [one.provider for one in attempts_of(message)] == ["smtp"] + ["sendgrid"] * 4


def test_while_smtp_is_interrupted_mails_go_by_sendgrid_at_once(
    acme: Client, sandbox: Vendor, clock_stands: Clock
) -> None:
    smtp, sendgrid = connect_smtp(acme, closed_port()), connect_sendgrid(acme, sandbox, enabled=False)
    waiting = [queue(acme, [f"pessoa{n}@cliente.example"]) for n in range(7)]
    assert dispatch() == 5
    with service_scope(reason="test"):
        assert DeliveryState.objects.get(integration=smtp).open_until is not None
        Integration.objects.filter(id=sendgrid.id).update(enabled=True)
        assert active_integration(acme.id, Channel.EMAIL).id == sendgrid.id
    late = queue(acme)
    assert late.integration_id == sendgrid.id
    assert dispatch() == 1
    assert reread(late).state == "sent"
    assert {reread(one).state for one in waiting} == {"queued"}


def test_what_waits_for_an_interrupted_smtp_is_taken_over(
    acme: Client, sandbox: Vendor, clock_stands: Clock
) -> None:
    smtp, sendgrid = connect_smtp(acme, closed_port()), connect_sendgrid(acme, sandbox)
    with service_scope(reason="test"):
        DeliveryState.objects.create(integration=smtp, client=acme, failures=4)
    messages = [queue(acme, [f"pessoa{n}@cliente.example"]) for n in range(6)]
    dispatch()
    assert {reread(one).state for one in messages} == {"sent"}
    assert {reread(one).integration_id for one in messages} == {sendgrid.id}
    assert [one.provider for message in messages for one in attempts_of(message)].count("smtp") == 1


def test_busy_mailboxes_do_not_interrupt_the_mail_server(
    acme: Client, sandbox: Vendor, clock_stands: Clock
) -> None:
    smtp = connect_smtp(acme, sandbox.smtp_port)
    busy = {"kind": "smtp_reply", "stage": "rcpt", "code": 450, "text": "4.2.0 busy", "times": 6}
    sandbox.script(busy)
    for number in range(6):
        queue(acme, [f"pessoa{number}@cliente.example"])
    assert dispatch() == 6
    with service_scope(reason="test"):
        assert not DeliveryState.objects.filter(integration=smtp, open_until__isnull=False).exists()


# --- several recipients -----------------------------------------------------------------------------


def test_a_recipient_who_is_refused_does_not_cost_the_others_their_mail(
    acme: Client, sandbox: Vendor
) -> None:
    connect_smtp(acme, sandbox.smtp_port)
    message = queue(acme, [ANA, "unknown@cliente.example"], cc=[BIA])
    assert dispatch() == 1
    assert (reread(message).state, reread(message).reason_code) == ("sent", "PARTLY_REFUSED")
    (mail,) = mails(sandbox)
    assert mail["body"]["to"] == [ANA, BIA]
    (attempt,) = attempts_of(message)
    (refused,) = attempt.refused_recipients
    assert (refused["recipient"], refused["code"]) == ("to[1]", 550)
    assert "@" not in str(attempt.refused_recipients)


def test_a_recipient_who_is_put_off_puts_off_the_mail_and_nobody_gets_it_twice(
    acme: Client, sandbox: Vendor, clock_stands: Clock
) -> None:
    connect_smtp(acme, sandbox.smtp_port)
    sandbox.script(
        {
            "kind": "smtp_reply",
            "stage": "rcpt",
            "code": 450,
            "text": "4.2.0 later",
            "target": BIA,
            "times": 99,
        }
    )
    message = queue(acme, [ANA, BIA])
    for _ in range(3):
        assert dispatch() == 1
        assert reread(message).state == "queued"
        assert not [mail for mail in mails(sandbox) if mail["outcome"] == "accepted"]
        clock_stands.at = reread(message).next_attempt_at
    assert dispatch() == 1, "the last try: whoever can get it does"
    assert (reread(message).state, reread(message).reason_code) == ("sent", "PARTLY_REFUSED")
    (mail,) = [mail for mail in mails(sandbox) if mail["outcome"] == "accepted"]
    assert mail["body"]["to"] == [ANA]


def test_i4_whoever_opted_out_is_left_out_and_nobody_else(acme: Client, sandbox: Vendor) -> None:
    connect_smtp(acme, sandbox.smtp_port)
    for address in (BIA, CAIO):
        with service_scope(reason="test"):
            make_suppression(acme, channel=Channel.EMAIL, address_index=email_index(acme.id, address))
    message = queue(acme, [ANA, BIA.upper()], cc=[CAIO])
    assert dispatch() == 1
    assert reread(message).state == "sent"
    (mail,) = mails(sandbox)
    assert mail["body"]["to"] == [ANA]

    refused = queue(acme, [BIA], cc=[ANA])
    assert dispatch() == 0
    assert (reread(refused).state, reread(refused).reason_code) == ("failed", "OPTED_OUT")
    assert len(mails(sandbox)) == 1


# --- the door of other services ---------------------------------------------------------------------


def test_i2_the_task_of_other_services_sends_once(acme: Client, sandbox: Vendor) -> None:
    assert send_email.name == "send_email"
    connect_smtp(acme, sandbox.smtp_port)
    arguments = (str(acme.id), [ANA], "Olá", "Um texto simples.")
    answers = [send_email.apply(args=arguments, task_id="7777-8888").get() for _ in range(2)]
    (row,) = all_outbound(acme)
    assert answers == [str(row.id)] * 2
    assert row.cause == ["task:7777-8888"]
    assert dispatch() == 1
    (mail,) = mails(sandbox)
    assert (mail["body"]["subject"], mail["body"]["text"].strip()) == ("Olá", "Um texto simples.")


def test_i7_a_mail_in_the_outbox_is_ciphertext(acme: Client, sandbox: Vendor) -> None:
    connect_smtp(acme, sandbox.smtp_port)
    queue(acme, cc=[BIA])
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(m)::text FROM outbound_messages m")
        (row,) = cursor.fetchone()
    for words in ("ana@", "bia@", "cliente.example", "Relatório", "Conteúdo"):
        assert words not in row and words.encode().hex() not in row


def test_one_connection_serves_a_batch(acme: Client) -> None:
    with listening(speaking()) as server:
        connect_smtp(acme, server.port)
        messages = [queue(acme, [f"pessoa{number}@cliente.example"]) for number in range(5)]
        assert dispatch() == 5
    assert {reread(one).state for one in messages} == {"sent"}
    heard = b"\n".join(server.heard).upper()
    assert (heard.count(b"EHLO"), heard.count(b"MAIL FROM"), heard.count(b"QUIT")) == (1, 5, 1)


def test_settings_are_the_brief_s() -> None:
    brief = {
        "host": "smtp.gmail.com",
        "port": 587,
        "username": "user@example.com",
        "password": "app_password_here",
        "use_tls": True,
        "from_email": "noreply@renum.com.br",
    }
    assert SmtpSettings.model_validate(brief).host == "smtp.gmail.com"
