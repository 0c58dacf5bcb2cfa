"""The envelopes of uazapiGO, keyed by `EventType`. Units and types vary from event to event."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from webhooks.parsers.base import ConnectionChange, Identity, Ignored, Parsed, Receipt, SessionStatus
from webhooks.parsers.reading import as_instant, as_object, as_text, as_texts, dedup_key, scrub
from webhooks.parsers.uazapi import messages
from webhooks.parsers.uazapi.messages import bare_id
from webhooks.parsers.whatsapp import MAX_ID

# In lower case: `event.Type` changes its case. `Deleted` and `FileDownloaded` are no receipts.
_RECEIPT_STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",
    "error": "failed",
    "failed": "failed",
}
_SESSION_STATES: dict[str, SessionStatus] = {
    "connected": "connected",
    "connecting": "connecting",
    "pairing": "connecting",
    "disconnected": "disconnected",
    "hibernated": "disconnected",  # it does not send until somebody wakes it
}
_KEPT_OF_RECEIPTS = ("Type", "MessageIDs", "Timestamp", "IsFromMe", "IsGroup")
_KEPT_OF_SESSIONS = ("status", "lastDisconnect", "lastDisconnectReason")


def kept(payload: dict[str, Any]) -> Any:
    """What is stored of an envelope: what is used, and of unknown events all but credentials.

    The chat is left out with what the client's CRM holds of the person, a session's QR code because
    it pairs devices, and of history everything but its name. Raises `RecursionError` like `scrub`.
    """
    name = {"EventType": scrub(payload.get("EventType"))}
    match _event_of(payload):
        case "messages":
            return {**name, "message": scrub(payload.get("message"))}
        case "messages_update":
            event = _members(payload.get("event"), _KEPT_OF_RECEIPTS)
            return {**name, "state": scrub(payload.get("state")), "event": event}
        case "connection":
            instance = _members(payload.get("instance"), _KEPT_OF_SESSIONS)
            return {**name, "type": scrub(payload.get("type")), "instance": instance}
        case "history":
            return name
        case _:
            return scrub(payload)


def identify(payload: dict[str, Any], body: bytes) -> Identity:
    """Name a message by its id, a receipt by state and ids, a session's change by its event's id."""
    event, digest = _event_of(payload), hashlib.sha256(body).hexdigest()
    if event == "messages":
        return messages.identify(as_object(payload.get("message")), digest)
    if event == "messages_update":
        # No chat: states only move forward, so receipts need no order and hold nobody up.
        return Identity("receipt", dedup_key("receipt", _name_of_receipt(payload, digest)), "")
    if event == "connection":
        return Identity("connection", dedup_key("connection", _name_of_change(payload, digest)), "connection")
    kind = event[:40] or "unknown"
    return Identity(kind, dedup_key(kind, digest), "")


def parse(payload: dict[str, Any]) -> Parsed:
    """Say what a stored envelope means."""
    match _event_of(payload):
        case "messages":
            return messages.parse(as_object(payload.get("message")))
        case "messages_update":
            return _parse_receipt(payload)
        case "connection":
            return _parse_connection(payload)
        case "history":
            return Ignored("HISTORY")
        case "":
            return Ignored("UNKNOWN_SHAPE")
        case _:
            return Ignored("EVENT_NOT_HANDLED")


def _event_of(payload: dict[str, Any]) -> str:
    return as_text(payload.get("EventType")).strip().lower()


def _members(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    members = as_object(value)
    return {name: scrub(members[name]) for name in names if name in members}


# --- receipts -------------------------------------------------------------------------------------


def _name_of_receipt(payload: dict[str, Any], digest: str) -> str:
    """State and ids: a batch that overlaps another is another event."""
    ids = ",".join(sorted(_receipt_ids(payload)))
    named = hashlib.sha256(ids.encode("utf-8", "replace")).hexdigest() if ids else digest
    return f"{_state_of(payload)}:{named}"


def _parse_receipt(payload: dict[str, Any]) -> Parsed:
    state, ids = _RECEIPT_STATES.get(_state_of(payload)), _receipt_ids(payload)
    if state is None or not ids:
        return Ignored("RECEIPT_NOT_HANDLED")
    return Receipt(ids, state, as_instant(as_object(payload.get("event")).get("Timestamp")))


def _state_of(payload: dict[str, Any]) -> str:
    """The state at the top, in lower case; `event.Type` is another word for it, less steady."""
    state = as_text(payload.get("state")) or as_text(as_object(payload.get("event")).get("Type"))
    return state.strip().lower()[:40]


def _receipt_ids(payload: dict[str, Any]) -> list[str]:
    ids = (bare_id(one)[:MAX_ID] for one in as_texts(as_object(payload.get("event")).get("MessageIDs")))
    return [one for one in dict.fromkeys(ids) if one]


# --- the session ----------------------------------------------------------------------------------


def _name_of_change(payload: dict[str, Any], digest: str) -> str:
    """The event's id. Builds without one say "connected" in the very same bytes each time.

    Lost, such a repetition would leave a number off that is on again, and hold what it is to send:
    so each arrival is an event of its own. One that is delivered twice says the same twice, which
    changes nothing. What carries the instant of the loss, and a pairing that is under way and
    changes nothing anyway, are named by their bytes.
    """
    if event_id := as_text(payload.get("event_id")):
        return f"id:{event_id}"
    is_dated = bool(as_text(as_object(payload.get("instance")).get("lastDisconnect")))
    status = _session_state(payload)
    if status == "connecting" or (status == "disconnected" and is_dated):
        return digest
    return uuid.uuid4().hex


def _parse_connection(payload: dict[str, Any]) -> Parsed:
    status = _session_state(payload)
    if status is None:
        return Ignored("UNKNOWN_SHAPE")
    if status != "disconnected":
        return ConnectionChange(status)
    reason = as_text(as_object(payload.get("instance")).get("lastDisconnectReason"))
    return ConnectionChange(status, reason or as_text(payload.get("type")))


def _session_state(payload: dict[str, Any]) -> SessionStatus | None:
    status = as_text(as_object(payload.get("instance")).get("status")).strip().lower()
    if not status and as_text(payload.get("type")) == "LoggedOut":
        return "disconnected"
    return _SESSION_STATES.get(status)
