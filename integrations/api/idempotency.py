"""The `Idempotency-Key` header (IETF draft-ietf-httpapi-idempotency-key-header), kept by the outbox itself.

400 for a malformed key, 409 while the first request with it is under way, 422 if it comes again with
other content. A request that is repeated is answered from the message that the first one queued.
"""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from django.db import connection
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from integrations.errors import IdempotencyInProgress
from renum.errors import InvalidInput

HEADER = "Idempotency-Key"
PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Repeating a request with the same key sends once. 1 to 190 printable ASCII characters.",
)
_KEY = re.compile(r'"([\x20-\x21\x23-\x7e]{1,190})"|([\x21\x23-\x7e]{1,190})')
_LOCK_SPACE = 0x1DE  # first key of our advisory locks on idempotency keys


def idempotency_key(request: Request) -> str:
    """The key under which the outbox keeps what this request asks for, a new one if it names none.

    Raises `InvalidInput` for a malformed one. The draft writes the key as a quoted string; one without
    quotes is understood too.
    """
    header = request.headers.get(HEADER)
    if header is None:
        return f"api:{uuid4()}"
    match = _KEY.fullmatch(header.strip())
    if match is None:
        raise InvalidInput(
            "A chave de idempotência deve ter de 1 a 190 caracteres ASCII.",
            code="INVALID_IDEMPOTENCY_KEY",
            details={HEADER: ["Valor inválido."]},
        )
    return f"key:{match[1] or match[2]}"


def hold_key(client_id: UUID, key: str) -> None:
    """Keep others with this key out until the transaction ends; raises `IdempotencyInProgress`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_SPACE, f"{client_id}:{key}"]
        )
        (is_held,) = cursor.fetchone()
    if not is_held:
        raise IdempotencyInProgress(retry_after=1)
