"""Read a request's raw body under a size cap, chunked bodies included."""

from __future__ import annotations

from io import BytesIO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest


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
    if declared.isdigit() and int(declared) > limit:
        raise RequestDataTooBig
    if declared in ("", "0") and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        body = request.META["wsgi.input"].read(limit + 1)
    else:
        body = request.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig
    return bytes(body)
