"""The cast and the fixtures that every app's tests share."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import psycopg
import pytest
from django.core.cache import cache as shared_cache
from django.db import connection
from django.test import override_settings
from hypothesis import settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import RefreshToken

from renum import wakeups
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.api import throttling
from tests.cast import Cast, create_cast
from tests.servers import ADMIN_URL

# How long an example takes is the machine's affair.
settings.register_profile("renum", deadline=None)
settings.load_profile("renum")

# Deleting costs a tenth of truncating as long as the tables are small. Both are done in one round trip.
_EMPTY = """
DO $$
DECLARE
    small constant integer := 1024 * 1024;
    names text[];
    largest bigint;
BEGIN
    SELECT array_agg(oid::regclass::text), max(pg_relation_size(oid)) INTO names, largest FROM pg_class
    WHERE relnamespace IN ('public'::regnamespace, 'ledger'::regnamespace) AND relkind = 'r'
      AND relname !~ '^(django|auth)_'
      AND (pg_relation_size(oid) > 0 OR current_setting('session_replication_role') <> 'replica');
    IF largest > small OR current_setting('session_replication_role') <> 'replica' THEN
        EXECUTE 'TRUNCATE ' || array_to_string(names, ', ') || ' CASCADE';
    ELSIF names IS NOT NULL THEN
        FOR i IN 1 .. cardinality(names) LOOP
            EXECUTE 'DELETE FROM ' || names[i];
        END LOOP;
    END IF;
    -- The others come with migrations.
    DELETE FROM django_celery_beat_periodictask WHERE task = 'triggers.ring';
END $$
"""


def pytest_collection_finish() -> None:
    """Spare the collector all tests: walking them halts a busy worker for longer than connecting may take."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database is there and migrated: `tests.servers` made it, as the owner."""


@pytest.fixture(scope="session", autouse=True)
def _quick_settings() -> Iterator[None]:
    """The production hasher takes 0.3 s a password, and each HTTP client would list all static files."""
    hashers = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with override_settings(PASSWORD_HASHERS=hashers, WHITENOISE_AUTOREFRESH=True):
        yield


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    yield
    shared_cache.clear()
    wakeups._paused_until = 0.0
    throttling.forget()


@pytest.fixture
def cast(db: None) -> Cast:
    return create_cast()


@pytest.fixture
def as_service(db: None) -> Iterator[None]:
    """Run the test under the service scope."""
    with service_scope(reason="test"):
        yield


@cache
def _emptier() -> psycopg.Connection[Any]:
    """A superuser's session that no row-level security and no foreign key stops; else the owner's."""
    if admin_url := os.environ.get(ADMIN_URL):
        return psycopg.connect(admin_url, autocommit=True, options="-c session_replication_role=replica")
    owner_url = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    return psycopg.connect(owner_url, autocommit=True)


def empty_tables() -> None:
    """Delete every row that migrations have not made."""
    _emptier().execute(_EMPTY)


@pytest.fixture(scope="session", autouse=True)
def _emptier_closed() -> Iterator[None]:
    yield
    if _emptier.cache_info().currsize:
        _emptier().close()


@pytest.fixture
def committed(django_db_blocker: Any) -> Iterator[None]:
    """A test whose transactions really commit; afterwards the tables are emptied."""
    with django_db_blocker.unblock():
        yield
        connection.close()  # it may hold locks, or a session of the test's own
        empty_tables()


@pytest.fixture
def committed_cast(committed: None) -> Cast:
    return create_cast()


@pytest.fixture
def api() -> Callable[[Profile | None], APIClient]:
    """An API client that is logged in as the given profile, by a real access token."""

    def as_profile(profile: Profile | None) -> APIClient:
        client = APIClient()
        if profile is not None:
            access = RefreshToken.for_user(profile).access_token  # without the row that would refresh it
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return client

    return as_profile
