"""The process's connections to Redis, for what is more than an entry of the cache."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from redis import Redis


@cache
def redis_client() -> Redis:
    """Connects when it is used, and gives up within seconds; may be used by threads at once."""
    return Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)


@cache
def broker_client() -> Redis | None:
    """The same to the broker's; None if Celery's broker is another than Redis."""
    url = settings.CELERY_BROKER_URL
    known = url.startswith(("redis://", "rediss://"))
    return Redis.from_url(url, **settings.REDIS_OPTIONS) if known else None
