"""What the kernel's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from renum.accounts.scope import service_scope


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords() -> Iterator[None]:
    """The production hasher takes 0.3 s a password, and the cast has three."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture
def as_service(db: None) -> Iterator[None]:
    """Run the test under the service scope."""
    with service_scope(reason="test"):
        yield
