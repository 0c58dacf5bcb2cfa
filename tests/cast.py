"""Who plays in the tests."""

from __future__ import annotations

from dataclasses import dataclass

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
