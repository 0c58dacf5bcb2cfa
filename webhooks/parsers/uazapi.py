"""Uazapi's webhooks: the `v1` payload of the brief and the envelopes of uazapiGO, told apart by shape.

Whatever the shape, parsing does not raise: what we do not know is `Ignored` with a reason.
"""

from __future__ import annotations

import hashlib
from typing import Any

from renum.conversations.phones import phone_from_jid
from webhooks.parsers.base import Echo, Identity, Ignored, Inbound, Parsed, Receipt
from webhooks.parsers.reading import as_instant, as_object, as_text, as_texts, dedup_key, scrub
from webhooks.signatures import parse_instant

V1_FIELDS = frozenset({"from", "message", "timestamp", "message_id", "signature"})
_RECEIPT_STATES = {
    "Sent": "sent",
    "Delivered": "delivered",
    "Read": "read",
    "Played": "read",
    "Error": "failed",
}
_TEXT_TYPES = frozenset({"Conversation", "ExtendedTextMessage"})


def is_v1(payload: Any) -> bool:
    """The brief's payload: some of its fields, and no `EventType`."""
    return isinstance(payload, dict) and "EventType" not in payload and bool(V1_FIELDS & set(payload))


def is_go(payload: Any) -> bool:
    """An envelope of uazapiGO, of whatever event."""
    return isinstance(payload, dict) and "EventType" in payload


def identify_all(payload: Any, body: bytes) -> list[tuple[Identity, Any]]:
    """A request is one event. Raises `RecursionError` like `scrub`."""
    return [(identify(payload, body), scrub(payload))]


def identify(payload: Any, body: bytes) -> Identity:
    """Name the event; one that carries no id of its own is named by its bytes."""
    digest = hashlib.sha256(body).hexdigest()
    if is_v1(payload):
        identifier = as_text(payload.get("message_id")) or digest
        return Identity("message", dedup_key("message", identifier), as_text(payload.get("from")))
    if not isinstance(payload, dict):
        return Identity("unknown", dedup_key("unknown", digest), "")
    event = as_text(payload.get("EventType")) or "unknown"
    if event == "messages":
        message = as_object(payload.get("message"))
        identifier = as_text(message.get("messageid")) or digest
        return Identity("message", dedup_key("message", identifier), as_text(message.get("chatid")))
    if event == "messages_update":
        inner = as_object(payload.get("event"))
        ids = ",".join(sorted(as_texts(inner.get("MessageIDs")))) or digest
        named = hashlib.sha256(ids.encode()).hexdigest()
        # No chat: states only move forward, so receipts need no order and hold nobody up.
        return Identity("receipt", dedup_key("receipt", f"{as_text(payload.get('state'))}:{named}"), "")
    return Identity(event[:40], dedup_key(event[:40], digest), "")


def parse(payload: Any) -> Parsed:
    """Say what a stored event means."""
    if is_v1(payload):
        return _parse_v1(payload)
    if not isinstance(payload, dict):
        return Ignored("UNKNOWN_SHAPE")
    match payload.get("EventType"):
        case "messages":
            return _parse_message(as_object(payload.get("message")))
        case "messages_update":
            return _parse_receipt(payload)
        case None:
            return Ignored("UNKNOWN_SHAPE")
        case _:
            return Ignored("EVENT_NOT_HANDLED")


def _parse_v1(payload: dict[str, Any]) -> Parsed:
    identifier, text = as_text(payload.get("message_id")), as_text(payload.get("message"))
    digits = as_text(payload.get("from")).strip().removeprefix("+")
    if not identifier or not digits.isascii() or not digits.isdigit():
        return Ignored("UNKNOWN_SHAPE")
    return Inbound(
        provider_message_id=identifier[:128],
        phone_digits=digits,
        text=text,
        kind="text",
        name=None,
        sent_at=parse_instant(payload.get("timestamp")),
    )


def _parse_message(message: dict[str, Any]) -> Parsed:
    identifier, chat = as_text(message.get("messageid")), as_text(message.get("chatid"))
    if not identifier or not chat:
        return Ignored("UNKNOWN_SHAPE")
    if message.get("fromMe"):
        if message.get("wasSentByApi"):
            return Echo(identifier[:128], as_text(message.get("track_id")))
        return Ignored("SENT_FROM_PHONE")
    # The chat is the peer; `sender` alternates between phone and LID. A LID is never a phone.
    digits = phone_from_jid(as_text(message.get("sender_pn")) if chat.endswith("@lid") else chat)
    if message.get("isGroup") or chat.endswith("@g.us"):
        return Ignored("GROUP_MESSAGE")
    if digits is None:
        return Ignored("NOT_A_PERSON")
    kind = as_text(message.get("messageType"))
    return Inbound(
        provider_message_id=identifier[:128],
        phone_digits=digits,
        text=as_text(message.get("text")) if kind in _TEXT_TYPES else "",
        kind="text" if kind in _TEXT_TYPES else (kind.removesuffix("Message").lower() or "unknown")[:20],
        name=as_text(message.get("senderName"))[:200] or None,
        sent_at=as_instant(message.get("messageTimestamp")),
    )


def _parse_receipt(payload: dict[str, Any]) -> Parsed:
    state = _RECEIPT_STATES.get(as_text(payload.get("state")))
    ids = as_texts(as_object(payload.get("event")).get("MessageIDs"))
    if state is None or not ids:
        return Ignored("RECEIPT_NOT_HANDLED")
    return Receipt([identifier[:128] for identifier in ids], state)
