from __future__ import annotations

import pytest
from django.core.management import call_command

from renum.accounts.models import Profile
from renum.accounts.scope import service_scope

pytestmark = pytest.mark.django_db


def test_first_of_the_staff_is_made_by_command(monkeypatch):
    """Row-level security lets nobody write a profile who is not logged in, and as yet nobody can."""
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-enough-word")
    call_command("createsuperuser", "--no-input", "--email", "Rita@renum.example", verbosity=0)
    with service_scope(reason="test"):
        rita = Profile.objects.get(email="rita@renum.example")
    assert rita.is_staff and rita.is_superuser and rita.role == Profile.Role.ADMIN
    assert rita.check_password("a-long-enough-word")
