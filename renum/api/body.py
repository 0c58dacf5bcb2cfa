"""Read a request's raw body under a size cap, chunked bodies included."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

# Of a body that is too big this much is still read and thrown away: a client that is cut off while it
# writes sees a broken connection, and not our answer.
DISCARDED_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024


def give_length(request: HttpRequest) -> None:
    """Read a chunked body, whose length nobody declared: DRF takes it for no body at all."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        body = read_body(request)
        request._stream = BytesIO(body)
        request.META["CONTENT_LENGTH"] = str(len(body))


def read_body(request: HttpRequest, limit: int | None = None) -> bytes:
    """Return the raw body; raises `RequestDataTooBig` over `limit` bytes (default: 1 MiB).

    A chunked body has no Content-Length and Django reads none of it, so it is read from the server.
    """
    limit = limit or settings.MAX_BODY_BYTES
    declared = request.META.get("CONTENT_LENGTH") or ""
    is_chunked = "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()
    stream = request.META["wsgi.input"] if declared in ("", "0") and is_chunked else request
    if declared.isdecimal() and int(declared) > limit:
        if int(declared) <= limit + DISCARDED_BYTES:
            _discard(stream)
        raise RequestDataTooBig
    body = stream.read(limit + 1)
    if len(body) > limit:
        _discard(stream)
        raise RequestDataTooBig
    return bytes(body)


def hear_out(environ: Mapping[str, Any]) -> None:
    """Read what nobody wanted of a body before its answer leaves.

    A server closes the connection over a body that is not read, sometimes while the client sends its next
    request through it.
    """
    declared = environ.get("CONTENT_LENGTH") or ""
    is_chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    length = int(declared) if declared.isdecimal() else 0
    if (length or is_chunked) and length <= settings.MAX_BODY_BYTES + DISCARDED_BYTES:
        _discard(environ["wsgi.input"])


def _discard(stream: Any) -> None:
    left = DISCARDED_BYTES
    while left > 0 and (read := stream.read(min(CHUNK_BYTES, left))):
        left -= len(read)
