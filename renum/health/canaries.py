"""Liveness end to end: a canary travels through each queue; a queue whose canary is stale is down."""

from __future__ import annotations

import time

from django.core.cache import cache

STALE_SECONDS = 45


def record(queue: str) -> None:
    """Note that a worker took a task from `queue` just now."""
    cache.set(f"canary:{queue}", time.time(), timeout=10 * STALE_SECONDS)


def served(queues: tuple[str, ...]) -> dict[str, bool]:
    """Tell for each queue whether it was served within the last 45 s."""
    seen = cache.get_many([f"canary:{queue}" for queue in queues])
    stale = time.time() - STALE_SECONDS
    return {queue: seen.get(f"canary:{queue}", 0) > stale for queue in queues}
