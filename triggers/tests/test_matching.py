"""Which conversations a sweep finds, and that it finds each idle period once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.stack.demo import create_demo
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.matching import match_due
from triggers.models import Sweep
from triggers.tests.helpers import (
    OPEN_ONLY,
    change,
    delay,
    executions,
    fresh,
    idle_for,
    outbox,
    quiet_since,
    set_status,
    sweep,
    verdicts,
    write,
)

DAYS = timedelta(days=1)


@pytest.fixture(autouse=True)
def _standing_still(moving_clock: MovableClock) -> None:
    moving_clock.stop()


@pytest.fixture
def acme(cast: Cast) -> Any:
    """A client that can send."""
    factories.make_integration(cast.acme)
    return cast.acme


def settle(moving_clock: MovableClock) -> None:
    """Let every change so far fall out of the window that sweeps look back at."""
    sweep()
    moving_clock.advance(minutes=10)
    sweep()


def test_finds_what_has_been_idle_for_longer_than_the_delay(acme: Any) -> None:
    trigger = factories.make_trigger(acme)
    conversation = idle_for(acme, days=3, minutes=1)

    assert match_due(clock.now()) == 1

    (execution,) = executions()
    assert (execution.trigger_id, execution.conversation_id) == (trigger.id, conversation.id)
    assert (execution.client_id, execution.state) == (acme.id, "matched")
    assert execution.occurrence == conversation.quiet_since
    assert execution.created_at == clock.now()


@pytest.mark.parametrize(
    ("idle", "found"),
    [(3 * DAYS, 1), (3 * DAYS + timedelta(microseconds=1), 1), (3 * DAYS - timedelta(microseconds=1), 0)],
    ids=["exactly", "just after", "just before"],
)
def test_the_edge_of_the_delay(acme: Any, idle: timedelta, found: int) -> None:
    factories.make_trigger(acme)
    quiet_since(acme, clock.now() - idle)
    assert match_due(clock.now()) == found
    sweep()
    assert len(outbox()) == found


@pytest.mark.parametrize("edge", [-1, 0, 1])
def test_the_edge_of_the_delay_as_time_goes_by(acme: Any, moving_clock: MovableClock, edge: int) -> None:
    factories.make_trigger(acme)
    idle_for(acme, days=2)
    settle(moving_clock)
    assert executions() == []

    moving_clock.advance(days=1, minutes=-10, microseconds=edge)
    sweep()
    assert len(outbox()) == (1 if edge >= 0 else 0)
    moving_clock.advance(minutes=1)
    sweep()
    assert len(outbox()) == 1


def test_i2_more_sweeps_find_it_no_second_time(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    idle_for(acme, days=4)

    for _ in range(3):
        match_due(clock.now())
    for minutes in (1, 1, 10, 60 * 24, 60 * 24 * 3, 60 * 24 * 30):
        moving_clock.advance(minutes=minutes)
        sweep()

    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1


def test_a_new_trigger_finds_what_was_idle_before_it(acme: Any, moving_clock: MovableClock) -> None:
    conversations = {idle_for(acme, days=days).id for days in (3.5, 4, 40, 400)}
    idle_for(acme, days=1)
    settle(moving_clock)

    trigger = factories.make_trigger(acme)
    sweep()

    assert {execution.conversation_id for execution in executions()} == conversations
    assert fresh(trigger).rematch is False
    assert fresh(trigger).execution_count == 4


def test_finds_the_demo_s_quiet_conversations(db: None) -> None:
    create_demo()
    with service_scope(reason="test"):
        acme = Client.objects.get(name="Acme")
    factories.make_integration(acme)
    factories.make_trigger(acme, **OPEN_ONLY)
    sweep()
    assert verdicts() == [("done", ""), ("done", "")]
    assert {message.client_id for message in outbox()} == {acme.id}


def test_finds_what_was_moved_back_in_time(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    conversation = idle_for(acme, hours=1)
    settle(moving_clock)
    assert executions() == []

    earlier = clock.now() - 4 * DAYS
    change(conversation, last_message_at=earlier, quiet_since=earlier, updated_at=clock.now())
    moving_clock.advance(minutes=1)
    sweep()

    assert verdicts() == [("done", "")]


def test_finds_a_conversation_that_arrives_already_idle(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    settle(moving_clock)
    at = clock.now() - 9 * DAYS
    factories.make_conversation(acme, last_message_at=at, quiet_since=at, updated_at=clock.now())
    moving_clock.advance(minutes=1)
    sweep()
    assert verdicts() == [("done", "")]


def test_a_change_dated_before_the_last_sweep_but_committed_after_it_is_found(
    acme: Any, moving_clock: MovableClock
) -> None:
    factories.make_trigger(acme)
    settle(moving_clock)
    at = clock.now()
    moving_clock.advance(minutes=2)
    sweep()  # the transaction that writes the conversation is still under way
    factories.make_conversation(acme, last_message_at=at - 4 * DAYS, quiet_since=at - 4 * DAYS, updated_at=at)
    moving_clock.advance(minutes=1)
    sweep()
    assert verdicts() == [("done", "")]


def test_an_inactive_trigger_finds_nothing_until_it_is_switched_on(
    acme: Any, moving_clock: MovableClock
) -> None:
    trigger = factories.make_trigger(acme)
    change(trigger, active=False)
    idle_for(acme, days=4)
    sweep()
    assert executions() == []

    moving_clock.advance(days=1)
    sweep()
    change(trigger, active=True)
    sweep()
    assert verdicts() == [("done", "")]


def test_a_condition_that_is_not_met_finds_nothing_until_it_is(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme, **OPEN_ONLY)
    conversation = idle_for(acme, days=4)
    change(conversation, status="pending")
    settle(moving_clock)
    assert executions() == []
    assert outbox() == []

    set_status(conversation, "open")
    moving_clock.advance(minutes=1)
    sweep()
    assert verdicts() == [("done", "")]


@pytest.mark.parametrize("status", ["pending", "closed"])
def test_other_statuses_than_the_one_asked_for_are_left_alone(
    acme: Any, moving_clock: MovableClock, status: str
) -> None:
    factories.make_trigger(acme, **OPEN_ONLY)
    change(idle_for(acme, days=4), status=status)
    settle(moving_clock)
    moving_clock.advance(days=30)
    sweep()
    assert executions() == []
    assert outbox() == []


def test_i6_a_trigger_never_finds_another_client_s_conversations(
    cast: Cast, moving_clock: MovableClock
) -> None:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.globex, api_token="globex")
    factories.make_trigger(cast.acme)
    theirs = idle_for(cast.globex, days=4)
    settle(moving_clock)
    change(theirs, updated_at=clock.now())
    sweep()
    moving_clock.advance(days=30)
    sweep()
    assert executions() == []
    assert outbox() == []


def test_after_a_month_s_outage_everything_is_found_once(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    sweep()
    for days in range(30):
        quiet_since(acme, clock.now() + timedelta(days=days, hours=1))
    moving_clock.advance(days=30)
    sweep()
    moving_clock.advance(minutes=1)
    sweep()
    assert len(executions()) == 27  # the last three days' are not due yet
    assert {verdict for verdict in verdicts()} == {("done", "")}
    assert len(outbox()) == 27


def test_several_triggers_of_different_delays(cast: Cast) -> None:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.globex, api_token="globex")
    hour = factories.make_trigger(cast.acme, trigger_config=delay(delay_hours=1))
    day = factories.make_trigger(cast.acme, trigger_config=delay(delay_days=1))
    same = factories.make_trigger(cast.globex, trigger_config=delay(delay_days=1))
    short, long = idle_for(cast.acme, hours=2), idle_for(cast.acme, days=2)
    theirs = idle_for(cast.globex, days=2)

    match_due(clock.now())

    assert {(found.trigger_id, found.conversation_id) for found in executions()} == {
        (hour.id, short.id),
        (hour.id, long.id),
        (day.id, long.id),
        (same.id, theirs.id),
    }


# --- what begins the next idle period -----------------------------------------------------------------


def test_the_follow_up_itself_begins_no_new_idle_period(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    conversation = idle_for(acme, days=4)
    began = conversation.quiet_since
    sweep()
    assert fresh(conversation).last_message_at == clock.now()
    assert fresh(conversation).quiet_since == began

    for _ in range(4):
        moving_clock.advance(days=3, minutes=1)
        sweep()

    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1


@pytest.mark.parametrize("author", [Message.Author.CONTACT, Message.Author.AGENT, Message.Author.API])
def test_whoever_else_writes_begins_the_next_idle_period(
    acme: Any, moving_clock: MovableClock, author: Message.Author
) -> None:
    factories.make_trigger(acme)
    conversation = idle_for(acme, days=4)
    sweep()
    moving_clock.advance(hours=1)
    write(conversation, author)

    moving_clock.advance(days=2)
    sweep()
    assert len(executions()) == 1
    moving_clock.advance(days=1, minutes=1)
    sweep()
    sweep()

    assert verdicts() == [("done", ""), ("done", "")]
    assert len(outbox()) == 2


# --- cost and bookkeeping -----------------------------------------------------------------------------


def test_i10_the_number_of_statements_does_not_grow_with_the_triggers(acme: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            match_due(clock.now())
        return len(captured)

    factories.make_trigger(acme)
    match_due(clock.now())
    few = statements()
    for number in range(40):
        factories.make_trigger(acme, trigger_config=delay(delay_days=1 + number % 7))
        idle_for(acme, days=5)
    match_due(clock.now())  # they are not new any more

    assert statements() == statements() <= few + 8  # for all the pairs that it looks at together


def test_a_clock_that_goes_back_repeats_nothing(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    moving_clock.advance(hours=-3)
    sweep()
    moving_clock.advance(hours=6)
    sweep()
    assert verdicts() == [("done", "")]


def test_the_mark_of_the_last_sweep_only_moves_forward(acme: Any, moving_clock: MovableClock) -> None:
    match_due(latest := clock.now())
    match_due(latest - timedelta(hours=1))
    assert Sweep.objects.get().swept_until == latest
