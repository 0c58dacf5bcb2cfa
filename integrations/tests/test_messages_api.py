"""The ledger's filters, its pages, and why a message still waits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.models import Integration, OutboundMessage
from integrations.services import send_mail, switch_everything
from integrations.tests.contracts import accepted, make_connection, refused
from integrations.tests.helpers import HIGH, Clock, change
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from tests.cast import Cast
from tests.factories import (
    make_attempt,
    make_conversation,
    make_delivery_state,
    make_integration,
    make_outbound,
    make_policy,
    make_suppression,
)

LEDGER = "/api/messages"
SMTP = {"host": "localhost", "port": 25, "security": "plain", "from_email": "contato@acme.example"}


def mail_to(client: Client, *to: str, **fields: Any) -> OutboundMessage:
    """A queued e-mail."""
    with service_scope(reason="test rows"):
        known = Integration.objects.filter(client=client, type="email_smtp").exists()
    if not known:
        make_connection(client, "smtp", SMTP)
    key = f"test:{uuid.uuid4()}"
    with service_scope(reason="test rows"):
        message = send_mail(client.id, to, "Oi", "Olá", idempotency_key=key, cause=Cause())
    if fields:
        change(message, **fields)
    return message


def ask(client: APIClient, **query: Any) -> list[str]:
    """The ids that a filter finds, in their order."""
    answer = accepted(client.get(f"{LEDGER}?{urlencode(query)}"))
    return [entry["message_id"] for entry in answer["messages"]]


def ids(*messages: OutboundMessage) -> list[str]:
    return [str(message.id) for message in messages]


@pytest.fixture
def alice(cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(cast.alice)


# --- filters --------------------------------------------------------------------------------------


def test_filters_by_channel(cast: Cast, alice: APIClient) -> None:
    text = make_outbound(make_conversation(cast.acme))
    mail = mail_to(cast.acme, "ana@cliente.example")
    assert ask(alice, channel="whatsapp") == ids(text)
    assert ask(alice, channel="email") == ids(mail)
    assert ask(alice) == ids(mail, text)


@pytest.mark.parametrize("state", OutboundMessage.State.values)
def test_filters_by_status(cast: Cast, alice: APIClient, state: str) -> None:
    rows = {
        known: make_outbound(make_conversation(cast.acme), state=known)
        for known in OutboundMessage.State.values
    }
    assert ask(alice, status=state) == ids(rows[state])


def test_filters_by_the_instant_at_which_a_message_was_queued(cast: Cast, alice: APIClient) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    rows = [
        make_outbound(make_conversation(cast.acme), queued_at=noon + timedelta(seconds=n)) for n in range(3)
    ]
    assert ask(alice, since="2026-03-01T12:00:01Z") == ids(rows[2], rows[1])
    assert ask(alice, since="2026-03-01T09:00:01-03:00") == ids(rows[2], rows[1])
    assert ask(alice, since="2026-03-01T12:00:00.000001Z") == ids(rows[2], rows[1])
    assert ask(alice, since="2026-03-01T12:00:00Z") == ids(*reversed(rows))
    assert ask(alice, since="2026-03-01T12:00:03Z") == []


PHONE = "+5511987654321"


@pytest.mark.parametrize(
    "spelling",
    [
        PHONE,
        "5511987654321",
        "11987654321",
        "(11) 98765-4321",
        "011 98765-4321",
        "+55 11 98765 4321",
        "+551187654321",  # as WhatsApp may know it, without the ninth digit
    ],
)
def test_filters_by_a_phone_as_people_type_it(cast: Cast, alice: APIClient, spelling: str) -> None:
    theirs = make_outbound(make_conversation(cast.acme, phone=PHONE))
    make_outbound(make_conversation(cast.acme))
    assert ask(alice, contact=spelling) == ids(theirs)


def test_filters_by_a_contact_s_id(cast: Cast, alice: APIClient) -> None:
    conversation = make_conversation(cast.acme, phone=PHONE)
    theirs = make_outbound(conversation)
    make_outbound(make_conversation(cast.acme))
    assert ask(alice, contact=conversation.contact_id) == ids(theirs)
    assert ask(alice, contact=str(conversation.contact_id).upper()) == ids(theirs)
    assert ask(alice, contact=conversation.id) == []


@pytest.mark.parametrize("spelling", ["ana@cliente.example", "Ana@Cliente.Example", " ANA@CLIENTE.EXAMPLE "])
def test_filters_by_an_address_in_any_case(cast: Cast, alice: APIClient, spelling: str) -> None:
    theirs = mail_to(cast.acme, "Ana@cliente.example")
    mail_to(cast.acme, "bia@cliente.example")
    make_outbound(make_conversation(cast.acme))
    assert ask(alice, contact=spelling) == ids(theirs)


@pytest.mark.parametrize("contact", ["+5511900000001", "nobody@cliente.example", str(uuid.UUID(int=7))])
def test_who_is_not_known_got_nothing(cast: Cast, alice: APIClient, contact: str) -> None:
    make_outbound(make_conversation(cast.acme))
    assert ask(alice, contact=contact) == []


def test_i6_a_contact_of_another_client_s_finds_nothing_of_theirs(
    cast: Cast, api: Callable[..., APIClient]
) -> None:
    conversation = make_conversation(cast.acme, phone=PHONE)
    make_outbound(conversation)
    mail_to(cast.acme, "ana@cliente.example")
    bob = api(cast.bob)
    for contact in (PHONE, conversation.contact_id, "ana@cliente.example"):
        assert ask(bob, contact=contact) == []
    ours = make_outbound(make_conversation(cast.globex, phone=PHONE))
    assert ask(bob, contact=PHONE) == ids(ours)


def test_filters_together(cast: Cast, alice: APIClient) -> None:
    now = clock.now()
    conversation = make_conversation(cast.acme, phone=PHONE)
    rows = {
        (state, age): make_outbound(conversation, state=state, queued_at=now - timedelta(hours=age))
        for state, age in (("sent", 1), ("sent", 3), ("failed", 3))
    }
    make_outbound(make_conversation(cast.acme), state="sent", queued_at=now)
    newer = make_outbound(conversation, state="failed", queued_at=now)
    since = clock.iso(now - timedelta(hours=2))
    both = {"channel": "whatsapp", "status": "sent", "contact": PHONE}
    assert ask(alice, **both, since=since) == ids(rows["sent", 1])
    assert ask(alice, **both) == ids(rows["sent", 1], rows["sent", 3])
    assert ask(alice, **{**both, "channel": "email"}) == []
    assert ask(alice, contact=PHONE, since=since) == ids(newer, rows["sent", 1])


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("channel", "sms", "VALIDATION_ERROR"),
        ("channel", "", "VALIDATION_ERROR"),
        ("channel", "WhatsApp", "VALIDATION_ERROR"),
        ("status", "delivered", "VALIDATION_ERROR"),
        ("status", "sent,failed", "VALIDATION_ERROR"),
        ("since", "yesterday", "VALIDATION_ERROR"),
        ("since", "2026-13-01T00:00:00Z", "VALIDATION_ERROR"),
        ("since", "2026-03-01T12:00:00 00:00", "VALIDATION_ERROR"),
        ("since", "0001-01-01T00:00:00+14:00", "VALIDATION_ERROR"),
        ("since", "1769000000", "VALIDATION_ERROR"),
        ("since", "", "VALIDATION_ERROR"),
        ("contact", "", "VALIDATION_ERROR"),
        ("contact", "x" * 321, "VALIDATION_ERROR"),
        ("contact", "a\x00@b.example", "VALIDATION_ERROR"),
        ("contact", "Marina", "INVALID_PHONE"),
        ("contact", "123", "INVALID_PHONE"),
        ("contact", "00000000-0000-0000-0000-00000000000", "INVALID_PHONE"),
    ],
)
def test_a_filter_that_makes_no_sense_is_400(
    cast: Cast, alice: APIClient, name: str, value: str, code: str
) -> None:
    make_outbound(make_conversation(cast.acme))
    answer = refused(alice.get(f"{LEDGER}?{urlencode({name: value})}"), 400, code)
    assert code == "INVALID_PHONE" or list(answer["details"]) == [name]


def test_pages_keep_to_their_filter(cast: Cast, alice: APIClient) -> None:
    conversation = make_conversation(cast.acme, phone=PHONE)
    at = clock.now()
    sent = [make_outbound(conversation, state="sent", queued_at=at - timedelta(minutes=n)) for n in range(7)]
    for n in range(7):
        make_outbound(conversation, state="failed", queued_at=at - timedelta(minutes=n))
    query: dict[str, Any] = {"status": "sent", "contact": PHONE, "limit": 3}
    seen: list[str] = []
    sizes: list[int] = []
    while True:
        page = accepted(alice.get(f"{LEDGER}?{urlencode(query)}"))
        seen += [entry["message_id"] for entry in page["messages"]]
        sizes.append(len(page["messages"]))
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert sizes == [3, 3, 1]
    assert seen == ids(*sent)


# --- why it waits ---------------------------------------------------------------------------------


def waiting(client: APIClient, message: OutboundMessage) -> Any:
    return accepted(client.get(f"{LEDGER}/{message.id}"))["message"]["waiting"]


@pytest.fixture
def noon(clock_stands: Clock) -> datetime:
    """Noon in São Paulo."""
    return clock_stands.at


def test_a_message_that_may_leave_waits_for_nothing(cast: Cast, alice: APIClient, noon: datetime) -> None:
    make_policy(cast.acme, quiet_start=time(22), quiet_end=time(8), contact_cap=5)
    assert waiting(alice, make_outbound(make_conversation(cast.acme))) is None


def test_a_message_waits_for_the_end_of_the_quiet_hours(cast: Cast, alice: APIClient, noon: datetime) -> None:
    make_policy(cast.acme, quiet_start=time(11), quiet_end=time(14))
    message = make_outbound(make_conversation(cast.acme))
    until = clock.iso(noon + timedelta(hours=2))
    assert waiting(alice, message) == {"reason_code": "QUIET_HOURS", "until": until}
    reply = make_outbound(make_conversation(cast.acme), priority=HIGH)
    assert waiting(alice, reply) is None


@pytest.mark.parametrize(
    ("switch", "reason"),
    [
        ("everything", "KILL_SWITCH_ALL"),
        ("client", "KILL_SWITCH_CLIENT"),
        ("number", "KILL_SWITCH_NUMBER"),
    ],
)
def test_a_message_waits_for_a_switch(
    cast: Cast, alice: APIClient, noon: datetime, switch: str, reason: str
) -> None:
    integration = make_integration(cast.acme, paused=switch == "number")
    make_policy(cast.acme, paused=switch == "client")
    with service_scope(reason="test rows"):
        switch_everything(paused=switch == "everything")
    message = make_outbound(make_conversation(cast.acme), integration=integration)
    told = waiting(alice, message)
    assert told["reason_code"] == reason
    assert told["until"] == clock.iso(noon + timedelta(hours=1))


def test_a_message_waits_for_a_circuit_breaker(cast: Cast, alice: APIClient, noon: datetime) -> None:
    integration = make_integration(cast.acme)
    make_delivery_state(integration, failures=5, open_until=noon + timedelta(seconds=40))
    message = make_outbound(make_conversation(cast.acme), integration=integration)
    until = clock.iso(noon + timedelta(seconds=40))
    assert waiting(alice, message) == {"reason_code": "BREAKER_OPEN", "until": until}


def test_a_message_waits_for_tomorrow_when_today_is_used_up(
    cast: Cast, alice: APIClient, noon: datetime
) -> None:
    integration = make_integration(cast.acme, daily_limit=0)
    message = make_outbound(make_conversation(cast.acme), integration=integration)
    until = clock.iso(noon + timedelta(hours=12))
    assert waiting(alice, message) == {"reason_code": "DAILY_LIMIT", "until": until}


def test_a_message_that_will_be_refused_says_so(cast: Cast, alice: APIClient, noon: datetime) -> None:
    conversation = make_conversation(cast.acme, phone=PHONE)
    message = make_outbound(conversation)
    make_suppression(cast.acme, phone=PHONE)
    assert waiting(alice, message) == {"reason_code": "OPTED_OUT", "until": None}
    late = make_outbound(make_conversation(cast.acme), not_after=noon - timedelta(seconds=1))
    assert waiting(alice, late) == {"reason_code": "EXPIRED", "until": None}


def test_what_was_stored_when_it_was_judged_last_may_be_over(
    cast: Cast, alice: APIClient, noon: datetime
) -> None:
    message = make_outbound(
        make_conversation(cast.acme), reason_code="QUIET_HOURS", next_attempt_at=noon + timedelta(hours=1)
    )
    assert waiting(alice, message) is None


@pytest.mark.parametrize("state", ["sending", "sent", "failed", "unknown"])
def test_what_is_under_way_or_over_waits_for_nothing(
    cast: Cast, alice: APIClient, noon: datetime, state: str
) -> None:
    make_policy(cast.acme, paused=True)
    assert waiting(alice, make_outbound(make_conversation(cast.acme), state=state)) is None


def test_a_mail_waits_for_whom_it_is_for(cast: Cast, alice: APIClient, noon: datetime) -> None:
    make_policy(cast.acme, paused=True)
    told = waiting(alice, mail_to(cast.acme, "ana@cliente.example"))
    assert told["reason_code"] == "KILL_SWITCH_CLIENT"


# --- what it costs --------------------------------------------------------------------------------


def test_a_filtered_page_costs_what_an_unfiltered_one_costs(cast: Cast, alice: APIClient) -> None:
    conversation = make_conversation(cast.acme, phone=PHONE)
    for _ in range(20):
        message = make_outbound(conversation, state="sent")
        make_attempt(message, outcome="retry")
        make_attempt(message)
    ask(alice)  # what is done once a process
    costs = []
    for query in ({"limit": 2}, {"limit": 20}, {"limit": 20, "status": "sent", "contact": PHONE}):
        with CaptureQueriesContext(connection) as captured:
            assert len(ask(alice, **query)) == query["limit"]
        costs.append(len(captured))
    assert len(set(costs)) == 1
    assert costs[0] <= 15


def test_one_message_costs_the_same_however_often_it_was_tried(
    cast: Cast, alice: APIClient, noon: datetime
) -> None:
    make_policy(cast.acme, quiet_start=time(11), quiet_end=time(14), contact_cap=3)
    once, often = (make_outbound(make_conversation(cast.acme)) for _ in range(2))
    make_attempt(once, outcome="retry")
    for _ in range(10):
        make_attempt(often, outcome="retry")
    waiting(alice, once)
    costs = []
    for message in (once, often):
        with CaptureQueriesContext(connection) as captured:
            assert waiting(alice, message)
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 25
