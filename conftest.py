"""The cast and the fixtures that every app's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from rest_framework.test import APIClient

from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """The database is there and migrated: `tests.servers` made it, as the owner."""


@dataclass(frozen=True)
class Cast:
    """Alice owns client A, Bob owns client B and must see nothing of A, Sofia is staff."""

    alice: Profile
    bob: Profile
    sofia: Profile
    acme: Client
    globex: Client


def _create_cast() -> Cast:
    with service_scope(reason="test set-up"):
        alice = Profile.objects.create_user("alice@acme.test", "alice-password-1")
        bob = Profile.objects.create_user("bob@globex.test", "bob-password-1")
        sofia = Profile.objects.create_superuser("sofia@renum.test", "sofia-password-1")
        return Cast(
            alice=alice,
            bob=bob,
            sofia=sofia,
            acme=Client.objects.create(profile=alice, name="Acme"),
            globex=Client.objects.create(profile=bob, name="Globex"),
        )


@pytest.fixture
def cast(db: None) -> Cast:
    return _create_cast()


KEPT_TABLES = ("django_", "auth_")


@pytest.fixture
def committed(django_db_blocker: Any) -> Iterator[None]:
    """A test whose transactions really commit; afterwards the owner empties the tables."""
    with django_db_blocker.unblock():
        yield
        connection.close()
        with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
            tables = [
                name
                for (name,) in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                if not name.startswith(KEPT_TABLES)
            ]
            owner.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
        connection.close()


@pytest.fixture
def committed_cast(committed: None) -> Cast:
    return _create_cast()


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def api() -> Callable[[Profile | None], APIClient]:
    """An API client that is logged in as the given profile, by a real access token."""

    def as_profile(profile: Profile | None) -> APIClient:
        from renum.accounts.services import _issue

        client = APIClient()
        if profile is not None:
            with service_scope(reason="test log-in"):
                import uuid

                pair = _issue(profile, family=uuid.uuid4(), refused=AssertionError)
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
        return client

    return as_profile
