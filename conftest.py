"""The cast and the fixtures that every app's tests share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from rest_framework.test import APIClient

from renum import wakeups
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.accounts.services import open_session
from tests.cast import Cast, create_cast

KEPT_TABLES = ("django_", "auth_")


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database is there and migrated: `tests.servers` made it, as the owner."""


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """The production hasher takes 0.3 s a password, and the cast has three."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    yield
    cache.clear()
    wakeups._paused_until = 0.0


@pytest.fixture
def cast(db: None) -> Cast:
    return create_cast()


@pytest.fixture
def as_service(db: None) -> Iterator[None]:
    """Run the test under the service scope."""
    with service_scope(reason="test"):
        yield


@pytest.fixture
def committed(django_db_blocker: Any) -> Iterator[None]:
    """A test whose transactions really commit; afterwards the owner empties the tables."""
    with django_db_blocker.unblock():
        yield
        connection.close()
        owner_url = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
        with psycopg.connect(owner_url, autocommit=True) as owner:
            tables = [
                name
                for (name,) in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                if not name.startswith(KEPT_TABLES)
            ]
            owner.execute(f"TRUNCATE {', '.join(tables)} CASCADE")  # names from the catalogue
        connection.close()


@pytest.fixture
def committed_cast(committed: None) -> Cast:
    return create_cast()


@pytest.fixture
def api() -> Callable[[Profile | None], APIClient]:
    """An API client that is logged in as the given profile, by a real access token."""

    def as_profile(profile: Profile | None) -> APIClient:
        client = APIClient()
        if profile is not None:
            with service_scope(reason="test log-in"):
                pair = open_session(profile, family=uuid.uuid4(), refused=AssertionError)
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    return as_profile
