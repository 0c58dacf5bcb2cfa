"""What becomes of mails and addresses when SendGrid tells of them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from integrations import providers
from integrations.providers.base import MailMessage
from integrations.sandbox.testing import sandbox_in_thread
from integrations.tests.helpers import http_answer, wait_until
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Suppression
from renum.security.http import open_client
from renum.security.tests.peers import closing, listening
from tests.cast import Cast
from webhooks import services
from webhooks.tests.helpers import outcomes
from webhooks.tests.sendgrid_helpers import (
    ADDRESS,
    KEY,
    barred,
    connect,
    event,
    make_mail,
    post,
    reread,
)


def take_in(*events: dict[str, Any], **more: Any) -> None:
    """Post a batch that is accepted, and process it."""
    assert post(list(events), **more).status_code == 200
    services.process_inbox()


def test_delivered_moves_the_mail_on(cast: Cast) -> None:
    integration = connect(cast.acme)
    mail = make_mail(integration)
    at = int(clock.now().timestamp()) - 30
    take_in(event("delivered", message_id=str(mail.id), timestamp=at))

    after = reread(mail)
    assert after.state == "sent" and after.delivered_at is not None
    assert int(after.delivered_at.timestamp()) == at
    assert barred(cast.acme) == []
    assert outcomes() == [("done", "")]


def test_an_event_from_the_future_happened_now(cast: Cast) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event("delivered", message_id=str(mail.id), timestamp=9_999_999_999))
    delivered_at = reread(mail).delivered_at
    assert delivered_at is not None and delivered_at <= clock.now()


@pytest.mark.parametrize(
    ("name", "fields", "reason_code", "bars"),
    [
        ("bounce", {"type": "bounce", "status": "5.1.1"}, "BOUNCED", [("email", "bounce")]),
        ("bounce", {"type": "blocked", "status": "5.7.1"}, "BLOCKED", []),
        ("bounce", {"status": "5.1.1"}, "BLOCKED", []),
        ("dropped", {"reason": "Bounced Address"}, "DROPPED", [("email", "bounce")]),
        ("dropped", {"reason": "Spam Reporting Address"}, "DROPPED", [("email", "spam")]),
        ("dropped", {"reason": "Unsubscribed Address"}, "DROPPED", [("email", "unsubscribe")]),
        ("dropped", {"reason": "Invalid"}, "DROPPED", [("email", "invalid_address")]),
        ("dropped", {"reason": "Invalid SMTPAPI header"}, "DROPPED", []),
        ("dropped", {"reason": "Recipient List over Package Quota"}, "DROPPED", []),
        ("dropped", {"reason": None}, "DROPPED", []),
    ],
)
def test_a_mail_that_did_not_get_through_fails_and_the_address_is_barred_if_it_is_at_fault(
    cast: Cast, name: str, fields: dict[str, Any], reason_code: str, bars: list[tuple[str, str]]
) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event(name, message_id=str(mail.id), **fields))

    after = reread(mail)
    assert (after.state, after.reason_code, after.delivered_at) == ("failed", reason_code, None)
    assert barred(cast.acme) == bars
    assert barred(cast.globex) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("spamreport", "spam"), ("unsubscribe", "unsubscribe"), ("group_unsubscribe", "unsubscribe")],
)
def test_a_reader_who_wants_no_more_is_barred_and_the_mail_stays_sent(
    cast: Cast, name: str, reason: str
) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event(name, message_id=str(mail.id)))
    assert reread(mail).state == "sent"
    assert barred(cast.acme, ADDRESS.lower()) == [("email", reason)]


def test_i2_the_first_reason_to_bar_an_address_stays(cast: Cast) -> None:
    connect(cast.acme)
    take_in(event("spamreport"), event("unsubscribe"))
    with service_scope(reason="test"):
        assert Suppression.objects.count() == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_delivered_mail_is_not_taken_back(cast: Cast, order: tuple[int, int]) -> None:
    """Two recipients, or a server that changes its mind: whatever the order, no state moves back."""
    mail = make_mail(connect(cast.acme))
    both = [
        event("delivered", message_id=str(mail.id)),
        event("bounce", type="bounce", email="bia@example.com", message_id=str(mail.id)),
    ]
    for number in order:
        take_in(both[number])
    after = reread(mail)
    assert (after.state, after.delivered_at is not None) == (
        ("sent", True) if order[0] == 0 else ("failed", False)
    )
    assert barred(cast.acme, "bia@example.com") == [("email", "bounce")]


@pytest.mark.parametrize("state", ["unknown", "sending", "queued"])
@pytest.mark.parametrize("name", ["delivered", "spamreport"])
def test_i3_an_event_settles_a_send_whose_answer_was_lost(cast: Cast, state: str, name: str) -> None:
    mail = make_mail(connect(cast.acme), state=state)
    take_in(event(name, message_id=str(mail.id), sg_message_id="the-id.recvd-7-1.2"))
    after = reread(mail)
    assert (after.state, after.provider_message_id) == ("sent", "the-id")
    assert (after.delivered_at is not None) is (name == "delivered")


@pytest.mark.parametrize("state", ["unknown", "sending", "queued"])
def test_i3_a_bounce_settles_it_as_failed(cast: Cast, state: str) -> None:
    mail = make_mail(connect(cast.acme), state=state)
    take_in(event("bounce", type="bounce", message_id=str(mail.id)))
    assert (reread(mail).state, reread(mail).reason_code) == ("failed", "BOUNCED")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "ECHO_NOT_OURS"),
        ({"message_id": "newsletter-7"}, "ECHO_NOT_OURS"),
        ({"message_id": str(uuid.uuid4())}, "RECEIPT_UNKNOWN"),
    ],
)
def test_mail_of_other_systems_of_the_account_moves_nothing(
    cast: Cast, fields: dict[str, Any], expected: str
) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event("delivered", **fields))
    assert outcomes() == [("ignored", expected)]
    assert reread(mail).delivered_at is None


def test_i6_the_mail_of_another_client_is_not_touched(cast: Cast) -> None:
    connect(cast.acme)
    mail = make_mail(connect(cast.globex, key="globex-key"))
    take_in(event("bounce", type="bounce", message_id=str(mail.id)))
    assert reread(mail).state == "sent"
    assert barred(cast.globex) == []
    assert barred(cast.acme) == [("email", "bounce")]


@pytest.mark.parametrize(
    ("name", "reason_code"),
    [
        *((name, "RECEIPT_NOT_HANDLED") for name in ("processed", "deferred", "open", "click")),
        ("group_resubscribe", "RECEIPT_NOT_HANDLED"),
        ("account_status_change", "EVENT_NOT_HANDLED"),
        ("", "UNKNOWN_SHAPE"),
    ],
)
def test_i8_what_changes_nothing_leaves_a_row_with_its_reason(
    cast: Cast, name: str, reason_code: str
) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event(name, message_id=str(mail.id)))
    assert outcomes() == [("ignored", reason_code)]
    assert reread(mail).delivered_at is None


def test_i8_what_is_known_already_says_so(cast: Cast) -> None:
    mail = make_mail(connect(cast.acme))
    take_in(event("delivered", message_id=str(mail.id)))
    take_in(event("delivered", message_id=str(mail.id)))
    assert outcomes() == [("done", ""), ("ignored", "RECEIPT_NOT_HANDLED")]


def test_i3_the_whole_way_from_registering_to_delivered(cast: Cast) -> None:
    """Against the vendor's stand-in: it learns our address, takes the mail, and posts what we take in."""
    integration = connect(cast.acme, vendor=None)
    mail = make_mail(integration, state="unknown")
    message = MailMessage(to=(ADDRESS,), subject="Consulta", text="Olá", reference=str(mail.id))

    async def register_and_send(config: Any, url: str) -> dict[str, Any]:
        async with open_client() as http:
            provider = providers.get("sendgrid").open(config, http)
            learned: dict[str, Any] = await provider.register_webhook(url, None)
            await provider.send_mail(message)
            return learned

    with (
        listening(closing(http_answer({"success": True}))) as peer,
        sandbox_in_thread() as addresses,
    ):
        config = integration.settings.model_copy(update={"api_host": f"{addresses.url}/sendgrid"})
        learned = asyncio.run(register_and_send(config, peer.url(f"/webhooks/sendgrid/{KEY}")))
        wait_until(lambda: peer.heard)
        head, _, body = peer.heard[0].partition(b"\r\n\r\n")
    with service_scope(reason="test rows"):
        integration.config = {**integration.settings.model_dump(), **learned}
        integration.save(update_fields=["config"])
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    proof = {name: value for name, value in headers.items() if name.startswith("X-Twilio")}

    assert post(body, headers=proof).status_code == 200
    services.process_inbox()

    after = reread(mail)
    assert after.state == "sent" and after.delivered_at is not None
    assert outcomes() == [("done", "")]
