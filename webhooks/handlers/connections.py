"""A number's session comes and goes: the integration's status follows."""

from __future__ import annotations

from integrations.services import note_session
from renum.events.cause import Cause
from webhooks.models import InboundEvent
from webhooks.parsers.base import ConnectionChange, Ignored


def handle_connection(event: InboundEvent, parsed: ConnectionChange) -> Ignored | None:
    """Move the status on, and tell staff if that is a change."""
    if parsed.status == "connecting":
        return Ignored("CONNECTING")
    changed = note_session(
        event.integration,
        connected=parsed.status == "connected",
        reason=parsed.reason,
        cause=Cause().then("inbound", event.id),
    )
    return None if changed else Ignored("CONNECTION_UNCHANGED")
