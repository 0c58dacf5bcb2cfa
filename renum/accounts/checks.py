"""Refuse a runtime role that row-level security would not stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections


@checks.register(checks.Tags.database)
def refuse_powerful_role(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Owner, superuser and BYPASSRLS see every client's rows, whatever the policies say."""
    if settings.DATABASE_ROLE == "owner" or "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT r.rolsuper OR r.rolbypassrls, EXISTS (SELECT 1 FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
            " AND c.relkind IN ('r', 'p') AND c.relowner = r.oid)"
            " FROM pg_roles r WHERE r.rolname = current_user"
        )
        bypasses, owns = cursor.fetchone()
    if bypasses or owns:
        return [
            checks.Error(
                "The runtime database role is not stopped by row-level security.",
                hint="Let DATABASE_URL name a role that is neither superuser nor owner of the tables.",
                id="renum.E003",
            )
        ]
    return []
