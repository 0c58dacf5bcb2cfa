"""Celery's door to triggers."""

from __future__ import annotations

from celery import shared_task

from renum import clock
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due


@shared_task(name="trigger_scheduler", expires=50)
def trigger_scheduler() -> None:
    """Each minute: find what became due, and carry it out."""
    now = clock.now()
    match_due(now)
    run_matched(now)
