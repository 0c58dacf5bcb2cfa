"""Who waits for whom: unanswered contacts, agents that keep out, conversations that want a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from renum import clock
from renum.conversations.models import Conversation, Message
from renum.conversations.services import (
    give_attention,
    pause_agent,
    record_message,
    resume_agent,
    want_attention,
)
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAUSE = Cause().then("inbound", "1")
Author, Direction, State = Message.Author, Message.Direction, Message.State

pytestmark = pytest.mark.usefixtures("as_service")


@pytest.fixture
def conversation(cast: Cast) -> Conversation:
    return factories.make_conversation(cast.acme, last_message_at=NOON, quiet_since=NOON)


def note(conversation: Conversation, minute: int, author: Author, **changes: Any) -> Message | None:
    is_inbound = author == Author.CONTACT
    values: dict[str, Any] = {
        "direction": Direction.INBOUND if is_inbound else Direction.OUTBOUND,
        "author": author,
        "state": State.RECEIVED if is_inbound else State.SENT,
        "length": 3,
        "cause": CAUSE,
        "occurred_at": NOON + timedelta(minutes=minute),
        **changes,
    }
    return record_message(conversation, **values)


def unanswered_minutes(conversation: Conversation) -> float | None:
    conversation.refresh_from_db()
    since = conversation.unanswered_since
    return None if since is None else (since - NOON) / timedelta(minutes=1)


def events(kind: Event.Kind) -> list[Event]:
    return list(Event.objects.filter(kind=kind))


# --- unanswered since ------------------------------------------------------------------------------


def test_a_contact_waits_from_the_first_message_that_nobody_answered(conversation: Conversation) -> None:
    assert unanswered_minutes(conversation) is None
    note(conversation, 1, Author.CONTACT)
    note(conversation, 3, Author.CONTACT)
    assert unanswered_minutes(conversation) == 1
    note(conversation, 0, Author.CONTACT)  # came late
    assert unanswered_minutes(conversation) == 0


@pytest.mark.parametrize("author", [Author.AGENT, Author.API, Author.PERSON, Author.OTHER])
def test_an_answer_by_anybody_ends_the_wait(conversation: Conversation, author: Author) -> None:
    note(conversation, 1, Author.CONTACT)
    note(conversation, 2, author)
    assert unanswered_minutes(conversation) is None
    note(conversation, 1, Author.CONTACT)  # came late: it was before the answer
    assert unanswered_minutes(conversation) is None
    note(conversation, 5, Author.CONTACT)
    note(conversation, 4, author)  # came late: it does not answer what was said after it
    assert unanswered_minutes(conversation) == 5


@pytest.mark.parametrize("author", [Author.TRIGGER, Author.SYSTEM])
def test_what_is_not_about_their_message_does_not_end_the_wait(
    conversation: Conversation, author: Author
) -> None:
    note(conversation, 1, Author.CONTACT)
    note(conversation, 2, author)
    assert unanswered_minutes(conversation) == 1


def test_a_reaction_from_the_phone_answers_nothing(conversation: Conversation) -> None:
    note(conversation, 1, Author.CONTACT)
    note(conversation, 2, Author.PERSON, kind="reaction")
    assert unanswered_minutes(conversation) == 1


def test_a_reaction_neither_waits_for_an_answer_nor_reopens(conversation: Conversation) -> None:
    Conversation.objects.update(status="closed")
    note(conversation, 1, Author.CONTACT, kind="reaction")
    assert unanswered_minutes(conversation) is None
    assert conversation.status == "closed"
    assert conversation.last_inbound_at == NOON + timedelta(minutes=1)


# --- the agent keeps out -----------------------------------------------------------------------------


def test_an_agent_pauses_for_as_long_as_the_client_says_and_each_message_prolongs_it(
    cast: Cast, conversation: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_conversation_policy(cast.acme, handover_minutes=30)
    now = moving_clock.stop()
    assert pause_agent(conversation, now, cause=CAUSE)
    assert not pause_agent(conversation, now + timedelta(minutes=10), cause=CAUSE)
    assert not pause_agent(
        conversation, now + timedelta(minutes=5), cause=CAUSE
    )  # came late: shortens nothing
    conversation.refresh_from_db()
    assert conversation.agent_paused_until == now + timedelta(minutes=40)
    assert len(events(Event.Kind.AGENT_PAUSED)) == 1

    moving_clock.advance(minutes=41)
    assert pause_agent(conversation, moving_clock.now(), cause=CAUSE)  # a pause anew
    assert len(events(Event.Kind.AGENT_PAUSED)) == 2


def test_no_pause_for_what_was_long_ago_or_where_the_client_wants_none(
    cast: Cast, conversation: Conversation
) -> None:
    assert not pause_agent(conversation, clock.now() - timedelta(days=1), cause=CAUSE)
    factories.make_conversation_policy(cast.acme, handover_minutes=0)
    assert not pause_agent(conversation, clock.now(), cause=CAUSE)
    conversation.refresh_from_db()
    assert conversation.agent_paused_until is None
    assert events(Event.Kind.AGENT_PAUSED) == []


def test_a_pause_is_lifted_once(conversation: Conversation) -> None:
    assert not resume_agent(conversation, cause=CAUSE)
    pause_agent(conversation, clock.now(), cause=CAUSE)
    assert resume_agent(conversation, cause=CAUSE)
    assert not resume_agent(conversation, cause=CAUSE)
    conversation.refresh_from_db()
    assert conversation.agent_paused_until is None
    assert len(events(Event.Kind.AGENT_RESUMED)) == 1


# --- a person should look -----------------------------------------------------------------------------


def test_a_conversation_asks_for_a_person_once_until_somebody_looked(conversation: Conversation) -> None:
    assert want_attention(conversation, "OPT_OUT_UNCLEAR", cause=CAUSE)
    assert not want_attention(conversation, "OPT_OUT_UNCLEAR", cause=CAUSE)
    conversation.refresh_from_db()
    assert (conversation.attention_reason, conversation.attention_at is not None) == ("OPT_OUT_UNCLEAR", True)
    assert give_attention(conversation, cause=CAUSE)
    assert not give_attention(conversation, cause=CAUSE)
    assert want_attention(conversation, "OPT_OUT_UNCLEAR", cause=CAUSE)
    assert [len(events(kind)) for kind in (Event.Kind.ATTENTION_WANTED, Event.Kind.ATTENTION_GIVEN)] == [2, 1]
