"""What receipts make of sent messages: states that never go back, and each event once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.delivery.settling import REPORTED_FAILURE, note_receipts
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.models import Message
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast

CAUSE = Cause().then("inbound", "1")
State = Message.State
RANK = {State.SENT: 0, State.DELIVERED: 1, State.READ: 2}
TOLD = [State.SENT, State.DELIVERED, State.READ, State.FAILED]

pytestmark = pytest.mark.usefixtures("as_service")


def sent_message(cast: Cast) -> OutboundMessage:
    outbound = factories.make_outbound(factories.make_conversation(cast.acme), state="sent")
    Message.objects.filter(id=outbound.id).update(state=State.SENT)
    return outbound


def tell(outbound: OutboundMessage, state: Message.State, **how: Any) -> int:
    values = {"at": clock.now(), "cause": CAUSE, **how}
    return note_receipts(outbound.client_id, [outbound.id], state, **values)


def kinds_of(outbound: OutboundMessage) -> list[str]:
    rows = Event.objects.filter(data__message_id=str(outbound.id)).order_by("occurred_at")
    return list(rows.values_list("kind", flat=True))


def test_the_first_sign_of_arrival_is_an_event_with_its_cause(cast: Cast) -> None:
    outbound, at = sent_message(cast), clock.now() - timedelta(minutes=1)
    assert tell(outbound, State.DELIVERED, at=at) == 1
    assert tell(outbound, State.READ) == 1
    assert tell(outbound, State.DELIVERED) == 0
    outbound.refresh_from_db()
    assert (outbound.state, outbound.delivered_at) == ("sent", at)
    assert Message.objects.get(id=outbound.id).state == "read"
    (event,) = Event.objects.filter(kind=Event.Kind.MESSAGE_DELIVERED)
    assert event.cause[-2:] == [f"message:{outbound.id}", "inbound:1"]
    assert event.conversation_id == outbound.conversation_id


def test_a_read_message_was_delivered_even_if_nobody_said_so(cast: Cast) -> None:
    outbound = sent_message(cast)
    tell(outbound, State.READ)
    assert kinds_of(outbound) == ["message_delivered"]


def test_a_failure_after_the_provider_took_it_ends_the_message(cast: Cast) -> None:
    outbound = sent_message(cast)
    assert tell(outbound, State.FAILED) == 1
    outbound.refresh_from_db()
    assert (outbound.state, outbound.reason_code) == ("failed", REPORTED_FAILURE)
    assert kinds_of(outbound) == ["message_failed"]


def test_what_arrived_cannot_fail_any_more(cast: Cast) -> None:
    outbound = sent_message(cast)
    tell(outbound, State.DELIVERED)
    assert tell(outbound, State.FAILED) == 0
    outbound.refresh_from_db()
    assert outbound.state == "sent"
    assert kinds_of(outbound) == ["message_delivered"]


# Five messages an example: 500 histories.
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories=st.lists(st.lists(st.sampled_from(TOLD), min_size=1, max_size=8), min_size=5, max_size=5))
def test_i3_receipts_shuffled_and_doubled_never_take_a_state_back(
    cast: Cast, histories: list[list[Message.State]]
) -> None:
    messages = [sent_message(cast) for _ in histories]
    seen: dict[Any, list[Message.State]] = {one.id: [State.SENT] for one in messages}
    for step in range(max(map(len, histories))):
        for outbound, history in zip(messages, histories, strict=True):
            if step < len(history):
                tell(outbound, history[step])
        for known in Message.objects.filter(id__in=seen):
            seen[known.id].append(State(known.state))
    for outbound, history in zip(messages, histories, strict=True):
        states = seen[outbound.id]
        if State.FAILED in states:  # the end, unless a receipt of arrival was first
            assert set(states[states.index(State.FAILED) :]) == {State.FAILED}
            assert set(states[: states.index(State.FAILED)]) == {State.SENT}
            assert kinds_of(outbound) == ["message_failed"]
        else:
            ranks = [RANK[state] for state in states]
            assert ranks == sorted(ranks)
            assert ranks[-1] == max(RANK[state] for state in [State.SENT, *history] if state in RANK)
            assert kinds_of(outbound) == ["message_delivered"] * (ranks[-1] > 0)
