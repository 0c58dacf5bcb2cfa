"""The periodic tasks that `migrate` creates, and that operators edit from then on."""

from __future__ import annotations

import json

import pytest
from django.apps import apps
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from renum.celery import QUEUES, app
from renum.periodic import every

EXPECTED = {
    # name: task, seconds, queue, arguments
    "renum.delete_expired_sessions": ("renum.delete_expired_sessions", 86_400, "low", {}),
    "renum.conversations.apply_retention": ("renum.conversations.apply_retention", 86_400, "low", {}),
    "renum.sing in high": ("renum.sing", 10, "high", {"queue": "high"}),
    "renum.sing in normal": ("renum.sing", 10, "normal", {"queue": "normal"}),
    "renum.sing in low": ("renum.sing", 10, "low", {"queue": "low"}),
    "integrations.sweep_outbox": ("integrations.sweep_outbox", 5, "high", {}),
    "webhooks.process_inbox": ("webhooks.process_inbox", 5, "high", {}),
    "agent_tools.run_pending": ("agent_tools.run_pending", 5, "high", {}),
    "trigger_scheduler": ("trigger_scheduler", 60, "normal", {}),
    "triggers.keep_ledger_parts": ("triggers.keep_ledger_parts", 86_400, "low", {}),
}

pytestmark = pytest.mark.django_db


def rows() -> list[PeriodicTask]:
    # Celery's own housekeeping of results is made by beat, not by us.
    return list(PeriodicTask.objects.exclude(name="celery.backend_cleanup").select_related("interval"))


def test_migrate_creates_exactly_these() -> None:
    found = {
        row.name: (row.task, _seconds(row.interval), row.queue, json.loads(row.kwargs)) for row in rows()
    }
    assert found == EXPECTED
    assert all(row.enabled for row in rows())
    assert all(json.loads(row.args) == [] for row in rows())


def _seconds(interval: IntervalSchedule) -> float:
    return interval.schedule.run_every.total_seconds()


def test_triggers_are_swept_every_minute() -> None:
    row = PeriodicTask.objects.get(task="trigger_scheduler")
    assert (_seconds(row.interval), row.enabled) == (60, True)


def test_a_run_that_is_late_is_dropped_for_the_next() -> None:
    assert {row.name: row.expire_seconds for row in rows()} == {
        name: seconds for name, (_, seconds, _, _) in EXPECTED.items()
    }


def test_every_task_is_one_that_workers_know() -> None:
    app.loader.import_default_modules()
    assert {row.task for row in rows()} <= set(app.tasks)


def test_every_queue_is_one_that_workers_serve() -> None:
    assert {row.queue for row in rows()} <= set(QUEUES)


def test_every_task_takes_the_arguments_that_it_is_given() -> None:
    app.loader.import_default_modules()
    for row in rows():
        task = app.tasks[row.task]
        task.__header__(*json.loads(row.args), **json.loads(row.kwargs))  # raises TypeError if it does not


def test_what_an_operator_changed_stays() -> None:
    PeriodicTask.objects.filter(name="trigger_scheduler").update(enabled=False, queue="low")
    every(60, "trigger_scheduler", queue="normal").code(apps, None)
    row = PeriodicTask.objects.get(name="trigger_scheduler")
    assert (row.enabled, row.queue) == (False, "low")


def test_taking_the_migration_back_removes_its_row_and_no_other() -> None:
    every(60, "trigger_scheduler", queue="normal").reverse_code(apps, None)
    assert {row.name for row in rows()} == set(EXPECTED) - {"trigger_scheduler"}
