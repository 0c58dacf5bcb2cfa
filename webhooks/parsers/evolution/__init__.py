"""Evolution API v2's webhooks: `{event, instance, data, …}`.

Whatever the shape, parsing does not raise: what we do not know is `Ignored` with a reason.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from webhooks.parsers.base import ConnectionChange, Identity, Ignored, Parsed, Receipt, SessionStatus
from webhooks.parsers.evolution import messages
from webhooks.parsers.reading import as_object, as_text, dedup_key, scrub
from webhooks.parsers.whatsapp import MAX_ID

MESSAGE, EDIT, RECEIPT, ECHO = "messages.upsert", "messages.edited", "messages.update", "send.message"
CONNECTION = "connection.update"
# What was there before this number was connected.
_HISTORY = frozenset({"messages.set", "chats.set", "contacts.set"})
_RECEIPT_STATES = {
    "SERVER_ACK": "sent",
    "DELIVERY_ACK": "delivered",
    "READ": "read",
    "PLAYED": "read",
    "ERROR": "failed",
}
_SESSION_STATES: dict[str, SessionStatus] = {
    "open": "connected",
    "connecting": "connecting",
    "close": "disconnected",
    "refused": "disconnected",  # nobody scanned the code in time
}


def identify_all(payload: Any, body: bytes) -> list[tuple[Identity, Any]]:
    """Name the events of a request, and say what is kept of each.

    Some builds send several messages or receipts at once. Of events that are not used only the name is
    kept, and nothing of the envelope: it carries the instance's key and our own secret address, a QR
    code pairs devices. Raises `RecursionError` like `scrub`.
    """
    event = _event_of(payload)
    digest = hashlib.sha256(body).hexdigest()
    if event == CONNECTION:
        return [_identify_change(payload, digest)]
    if event not in (MESSAGE, EDIT, RECEIPT):
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
        return messages.parse(data)
    if event == EDIT:
        return messages.parse(messages.of_an_edit(data))
    if event == RECEIPT:
        return _parse_receipt(data)
    if event == CONNECTION:
        return _parse_connection(data)
    if event == ECHO:
        return Ignored("ECHO_NOT_OURS")  # it cannot carry our reference, so it tells us nothing
    if event in _HISTORY:
        return Ignored("HISTORY")
    return Ignored("EVENT_NOT_HANDLED" if event else "UNKNOWN_SHAPE")


def _event_of(payload: Any) -> str:
    """`messages.upsert`, also where it is spelled as in the settings: `MESSAGES_UPSERT`."""
    return as_text(as_object(payload).get("event")).strip().lower().replace("_", ".").replace("-", ".")


def _identify(event: str, data: dict[str, Any], place: str) -> Identity:
    """Name a message by its id, a receipt by id and status; one without an id by its place in the bytes."""
    if event == MESSAGE:
        return messages.identify(data, place)
    if event == EDIT:
        return messages.identify(messages.of_an_edit(data), place)
    identifier = f"{_status_of(data)}:{_receipt_id(data) or place}"
    # No chat: states only move forward, so receipts need no order and hold nobody up.
    return Identity("receipt", dedup_key("receipt", identifier), "")


def _identify_change(payload: dict[str, Any], digest: str) -> tuple[Identity, Any]:
    """Name a change of the session by its bytes: the envelope says when it was posted.

    Where it does not, the same bytes may be told twice because it happened twice, and each arrival
    is an event of its own: told twice, a status changes nothing.
    """
    data = as_object(payload.get("data"))
    named = digest if as_text(payload.get("date_time")) else uuid.uuid4().hex
    kept = {name: scrub(data[name]) for name in ("state", "statusReason") if name in data}
    identity = Identity("connection", dedup_key("connection", named), "connection")
    return identity, {"event": CONNECTION, "data": kept}


def _parse_receipt(data: dict[str, Any]) -> Parsed:
    state, identifier = _RECEIPT_STATES.get(_status_of(data)), _receipt_id(data)
    if state is None or not identifier:
        return Ignored("RECEIPT_NOT_HANDLED")
    return Receipt([identifier[:MAX_ID]], state)


def _parse_connection(data: dict[str, Any]) -> Parsed:
    status, reason = _SESSION_STATES.get(as_text(data.get("state")).strip().lower()), data.get("statusReason")
    if status is None:
        return Ignored("UNKNOWN_SHAPE")
    is_told = status == "disconnected" and isinstance(reason, int | str) and not isinstance(reason, bool)
    return ConnectionChange(status, as_text(str(reason)[:200]) if is_told else "")


def _receipt_id(data: dict[str, Any]) -> str:
    """WhatsApp's id of the message; `messageId` is the one in Evolution's own database."""
    ids = (data.get("keyId"), as_object(data.get("key")).get("id"), data.get("id"))
    return next((as_text(one) for one in ids if as_text(one)), "")


def _status_of(data: dict[str, Any]) -> str:
    status = as_text(data.get("status")) or as_text(as_object(data.get("update")).get("status"))
    return status.upper()[:40]
