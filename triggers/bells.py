"""The periodic task of each trigger by the calendar: it follows its trigger, and holds its schedule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import structlog
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from renum import clock
from triggers import when
from triggers.errors import InvalidTriggerConfig
from triggers.models import Trigger, TriggerSchedule
from triggers.schemas import Parts
from triggers.slots import Crontab, Interval, Once, iter_slots, read_crontab
from triggers.when.calendar import Schedule

log = structlog.get_logger(__name__)

RING = "triggers.ring"
SHORTEST = timedelta(minutes=1)
HORIZON = timedelta(days=400)  # how far ahead a next slot is looked for
ONCE_PATH = "trigger_config.schedule.once"

_syncing: ContextVar[bool] = ContextVar("syncing", default=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a periodic task rings by, in a form that can be compared; `zone` is None but for a crontab."""

    crontab: str | None = None
    zone: str | None = None
    period: timedelta | None = None
    at: datetime | None = None


def is_syncing() -> bool:
    """Whether a task is being written from its trigger, and not by staff."""
    return _syncing.get()


@contextmanager
def _from_trigger() -> Iterator[None]:
    token = _syncing.set(True)
    try:
        yield
    finally:
        _syncing.reset(token)


def sync_schedule(trigger: Trigger, parts: Parts | None) -> None:
    """Let the periodic task follow its trigger, as it is saved now.

    `parts` may be None for one that is switched off. Raises `InvalidTriggerConfig` for a moment that is past.
    """
    schedule = schedule_of(parts)
    rows = TriggerSchedule.objects.select_for_update(of=("self",)).select_related("periodic_task")
    row = rows.filter(trigger=trigger).first()
    with _from_trigger():
        if parts is not None and schedule is None:
            if row is not None:
                row.delete()
        elif schedule is not None:
            _write(trigger, schedule, row)
        elif row is not None:
            row.next_slot_at = None
            row.save(update_fields=["next_slot_at"])
            if row.periodic_task is not None and row.periodic_task.enabled:
                row.periodic_task.enabled = False
                row.periodic_task.save()


def schedule_of(parts: Parts | None) -> Schedule | None:
    """The calendar's schedule among them, if it is one."""
    return parts.when.schedule if parts and isinstance(parts.when, when.TimeBasedConfig) else None


def delete_task(row: TriggerSchedule) -> None:
    """Delete the periodic task of a schedule that is gone."""
    with _from_trigger():
        PeriodicTask.objects.filter(id=row.periodic_task_id).delete()


def refuse_past_moment(parts: Parts, zone: tzinfo) -> None:
    """Raise `InvalidTriggerConfig` for a schedule of one moment that is past, in a client's zone."""
    schedule = schedule_of(parts)
    if schedule is not None:
        _refuse_past(wanted_of(schedule, zone), clock.now())


def _refuse_past(wanted: Stored, now: datetime) -> None:
    if wanted.at is not None and wanted.at <= now:
        raise InvalidTriggerConfig(details={ONCE_PATH: ["Este momento já passou."]})


def _write(trigger: Trigger, schedule: Schedule, row: TriggerSchedule | None) -> None:
    now = clock.now()
    task = row.periodic_task if row else None
    wanted = wanted_of(schedule, trigger.client.timezone)
    is_new = task is None or stored_of(task) != wanted
    if is_new:
        _refuse_past(wanted, now)
    if task is None:
        task = PeriodicTask(name=f"Gatilho {trigger.id}", task=RING, queue="normal", expire_seconds=60)
        task.kwargs, task.description = json.dumps({"trigger_id": str(trigger.id)}), trigger.name
    if is_new:
        _set_schedule(task, wanted)
    task.enabled = trigger.active and (wanted.at is None or wanted.at > now)
    task.save()
    row = row or TriggerSchedule(trigger=trigger, client_id=trigger.client_id, recorded_until=now)
    row.periodic_task = task
    # Slots of another schedule, or of the time when it was off, are no slots.
    if is_new or row.next_slot_at is None:
        row.recorded_until = now
    row.next_slot_at = next_slot(trigger, task, row.recorded_until) if trigger.active else None
    row.save()


def wanted_of(schedule: Schedule, client_zone: tzinfo) -> Stored:
    """What the task of such a schedule rings by."""
    if schedule.crontab is not None:
        return Stored(crontab=" ".join(schedule.crontab.split()), zone=str(schedule.zone(client_zone)))
    return Stored(period=schedule.interval, at=schedule.moment(client_zone))


def stored_of(task: PeriodicTask) -> Stored:
    """What a task rings by; nothing, if that is none of the three."""
    if task.crontab is not None:
        return Stored(crontab=_text_of(task.crontab), zone=str(task.crontab.timezone))
    if task.interval is not None:
        return Stored(period=timedelta(**{task.interval.period: task.interval.every}))
    if task.clocked is not None:
        return Stored(at=task.clocked.clocked_time.astimezone(UTC))
    return Stored()


def _text_of(row: CrontabSchedule) -> str:
    fields = (row.minute, row.hour, row.day_of_month, row.month_of_year, row.day_of_week)
    return " ".join(field.replace(" ", "") for field in fields)


def _set_schedule(task: PeriodicTask, wanted: Stored) -> None:
    """Point the task to a row that says so: rows are shared by all tasks, and never changed here."""
    task.crontab = task.interval = task.clocked = task.solar = None
    if wanted.crontab is not None:
        names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        values = dict(zip(names, wanted.crontab.split(), strict=True))
        task.crontab = _shared(CrontabSchedule, **values, timezone=wanted.zone)
    elif wanted.period is not None:
        minutes = wanted.period // timedelta(minutes=1)
        units = {"days": 24 * 60, "hours": 60, "minutes": 1}
        period, size = next((name, size) for name, size in units.items() if minutes % size == 0)
        task.interval = _shared(IntervalSchedule, every=minutes // size, period=period)
    else:
        task.clocked = _shared(ClockedSchedule, clocked_time=wanted.at)
    task.one_off = wanted.at is not None
    # Beat takes a one-off task that ran before for done.
    task.last_run_at, task.total_run_count = None, 0


def _shared(model: Any, **fields: Any) -> Any:
    return model.objects.filter(**fields).order_by("id").first() or model.objects.create(**fields)


def slots_of(trigger: Trigger, task: PeriodicTask) -> tuple[Crontab | Interval | Once | None, tzinfo]:
    """What the task's slots are computed with, and the time zone; None if it rings by nothing we know."""
    stored = stored_of(task)
    if stored.crontab is not None:
        try:
            return read_crontab(stored.crontab), task.crontab.timezone
        except ValueError:  # written past every check; it must not stop the others
            log.warning("schedule_unreadable", trigger_id=str(trigger.id), crontab=stored.crontab)
            return None, UTC
    if stored.period is not None and stored.period >= SHORTEST:
        return Interval(trigger.active_since, stored.period), UTC
    return (Once(stored.at) if stored.at else None), UTC


def next_slot(trigger: Trigger, task: PeriodicTask, after: datetime) -> datetime | None:
    """The first slot after an instant, or one before which there is none; None if there is none ever."""
    slots, zone = slots_of(trigger, task)
    if slots is None:
        return None
    if isinstance(slots, Once):
        return slots.at if slots.at > after else None
    end = after + HORIZON
    return next(iter_slots(slots, zone, after, end), end)
