"""Prepare a database for migrations: the runtime role, its rights, and Supabase's `auth.uid()`.

Runs before every `migrate`, as the owner; repeating it changes nothing.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import conninfo, sql

_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = {name}) THEN
    CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another migrate was faster
END $$;
"""

# Supabase has this function; elsewhere it is made the same way.
_AUTH = """
DO $$ BEGIN
  IF to_regprocedure('auth.uid()') IS NULL THEN
    CREATE SCHEMA IF NOT EXISTS auth;
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
      $f$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $f$;
    GRANT USAGE ON SCHEMA auth TO PUBLIC;
  END IF;
END $$;
"""

# No TRUNCATE: it ignores row-level security.
_GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role};
"""


def provision(connection: BaseDatabaseWrapper) -> None:
    """Create what is missing. Needs Postgres 16, and CREATEROLE unless the roles exist already."""
    app, service = settings.RUNTIME_ROLE, settings.SERVICE_ROLE
    with connection.cursor() as cursor:
        for name in ("authenticated", app, service):
            cursor.execute(sql.SQL(_ROLE).format(name=sql.Literal(name), role=sql.Identifier(name)))
        for member, role in _missing_memberships(cursor):
            cursor.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(member)))
        # It may become the service role, but is not one: the policies of that role are not its own.
        may_become = sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE")
        cursor.execute(may_become.format(sql.Identifier(service), sql.Identifier(app)))
        cursor.execute(_AUTH)
        for name in (app, service):
            cursor.execute(sql.SQL(_GRANTS).format(role=sql.Identifier(name)))


def _missing_memberships(cursor: Any) -> list[tuple[str, str]]:
    """`renum_app` is one of the `authenticated`; the runtime login, if it is another, is a `renum_app`."""
    wanted = [(settings.RUNTIME_ROLE, "authenticated")]
    login = conninfo.conninfo_to_dict(settings.ENVIRONMENT.database_url).get("user")
    if login and str(login) != settings.RUNTIME_ROLE:
        wanted.append((str(login), settings.RUNTIME_ROLE))
    missing = []
    for member, role in wanted:
        cursor.execute("SELECT pg_has_role(%s, %s, 'USAGE')", [member, role])
        if not cursor.fetchone()[0]:
            missing.append((member, role))
    return missing
