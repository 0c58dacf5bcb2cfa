"""Liveness end to end: a canary travels through each queue; a queue whose canary is stale is down."""

from __future__ import annotations

import time

from django.core.cache import cache

STALE_SECONDS = 45


def record(queue: str) -> None:
    """Note that a worker took a task from `queue` just now."""
    cache.set(f"canary:{queue}", time.time(), timeout=10 * STALE_SECONDS)


def all_fresh(queues: tuple[str, ...]) -> bool:
    """Tell whether each queue was served within the last 45 s."""
    seen = cache.get_many([f"canary:{queue}" for queue in queues])
    return len(seen) == len(queues) and min(seen.values()) > time.time() - STALE_SECONDS
