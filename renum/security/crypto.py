"""AES-256-GCM envelopes whose key can be rotated: `version | key id | nonce | ciphertext`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12
_HEADER_BYTES = len(VERSION) + KEY_ID_BYTES
_SHORTEST = _HEADER_BYTES + NONCE_BYTES + 16


class DecryptionFailed(Exception):
    """The ciphertext was altered, belongs to another row, or its key is not known."""


def key_id(key: bytes) -> bytes:
    """Name a key by 4 bytes of its hash, so that a ciphertext tells which key opens it."""
    return hashlib.sha256(b"renum key id" + key).digest()[:KEY_ID_BYTES]


class Keyring:
    """Keys of 32 bytes. The first encrypts; all decrypt.

    Random nonces allow at most 2**32 messages a key (NIST SP 800-38D §8.3).
    """

    def __init__(self, keys: Sequence[bytes]):
        if not keys:
            raise ValueError("no encryption key is configured: set ENCRYPTION_KEY")
        self._primary = key_id(keys[0])
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}

    def encrypt(self, plaintext: bytes, associated: bytes) -> bytes:
        """Seal `plaintext`; the same `associated` bytes are needed to open it again."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._primary].encrypt(nonce, plaintext, VERSION + associated)
        return VERSION + self._primary + nonce + sealed

    def decrypt(self, envelope: bytes, associated: bytes) -> bytes:
        """Open an envelope; raises `DecryptionFailed` for anything but the untouched original."""
        cipher = self._ciphers.get(envelope[1:_HEADER_BYTES])
        if len(envelope) < _SHORTEST or envelope[:1] != VERSION or cipher is None:
            raise DecryptionFailed("unknown envelope or key")
        nonce, sealed = (
            envelope[_HEADER_BYTES : _HEADER_BYTES + NONCE_BYTES],
            envelope[_HEADER_BYTES + NONCE_BYTES :],
        )
        try:
            return cipher.decrypt(nonce, sealed, VERSION + associated)
        except InvalidTag as error:
            raise DecryptionFailed("altered, or taken from another row") from error

    def is_current(self, envelope: bytes) -> bool:
        """Tell whether the envelope was sealed with the first key."""
        return envelope[: len(VERSION)] == VERSION and envelope[1:_HEADER_BYTES] == self._primary
