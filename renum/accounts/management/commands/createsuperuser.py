"""Django's `createsuperuser`, under the service scope: nobody is logged in who may see the profiles."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from renum.accounts.scope import service_scope


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with service_scope(reason="create one of the staff by command"):
            super().handle(*args, **options)
