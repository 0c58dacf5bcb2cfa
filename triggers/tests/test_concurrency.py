"""Many schedulers at once: each match acts once, and nobody stands in another's way."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from renum import clock
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from triggers import actions
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due
from triggers.tests.helpers import executions, fresh, idle_for, outbox, verdicts

CONVERSATIONS, TRIGGERS = 200, 3


def test_i2_sweeps_at_the_same_time_act_once_each(committed_cast: Cast, moving_clock: MovableClock) -> None:
    acme = committed_cast.acme
    factories.make_integration(acme)
    triggers = [factories.make_trigger(acme, name=str(number)) for number in range(TRIGGERS)]
    for _ in range(CONVERSATIONS):
        idle_for(acme, days=4)
    now = moving_clock.stop()

    def schedule(_: int) -> int:
        match_due(now)
        return run_matched(now)

    results = run_together(schedule, 2)

    assert all(isinstance(result, int) for result in results), results
    assert verdicts() == [("done", "")] * (CONVERSATIONS * TRIGGERS)
    pairs = {(found.trigger_id, found.conversation_id) for found in executions()}
    assert len(pairs) == CONVERSATIONS * TRIGGERS
    assert len(outbox()) == CONVERSATIONS * TRIGGERS
    assert [fresh(trigger).execution_count for trigger in triggers] == [CONVERSATIONS] * TRIGGERS
    assert sum(results) == CONVERSATIONS * TRIGGERS


def test_the_first_sweep_ever_can_be_two_at_once(committed_cast: Cast) -> None:
    factories.make_trigger(committed_cast.acme)
    idle_for(committed_cast.acme, days=4)
    now = clock.now()
    assert sorted(run_together(lambda _: match_due(now), 4)) == [0, 0, 0, 1]


def test_executors_do_not_deadlock_on_their_triggers(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches that touch the same two triggers in opposite order."""
    acme = committed_cast.acme
    factories.make_integration(acme)
    first, second = factories.make_trigger(acme), factories.make_trigger(acme)
    monkeypatch.setattr("triggers.engine.execution.BATCH", 2)
    created = clock.now()
    for order, trigger in enumerate([first, second, second, first]):
        conversation = idle_for(acme, days=4)
        factories.make_execution(
            trigger,
            conversation,
            state="matched",
            action_executed=False,
            occurrence=conversation.quiet_since,
            created_at=created.replace(microsecond=order),
        )
    genuine = actions.REGISTRY["send_message"]
    meeting = threading.Barrier(2)
    calls = threading.local()

    def act(config: Any, occasion: Any) -> dict[str, Any]:
        calls.count = getattr(calls, "count", 0) + 1
        if calls.count == 2:  # each has counted its first, and goes for its second
            try:
                meeting.wait(5)
            except threading.BrokenBarrierError:
                pass
        return genuine.run(config, occasion)

    monkeypatch.setitem(actions.REGISTRY, "send_message", replace(genuine, run=act))

    results = run_together(lambda _: run_matched(created), 2)

    assert all(isinstance(result, int) for result in results), results
    assert verdicts() == [("done", "")] * 4
    assert [fresh(trigger).execution_count for trigger in (first, second)] == [2, 2]
