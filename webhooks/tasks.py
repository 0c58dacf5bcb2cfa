"""Celery's door to the inbox."""

from __future__ import annotations

from celery import shared_task

from renum.wakeups import woken
from webhooks import services


@shared_task(name=services.PROCESS_TASK, expires=60)
def process_inbox() -> None:
    """Process what providers told us."""
    woken(services.PROCESS_TASK, services.PROCESS_QUEUE)
    services.process_inbox()
