"""Exact rate limits on Redis, shared by all processes."""

from __future__ import annotations

import time
from functools import cache

import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from renum.errors import RateLimited

log = structlog.get_logger(__name__)


@cache
def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(RedisStorage(settings.REDIS_URL, **settings.REDIS_OPTIONS))


@cache
def _item(rate: str) -> RateLimitItem:
    return parse(rate)


def spend(rate: str, *identifiers: str) -> None:
    """Count one use of `rate` (such as "10/minute"); raises `RateLimited` when it is used up.

    With Redis down the use is allowed and logged: the limit protects, it does not decide.
    """
    item = _item(rate)
    try:
        if _limiter().hit(item, *identifiers):
            return
        reset_at = _limiter().get_window_stats(item, *identifiers).reset_time
    except RedisError:
        log.warning("rate_limit_not_counted", rate=rate)
        return
    raise RateLimited(retry_after=max(1.0, reset_at - time.time()))
