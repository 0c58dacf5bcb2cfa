"""Our verbs over uazapiGO v2, the product that is sold."""

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
from renum.conversations.phones import phone_from_jid

# The echo of our own sends stays subscribed: it settles sends whose answer was lost.
WEBHOOK_EVENTS = ["messages", "messages_update", "connection"]


class UazapiGo(UazapiClient):
    async def check(self) -> Health:
        answer = as_object(await self.request("GET", "/instance/status"))
        if "instance" not in answer:
            raise errors.ProtocolError
        status = as_object(answer.get("status") or {})
        connected = bool(status.get("connected") and status.get("loggedIn"))
        jid = status.get("jid")  # a text with a device suffix, or an object
        text = f"{jid.get('user')}@s.whatsapp.net" if isinstance(jid, dict) else str(jid)
        digits = phone_from_jid(text)
        return Health(
            connected=connected,
            phone=f"+{digits}" if digits else None,
            detail="" if connected else errors.SessionDisconnected.__doc__ or "",
        )

    async def send_text(self, message: TextMessage) -> SendResult:
        return await self._send("/send/text", message, {"text": neutralize_placeholders(message.text)})

    async def send_media(self, message: MediaMessage) -> SendResult:
        # The caption is `text`: a `caption` is ignored without a word.
        content = {
            "type": message.kind,
            "file": message.url,
            "text": neutralize_placeholders(message.caption),
        }
        if message.kind == "document" and message.filename:
            content["docName"] = neutralize_placeholders(message.filename)
        return await self._send("/send/media", message, content)

    async def _send(
        self, path: str, message: TextMessage | MediaMessage, content: dict[str, Any]
    ) -> SendResult:
        addressed = {"number": message.recipient, "track_id": message.reference, "track_source": "renum"}
        answer = as_object(await self.request("POST", path, {**addressed, **content}))
        return SendResult(clean_identifier(answer.get("messageid")))

    async def check_number(self, digits: str) -> NumberCheck:
        answer = await self.request("POST", "/chat/check", {"numbers": [digits]})
        found = as_object(answer[0] if isinstance(answer, list) and answer else None)
        if found.get("isInWhatsapp") is False:
            return NumberCheck(None)
        # `query` is what we asked; only `jid` knows about the ninth digit.
        canonical = phone_from_jid(str(found.get("jid")))
        if found.get("isInWhatsapp") is not True or canonical is None:
            raise errors.ProtocolError
        return NumberCheck(canonical)

    async def register_webhook(self, url: str, secret: SecretStr | None) -> dict[str, Any]:
        await self.request(
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
        return {}
