"""Writes over the queries that staff publish: what agents may use is what was checked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from agent_tools.models import NamedQuery
from agent_tools.named_queries import Definition, check_definition, parse_definition
from integrations.errors import IntegrationNotFound, IntegrationUnreadable, SqlModeOff
from integrations.models import Integration
from integrations.selectors import find_connection
from integrations.services import has_sql_mode


def check_query(client_id: UUID, stored: Any, *, publish: bool) -> Definition:
    """Check what staff wrote against the client's database, as far as that can be done.

    SQL that nothing can be checked with stays a draft: to `publish` it raises `IntegrationNotFound` or
    `SqlModeOff`. Raises `InvalidInput`, and what `integrations.services.check_sql` raises.
    """
    definition = parse_definition(stored)
    if not definition.sql:
        return definition
    database = database_of(client_id)
    if database is not None and has_sql_mode(database):
        return check_definition(stored, database)
    if publish:
        raise IntegrationNotFound if database is None else SqlModeOff
    return definition


def database_of(client_id: UUID) -> Integration | None:
    """The client's own database, as it is configured now."""
    try:
        return find_connection(client_id, [Integration.Type.DATABASE])
    except IntegrationNotFound:
        return None


def refused_table(client_id: UUID, definition: Definition) -> str:
    """The table that the client has not allowed to be read, as far as its settings tell; else nothing."""
    database = database_of(client_id)
    if definition.read is None or database is None:
        return ""
    try:
        allowed = database.settings.allowed_tables
    except IntegrationUnreadable:
        return ""
    return "" if definition.read.table in allowed else definition.read.table


def publish_query(query: NamedQuery) -> bool:
    """Let agents use it; returns whether that is new. Raises what `check_query` does."""
    check_query(query.client_id, query.definition, publish=True)
    return _switch(query, published=True)


def unpublish_query(query: NamedQuery) -> bool:
    """Take it away from agents; returns whether they had it."""
    return _switch(query, published=False)


def _switch(query: NamedQuery, *, published: bool) -> bool:
    if query.is_published == published:
        return False
    query.is_published = published
    query.save(update_fields=["is_published", "updated_at"])
    return True
