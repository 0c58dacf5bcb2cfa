"""Condition triggers fire when the condition becomes true, and again only after it was false."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due
from triggers.models import Trigger, TriggerEdge
from triggers.services import switch_triggers
from triggers.tests.helpers import executions, outbox, quiet_since, set_status, sweep, verdicts, write

PENDING = {
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "pending"},
}


def when_pending(client: Client, **config: Any) -> Trigger:
    return factories.make_trigger(client, trigger_type="condition_based", trigger_config=config, **PENDING)


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


def idle(client: Client, **fields: Any) -> Conversation:
    return quiet_since(client, clock.now() - timedelta(days=1), **fields)


def at(moving_clock: MovableClock, minutes: int = 1) -> None:
    moving_clock.advance(minutes=minutes)
    sweep()


def test_fires_on_the_edge_and_not_while_it_stays_true(acme: Client, moving_clock: MovableClock) -> None:
    when_pending(acme)
    talk = idle(acme)
    sweep()
    assert executions() == []
    set_status(talk, "pending")
    at(moving_clock)
    at(moving_clock)
    at(moving_clock, minutes=60)
    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1


def test_fires_again_after_it_was_false(acme: Client, moving_clock: MovableClock) -> None:
    when_pending(acme)
    talk = idle(acme)
    for status in ("pending", "closed", "pending", "pending"):
        set_status(talk, status)
        at(moving_clock)
    assert verdicts() == [("done", ""), ("done", "")]


def test_an_own_message_is_no_new_edge(acme: Client, moving_clock: MovableClock) -> None:
    when_pending(acme)
    talk = idle(acme, status="pending")
    sweep()
    write(talk, Message.Author.TRIGGER)
    at(moving_clock)
    write(talk, Message.Author.CONTACT)
    at(moving_clock)
    assert verdicts() == [("done", "")]


@pytest.mark.parametrize(("config", "fired"), [({}, 3), ({"include_existing": False}, 0)])
def test_where_it_is_true_already_it_fires_once_unless_the_trigger_says_no(
    acme: Client, moving_clock: MovableClock, config: dict[str, Any], fired: int
) -> None:
    talks = [idle(acme, status="pending") for _ in range(3)]
    idle(acme)
    when_pending(acme, **config)
    at(moving_clock)
    at(moving_clock)
    assert len(executions()) == fired
    set_status(talks[0], "closed")
    at(moving_clock)
    set_status(talks[0], "pending")
    at(moving_clock)
    assert len(executions()) == fired + 1


def test_what_was_true_just_before_it_was_made_is_no_edge_and_what_comes_after_is(
    acme: Client, moving_clock: MovableClock
) -> None:
    talk, later = idle(acme), idle(acme)
    sweep()
    set_status(talk, "pending")
    moving_clock.advance(seconds=5)
    when_pending(acme, include_existing=False)
    moving_clock.advance(seconds=5)
    set_status(later, "pending")
    at(moving_clock)
    at(moving_clock)
    assert [one.conversation_id for one in executions()] == [later.id]


def test_an_edge_that_was_let_go_while_automations_were_paused_is_answered_afterwards(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = when_pending(acme)
    idle(acme, status="pending")
    match_due(clock.now())
    policy = factories.make_automation_policy(acme, paused=True)
    run_matched(clock.now())
    assert verdicts() == [("skipped", "AUTOMATIONS_PAUSED")]
    with service_scope(reason="test"):
        type(policy).objects.update(paused=False)
        Trigger.objects.filter(id=trigger.id).update(rematch=True)
    at(moving_clock)
    assert verdicts() == [("done", ""), ("skipped", "AUTOMATIONS_PAUSED")]


def test_switching_off_and_on_does_not_repeat_what_stayed_true(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = when_pending(acme)
    talk, other = idle(acme, status="pending"), idle(acme)
    sweep()
    for active in (False, True):
        with service_scope(reason="test"):
            switch_triggers([trigger], active=active)
        if not active:
            set_status(other, "pending")  # while it was off
        at(moving_clock)
    assert sorted(str(one.conversation_id) for one in executions()) == sorted([str(talk.id), str(other.id)])


def test_i6_another_client_s_conversations_are_none_of_its_business(
    acme: Client, cast: Cast, moving_clock: MovableClock
) -> None:
    when_pending(acme)
    theirs = idle(cast.globex)
    sweep()
    set_status(theirs, "pending")
    at(moving_clock)
    assert executions() == []
    with service_scope(reason="test"):
        assert not TriggerEdge.objects.exists()


def test_i2_sweeps_at_once_find_an_edge_once(committed_cast: Cast) -> None:
    factories.make_integration(committed_cast.acme)
    when_pending(committed_cast.acme)
    talks: list[Conversation] = [idle(committed_cast.acme) for _ in range(5)]
    match_due(clock.now())
    for talk in talks:
        set_status(talk, "pending")
    now = clock.now()
    assert sum(run_together(lambda _: match_due(now), 4)) == 5
