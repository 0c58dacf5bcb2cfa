"""Celery's door to retention."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from renum.conversations import retention
from renum.wakeups import wake_after_commit, woken

RETENTION_TASK = "renum.conversations.apply_retention"
RETENTION_QUEUE = "low"


@shared_task(name=RETENTION_TASK)
def apply_retention(beginning_with: str = "") -> None:
    """Delete what is older than clients' rules say; what is left goes on in a task of its own."""
    woken(RETENTION_TASK, RETENTION_QUEUE)
    left = retention.apply_retention(beginning_with=UUID(beginning_with) if beginning_with else None)
    if left is not None:
        wake_after_commit(RETENTION_TASK, RETENTION_QUEUE, beginning_with=str(left))
