"""`manage.py create_demo`: the logins and conversations that the README speaks of."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from renum.stack.demo import create_demo


class Command(BaseCommand):
    help = "Create the demo logins, companies and quiet conversations, unless they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.ENVIRONMENT.production:
            raise CommandError("The demo data has a published password and is refused in production.")
        self.stdout.write("Demo data created." if create_demo() else "Demo data is there already.")
