"""Wake a worker for rows that are already committed. Losing a wake-up costs seconds, never work."""

from __future__ import annotations

import math
import time
from functools import partial

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from renum.redis_client import redis_client as _redis

log = structlog.get_logger(__name__)

COALESCE_SECONDS = 3
LATEST_SECONDS = 10.0
SLOT_SECONDS = 0.1  # wake-ups for later are merged into those of the same slot, and come at its end
# A Redis that hangs must not hold up every request in turn: after a failure nobody asks it for a while.
PAUSE_SECONDS = 3
_paused_until = 0.0


def _key(task: str, queue: str) -> str:
    return f"renum:wake:{task}:{queue}"


def wake_after_commit(task: str, queue: str, **kwargs: str) -> None:
    """Run `task` (by name, so that nothing is imported for it) once the transaction is committed."""
    transaction.on_commit(partial(_wake, task, queue, kwargs))


def wake_later(task: str, queue: str, seconds: float, **kwargs: str) -> None:
    """Run `task` in up to 10 s. For work that is committed but may not be done before."""
    now = time.time()
    slot = math.ceil((now + min(max(seconds, 0.05), LATEST_SECONDS)) / SLOT_SECONDS)
    _wake(task, queue, kwargs, countdown=slot * SLOT_SECONDS - now, slot=slot)


def _wake(
    task: str, queue: str, kwargs: dict[str, str], *, countdown: float = 0.0, slot: int | None = None
) -> None:
    """Publish, unless a wake-up for the same work is still waiting in the queue."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        # One that is to come later does not stand in for one that is wanted now, or sooner.
        key = _key(task, queue) + (f":at:{slot}" if slot else "")
        if _redis().set(key, 1, nx=True, px=int(1000 * (countdown or COALESCE_SECONDS))):
            current_app.send_task(
                task, kwargs=kwargs, queue=queue, ignore_result=True, retry=False, countdown=countdown or None
            )
    except (RedisError, OperationalError) as error:
        _paused_until = time.monotonic() + PAUSE_SECONDS
        log.warning("wake_up_lost", task=task, queue=queue, reason=type(error).__name__)


def woken(task: str, queue: str) -> None:
    """Called first thing by the woken task: rows committed from now on need a wake-up of their own."""
    try:
        _redis().delete(_key(task, queue))
    except RedisError:
        log.warning("wake_up_not_cleared", task=task, queue=queue)
