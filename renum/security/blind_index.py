"""Find encrypted values by a keyed hash of their normalised form."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from renum.security.keys import blind_index_key

HEX_LENGTH = 64


def blind_index(client_id: UUID | None, kind: str, value: str) -> str:
    """HMAC-SHA256 of a normalised value, as 64 hex digits.

    The client is part of the hash, so equal phones of two clients do not show; `None` is for
    what is looked up before the client is known, such as a provider's token.
    """
    scope = client_id.hex if client_id else "global"
    text = "\x1f".join((scope, kind, value))
    return hmac.new(blind_index_key(), text.encode(), hashlib.sha256).hexdigest()
