"""Causes are carried, and chains end (rule I9)."""

from __future__ import annotations

import uuid

import pytest

from renum.accounts.scope import profile_scope
from renum.api.errors import status_of
from renum.events.cause import MAX_DEPTH, Cause, CauseLoop
from renum.events.models import Event
from renum.events.services import record_event
from tests.cast import Cast

ONE, TWO = uuid.UUID(int=1), uuid.UUID(int=2)


def _chain(length: int) -> Cause:
    cause = Cause()
    for number in range(length):
        cause = cause.then("message", uuid.UUID(int=number))
    return cause


def test_i9_a_chain_grows_from_its_beginning() -> None:
    cause = Cause().then("inbound", ONE).then("message", TWO)
    assert cause.as_list() == [f"inbound:{ONE}", f"message:{TWO}"]


def test_i9_extending_a_chain_leaves_the_original_alone() -> None:
    cause = Cause().then("inbound", ONE)
    first, second = cause.then("message", ONE), cause.then("message", TWO)
    assert len(cause.chain) == 1
    assert first != second
    with pytest.raises(AttributeError):
        cause.chain = ()  # type: ignore[misc]


def test_i9_a_chain_ends_at_depth_sixteen() -> None:
    assert MAX_DEPTH == 16
    full = _chain(16)
    assert len(full.as_list()) == 16
    with pytest.raises(CauseLoop) as caught:
        full.then("message", TWO)
    assert caught.value.details == {"chain": full.as_list(), "next": f"message:{TWO}"}
    assert status_of(caught.value) == 409


def test_i9_a_trigger_is_not_revisited() -> None:
    cause = Cause().then("trigger", ONE).then("message", ONE).then("inbound", ONE)
    with pytest.raises(CauseLoop):
        cause.then("trigger", ONE)
    with pytest.raises(CauseLoop):
        cause.then("trigger", str(ONE))
    assert cause.then("trigger", TWO).as_list()[-1] == f"trigger:{TWO}"


def test_i9_two_triggers_that_wake_each_other_stop() -> None:
    cause = Cause().then("trigger", ONE).then("message", ONE).then("trigger", TWO).then("message", TWO)
    with pytest.raises(CauseLoop):
        cause.then("trigger", ONE)


def test_i9_other_links_may_come_up_again() -> None:
    cause = Cause().then("conversation", ONE).then("conversation", ONE)
    assert len(cause.chain) == 2


def test_i9_noting_what_has_happened_never_raises() -> None:
    cause = Cause().then("trigger", ONE)
    for _ in range(40):
        cause = cause.noting("trigger", ONE)
    assert len(cause.chain) == 41
    with pytest.raises(CauseLoop):
        cause.then("message", TWO)


def test_i9_a_list_is_a_copy() -> None:
    cause = Cause().then("inbound", ONE)
    cause.as_list().append("x")
    assert cause.as_list() == [f"inbound:{ONE}"]


def test_i9_an_event_stores_its_chain(cast: Cast) -> None:
    cause = Cause().then("inbound", ONE).then("message", TWO)
    with profile_scope(cast.alice.id):
        event = record_event(cast.acme.id, Event.Kind.MESSAGE_RECEIVED, cause=cause, data={"a": 1})
        stored = Event.objects.get(id=event.id)
    assert (stored.cause, stored.data, stored.client_id) == (cause.as_list(), {"a": 1}, cast.acme.id)


def test_i6_an_event_of_another_client_cannot_be_recorded(cast: Cast) -> None:
    from django.db import ProgrammingError

    with pytest.raises(ProgrammingError, match="row-level security"), profile_scope(cast.bob.id):
        record_event(cast.acme.id, Event.Kind.MESSAGE_RECEIVED, cause=Cause())
