"""Celery's door to triggers."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from renum import clock
from renum.wakeups import woken
from triggers.engine.events import match_events
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due
from triggers.engine.parts import keep_parts
from triggers.schedules import record_due_slots


@shared_task(name="trigger_scheduler", expires=50)
def trigger_scheduler() -> None:
    """Each minute: find what became due, and carry it out."""
    now = clock.now()
    match_due(now)
    match_events(now)
    record_due_slots(now)
    run_matched(now)


@shared_task(name="triggers.ring", expires=50)
def ring(trigger_id: str) -> None:
    """Rung by beat for a trigger by the calendar: record its slot, and carry it out."""
    now = clock.now()
    record_due_slots(now, UUID(trigger_id))
    run_matched(now)


@shared_task(name="triggers.match_events", expires=50)
def match_events_now() -> None:
    """Woken by what happened: match it, and carry out what matched."""
    woken("triggers.match_events", "normal")
    now = clock.now()
    match_events(now)
    run_matched(now)


@shared_task(name="triggers.keep_ledger_parts")
def keep_ledger_parts() -> None:
    """Each day: the months of the ledger."""
    keep_parts(clock.now())
