"""Contacts, conversations and message metadata: idempotent, and clocks that never go back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.identity import Person, find_or_create_contact
from renum.conversations.models import Contact, Conversation, Message
from renum.conversations.services import (
    advance_message,
    change_status,
    open_conversation,
    pause_agent,
    record_message,
)
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together

PHONE = "+5511987654321"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAUSE = Cause().then("inbound", uuid.UUID(int=1))
State, Author, Direction = Message.State, Message.Author, Message.Direction


def _open(client: Client, phone: str = PHONE, **person: Any) -> Conversation:
    return open_conversation(client.id, Person(phone=phone, **person), cause=CAUSE, at=NOON)


def _inbound(conversation: Conversation, at: datetime = NOON, **changes: Any) -> Message | None:
    values: dict[str, Any] = {
        "direction": Direction.INBOUND,
        "author": Author.CONTACT,
        "state": State.RECEIVED,
        "length": 3,
        "cause": CAUSE,
        "occurred_at": at,
        **changes,
    }
    return record_message(conversation, **values)


def _outbound(conversation: Conversation, at: datetime, author: Author = Author.AGENT) -> Message | None:
    return _inbound(conversation, at, direction=Direction.OUTBOUND, author=author, state=State.QUEUED)


def close(conversation: Conversation) -> object:
    return change_status(conversation, Conversation.Status.CLOSED, cause=CAUSE)


def pause(conversation: Conversation) -> object:
    return pause_agent(conversation, datetime.now(UTC), cause=CAUSE)


def _events(kind: Event.Kind) -> list[Event]:
    return list(Event.objects.filter(kind=kind).order_by("occurred_at"))


# --- Opening ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_service")
def test_opening_a_conversation_twice_finds_the_first(cast: Cast) -> None:
    first, second = _open(cast.acme), _open(cast.acme)
    assert first == second
    assert (Contact.objects.count(), Conversation.objects.count()) == (1, 1)
    (event,) = _events(Event.Kind.CONVERSATION_OPENED)
    assert (event.conversation_id, event.cause) == (first.id, CAUSE.as_list())
    assert first.last_message_at == first.quiet_since == NOON


@pytest.mark.usefixtures("as_service")
def test_i6_two_clients_talk_with_the_same_person_apart(cast: Cast) -> None:
    ours, theirs = _open(cast.acme), _open(cast.globex)
    assert ours != theirs
    assert ours.contact.phone_index != theirs.contact.phone_index


@pytest.mark.usefixtures("as_service")
def test_a_contact_learns_name_and_whatsapp_id_and_does_not_forget_them(cast: Cast) -> None:
    _open(cast.acme)
    _open(cast.acme, name="Márcia", wa_id="551187654321")
    _open(cast.acme)
    contact = Contact.objects.get()
    assert (contact.phone, contact.name, contact.wa_id) == (PHONE, "Márcia", "551187654321")
    _open(cast.acme, name="Márcia Souza")
    assert Contact.objects.get().name == "Márcia Souza"


@pytest.mark.usefixtures("as_service")
def test_opening_again_does_not_move_the_clocks(cast: Cast) -> None:
    conversation = _open(cast.acme)
    later = open_conversation(cast.acme.id, Person(phone=PHONE), cause=CAUSE, at=NOON + timedelta(days=3))
    later.refresh_from_db()
    assert (later.last_message_at, later.quiet_since) == (NOON, NOON)
    assert later == conversation


def test_i2_ten_threads_open_one_conversation(committed_cast: Cast) -> None:
    def work(number: int) -> uuid.UUID:
        with service_scope(reason="test"):
            return _open(committed_cast.acme, name=f"Nome {number}").id

    found = run_together(work, 10)
    assert len(set(found)) == 1 and isinstance(found[0], uuid.UUID)
    with service_scope(reason="test"):
        assert (Contact.objects.count(), Conversation.objects.count()) == (1, 1)
        assert len(_events(Event.Kind.CONVERSATION_OPENED)) == 1


# --- Recording -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_service")
def test_a_message_is_noted_without_its_words(cast: Cast) -> None:
    conversation = _open(cast.acme)
    message = _inbound(conversation, length=24, kind="audio", provider_message_id="ABC")
    assert message is not None
    message.refresh_from_db()
    assert (message.client_id, message.conversation_id) == (cast.acme.id, conversation.id)
    assert (message.length, message.kind, message.cause) == (24, "audio", CAUSE.as_list())
    assert not {field.name for field in Message._meta.fields} & {"text", "body", "content"}


@pytest.mark.usefixtures("as_service")
def test_i2_a_providers_message_is_noted_once(cast: Cast) -> None:
    conversation = _open(cast.acme)
    assert _inbound(conversation, provider_message_id="ABC") is not None
    before = Conversation.objects.values().get()
    assert _inbound(conversation, NOON + timedelta(hours=1), provider_message_id="ABC") is None
    assert Message.objects.count() == 1
    assert Conversation.objects.values().get() == before


@pytest.mark.usefixtures("as_service")
def test_i6_the_same_provider_id_of_another_client_is_another_message(cast: Cast) -> None:
    for client in (cast.acme, cast.globex):
        assert _inbound(_open(client), provider_message_id="ABC") is not None
    assert Message.objects.count() == 2


@pytest.mark.usefixtures("as_service")
def test_messages_without_a_provider_id_are_all_noted(cast: Cast) -> None:
    conversation = _open(cast.acme)
    for _ in range(3):
        assert _inbound(conversation) is not None
    assert Message.objects.count() == 3


def test_i2_ten_threads_note_a_providers_message_once(committed_cast: Cast) -> None:
    with service_scope(reason="test"):
        conversation = _open(committed_cast.acme)

    def work(_: int) -> bool:
        with service_scope(reason="test"):
            return _inbound(conversation, provider_message_id="ABC") is not None

    assert sorted(run_together(work, 10), key=str) == [False] * 9 + [True]
    with service_scope(reason="test"):
        assert Message.objects.count() == 1


@pytest.mark.usefixtures("as_service")
def test_messages_touch_the_clocks_of_their_side(cast: Cast) -> None:
    conversation = _open(cast.acme)
    _inbound(conversation, NOON + timedelta(minutes=1))
    _outbound(conversation, NOON + timedelta(minutes=2))
    conversation.refresh_from_db()
    assert conversation.last_inbound_at == NOON + timedelta(minutes=1)
    assert conversation.last_outbound_at == NOON + timedelta(minutes=2)
    assert conversation.last_message_at == conversation.quiet_since == NOON + timedelta(minutes=2)
    assert conversation.updated_at > NOON


@pytest.mark.usefixtures("as_service")
def test_a_triggers_message_does_not_begin_a_new_silence(cast: Cast) -> None:
    conversation = _open(cast.acme)
    _outbound(conversation, NOON + timedelta(days=3), Author.TRIGGER)
    conversation.refresh_from_db()
    assert conversation.quiet_since == NOON
    assert conversation.last_message_at == conversation.last_outbound_at == NOON + timedelta(days=3)
    _inbound(conversation, NOON + timedelta(days=4))
    conversation.refresh_from_db()
    assert conversation.quiet_since == NOON + timedelta(days=4)


@pytest.mark.parametrize("author", [a for a in Author if a not in (Author.TRIGGER, Author.CONTACT)])
@pytest.mark.usefixtures("as_service")
def test_a_message_of_anybody_else_begins_a_new_silence(cast: Cast, author: Author) -> None:
    conversation = _open(cast.acme)
    _outbound(conversation, NOON + timedelta(days=3), author)
    conversation.refresh_from_db()
    assert conversation.quiet_since == NOON + timedelta(days=3)


MOMENTS = st.lists(
    st.tuples(
        st.integers(-5, 5),
        st.sampled_from([Author.CONTACT, Author.AGENT, Author.TRIGGER, Author.API, Author.PERSON]),
    ),
    min_size=1,
    max_size=6,
)
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(moments=MOMENTS)
@pytest.mark.usefixtures("as_service")
def test_clocks_never_go_back_in_whatever_order_messages_arrive(
    cast: Cast, moments: list[tuple[int, Author]]
) -> None:
    Conversation.objects.all().delete()
    conversation = _open(cast.acme)
    before = conversation
    for hours, author in moments:
        at = NOON + timedelta(hours=hours)
        _inbound(conversation, at) if author == Author.CONTACT else _outbound(conversation, at, author)
        now = Conversation.objects.get()
        for clock in ("last_message_at", "quiet_since", "updated_at", "last_inbound_at", "last_outbound_at"):
            earlier, later = getattr(before, clock), getattr(now, clock)
            assert earlier is None or later >= earlier
        before = now

    def latest(*authors: Author) -> datetime | None:
        return max((NOON + timedelta(hours=h) for h, author in moments if author in authors), default=None)

    others = set(Author) - {Author.CONTACT}
    assert before.last_inbound_at == latest(Author.CONTACT)
    assert before.last_outbound_at == latest(*others)
    assert before.last_message_at == max(NOON, latest(*Author) or NOON)
    assert before.quiet_since == max(NOON, latest(*(set(Author) - {Author.TRIGGER})) or NOON)


def test_clocks_are_right_when_threads_record_at_once(committed_cast: Cast) -> None:
    with service_scope(reason="test"):
        conversation = _open(committed_cast.acme)

    def work(number: int) -> None:
        with service_scope(reason="test"):
            _inbound(Conversation.objects.get(id=conversation.id), NOON + timedelta(minutes=number))

    assert run_together(work, 10) == [None] * 10
    with service_scope(reason="test"):
        conversation.refresh_from_db()
        assert Message.objects.count() == 10
    assert conversation.last_message_at == conversation.last_inbound_at == NOON + timedelta(minutes=9)


# --- Status ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_service")
def test_a_change_of_status_is_recorded_with_its_cause(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    change_status(conversation, Conversation.Status.CLOSED, cause=CAUSE)
    change_status(conversation, Conversation.Status.CLOSED, cause=CAUSE)
    assert Conversation.objects.get().status == "closed"
    (event,) = _events(Event.Kind.STATUS_CHANGED)
    assert event.data == {"from": "open", "to": "closed"}
    assert (event.conversation_id, event.cause) == (conversation.id, CAUSE.as_list())


@pytest.mark.parametrize("status", ["pending", "closed"])
@pytest.mark.usefixtures("as_service")
def test_an_inbound_message_opens_the_conversation_again(cast: Cast, status: str) -> None:
    conversation = factories.make_conversation(cast.acme, status=status)
    _outbound(conversation, NOON)
    assert Conversation.objects.get().status == status
    _inbound(conversation)
    assert Conversation.objects.get().status == "open"
    assert len(_events(Event.Kind.STATUS_CHANGED)) == 1


@pytest.mark.usefixtures("as_service")
def test_an_inbound_message_opens_a_conversation_that_was_closed_meanwhile(cast: Cast) -> None:
    """What the caller loaded may be older than what somebody else wrote."""
    conversation = factories.make_conversation(cast.acme)
    change_status(Conversation.objects.get(), Conversation.Status.CLOSED, cause=CAUSE)
    assert conversation.status == "open"
    _inbound(conversation)
    assert Conversation.objects.get().status == "open"


@pytest.mark.parametrize("change", [close, pause])
def test_who_changes_a_conversation_does_not_stop_rows_that_belong_to_it(
    committed_cast: Cast, change: Callable[[Conversation], object]
) -> None:
    """A foreign key is checked at the commit: waiting there for a change that waits for us is a deadlock."""
    with service_scope(reason="test"):
        conversation = _open(committed_cast.acme)

    def point_at_it(_: int) -> None:
        with service_scope(reason="test"), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            cursor.execute("SELECT 1 FROM conversations WHERE id = %s FOR KEY SHARE", [conversation.id])

    with service_scope(reason="test"):
        change(conversation)
        assert run_together(point_at_it, 1) == [None]


def test_of_ten_threads_that_close_a_conversation_one_records_it(committed_cast: Cast) -> None:
    conversation = factories.make_conversation(committed_cast.acme)

    def work(_: int) -> None:
        with service_scope(reason="test"):
            change_status(
                Conversation.objects.get(id=conversation.id), Conversation.Status.CLOSED, cause=CAUSE
            )

    assert run_together(work, 10) == [None] * 10
    with service_scope(reason="test"):
        assert len(_events(Event.Kind.STATUS_CHANGED)) == 1


# --- How far a message got -------------------------------------------------------------------------

RANK = [State.QUEUED, State.UNKNOWN, State.SENT, State.DELIVERED, State.READ]
RECEIPTS = [State.SENT, State.DELIVERED, State.READ]


def _queued(client: Client) -> Message:
    return factories.make_message(
        factories.make_conversation(client), direction="outbound", author="api", state=State.QUEUED
    )


def _advance(message: Message, state: State, provider_message_id: str | None = None) -> int:
    return advance_message(message.client_id, [message.id], state, provider_message_id)


def _state(message: Message) -> State:
    return State(Message.objects.get(id=message.id).state)


@QUICK
@given(states=st.lists(st.sampled_from([*RANK[1:], State.FAILED]), max_size=8))
@pytest.mark.usefixtures("as_service")
def test_i3_states_only_move_forward(cast: Cast, states: list[State]) -> None:
    message = _queued(cast.acme)
    current = State.QUEUED
    for state in states:
        moved = _advance(message, state)
        now = _state(message)
        assert moved == (now != current)
        if current == State.FAILED:
            assert now == State.FAILED
        elif state == State.FAILED:
            assert now == (State.FAILED if current in (State.QUEUED, State.UNKNOWN, State.SENT) else current)
        else:
            assert now == max(current, state, key=RANK.index)
        current = now


@QUICK
@given(states=st.lists(st.sampled_from(RECEIPTS), min_size=1, max_size=8), data=st.data())
@pytest.mark.usefixtures("as_service")
def test_i3_shuffled_and_repeated_receipts_end_in_the_same_state(
    cast: Cast, states: list[State], data: st.DataObject
) -> None:
    ends = set()
    for order in (states, data.draw(st.permutations(states)), states + states):
        message = _queued(cast.acme)
        for state in order:
            _advance(message, state)
        ends.add(_state(message))
    assert ends == {max(states, key=RANK.index)}


@pytest.mark.usefixtures("as_service")
def test_i3_a_delivered_message_does_not_fail(cast: Cast) -> None:
    message = _queued(cast.acme)
    assert _advance(message, State.DELIVERED, "ABC") == 1
    assert _advance(message, State.FAILED) == 0
    assert _state(message) == State.DELIVERED
    assert Message.objects.get(id=message.id).provider_message_id == "ABC"


@pytest.mark.usefixtures("as_service")
def test_i3_a_state_that_stays_keeps_its_provider_id(cast: Cast) -> None:
    message = _queued(cast.acme)
    _advance(message, State.SENT, "ABC")
    assert _advance(message, State.SENT, "XYZ") == 0
    assert Message.objects.get(id=message.id).provider_message_id == "ABC"


@pytest.mark.usefixtures("as_service")
def test_i3_an_inbound_message_does_not_move(cast: Cast) -> None:
    message = factories.make_message(factories.make_conversation(cast.acme))
    for state in (*RANK[1:], State.FAILED):
        assert _advance(message, state) == 0
    assert _state(message) == State.RECEIVED


@pytest.mark.usefixtures("as_service")
def test_i6_only_the_named_clients_messages_move(cast: Cast) -> None:
    ours, theirs = _queued(cast.acme), _queued(cast.globex)
    assert advance_message(cast.acme.id, [ours.id, theirs.id, uuid.uuid4()], State.READ) == 1
    assert (_state(ours), _state(theirs)) == (State.READ, State.QUEUED)


def test_i3_receipts_at_once_end_in_the_furthest_state(committed_cast: Cast) -> None:
    message = _queued(committed_cast.acme)

    def work(number: int) -> int:
        with service_scope(reason="test"):
            return _advance(message, RECEIPTS[number % 3])

    assert all(isinstance(moved, int) for moved in run_together(work, 9))
    with service_scope(reason="test"):
        assert _state(message) == State.READ


def test_twenty_who_meet_a_person_at_once_make_one_contact(committed_cast: Cast) -> None:
    def encounter(_: int) -> Any:
        with service_scope(reason="test"):
            return find_or_create_contact(
                committed_cast.acme.id, Person(wa_id=PHONE[1:], lid="200000000000002")
            ).id

    assert len(set(run_together(encounter, 20))) == 1
