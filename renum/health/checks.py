"""Which of the services that everything stands on work right now, by trying them."""

from __future__ import annotations

import structlog
from django.core.cache import cache
from django.db import Error, connection
from redis.exceptions import RedisError

from renum.celery import QUEUES
from renum.health import canaries

log = structlog.get_logger(__name__)


def database_up() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        log.error("health_database_down", reason=type(error).__name__)
        return False
    return True


def served_queues() -> dict[str, bool] | None:
    """For each queue whether a worker serves it; None while Redis, which knows it, is down."""
    try:
        cache.set("health", 1, timeout=10)  # it must take writes too
        return canaries.served(QUEUES)
    except RedisError as error:
        log.error("health_redis_down", reason=type(error).__name__)
        return None
