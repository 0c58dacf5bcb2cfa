"""Bring every ciphertext under the current key, a batch at a time. Can be interrupted and repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models
from psycopg import sql

from renum.accounts.scope import service_scope
from renum.security.fields import RowBoundField, Sealed, SealedConfigField

BATCH = 500


def encrypted_fields() -> Iterator[tuple[type[models.Model], RowBoundField | SealedConfigField]]:
    """Every encrypted column of the project."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, RowBoundField | SealedConfigField):
                yield model, field


def rotate_field(
    model: type[models.Model], field: RowBoundField | SealedConfigField
) -> Iterator[tuple[int, int]]:
    """Re-encrypt one column; yields (rows seen, rows changed) after each batch.

    A row that somebody else changes meanwhile is left as they wrote it: under the current key.
    Raises `DecryptionFailed` for a row that no known key opens.
    """
    seen = changed = 0
    last: Any = None
    while True:
        with service_scope(reason="rotate encryption keys"):
            rows = model._base_manager.order_by("pk").exclude(**{f"{field.name}__isnull": True})
            batch = list((rows.filter(pk__gt=last) if last else rows)[:BATCH])
            changed += sum(_rotate_row(row, field) for row in batch)
        if not batch:
            return
        seen, last = seen + len(batch), batch[-1].pk
        yield seen, changed


def _rotate_row(row: models.Model, field: RowBoundField | SealedConfigField) -> bool:
    stored = row.__dict__[field.attname]
    resealed = field.reseal(row, stored)
    if resealed is None:
        return False
    statement = sql.SQL(
        "UPDATE {table} SET {column} = %s{cast} WHERE id = %s AND {column} = %s{cast}"
    ).format(
        table=sql.Identifier(row._meta.db_table),
        column=sql.Identifier(str(field.column)),
        cast=sql.SQL("::jsonb" if isinstance(field, SealedConfigField) else ""),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [_raw(resealed), row.pk, _raw(stored)])
        return bool(cursor.rowcount == 1)


def _raw(value: Any) -> Any:
    return value.envelope if isinstance(value, Sealed) else json.dumps(value)
