"""Uazapi's webhooks: the `v1` payload of the brief and the envelopes of uazapiGO, told apart by shape.

Whatever the shape, parsing does not raise: what we do not know is `Ignored` with a reason.
"""

from __future__ import annotations

import hashlib
from typing import Any

from webhooks.parsers.base import Identity, Ignored, Parsed
from webhooks.parsers.reading import dedup_key, scrub
from webhooks.parsers.uazapi import go, v1


def is_v1(payload: Any) -> bool:
    """The brief's payload: some of its fields, and no `EventType`."""
    return isinstance(payload, dict) and "EventType" not in payload and bool(v1.FIELDS & set(payload))


def is_go(payload: Any) -> bool:
    """An envelope of uazapiGO, of whatever event."""
    return isinstance(payload, dict) and "EventType" in payload


def identify_all(payload: Any, body: bytes) -> list[tuple[Identity, Any]]:
    """A request is one event. Raises `RecursionError` like `scrub`."""
    return [(identify(payload, body), go.kept(payload) if is_go(payload) else scrub(payload))]


def identify(payload: Any, body: bytes) -> Identity:
    """Name the event; one that carries no id of its own is named by its bytes."""
    if is_v1(payload):
        return v1.identify(payload, body)
    if is_go(payload):
        return go.identify(payload, body)
    return Identity("unknown", dedup_key("unknown", hashlib.sha256(body).hexdigest()), "")


def parse(payload: Any) -> Parsed:
    """Say what a stored event means."""
    if is_v1(payload):
        return v1.parse(payload)
    return go.parse(payload) if is_go(payload) else Ignored("UNKNOWN_SHAPE")
