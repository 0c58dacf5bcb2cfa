"""Django's `migrate`, which first prepares the roles that the policies and grants name."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from renum.accounts.provision import provision


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        provision(connections[options["database"]])
        super().handle(*args, **options)
