"""Our verbs over the contract of RENUM's brief, which knows neither number checks nor file names."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from integrations import errors
from integrations.providers.base import (
    Health,
    MediaMessage,
    NumberCheck,
    SendResult,
    TextMessage,
    clean_identifier,
)
from integrations.providers.transport import as_object
from integrations.providers.uazapi.client import UazapiClient, neutralize_placeholders


class UazapiV1(UazapiClient):
    async def check(self) -> Health:
        answer = as_object(await self.request("GET", "/status"))
        if "status" not in answer:
            raise errors.ProtocolError
        connected, phone = answer["status"] == "connected", answer.get("phone_number")
        return Health(
            connected=connected,
            phone=phone if isinstance(phone, str) else None,
            detail="" if connected else errors.SessionDisconnected.__doc__ or "",
        )

    async def send_text(self, message: TextMessage) -> SendResult:
        return await self._send("/messages/send", message, {"message": neutralize_placeholders(message.text)})

    async def send_media(self, message: MediaMessage) -> SendResult:
        content = {
            "media_url": message.url,
            "media_type": message.kind,
            "caption": neutralize_placeholders(message.caption),
        }
        return await self._send("/messages/send-media", message, content)

    async def _send(
        self, path: str, message: TextMessage | MediaMessage, content: dict[str, Any]
    ) -> SendResult:
        addressed = {"phone": f"+{message.recipient}", "track_id": message.reference}
        answer = as_object(await self.request("POST", path, {**addressed, **content}))
        return SendResult(clean_identifier(answer.get("message_id")))

    async def check_number(self, digits: str) -> NumberCheck:
        raise errors.Unsupported

    async def register_webhook(self, url: str, secret: SecretStr | None) -> dict[str, Any]:
        await self.request(
            "POST", "/webhooks", {"url": url, "secret": secret.get_secret_value() if secret else None}
        )
        return {}
