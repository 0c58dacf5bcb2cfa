"""Encrypted model fields, bound to the row they were written for.

A ciphertext authenticates client, table, column and row id (AES-256-GCM associated data), so one
that is copied elsewhere does not open. Values are opened when an attribute is read, since only
then is the row known; `values()` and raw SQL see `Sealed` objects.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute
from fernet_fields import EncryptedField, EncryptedTextField
from pydantic import SecretStr

from renum.security.crypto import DecryptionFailed
from renum.security.keys import keyring

PREFIX = "enc:"
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Sealed:
    """A ciphertext as it came from the database."""

    __slots__ = ("envelope",)

    def __init__(self, envelope: bytes):
        self.envelope = envelope

    def __repr__(self) -> str:
        return "<sealed>"


def associated_data(instance: models.Model, column: str) -> bytes:
    """Name the one place where a ciphertext of `instance` may stand."""
    return _place(getattr(instance, "client_id", None), instance._meta.db_table, column, instance.pk)


def _place(client_id: Any, table: str, column: str, row_id: Any) -> bytes:
    return "\x1f".join((str(client_id or "-"), table, column, str(row_id))).encode()


class _OpeningAttribute(DeferredAttribute):
    """Opens a sealed value on first access and keeps the result on the instance."""

    field: RowBoundField | SealedConfigField

    def __get__(self, instance: models.Model | None, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        if instance is None or not self.field.is_sealed(value):
            return value
        opened = self.field.open_sealed(instance, value)
        instance.__dict__[self.field.attname] = opened
        return opened

    def __set__(self, instance: models.Model, value: Any) -> None:
        # Having a setter makes this a data descriptor: reading asks it before the instance's dict.
        instance.__dict__[self.field.attname] = value


class RowBoundField(EncryptedField):  # type: ignore[misc]
    """Replaces `fernet_fields`' Fernet tokens by envelopes bound to the row."""

    descriptor_class = _OpeningAttribute

    def is_sealed(self, value: Any) -> bool:
        return isinstance(value, Sealed)

    def open_sealed(self, instance: models.Model, value: Sealed) -> Any:
        """Decrypt; raises `DecryptionFailed`."""
        return self.decode(keyring().decrypt(value.envelope, associated_data(instance, self.column)))

    def encode(self, value: Any) -> bytes:
        return str(value).encode()

    def decode(self, plaintext: bytes) -> Any:
        return plaintext.decode()

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        return Sealed(keyring().encrypt(self.encode(value), associated_data(model_instance, self.column)))

    def seal(self, value: Any, model: type[models.Model], client_id: Any, row_id: Any) -> Sealed:
        """Encrypt for a row that is written without an instance of its model."""
        place = _place(client_id, model._meta.db_table, self.column, row_id)
        return Sealed(keyring().encrypt(self.encode(value), place))

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise FieldError(f"{self.name} is encrypted for its row: assign it and save() the instance")
        return connection.Database.Binary(value.envelope)

    def from_db_value(self, value: Any, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value

    def reseal(self, instance: models.Model, value: Sealed) -> Sealed | None:
        """Return the value under the current key, or None when it is there already."""
        if keyring().is_current(value.envelope):
            return None
        associated = associated_data(instance, self.column)
        return Sealed(keyring().encrypt(keyring().decrypt(value.envelope, associated), associated))


class SealedTextField(RowBoundField, EncryptedTextField):  # type: ignore[misc]
    """Encrypted text (BYTEA)."""


class SealedJSONField(RowBoundField, EncryptedTextField):  # type: ignore[misc]
    """An encrypted JSON value (BYTEA)."""

    def encode(self, value: Any) -> bytes:
        return _JSON.encode(value).encode()

    def decode(self, plaintext: bytes) -> Any:
        return json.loads(plaintext)


class SealedConfigField(models.JSONField):
    """A JSONB object whose `SecretStr` members are encrypted in place, the others readable.

    Stored secrets are strings `enc:<base64 envelope>`; plain strings may not start so.
    """

    descriptor_class = _OpeningAttribute

    def is_sealed(self, value: Any) -> bool:
        return isinstance(value, dict) and any(_is_token(member) for member in value.values())

    def open_sealed(self, instance: models.Model, value: dict[str, Any]) -> dict[str, Any]:
        """Decrypt the sealed members to `SecretStr`; raises `DecryptionFailed`."""
        return {
            name: SecretStr(self._open(instance, name, member)) if _is_token(member) else member
            for name, member in value.items()
        }

    def _open(self, instance: models.Model, name: str, token: str) -> str:
        try:
            envelope = base64.b64decode(token[len(PREFIX) :], validate=True)
        except ValueError as error:
            raise DecryptionFailed("not an envelope") from error
        return keyring().decrypt(envelope, associated_data(instance, f"{self.column}.{name}")).decode()

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if not isinstance(value, dict) or self.is_sealed(value):
            return value
        return {name: self._seal(model_instance, name, member) for name, member in value.items()}

    def _seal(self, instance: models.Model, name: str, member: Any) -> Any:
        if not isinstance(member, SecretStr):
            return member
        associated = associated_data(instance, f"{self.column}.{name}")
        envelope = keyring().encrypt(member.get_secret_value().encode(), associated)
        return PREFIX + base64.b64encode(envelope).decode()

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, dict) and any(isinstance(member, SecretStr) for member in value.values()):
            raise FieldError(f"{self.name} is encrypted for its row: assign it and save() the instance")
        return super().get_db_prep_save(value, connection)

    def reseal(self, instance: models.Model, value: dict[str, Any]) -> dict[str, Any] | None:
        """Return the value under the current key, or None when it is there already."""
        stale = False
        for member in value.values():
            if _is_token(member):
                stale |= not keyring().is_current(base64.b64decode(member[len(PREFIX) :]))
        if not stale:
            return None
        opened = self.open_sealed(instance, value)
        return {name: self._seal(instance, name, member) for name, member in opened.items()}


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


def refuse_sealed_lookalikes(config: dict[str, Any]) -> None:
    """Raise `ValueError` if a typed value could be taken for a stored ciphertext."""
    for name, value in config.items():
        if _is_token(value):
            raise ValueError(f"{name} must not start with {PREFIX!r}")
