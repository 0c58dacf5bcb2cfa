"""The only file that knows the addresses, headers and JSON of Evolution API v2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from integrations import errors
from integrations.providers.evolution.config import EvolutionSettings
from integrations.providers.transport import (
    COMMON_STATUS,
    as_object,
    decoded,
    exchange,
    failure_body,
    status_error,
)
from renum.conversations.phones import phone_from_jid

WEBHOOK_HEADER = "X-Webhook-Secret"
_NOT_ON_WHATSAPP = "Este número não está no WhatsApp."
_UNKNOWN_INSTANCE = "A instância não existe neste servidor. Confira o nome."
# What failed while a message was being sent is wrapped in a 400, whatever it was: the text tells.
# (part of the message, its class, what we say)
_ERROR_TEXTS: list[tuple[str, type[errors.ProviderError], str]] = [
    ("instance does not exist", errors.Misconfigured, _UNKNOWN_INSTANCE),
    ("connection closed", errors.SessionDisconnected, ""),
    ("not connected", errors.SessionDisconnected, ""),
    # WhatsApp's own silence, and the server's database, which is written after the message has left.
    ("timed out", errors.TimedOut, ""),
    ("prisma", errors.ProtocolError, ""),
]
_STATUS = {**COMMON_STATUS, 404: errors.Misconfigured}
_STATUS_SENTENCES = {
    401: "O servidor recusou a chave de API. Confira a chave e a instância.",
    404: "Não há uma Evolution API neste endereço. Confira a URL.",
    413: "O arquivo é grande demais.",
    415: "Este tipo de arquivo não é aceito.",
}


class EvolutionClient:
    """One instance's requests, each of which raises a `ProviderError`; the caller closes `http`."""

    def __init__(self, config: EvolutionSettings, http: httpx.AsyncClient):
        self._http = http
        self._base = config.api_url.rstrip("/")
        self._instance = config.instance
        self._headers = {"apikey": config.api_key.get_secret_value()}

    async def read_state(self) -> str:
        """`open`, `connecting` or `close`."""
        answer = as_object(await self._request("GET", "/instance/connectionState"))
        state = as_object(answer.get("instance")).get("state")
        if not isinstance(state, str):
            raise errors.ProtocolError
        return state

    async def send_text(self, number: str, text: str) -> Any:
        return await self._send("/message/sendText", {"number": number, "text": text})

    async def send_media(self, number: str, kind: str, url: str, caption: str, filename: str) -> Any:
        payload = {"number": number, "mediatype": kind, "media": url, "caption": caption}
        return await self._send("/message/sendMedia", payload | ({"fileName": filename} if filename else {}))

    async def send_audio(self, number: str, url: str) -> Any:
        """As a voice note: an `audio` of `sendMedia` arrives as a file that phones often cannot play."""
        return await self._send("/message/sendWhatsAppAudio", {"number": number, "audio": url})

    async def find_number(self, number: str) -> str | None:
        """The digits of the number's account; None if it has none."""
        answer = await self._request("POST", "/chat/whatsappNumbers", {"numbers": [number]})
        found = as_object(answer[0] if isinstance(answer, list) and answer else None)
        if found.get("exists") is False:
            return None
        # `number` is what we asked; only `jid` knows about the ninth digit.
        digits = phone_from_jid(str(found.get("jid")))
        if found.get("exists") is not True or digits is None:
            raise errors.ProtocolError
        return digits

    async def set_webhook(self, url: str, events: Sequence[str], secret: str) -> None:
        headers = {WEBHOOK_HEADER: secret} if secret else {}
        webhook = {
            "enabled": True,
            "url": url,
            "events": list(events),
            "headers": headers,
            "byEvents": False,  # it would append the event to the address
            "base64": False,
        }
        await self._request("POST", "/webhook/set", {"webhook": webhook})

    async def _send(self, path: str, payload: dict[str, Any]) -> Any:
        """The id of the message, by which receipts name it."""
        answer = as_object(await self._request("POST", path, payload))
        return as_object(answer.get("key")).get("id")

    async def _request(self, method: str, path: str, payload: dict[str, Any] | None = None) -> Any:
        url = f"{self._base}{path}/{self._instance}"
        response = await exchange(self._http, method, url, json=payload, headers=self._headers)
        if response.is_success:
            return decoded(response)
        raise error_of(response)


def error_of(response: httpx.Response) -> errors.ProviderError:
    """Classify a failure by what it says of the number, then its words, then the HTTP status."""
    status, answer = response.status_code, failure_body(response).get("response")
    message = answer.get("message") if isinstance(answer, dict) else None
    for told in message if isinstance(message, list) else []:
        if isinstance(told, dict) and told.get("exists") is False:
            return errors.Rejected(_NOT_ON_WHATSAPP, http_status=status)
    words = str(message).lower()
    for text, cls, sentence in _ERROR_TEXTS:
        if text in words:
            return cls(sentence, http_status=status)
    return status_error(response, _STATUS, _STATUS_SENTENCES.get(status, ""))
