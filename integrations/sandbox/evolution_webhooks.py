"""Evolution's webhooks: what one instance was told to post to, and the JSON that it posts."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .journal import utc_text
from .masking import masked
from .payloads import OWNER, lid_of
from .webhooks import Deliveries, Webhooks

PROVIDER = "evolution"
# Public on purpose: the only key that the stand-in accepts. The live product puts it into every body.
API_KEY = "demo-key"
INSTANCE = "demo"
INSTANCE_ID = "2f6a4c1e-0d3b-4b8e-9a57-5a9db0c0e001"
# The live product gives up at once on these: the receiver will not change its mind.
FINAL_STATUSES = frozenset({400, 401, 403, 404, 422})


@dataclass(frozen=True)
class Webhook:
    url: str
    enabled: bool
    events: tuple[str, ...]
    headers: dict[str, str]

    def wants(self, event: str) -> bool:
        """Whether it asked for an event, by its name in a body; one that names none gets all."""
        return self.enabled and (not self.events or event.upper().replace(".", "_") in self.events)


class Instance:
    """Knows the webhook that was set last."""

    def __init__(self) -> None:
        self.webhook: Webhook | None = None
        self.shown: dict[str, Any] | None = None

    def set_webhook(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Take over the settings and return them as the live product shows them."""
        is_enabled, headers = wanted["enabled"], wanted.get("headers")
        events = wanted.get("events", []) if is_enabled else []
        self.webhook = Webhook(
            url=wanted["url"],
            enabled=is_enabled,
            events=tuple(map(str, events)) if isinstance(events, list) else (),
            headers={name: str(value) for name, value in headers.items()}
            if isinstance(headers, dict)
            else {},
        )
        self.shown = {
            "id": "cm0sandbox0webhook",
            "url": wanted["url"],
            "headers": headers,
            "enabled": is_enabled,
            "events": events,
            "webhookByEvents": wanted.get("byEvents", False),
            "webhookBase64": wanted.get("base64", False),
            "instanceId": INSTANCE_ID,
        }
        return self.shown


def envelope(webhook: Webhook, event: str, data: Any, server_url: str) -> dict[str, Any]:
    """Build the body of one event."""
    return {
        "event": event,
        "instance": INSTANCE,
        "data": data,
        "destination": webhook.url,
        "date_time": utc_text(datetime.now(UTC)),
        "sender": f"{OWNER}@s.whatsapp.net",
        "server_url": server_url,
        "apikey": API_KEY,
    }


async def post(webhooks: Webhooks, webhook: Webhook, body: dict[str, Any], *, phone: str) -> Deliveries:
    """Deliver one event, with the headers that were set with the address."""
    return await webhooks.post_bytes(
        PROVIDER,
        webhook.url,
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        masked(body),
        headers=webhook.headers,
        phone=phone,
        final=FINAL_STATUSES,
    )


def new_id() -> str:
    return "3EB0" + secrets.token_hex(9).upper()


def sent_message(phone: str, message_type: str, message: dict[str, Any]) -> dict[str, Any]:
    """Build the answer to a send, which is also the `data` of its echo."""
    return {
        **_message(phone, new_id(), message_type, message, datetime.now(UTC)),
        "pushName": "Você",
        "status": "PENDING",
        "source": "web",
    }


def received_message(phone: str, message_id: str, text: str, name: str, sent_at: datetime) -> dict[str, Any]:
    """Build the `data` of a person's message."""
    received = _message(phone, message_id, "conversation", {"conversation": text}, sent_at)
    key = {**received["key"], "fromMe": False, "remoteJidAlt": lid_of(phone), "addressingMode": "pn"}
    return {**received, "key": key, "pushName": name, "status": "DELIVERY_ACK", "source": "android"}


def delivered_update(sent: dict[str, Any]) -> dict[str, Any]:
    """Build the `data` of the receipt for a message that was sent."""
    key = sent["key"]
    return {
        # Its id in Evolution's own database, which nobody else has seen: receipts count by `keyId`.
        "messageId": "cm0" + secrets.token_hex(11),
        "keyId": key["id"],
        "remoteJid": key["remoteJid"],
        "fromMe": True,
        "participant": key["remoteJid"],
        "status": "DELIVERY_ACK",
        "instanceId": INSTANCE_ID,
    }


def _message(
    phone: str, message_id: str, message_type: str, message: dict[str, Any], sent_at: datetime
) -> dict[str, Any]:
    return {
        "key": {"remoteJid": f"{phone}@s.whatsapp.net", "fromMe": True, "id": message_id},
        "message": message,
        "contextInfo": None,
        "messageType": message_type,
        # Seconds here, while Uazapi's are milliseconds.
        "messageTimestamp": int(sent_at.timestamp()),
        "instanceId": INSTANCE_ID,
    }
