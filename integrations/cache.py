"""Integrations in Redis for five minutes, as the database has them: their secrets are ciphertext.

For reads that may be a moment old. What sends, and what decides who may see, reads the database.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from integrations.models import Integration

log = structlog.get_logger(__name__)

SECONDS = 300
# After a write the place is kept taken for this long, so that a reader who saw the old row just
# before cannot put it back.
TAKEN_SECONDS = 5
_TAKEN = "taken"
_FIELDS = (
    "id",
    "client_id",
    "type",
    "provider",
    "name",
    "status",
    "enabled",
    "paused",
    "config",
    "daily_limit",
    "pace_seconds",
    "last_tested_at",
)


def find_integration(client_id: UUID, type_: str) -> Integration | None:
    """The client's integration of a type, up to five minutes old unless it was changed.

    Without Redis it is read from the database. The caller is in a scope that sees the client.
    """
    key = _key(client_id, type_)
    try:
        known = cache.get(key)
    except RedisError:
        log.warning("integration_cache_unavailable")
        known = _TAKEN
    if isinstance(known, dict):
        return Integration(**known)
    found: Integration | None = Integration.objects.current().filter(client_id=client_id, type=type_).first()
    if found is not None and known is None:
        try:
            cache.add(key, _as_stored(found), SECONDS)
        except RedisError:
            log.warning("integration_not_cached")
    return found


def forget(integration: Integration) -> None:
    """Called by whoever changes an integration: from the commit on nobody is given the old one.

    If Redis does not hear it, what it holds ends by itself within five minutes.
    """
    transaction.on_commit(lambda: _forget(_key(integration.client_id, integration.type)))


def _forget(key: str) -> None:
    try:
        cache.set(key, _TAKEN, TAKEN_SECONDS)
    except RedisError:
        log.error("integration_cache_not_cleared")


def _as_stored(integration: Integration) -> dict[str, Any]:
    """The row's values; from the instance's dict, since reading the attribute would decrypt."""
    return {name: integration.__dict__[name] for name in _FIELDS}


def _key(client_id: UUID, type_: str) -> str:
    return f"integration:{client_id}:{type_}"
