"""Our verbs over Uazapi."""

from __future__ import annotations

import re
from typing import Any

import httpx
from pydantic import SecretStr

from integrations import errors
from integrations.providers.base import (
    Health,
    Provider,
    ProviderSpec,
    SendResult,
    TextMessage,
    clean_identifier,
)
from integrations.providers.uazapi.client import UazapiClient
from integrations.providers.uazapi.config import UazapiSettings
from renum.conversations.phones import phone_from_jid

# The echo of our own sends stays subscribed: it settles sends whose answer was lost.
WEBHOOK_EVENTS = ["messages", "messages_update", "connection"]


def neutralize_placeholders(text: str) -> str:
    """Part `{{` by a word joiner: Uazapi would expand `{{…}}` on its server, a CPF included."""
    return re.sub(r"\{(?=\{)", "{\u2060", text)


class UazapiGo:
    """uazapiGO v2."""

    def __init__(self, config: UazapiSettings, http: httpx.AsyncClient):
        self._client = UazapiClient(config, http)

    async def check(self) -> Health:
        answer = _as_object(await self._client.request("GET", "/instance/status"))
        if "instance" not in answer:
            raise errors.ProtocolError
        status = _as_object(answer.get("status") or {})
        connected = bool(status.get("connected") and status.get("loggedIn"))
        jid = status.get("jid")  # a text with a device suffix, or an object
        digits = phone_from_jid(jid) if isinstance(jid, str) else None
        if isinstance(jid, dict) and str(jid.get("user", "")).isdigit():
            digits = str(jid["user"])
        return Health(connected=connected, phone=f"+{digits}" if digits else None)

    async def send_text(self, message: TextMessage) -> SendResult:
        answer = await self._client.request(
            "POST",
            "/send/text",
            {
                "number": message.recipient,
                "text": neutralize_placeholders(message.text),
                "track_id": message.reference,
                "track_source": "renum",
            },
        )
        return SendResult(clean_identifier(_as_object(answer).get("messageid")))

    async def register_webhook(self, url: str, secret: SecretStr | None) -> None:
        await self._client.request(
            "POST",
            "/webhook",
            {
                "enabled": True,
                "url": url,
                "events": WEBHOOK_EVENTS,
                "excludeMessages": ["isGroupYes"],
                "addUrlEvents": False,
                "addUrlTypesMessages": False,
            },
        )


class UazapiV1:
    """The contract of RENUM's brief."""

    def __init__(self, config: UazapiSettings, http: httpx.AsyncClient):
        self._client = UazapiClient(config, http)

    async def check(self) -> Health:
        answer = _as_object(await self._client.request("GET", "/status"))
        if "status" not in answer:
            raise errors.ProtocolError
        return Health(connected=answer["status"] == "connected", phone=answer.get("phone_number"))

    async def send_text(self, message: TextMessage) -> SendResult:
        answer = await self._client.request(
            "POST",
            "/messages/send",
            {
                "phone": f"+{message.recipient}",
                "message": neutralize_placeholders(message.text),
                "track_id": message.reference,
            },
        )
        return SendResult(clean_identifier(_as_object(answer).get("message_id")))

    async def register_webhook(self, url: str, secret: SecretStr | None) -> None:
        await self._client.request(
            "POST", "/webhooks", {"url": url, "secret": secret.get_secret_value() if secret else None}
        )


def _as_object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise errors.ProtocolError
    return answer


def open_provider(config: UazapiSettings, http: httpx.AsyncClient) -> Provider:
    return UazapiGo(config, http) if config.dialect == "go" else UazapiV1(config, http)


SPEC = ProviderSpec(
    kind="uazapi",
    title="Uazapi",
    integration_type="whatsapp",
    settings=UazapiSettings,
    open=open_provider,
    in_flight=1,  # numbers are banned for parallel sends
    signs_webhooks=lambda config: config.dialect == "v1",
)
