"""The process's keys, built once from the settings."""

from __future__ import annotations

from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from renum.environment import decode_key
from renum.security.crypto import Keyring


@cache
def keyring() -> Keyring:
    """The keyring of `ENCRYPTION_KEY` and the retired keys; raises `ImproperlyConfigured` without one."""
    try:
        return Keyring(settings.ENVIRONMENT.encryption_keys)
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error


@cache
def blind_index_key() -> bytes:
    """The HMAC key of blind indexes, 32 bytes."""
    text = settings.ENVIRONMENT.blind_index_key.get_secret_value()
    if not text:
        raise ImproperlyConfigured("no blind index key is configured: set BLIND_INDEX_KEY")
    return decode_key(text)
