"""Triggers by the calendar: each slot acts once, whoever rings and however late."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from triggers import schedules
from triggers.engine.ledger import record_matches
from triggers.engine.pausing import pause_trigger
from triggers.errors import InvalidTriggerConfig
from triggers.models import AutomationPolicy, Trigger, TriggerSchedule
from triggers.schedules import record_due_slots
from triggers.services import switch_triggers
from triggers.tasks import ring, trigger_scheduler
from triggers.tests.calendars import (
    MONDAY,
    NINE,
    WEEKDAYS_AT_NINE,
    acme,
    change_of,
    make,
    slots,
    task_of,
)
from triggers.tests.helpers import change, executions, fresh, outbox

__all__ = ["acme"]


def switch(trigger: Trigger, *, active: bool) -> None:
    with service_scope(reason="test"):
        switch_triggers([trigger], active=active)


def test_a_slot_acts_at_its_wall_time_without_a_conversation(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    trigger_scheduler()
    assert slots(trigger) == []
    moving_clock.advance(minutes=1)
    trigger_scheduler()
    trigger_scheduler()
    [execution] = executions()
    assert (execution.state, execution.occurrence, execution.conversation_id) == ("done", NINE, None)
    assert execution.subject == trigger.id
    assert len(outbox()) == 1


def test_i2_beat_and_sweep_record_a_slot_once(acme: Client, moving_clock: MovableClock) -> None:
    first, second = make(acme, WEEKDAYS_AT_NINE), make(acme, WEEKDAYS_AT_NINE)
    moving_clock.advance(minutes=1)
    ring(str(first.id))
    assert (slots(first), slots(second)) == ([("07 12:00", "done")], [])
    ring(str(first.id))
    trigger_scheduler()
    assert slots(first) == slots(second) == [("07 12:00", "done")]


def test_i2_ringers_at_the_same_moment_record_a_slot_once(
    committed_cast: Cast, moving_clock: MovableClock
) -> None:
    moving_clock.stop(MONDAY)
    factories.make_integration(committed_cast.acme)
    triggers = [make(committed_cast.acme, WEEKDAYS_AT_NINE) for _ in range(60)]
    moving_clock.advance(minutes=1)

    def beat(number: int) -> int:
        rung = triggers[0].id if number == 3 else None
        return record_due_slots(moving_clock.now(), rung)

    results = run_together(beat, 4)
    assert sum(results) == len(triggers), results
    assert Counter(one.trigger_id for one in executions()) == Counter(one.id for one in triggers)


def _dies(_matches: Any) -> int:
    record_matches(_matches)
    raise SystemExit


def test_a_worker_that_dies_before_it_commits_loses_no_slot(
    committed_cast: Cast, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving_clock.stop(MONDAY)
    trigger = make(committed_cast.acme, WEEKDAYS_AT_NINE)
    moving_clock.advance(minutes=1)
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(schedules, "record_matches", _dies)
        ring(str(trigger.id))
    assert slots(trigger) == []
    moving_clock.advance(minutes=1)
    record_due_slots(moving_clock.now())
    assert slots(trigger) == [("07 12:00", "matched")]


def test_beat_that_died_after_ringing_rings_again_for_nothing(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = make(acme, {"every": 1, "period": "hours"})
    moving_clock.advance(hours=1)
    ring(str(trigger.id))
    with service_scope(reason="test"):  # it had no time to note that it rang
        PeriodicTask.objects.update(last_run_at=None, total_run_count=0)
    moving_clock.advance(seconds=5)
    ring(str(trigger.id))
    assert len(executions()) == 1


QUARTERS = "*/15 * * * *"
LATE = [
    ("12:15", "SLOT_MISSED"),
    ("12:30", "SLOT_MISSED"),
    ("12:45", "SLOT_MISSED"),
    ("13:00", "SLOT_MISSED"),
]


@pytest.mark.parametrize(
    ("catch_up", "run"),
    [
        ({}, 1),
        ({"mode": "skip"}, 0),
        ({"mode": "once"}, 1),
        ({"mode": "once", "max_lateness_minutes": 5}, 0),
        ({"mode": "all"}, 4),
        ({"mode": "all", "max": 3}, 3),
        ({"mode": "all", "max_lateness_minutes": 30}, 2),
    ],
)
def test_beat_lost_for_an_hour_is_made_good_as_the_trigger_says(
    acme: Client, moving_clock: MovableClock, catch_up: dict[str, Any], run: int
) -> None:
    moving_clock.stop(NINE)
    trigger = make(acme, {"crontab": QUARTERS, "catch_up": catch_up})
    moving_clock.stop(NINE + timedelta(minutes=70))
    trigger_scheduler()
    expected = [*LATE[: 4 - run], *[(slot, "done") for slot, _ in LATE[4 - run :]]]
    assert [(slot[3:], state) for slot, state in slots(trigger)] == expected
    assert len(outbox()) == run


def test_a_slot_that_is_on_time_stands_for_those_that_were_missed(
    acme: Client, moving_clock: MovableClock
) -> None:
    moving_clock.stop(NINE)
    trigger = make(acme, {"crontab": QUARTERS})
    moving_clock.stop(NINE + timedelta(minutes=60, seconds=30))
    trigger_scheduler()
    assert [state for _, state in slots(trigger)] == ["SLOT_MISSED"] * 3 + ["done"]


def test_slots_of_the_last_two_minutes_are_not_late(acme: Client, moving_clock: MovableClock) -> None:
    trigger = make(acme, {"crontab": "* * * * *", "catch_up": {"mode": "skip"}})
    moving_clock.advance(minutes=2)  # 9:01:30
    trigger_scheduler()
    assert [state for _, state in slots(trigger)] == ["done", "done"]


def test_of_a_long_outage_one_row_says_how_many_were_missed(acme: Client, moving_clock: MovableClock) -> None:
    trigger = make(acme, {"crontab": "* * * * *"})
    moving_clock.advance(hours=24)
    record_due_slots(moving_clock.now())
    found = sorted(executions(trigger=trigger), key=lambda one: one.occurrence)
    assert len(found) == schedules.MISSED_ROWS + 2  # two are on time
    missed = [one.result for one in found if one.result and one.reason_code]
    assert sum(result["slots"] for result in missed) == 24 * 60 - 2
    assert missed[0]["slots"] == 24 * 60 - 2 - (schedules.MISSED_ROWS - 1)
    assert missed[0]["first"] == NINE.isoformat()


def test_nothing_is_due_for_one_that_is_off_or_paused(acme: Client, moving_clock: MovableClock) -> None:
    off, paused = make(acme, WEEKDAYS_AT_NINE), make(acme, WEEKDAYS_AT_NINE)
    switch(off, active=False)
    with service_scope(reason="test"):
        pause_trigger(Trigger.objects.get(id=paused.id), "TEST", moving_clock.now())
    assert not task_of(off).enabled
    assert not task_of(paused).enabled
    moving_clock.advance(minutes=1)
    trigger_scheduler()
    for trigger in (off, paused):
        switch(trigger, active=True)
    trigger_scheduler()
    assert executions() == []
    moving_clock.advance(days=1)
    trigger_scheduler()
    assert slots(off) == slots(paused) == [("08 12:00", "done")]


def test_switched_on_by_a_form_that_wrote_it_down_before_it_begins_now(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    change_of(trigger, active=False)
    moving_clock.advance(minutes=1)
    change(trigger, active=True)
    change_of(trigger, active=True)
    trigger_scheduler()
    assert executions() == []


@pytest.mark.parametrize("swept", [True, False])
def test_the_slots_of_a_pause_are_passed_over(acme: Client, moving_clock: MovableClock, swept: bool) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    policy = factories.make_automation_policy(acme, paused=True)
    moving_clock.advance(minutes=1)
    if swept:
        trigger_scheduler()
    moving_clock.advance(minutes=1)
    with service_scope(reason="test"):
        AutomationPolicy.objects.get(id=policy.id).save()  # paused still
        policy.paused = False
        policy.save()
    trigger_scheduler()
    assert executions() == []
    moving_clock.advance(days=1)
    trigger_scheduler()
    assert slots(trigger) == [("08 12:00", "done")]


def test_one_moment_acts_once_though_beat_switches_its_task_off(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = make(acme, {"once": "2026-12-07T09:00:00"})
    task = task_of(trigger)
    assert (task.clocked.clocked_time, task.one_off, task.enabled) == (NINE, True, True)
    moving_clock.advance(minutes=1)
    entry = ModelEntry(task)
    next(entry).is_due()  # beat's own, after it rang
    assert not task_of(trigger).enabled
    trigger_scheduler()
    assert slots(trigger) == [("07 12:00", "done")]
    assert fresh(trigger).active
    moving_clock.advance(days=400)
    trigger_scheduler()
    assert len(executions()) == 1


def test_a_moment_that_has_passed_is_refused(acme: Client) -> None:
    with pytest.raises(InvalidTriggerConfig) as raised:
        make(acme, {"once": "2026-12-07T08:59:00"})
    assert list(raised.value.details) == ["trigger_config.schedule.once"]


def test_i10_a_sweep_costs_as_much_for_twenty_slots_as_for_one(
    acme: Client, moving_clock: MovableClock, django_assert_num_queries: Any
) -> None:
    make(acme, {"every": 1, "period": "hours"})
    with CaptureQueriesContext(connection) as one:
        assert record_due_slots(moving_clock.advance(hours=1)) == 1
    for _ in range(20):
        make(acme, {"every": 1, "period": "hours"})
    with django_assert_num_queries(len(one)):
        assert record_due_slots(moving_clock.advance(hours=1)) == 21


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (WEEKDAYS_AT_NINE, NINE),
        ({"crontab": "0 9 * * 1-5", "timezone": "America/Manaus"}, NINE + timedelta(hours=1)),
        ({"once": "2026-12-07T09:00:00"}, NINE),
        ({"once": "2026-12-07T09:00:00", "timezone": "America/Manaus"}, NINE + timedelta(hours=1)),
        ({"once": "2026-12-07T14:00:00+01:00"}, NINE + timedelta(hours=1)),
        ({"every": 2, "period": "hours"}, MONDAY + timedelta(hours=2)),
        ({"every": 90, "period": "minutes"}, MONDAY + timedelta(minutes=90)),
        ({"crontab": "0 9 29 2 *"}, MONDAY + timedelta(days=400)),  # looked at again then
    ],
)
def test_the_next_slot_is_known(acme: Client, schedule: dict[str, Any], expected: datetime) -> None:
    assert _row(make(acme, schedule)).next_slot_at == expected


def _row(trigger: Trigger) -> TriggerSchedule:
    with service_scope(reason="test"):
        return TriggerSchedule.objects.get(trigger=trigger)


def test_an_edit_begins_with_the_edit_and_keeps_what_was_due(
    acme: Client, moving_clock: MovableClock
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    moving_clock.advance(minutes=1)  # 9:00:30
    change_of(trigger, trigger_config={"schedule": {"crontab": "45 8,9 * * *"}})
    trigger_scheduler()
    assert slots(trigger) == [("07 12:00", "done")]
    moving_clock.advance(minutes=45)
    change_of(trigger, name="Outro nome")
    trigger_scheduler()
    assert slots(trigger) == [("07 12:00", "done"), ("07 12:45", "done")]


def test_a_condition_over_conversations_or_a_missing_recipient_is_refused(acme: Client) -> None:
    with pytest.raises(InvalidTriggerConfig) as raised:
        make(
            acme,
            WEEKDAYS_AT_NINE,
            condition_type="field_equals",
            condition_config={"field": "conversations.status", "value": "open"},
            action_config={"channel": "whatsapp", "message": "Olá"},
        )
    assert set(raised.value.details) == {"condition_type", "action_config"}
