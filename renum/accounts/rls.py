"""Row-level security as migration operations: each table with `client_id` gets it where it is made."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations

UID = "(SELECT auth.uid())"  # evaluated once a query, not once a row
IS_ADMIN = f"EXISTS (SELECT 1 FROM profiles WHERE profiles.id = {UID} AND profiles.role = 'admin')"  # noqa: S608
OWN_CLIENTS = f"(SELECT id FROM clients WHERE profile_id = {UID})"  # noqa: S608


def _enable(table: str) -> str:
    return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY;"


def _policy(table: str, title: str, command: str, role: str, condition: str) -> str:
    return f'CREATE POLICY "{title}" ON {table} FOR {command} TO {role} USING ({condition});'


def _for_service(table: str, title: str) -> str:
    return _policy(table, title, "ALL", settings.SERVICE_ROLE, "true")


def _undo(table: str, *titles: str) -> str:
    drops = "".join(f'DROP POLICY "{title}" ON {table};' for title in titles)
    return (
        f"{drops} ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY; "
        f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;"
    )


def tenant_table(table: str, label: str, *, client_writes: bool = True) -> migrations.RunSQL:
    """Wall off a table with a `client_id` column by the brief's policies and the service scope.

    `label` is the brief's name for the rows. `client_writes=False` lets clients read only.
    """
    client_title = f"Clients can {'manage' if client_writes else 'view'} own {label}"
    admin_title = f"Admins have full access to {label}"
    service_title = f"Service scope has full access to {label}"
    return migrations.RunSQL(
        _enable(table)
        + _policy(table, admin_title, "ALL", "authenticated", IS_ADMIN)
        + _policy(
            table,
            client_title,
            "ALL" if client_writes else "SELECT",
            "authenticated",
            f"client_id IN {OWN_CLIENTS}",
        )
        + _for_service(table, service_title),
        _undo(table, admin_title, client_title, service_title),
    )


def over_all_clients(sql: str, *tables: str) -> migrations.RunSQL:
    """Change rows of these tables whoever's they are: the owner too is stopped by forced policies."""
    lift = "".join(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;" for table in tables)
    back = "".join(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;" for table in tables)
    return migrations.RunSQL(
        f"{lift} {sql}; SET CONSTRAINTS ALL IMMEDIATE; {back} SET CONSTRAINTS ALL DEFERRED",
        migrations.RunSQL.noop,
    )


def readable_by_all(table: str, label: str) -> migrations.RunSQL:
    """Wall off a table that belongs to no client: everybody reads it, only the service scope writes."""
    read_title, write_title = (
        f"Everybody can view the {label}",
        f"Service scope has full access to the {label}",
    )
    return migrations.RunSQL(
        _enable(table)
        + _policy(table, read_title, "SELECT", "renum_app", "true")
        + _for_service(table, write_title),
        _undo(table, read_title, write_title),
    )


def profiles_and_clients() -> migrations.RunSQL:
    """The two tables that the policies of all others read: everybody sees their own row.

    Staff see every client through `clients`; a policy on `profiles` that asked `profiles` for the
    role would recurse, so other profiles need the service scope.
    """
    return migrations.RunSQL(
        _enable("profiles")
        + _policy("profiles", "Profiles can view themselves", "SELECT", "authenticated", f"id = {UID}")
        + _for_service("profiles", "Service scope has full access to profiles")
        + _enable("clients")
        + _policy("clients", "Admins have full access to clients", "ALL", "authenticated", IS_ADMIN)
        + _policy("clients", "Clients can view own company", "SELECT", "authenticated", f"profile_id = {UID}")
        + _for_service("clients", "Service scope has full access to clients")
        + _enable("refresh_sessions")
        + _for_service("refresh_sessions", "Service scope has full access to refresh sessions"),
        _undo("profiles", "Profiles can view themselves", "Service scope has full access to profiles")
        + _undo(
            "clients",
            "Admins have full access to clients",
            "Clients can view own company",
            "Service scope has full access to clients",
        )
        + _undo("refresh_sessions", "Service scope has full access to refresh sessions"),
    )
