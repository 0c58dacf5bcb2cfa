"""Who may see what: the tenant scope that Postgres' row-level security reads.

A scope lives in the current transaction and nowhere else. With no scope set, queries on tenants'
tables return no rows. The service scope is a role, so that Postgres leaves the clients' policies out of
the plan: they would cost more than most statements themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID
from weakref import WeakSet

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, ProgrammingError, connection, transaction
from psycopg.errors import InvalidSqlStatementName

log = structlog.get_logger(__name__)

CLAIMS = "request.jwt.claims"  # as Supabase names it; read by auth.uid()

_GET = f"SELECT current_setting('{CLAIMS}', true), current_setting('role')"
_SET = f"SELECT set_config('{CLAIMS}', %s, true), set_config('role', %s, true)"


def _set(claims: str, role: str) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a scope needs a transaction to live in")
    with connection.cursor() as cursor:
        cursor.execute(_SET, [claims, role])


@contextmanager
def _scoped(claims: str, role: str) -> Iterator[None]:
    nested = connection.in_atomic_block
    with transaction.atomic():
        before = ("", settings.RUNTIME_ROLE)
        if nested:
            with connection.cursor() as cursor:
                cursor.execute(_GET)
                found = cursor.fetchone()
            before = (found[0] or "", found[1])
        if nested and before == (claims, role):
            yield  # the outer scope is this one already
            return
        _set(claims, role)
        yield
        # An inner block that succeeds would leak its scope to the outer one; one that fails is
        # undone with its savepoint.
        if nested and not connection.needs_rollback:
            _set(*before)


def _claims(profile_id: UUID) -> str:
    return json.dumps({"sub": str(profile_id), "role": "authenticated"})


def bind_profile(profile_id: UUID) -> None:
    """Bind the scope of a profile to the transaction that is under way, to its end."""
    _set(_claims(profile_id), settings.RUNTIME_ROLE)


def bind_service(reason: str) -> None:
    """Bind the service scope to the transaction that is under way, to its end."""
    assert reason
    _set("", settings.SERVICE_ROLE)


@contextmanager
def profile_scope(profile_id: UUID) -> Iterator[None]:
    """Run a transaction that sees what this profile may see."""
    with _scoped(_claims(profile_id), settings.RUNTIME_ROLE):
        yield


@contextmanager
def service_scope(reason: str) -> Iterator[None]:
    """Run a transaction that sees every client's rows: for workers, webhooks and the admin.

    `reason` says why, for whoever searches for the uses of this door.
    """
    assert reason
    with _scoped("", settings.SERVICE_ROLE):
        yield


def tidy_connection() -> None:
    """Drop a connection that failed or is too old, as Django does where it signals the start of a request."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


class ServiceStatement:
    """A statement that runs in the service scope, in a transaction of its own, in one round trip.

    Scope and statement travel as one message, which Postgres runs as one transaction; with `service_scope`
    it takes four, and a fifth to see whether the connection still works. Instead it is run again on a new
    connection if it does not: it must be one that may run twice. Planned once a connection, since the
    policies make the plan of a small statement cost more than its execution.
    """

    def __init__(self, name: str, types: str, sql: str, *, reason: str):
        assert reason
        self._prepare = f"PREPARE {name} ({types}) AS {sql}"
        self._execute = f"EXECUTE {name} ({', '.join('%s' for _ in types.split(','))})"
        self._reason = reason
        self._prepared: WeakSet[Any] = WeakSet()

    def fetch(self, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run it and return its rows. Inside of a transaction it is a statement of that one."""
        if connection.in_atomic_block:
            with service_scope(reason=self._reason):
                return self._run(parameters)
        tidy_connection()
        before = connection.connection
        connection.health_check_done = True  # type: ignore[attr-defined]
        try:
            return self._run(parameters, alone=True)
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            if isinstance(error.__cause__, InvalidSqlStatementName):
                self._prepared.discard(before)  # a pooler gave us another session
            elif before is None or not before.closed:
                raise
            else:
                connection.close()
            return self._run(parameters, alone=True)

    def _run(self, parameters: Sequence[Any], *, alone: bool = False) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            if connection.connection not in self._prepared:
                cursor.execute(self._prepare)
                self._prepared.add(connection.connection)
            if not alone:
                cursor.execute(self._execute, parameters)
            else:
                cursor.execute(f"{_SET}; {self._execute}", ["", settings.SERVICE_ROLE, *parameters])
                cursor.nextset()  # the first is that of the scope
            return list(cursor.fetchall())
