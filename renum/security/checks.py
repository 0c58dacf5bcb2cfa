"""Refuse to start with settings that would undo the protections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from redis.exceptions import RedisError

from renum.redis_client import broker_client


@checks.register(checks.Tags.security)
def refuse_unsafe_production(**_: Any) -> list[checks.CheckMessage]:
    """Loopback targets and missing keys are for development only."""
    environment = settings.ENVIRONMENT
    problems: list[checks.CheckMessage] = []
    if environment.production and environment.allow_loopback:
        problems.append(
            checks.Error("RENUM_ALLOW_LOOPBACK is on in production.", hint="Unset it.", id="renum.E001")
        )
    if environment.production and not environment.public_url.startswith("https://"):
        problems.append(
            checks.Error("RENUM_PUBLIC_URL must start with https:// in production.", id="renum.E002")
        )
    return problems


@checks.register(checks.Tags.database)
def refuse_evicting_broker(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """A broker that makes room by eviction drops whole queues. One that is away says nothing here."""
    broker = broker_client() if "default" in (databases or ()) else None
    if broker is None:
        return []
    try:
        memory: Any = broker.info("memory")
    except RedisError:
        return []
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return []
    return [
        checks.Error(
            f"The broker's maxmemory-policy is {policy}: short of memory, it would drop queues.",
            hint="Set maxmemory-policy noeviction on the Redis of CELERY_BROKER_URL.",
            id="renum.E004",
        )
    ]
