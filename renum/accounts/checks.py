"""Refuse a runtime role that row-level security would not stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections


@checks.register(checks.Tags.database)
def refuse_powerful_role(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Owner, superuser, BYPASSRLS and who is the service role unasked see every client's rows."""
    if settings.DATABASE_ROLE == "owner" or "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT r.rolsuper OR r.rolbypassrls OR EXISTS (SELECT 1 FROM pg_roles s"
            " WHERE s.rolname = %s AND pg_has_role(current_user, s.oid, 'USAGE')),"
            " EXISTS (SELECT 1 FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
            " AND c.relkind IN ('r', 'p') AND c.relowner = r.oid)"
            " FROM pg_roles r WHERE r.rolname = current_user",
            [settings.SERVICE_ROLE],
        )
        bypasses, owns = cursor.fetchone()
    if bypasses or owns:
        return [
            checks.Error(
                "The runtime database role is not stopped by row-level security.",
                hint="Let DATABASE_URL name a role that is neither superuser nor owner of the tables, "
                "and that does not inherit the service role.",
                id="renum.E003",
            )
        ]
    return []
