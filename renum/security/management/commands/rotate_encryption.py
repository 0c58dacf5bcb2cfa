"""`manage.py rotate_encryption`: after a new ENCRYPTION_KEY, re-encrypt what former keys wrote."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from renum.security.crypto import DecryptionFailed
from renum.security.rotation import encrypted_fields, rotate_field


class Command(BaseCommand):
    help = "Re-encrypt every encrypted column with ENCRYPTION_KEY. Can be interrupted and repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        for model, field in encrypted_fields():
            title = f"{model._meta.db_table}.{field.column}"
            try:
                for seen, changed in rotate_field(model, field):
                    self.stdout.write(f"{title}: {seen} rows seen, {changed} re-encrypted")
            except DecryptionFailed as error:
                raise CommandError(
                    f"{title}: a value cannot be opened ({error}). Is its key in ENCRYPTION_KEYS_RETIRED?"
                ) from error
        self.stdout.write("Done. ENCRYPTION_KEYS_RETIRED can be emptied.")
