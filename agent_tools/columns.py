"""Which columns the tables of a client's database have: what a model must know to ask for them."""

from __future__ import annotations

import structlog
from django.core.cache import cache
from redis.exceptions import RedisError

from integrations.models import Integration
from integrations.services import list_tables
from renum.errors import DomainError

log = structlog.get_logger(__name__)

SECONDS = 300
SECONDS_UNKNOWN = 60  # a database that does not answer is not asked for every message
MAX_COLUMNS = 60


def describe_tables(database: Integration) -> str:
    """The allowed tables as `tabela(coluna, coluna)`, up to five minutes old; names alone if it is away."""
    allowed: tuple[str, ...] = database.settings.allowed_tables
    known = _known_columns(database) if allowed else {}
    return ", ".join(f"{name}({', '.join(known[name])})" if known.get(name) else name for name in allowed)


def _known_columns(database: Integration) -> dict[str, list[str]]:
    key = f"agent_columns:{database.id}"
    try:
        if (known := cache.get(key)) is not None:
            return dict(known)
        found, seconds = _read_columns(database)
        cache.set(key, found, seconds)
    except RedisError:
        log.warning("columns_not_cached")
        return {}
    return found


def _read_columns(database: Integration) -> tuple[dict[str, list[str]], int]:
    try:
        tables = list_tables(database)
    except DomainError as error:
        log.warning("columns_unknown", client_id=str(database.client_id), error_code=error.code)
        return {}, SECONDS_UNKNOWN
    allowed = set(database.settings.allowed_tables)
    return {
        table.name: [column.name for column in table.columns[:MAX_COLUMNS]]
        for table in tables
        if table.name in allowed
    }, SECONDS
