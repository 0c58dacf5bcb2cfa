"""The one-click address of automated mails (RFC 8058): signed, and naming nobody to who reads it."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing

_SALT = "renum.unsubscribe"


def unsubscribe_url(client_id: UUID, address_index: str) -> str:
    """Where the reader of a mail says that they want no more from this client."""
    token = signing.dumps([client_id.hex, address_index], salt=_SALT, compress=True)
    return f"{settings.ENVIRONMENT.public_url}/unsubscribe/{token}"


def read_token(token: str) -> tuple[UUID, str] | None:
    """The client and the blind index of the address; None for a token that we did not make."""
    try:
        client, address_index = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return UUID(client), str(address_index)
