"""Who may see what: the tenant scope that Postgres' row-level security reads.

A scope lives in the current transaction and nowhere else. With no scope set, queries on tenants'
tables return no rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import connection, transaction

log = structlog.get_logger(__name__)

CLAIMS = "request.jwt.claims"  # as Supabase names it; read by auth.uid()
SERVICE = "renum.service_scope"

_GET = f"SELECT current_setting('{CLAIMS}', true), current_setting('{SERVICE}', true)"
_SET = f"SELECT set_config('{CLAIMS}', %s, true), set_config('{SERVICE}', %s, true)"


def _set(claims: str, service: str) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a scope needs a transaction to live in")
    with connection.cursor() as cursor:
        cursor.execute(_SET, [claims, service])


@contextmanager
def _scoped(claims: str, service: str) -> Iterator[None]:
    nested = connection.in_atomic_block
    with transaction.atomic():
        before = ("", "")
        if nested:
            with connection.cursor() as cursor:
                cursor.execute(_GET)
                found = cursor.fetchone()
            before = (found[0] or "", found[1] or "")
        if nested and before == (claims, service):
            yield  # the outer scope is this one already
            return
        _set(claims, service)
        yield
        # An inner block that succeeds would leak its scope to the outer one; one that fails is
        # undone with its savepoint.
        if nested and not connection.needs_rollback:
            _set(*before)


def _claims(profile_id: UUID) -> str:
    return json.dumps({"sub": str(profile_id), "role": "authenticated"})


def bind_profile(profile_id: UUID) -> None:
    """Bind the scope of a profile to the transaction that is under way, to its end."""
    _set(_claims(profile_id), "")


def bind_service(reason: str) -> None:
    """Bind the service scope to the transaction that is under way, to its end."""
    assert reason
    _set("", "on")


@contextmanager
def profile_scope(profile_id: UUID) -> Iterator[None]:
    """Run a transaction that sees what this profile may see."""
    with _scoped(_claims(profile_id), ""):
        yield


@contextmanager
def service_scope(reason: str) -> Iterator[None]:
    """Run a transaction that sees every client's rows: for workers, webhooks and the admin.

    `reason` says why, for whoever searches for the uses of this door.
    """
    assert reason
    with _scoped("", "on"):
        yield
