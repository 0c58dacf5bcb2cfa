"""Evolution API v2's webhooks: `{event, instance, data, …}`, of which only messages and receipts count.

Whatever the shape, parsing does not raise: what we do not know is `Ignored` with a reason.
"""

from __future__ import annotations

import hashlib
from typing import Any

from renum.conversations.phones import phone_from_jid
from webhooks.parsers.base import Identity, Ignored, Inbound, Parsed, Receipt
from webhooks.parsers.reading import as_instant, as_object, as_text, dedup_key, scrub

MESSAGE, RECEIPT, ECHO = "messages.upsert", "messages.update", "send.message"
# In a chat with disappearing messages the message is one level down, without a type of its own.
_WRAPPED = "ephemeralMessage"
_CONTROL = "protocol"  # a message was deleted, or a chat's settings changed: nobody wrote
_RECEIPT_STATES = {
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
}


def identify_all(payload: Any, body: bytes) -> list[tuple[Identity, Any]]:
    """Name the events of a request, and say what is kept of each.

    Some builds send several messages or receipts at once. Of other events only the name is kept, and
    nothing of the envelope: it carries the instance's key and our own secret address, a QR code pairs
    devices. Raises `RecursionError` like `scrub`.
    """
    event = _event_of(payload)
    digest = hashlib.sha256(body).hexdigest()
    if event not in (MESSAGE, RECEIPT):
        kind = event[:40] or "unknown"
        return [(Identity(kind, dedup_key(kind, digest), ""), {"event": event})]
    data = payload.get("data")
    parts = data if isinstance(data, list) and data else [data]
    return [
        (_identify(event, as_object(part), f"{digest}:{place}"), {"event": event, "data": scrub(part)})
        for place, part in enumerate(parts)
    ]


def parse(payload: Any) -> Parsed:
    """Say what a stored event means."""
    event, data = _event_of(payload), as_object(as_object(payload).get("data"))
    if event == MESSAGE:
        return _parse_message(data)
    if event == RECEIPT:
        return _parse_receipt(data)
    if event == ECHO:
        return Ignored("ECHO_NOT_OURS")  # it cannot carry our reference, so it tells us nothing
    return Ignored("EVENT_NOT_HANDLED" if event else "UNKNOWN_SHAPE")


def _event_of(payload: Any) -> str:
    """`messages.upsert`, also where it is spelled as in the settings: `MESSAGES_UPSERT`."""
    return as_text(as_object(payload).get("event")).strip().lower().replace("_", ".").replace("-", ".")


def _identify(event: str, data: dict[str, Any], place: str) -> Identity:
    """Name a message by its id, a receipt by id and status; one without an id by its place in the bytes."""
    if event == MESSAGE:
        key = as_object(data.get("key"))
        # What cannot be decrypted yet comes without content, and may come again with it.
        identifier = as_text(key.get("id")) if as_object(data.get("message")) else ""
        return Identity("message", dedup_key("message", identifier or place), _chat_of(key))
    identifier = f"{_status_of(data)}:{_receipt_id(data) or place}"
    # No chat: states only move forward, so receipts need no order and hold nobody up.
    return Identity("receipt", dedup_key("receipt", identifier), "")


def _parse_message(data: dict[str, Any]) -> Parsed:
    key, message = as_object(data.get("key")), as_object(data.get("message"))
    identifier, chat = as_text(key.get("id")), _chat_of(key)
    if not identifier or not chat or not message:
        return Ignored("UNKNOWN_SHAPE")
    if key.get("fromMe"):
        return Ignored("SENT_FROM_PHONE")
    if chat.endswith("@g.us"):
        return Ignored("GROUP_MESSAGE")
    digits = phone_from_jid(chat)
    if digits is None:
        return Ignored("NOT_A_PERSON")
    words, kind = _words_of(message), _kind_of(data, message)
    if kind == _CONTROL:
        return Ignored("EVENT_NOT_HANDLED")
    return Inbound(
        provider_message_id=identifier[:128],
        phone_digits=digits,
        text=words or "",
        kind="text" if words is not None else kind,
        name=as_text(data.get("pushName"))[:200] or None,
        sent_at=as_instant(data.get("messageTimestamp")),
    )


def _parse_receipt(data: dict[str, Any]) -> Parsed:
    state, identifier = _RECEIPT_STATES.get(_status_of(data)), _receipt_id(data)
    if state is None or not identifier:
        return Ignored("RECEIPT_NOT_HANDLED")
    return Receipt([identifier[:128]], state)


def _chat_of(key: dict[str, Any]) -> str:
    """The peer's id: the phone's, where a LID is given with it. A LID is never a phone."""
    chat = as_text(key.get("remoteJid"))
    if chat.endswith("@lid"):
        others = (as_text(key.get(name)) for name in ("senderPn", "remoteJidAlt"))
        return next((other for other in others if phone_from_jid(other)), chat)
    return chat


def _words_of(message: dict[str, Any]) -> str | None:
    """The text of a message; None if it is not one."""
    wrapped = as_object(as_object(message.get(_WRAPPED)).get("message"))
    for content in (message, wrapped):
        if isinstance(content.get("conversation"), str):
            return as_text(content["conversation"])
        if isinstance(content.get("extendedTextMessage"), dict):
            return as_text(content["extendedTextMessage"].get("text"))
    return None


def _kind_of(data: dict[str, Any], message: dict[str, Any]) -> str:
    """`image`, `audio`… of a message without words; older builds do not name the type."""
    named = as_text(data.get("messageType"))
    if not named or named == _WRAPPED:
        content = as_object(as_object(message.get(_WRAPPED)).get("message")) or message
        named = next((as_text(name) for name in content if name.endswith("Message")), "")
    # A document with a caption is named by both.
    return (named.removesuffix("Message").removesuffix("WithCaption").lower() or "unknown")[:20]


def _receipt_id(data: dict[str, Any]) -> str:
    """WhatsApp's id of the message; `messageId` is the one in Evolution's own database."""
    ids = (data.get("keyId"), as_object(data.get("key")).get("id"), data.get("id"))
    return next((as_text(one) for one in ids if as_text(one)), "")


def _status_of(data: dict[str, Any]) -> str:
    status = as_text(data.get("status")) or as_text(as_object(data.get("update")).get("status"))
    return status.upper()[:40]
