"""The only file that knows Uazapi's addresses, headers and JSON, in both dialects."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from django.conf import settings

from integrations import errors
from integrations.providers.uazapi.config import UazapiSettings
from renum.security.http import left_before_sending

# Uazapi reports refusals for good as 5xx: the text tells. (substring of the error, error class)
_ERROR_TEXTS: list[tuple[str, type[errors.ProviderError]]] = [
    ("not on whatsapp", errors.Rejected),
    ("session is not reconnectable", errors.Unavailable),
    ("not connected", errors.Unavailable),
]
# WhatsApp's own refusal codes, passed on with HTTP 500. 463: the number may not open new chats now.
_PROVIDER_CODES: dict[int, type[errors.ProviderError]] = {463: errors.Rejected}
_STATUS: dict[int, type[errors.ProviderError]] = {
    401: errors.AuthFailed,
    403: errors.AuthFailed,
    405: errors.Unsupported,
    408: errors.TimedOut,
    429: errors.RateLimited,
    # A gateway that gave up waiting does not know whether the message went out.
    504: errors.TimedOut,
    520: errors.TimedOut,
    524: errors.TimedOut,
}
_SENTENCES = {
    "not on whatsapp": "Este número não está no WhatsApp.",
    "session is not reconnectable": "O WhatsApp desta conta foi desconectado. Leia o QR code novamente.",
    "not connected": "O WhatsApp desta conta está desconectado.",
}


class UazapiClient:
    """One connection's requests; `http` is opened and closed by the caller."""

    def __init__(self, config: UazapiSettings, http: httpx.AsyncClient):
        self._http = http
        self._base = config.api_url.rstrip("/")
        token = config.api_token.get_secret_value()
        self._headers = {"token": token} if config.dialect == "go" else {"Authorization": f"Bearer {token}"}

    async def request(self, method: str, path: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the decoded 2xx answer; raises a `ProviderError`."""
        try:
            # httpx bounds each wait only: a peer that drips bytes would hold us for ever.
            async with asyncio.timeout(settings.ENVIRONMENT.provider_timeout_seconds):
                response = await self._http.request(
                    method, self._base + path, json=payload, headers=self._headers
                )
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
        if response.is_success:
            return _decode(response)
        raise _error_of(response)


def _decode(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError) as error:
        raise errors.ProtocolError(http_status=response.status_code) from error


def _error_of(response: httpx.Response) -> errors.ProviderError:
    """Classify a failure by the provider's own code, then its words, then the HTTP status."""
    status = response.status_code
    try:
        body = response.json()
    except (ValueError, RecursionError):
        body = {}
    body = body if isinstance(body, dict) else {}
    code = body.get("provider_code")
    if isinstance(code, int) and code in _PROVIDER_CODES:
        return _PROVIDER_CODES[code](
            "O WhatsApp impediu este número de iniciar novas conversas.", http_status=status
        )
    # `error` is a text, or `true` with the text in `message`.
    words = f"{body.get('error')} {body.get('message')}".lower()
    for text, cls in _ERROR_TEXTS:
        if text in words:
            return cls(_SENTENCES[text], http_status=status)
    if status in _STATUS:
        return _STATUS[status](http_status=status, retry_after=_retry_after(response))
    if status >= 500:
        return errors.Unavailable(http_status=status)
    if status >= 400:
        return errors.Rejected(http_status=status)
    return errors.ProtocolError(http_status=status)  # a redirect: we follow none


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None
