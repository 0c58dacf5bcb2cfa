"""The brief's payload: one text from one person, in five fields."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from webhooks.parsers.base import Identity, Ignored, Inbound, Parsed, Peer
from webhooks.parsers.reading import as_text, dedup_key
from webhooks.parsers.whatsapp import MAX_ID
from webhooks.signatures import parse_instant

FIELDS = frozenset({"from", "message", "timestamp", "message_id", "signature"})
_PUNCTUATION = re.compile(r"[\s().+-]+")


def identify(payload: dict[str, Any], body: bytes) -> Identity:
    """Name the message by its id, or else by its bytes."""
    identifier = as_text(payload.get("message_id")) or hashlib.sha256(body).hexdigest()
    chat = _digits(payload) or as_text(payload.get("from"))
    return Identity("message", dedup_key("message", identifier), chat)


def parse(payload: dict[str, Any]) -> Parsed:
    """Say who wrote what."""
    identifier, digits = as_text(payload.get("message_id")), _digits(payload)
    if not identifier or not digits:
        return Ignored("UNKNOWN_SHAPE")
    return Inbound(
        provider_message_id=identifier[:MAX_ID],
        peer=Peer(digits),
        text=as_text(payload.get("message")),
        kind="text",
        sent_at=parse_instant(payload.get("timestamp")),
    )


def _digits(payload: dict[str, Any]) -> str:
    """The sender's digits, whatever people write between them; empty if there is anything else."""
    digits = _PUNCTUATION.sub("", as_text(payload.get("from")))
    return digits if digits.isascii() and digits.isdigit() else ""
