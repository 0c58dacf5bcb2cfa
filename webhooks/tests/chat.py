"""A chat as Uazapi posts it, on a clock that stands still, and what waits in the outbox for it."""

from __future__ import annotations

from typing import Any

from integrations.models import OutboundMessage
from integrations.sandbox import envelopes as vendor
from renum.accounts.scope import service_scope
from tests.clocks import MovableClock
from webhooks import services
from webhooks.tests.helpers import post, text

URL = "https://free.uazapi.test"


class Chat:
    """Posts what was said and has a worker process it."""

    def __init__(self, clock: MovableClock):
        self.clock = clock

    def hear(
        self, words: str, *, by: vendor.Writer = "contact", edits: str = "", seconds_ago: float = 0
    ) -> str:
        """Somebody writes now, or wrote a while ago; returns the message's id at the provider."""
        self.clock.advance(seconds=-seconds_ago)
        message = text(words, sent_at=self.clock.now())
        self.clock.advance(seconds=seconds_ago)
        kind = "edit" if edits else "text"
        self.receive(vendor.spoken(kind, message, URL, by=by, refers_to=edits))
        return message.message_id

    def receive(self, *payloads: dict[str, Any]) -> None:
        for payload in payloads:
            assert post(payload).status_code == 200
        services.process_inbox()

    def outbox(self) -> list[tuple[str, str, str]]:
        """State, reason and text of what was queued, the oldest first."""
        with service_scope(reason="test"):
            rows = OutboundMessage.objects.order_by("queued_at", "id")
            return [(row.state, row.reason_code, row.body["text"] if row.body else "") for row in rows]
