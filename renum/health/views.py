"""`GET /health`: what works right now, by trying it."""

from __future__ import annotations

import structlog
from django.core.cache import cache
from django.db import Error, connection, transaction
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET
from redis.exceptions import RedisError

from renum import clock
from renum.celery import QUEUES
from renum.health import canaries

log = structlog.get_logger(__name__)


@require_GET
@transaction.non_atomic_requests
def health(request: HttpRequest) -> JsonResponse:
    """200 and `healthy` when all services are up, else 503 and `degraded`."""
    database, (redis, celery) = _database_up(), _redis_and_celery_up()
    up = {"database": database, "redis": redis, "celery": celery}
    healthy = all(up.values())
    return JsonResponse(
        {
            "status": "healthy" if healthy else "degraded",
            "services": {name: "up" if is_up else "down" for name, is_up in up.items()},
            "timestamp": clock.iso(clock.now()),
        },
        status=200 if healthy else 503,
    )


def _database_up() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        log.error("health_database_down", reason=type(error).__name__)
        return False
    return True


def _redis_and_celery_up() -> tuple[bool, bool]:
    try:
        cache.set("health", 1, timeout=10)
        return True, canaries.all_fresh(QUEUES)
    except RedisError as error:
        log.error("health_redis_down", reason=type(error).__name__)
        return False, False
