"""One HTTP exchange with a provider, with every failure named by what is known of the request's fate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
from django.conf import settings

from integrations import errors
from renum.security.http import left_before_sending

StatusTable = Mapping[int, type[errors.ProviderError]]

# What HTTP itself says, unless the vendor's own table knows better.
COMMON_STATUS: StatusTable = {
    401: errors.AuthFailed,
    403: errors.AuthFailed,
    405: errors.Unsupported,
    408: errors.TimedOut,
    429: errors.RateLimited,
    # A gateway that gave up waiting does not know whether the request took effect.
    504: errors.TimedOut,
    520: errors.TimedOut,
    524: errors.TimedOut,
}


async def exchange(http: httpx.AsyncClient, method: str, url: str, **options: Any) -> httpx.Response:
    """Send one request and return the answer whatever its status; raises a `ProviderError` without one.

    `options` are those of `httpx.AsyncClient.request`. Bounded by the provider time-out as a whole:
    httpx bounds each wait only, and a peer that drips bytes would hold us for ever.
    """
    try:
        async with asyncio.timeout(settings.ENVIRONMENT.provider_timeout_seconds):
            return await http.request(method, url, **options)
    except TimeoutError as error:
        raise errors.TimedOut from error
    except httpx.RemoteProtocolError as error:
        raise errors.ProtocolError from error
    except (httpx.InvalidURL, UnicodeError) as error:  # a name that cannot be asked for
        raise errors.Unavailable("O endereço não é válido.") from error
    except (httpx.HTTPError, OSError) as error:
        if left_before_sending(error):
            raise errors.Unavailable("Não foi possível conectar ao provedor.") from error
        raise errors.TimedOut from error


def decoded(response: httpx.Response) -> Any:
    """The JSON of a successful answer; raises `ProtocolError`."""
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError(http_status=response.status_code) from error


def decoded_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a successful answer; raises `ProtocolError`."""
    return as_object(decoded(response))


def as_object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise errors.ProtocolError
    return answer


def failure_body(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a failure; empty if it is anything else."""
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def status_error(
    response: httpx.Response, table: StatusTable = COMMON_STATUS, message: str = ""
) -> errors.ProviderError:
    """Classify a failure by its status: the table first, then 5xx, 4xx, and redirects (never followed)."""
    status = response.status_code
    if status in table:
        return table[status](message, http_status=status, retry_after=retry_after(response))
    if status >= 500:
        return errors.Unavailable(message, http_status=status)
    if status >= 400:
        return errors.Rejected(message, http_status=status)
    return errors.ProtocolError(http_status=status)


def retry_after(response: httpx.Response) -> float | None:
    """The header's seconds; None where it says none, or a date."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
