"""Our verbs over Evolution API v2. It cannot echo our reference: what was lost on the way is for a person."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import SecretStr

from integrations import errors
from integrations.providers.base import (
    Health,
    MediaMessage,
    NumberCheck,
    ProviderSpec,
    SendResult,
    TextMessage,
    WhatsAppProvider,
    clean_identifier,
)
from integrations.providers.evolution.client import EvolutionClient
from integrations.providers.evolution.config import EvolutionSettings
from renum.conversations.models import Channel

WEBHOOK_EVENTS = ("MESSAGES_UPSERT", "MESSAGES_UPDATE", "SEND_MESSAGE", "CONNECTION_UPDATE")
_CONNECTING = "O WhatsApp desta conta ainda está conectando. Tente de novo em instantes."


class Evolution:
    def __init__(self, config: EvolutionSettings, http: httpx.AsyncClient):
        self._client = EvolutionClient(config, http)

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def check(self) -> Health:
        state = await self._client.read_state()
        if state == "open":
            return Health(connected=True)
        detail = _CONNECTING if state == "connecting" else errors.SessionDisconnected.__doc__
        return Health(connected=False, detail=detail or "")

    async def send_text(self, message: TextMessage) -> SendResult:
        return _sent(await self._client.send_text(message.recipient, message.text))

    async def send_media(self, message: MediaMessage) -> SendResult:
        if message.kind != "audio":
            return _sent(
                await self._client.send_media(
                    message.recipient, message.kind, message.url, message.caption, message.filename
                )
            )
        if message.caption:  # it would be lost without a word
            raise errors.Unsupported("Um áudio não leva legenda. Envie o texto em outra mensagem.")
        return _sent(await self._client.send_audio(message.recipient, message.url))

    async def check_number(self, digits: str) -> NumberCheck:
        return NumberCheck(await self._client.find_number(digits))

    async def register_webhook(self, url: str, secret: SecretStr | None) -> dict[str, Any]:
        await self._client.set_webhook(url, WEBHOOK_EVENTS, secret.get_secret_value() if secret else "")
        return {}


def _sent(message_id: Any) -> SendResult:
    return SendResult(clean_identifier(message_id))


def open_provider(config: EvolutionSettings, http: httpx.AsyncClient) -> WhatsAppProvider:
    return Evolution(config, http)


# No `webhook_token`: the key in its webhooks is the instance's, while ours may be the server's.
SPEC = ProviderSpec(
    kind="evolution",
    title="Evolution API",
    integration_type="whatsapp",
    settings=EvolutionSettings,
    open=open_provider,
    channel=Channel.WHATSAPP,
    url_fields=("api_url",),
    in_flight=1,  # numbers are banned for parallel sends
    pace_seconds=2.0,
    sends_media=True,
    checks_numbers=lambda config: True,
    registers_webhook=True,
    signs_webhooks=lambda config: True,
)
