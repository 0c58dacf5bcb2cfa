"""SendGrid's event webhooks: the account's settings, and signed batches of events."""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
MAX_WEBHOOKS = 5

# The setting that asks for an event, by the event's name. The spellings are the vendor's.
SETTING_OF = {
    **{name: name for name in ("processed", "deferred", "delivered", "bounce", "dropped", "open", "click")},
    **{name: name for name in ("unsubscribe", "group_unsubscribe", "group_resubscribe")},
    "spamreport": "spam_report",
}


@dataclass
class Webhook:
    id: str
    url: str
    enabled: bool = True
    friendly_name: str = ""
    is_signed: bool = False
    wanted: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SETTING_OF.values(), False))

    def wants(self, event: dict[str, Any]) -> bool:
        return self.enabled and self.wanted.get(SETTING_OF.get(str(event.get("event")), ""), False)


class Account:
    """One customer's webhooks, and the key pair that SendGrid signs their events with."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._webhooks: dict[str, Webhook] = {}

    @property
    def public_key(self) -> str:
        """The base64 of the DER key, as the vendor shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def list_webhooks(self) -> list[Webhook]:
        return list(self._webhooks.values())

    def find(self, identifier: str) -> Webhook | None:
        return self._webhooks.get(identifier)

    def add(self, url: str) -> Webhook:
        webhook = Webhook(secrets.token_hex(16), url)
        self._webhooks[webhook.id] = webhook
        return webhook

    def remove(self, identifier: str) -> None:
        self._webhooks.pop(identifier, None)

    def show(self, webhook: Webhook) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": webhook.id,
            "enabled": webhook.enabled,
            "url": webhook.url,
            "friendly_name": webhook.friendly_name,
            **webhook.wanted,
        }
        return {**shown, "public_key": self.public_key} if webhook.is_signed else shown

    def sign(self, webhook: Webhook, body: bytes, timestamp: str) -> dict[str, str]:
        """The headers that prove timestamp and body; none if signing is not switched on."""
        if not webhook.is_signed:
            return {}
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
        return {SIGNATURE: base64.b64encode(signature).decode(), TIMESTAMP: timestamp}


def encode(events: Iterable[dict[str, Any]]) -> bytes:
    """Write a batch as the vendor does; the line ends are signed too."""
    lines = ",\r\n".join(json.dumps(event, ensure_ascii=False, separators=(",", ":")) for event in events)
    return f"[{lines}]\r\n".encode("utf-8", "replace")
