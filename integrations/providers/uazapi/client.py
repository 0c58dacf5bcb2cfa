"""Requests to Uazapi as both dialects make them: where, with which credential, and what a failure means."""

from __future__ import annotations

import re
from typing import Any

import httpx

from integrations import errors
from integrations.providers.transport import COMMON_STATUS, decoded, exchange, failure_body, status_error
from integrations.providers.uazapi.config import UazapiSettings

# Uazapi reports refusals for good as 5xx: the text tells. (part of the error, its class, what we say)
_ERROR_TEXTS: list[tuple[str, type[errors.ProviderError], str]] = [
    ("not on whatsapp", errors.Rejected, "Este número não está no WhatsApp."),
    (
        "session is not reconnectable",
        errors.SessionDisconnected,
        "O WhatsApp desta conta foi desconectado. Leia o QR code novamente.",
    ),
    ("not connected", errors.SessionDisconnected, "O WhatsApp desta conta está desconectado."),
    ("disconnected", errors.SessionDisconnected, ""),
    ("no session", errors.SessionDisconnected, ""),
]
# WhatsApp's own refusal codes, passed on with HTTP 500. 463: the number may not open new chats now.
_PROVIDER_CODES: dict[str, type[errors.ProviderError]] = {"463": errors.NewChatsBlocked}
_STATUS_SENTENCES = {413: "O arquivo é grande demais.", 415: "Este tipo de arquivo não é aceito."}


def neutralize_placeholders(text: str) -> str:
    """Part `{{` by a word joiner: Uazapi would expand `{{…}}` on its server, a CPF included."""
    return re.sub(r"\{(?=\{)", "{\u2060", text)


class UazapiClient:
    """One connection's requests; `http` is opened and closed by the caller."""

    def __init__(self, config: UazapiSettings, http: httpx.AsyncClient):
        self._http = http
        self._base = config.api_url.rstrip("/")
        token = config.api_token.get_secret_value()
        self._headers = {"token": token} if config.dialect == "go" else {"Authorization": f"Bearer {token}"}

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def request(self, method: str, path: str, payload: dict[str, Any] | None = None) -> Any:
        """Return the decoded 2xx answer; raises a `ProviderError`."""
        response = await exchange(self._http, method, self._base + path, json=payload, headers=self._headers)
        if response.is_success:
            return decoded(response)
        raise _error_of(response)


def _error_of(response: httpx.Response) -> errors.ProviderError:
    """Classify a failure by the provider's own code, then its words, then the HTTP status."""
    status, body = response.status_code, failure_body(response)
    code = str(body.get("provider_code"))
    if code in _PROVIDER_CODES:
        return _PROVIDER_CODES[code](http_status=status)
    # `error` is a text, or `true` with the text in `message`.
    words = f"{body.get('error')} {body.get('message')}".lower()
    for text, cls, sentence in _ERROR_TEXTS:
        # "No session" comes with 401, too: there the token may be the wrong one.
        if text in words and not (text == "no session" and status == 401):
            return cls(sentence, http_status=status)
    return status_error(response, COMMON_STATUS, _STATUS_SENTENCES.get(status, ""))
