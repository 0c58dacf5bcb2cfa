"""Who plays in the tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password

from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope


@dataclass(frozen=True)
class Cast:
    """Alice owns client A, Bob owns client B and must see nothing of A, Sofia is staff."""

    alice: Profile
    bob: Profile
    sofia: Profile
    acme: Client
    globex: Client


def create_cast() -> Cast:
    alice = _profile("alice@acme.test", "alice-password-1")
    bob = _profile("bob@globex.test", "bob-password-1")
    sofia = _profile("sofia@renum.test", "sofia-password-1", role=Profile.Role.ADMIN, is_superuser=True)
    acme, globex = Client(profile=alice, name="Acme"), Client(profile=bob, name="Globex")
    with service_scope(reason="test set-up"):  # two statements: nearly every test has this cast
        Profile.objects.bulk_create([alice, bob, sofia])
        Client.objects.bulk_create([acme, globex])
    return Cast(alice=alice, bob=bob, sofia=sofia, acme=acme, globex=globex)


def _profile(email: str, password: str, **fields: Any) -> Profile:
    return Profile(email=email, password=_hashed(password), **fields)


@cache
def _hashed(password: str) -> str:
    return make_password(password)
