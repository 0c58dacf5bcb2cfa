"""Process what was taken into the inbox: a worker's half of the work, `receiving` is the request's."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from renum import clock
from renum.accounts.scope import service_scope
from webhooks import handlers, querysets
from webhooks.models import InboundEvent
from webhooks.parsers import evolution, sendgrid, uazapi
from webhooks.parsers.base import Ignored, Parser, TryLater

log = structlog.get_logger(__name__)

PROCESS_TASK = "webhooks.process_inbox"
PROCESS_QUEUE = "high"
BATCH = 100
MAX_ATTEMPTS = 5
WAIT_SECONDS, MAX_WAITS = 0.02, 25

State = InboundEvent.State

# What an event loses once it is dealt with: nothing more is to be read of it, and it has no place in a chat.
SETTLED: dict[str, Any] = {"payload": None, "chat_index": ""}

# By the integration's provider.
PARSERS: dict[str, Parser] = {"uazapi": uazapi, "evolution": evolution, "sendgrid": sendgrid}


def process_inbox() -> int:
    """Process all pending events, in batches, in order per chat; returns how many.

    Processing only writes rows, so a batch is one transaction: a worker that dies leaves its events
    pending and none of their effects.
    """
    total = waited = 0
    while True:
        with service_scope(reason="process the inbox"):
            batch, blocked = querysets.claim_pending(BATCH)
            stuck: set[tuple[UUID, str]] = set()
            for event in batch:
                chat = (event.integration_id, event.chat_index)
                if chat not in stuck and not _process(event) and event.chat_index:
                    stuck.add(chat)  # what follows in this chat waits for it
        total += len(batch)
        waited = 0 if batch else waited + 1
        if not batch and (not blocked or waited > MAX_WAITS):
            return total
        if not batch:
            time.sleep(WAIT_SECONDS)  # if all who hold each other up went home, the sweep is seconds away


def _process(event: InboundEvent) -> bool:
    """Deal with one event; False if it is to be tried again."""
    now = clock.now()
    try:
        with transaction.atomic():
            ignored = _apply(event)
    except TryLater:
        InboundEvent.objects.filter(id=event.id).update(
            attempts=F("attempts") + 1, next_attempt_at=now + timedelta(seconds=2**event.attempts)
        )
        return False
    except Exception:
        # One event that we cannot digest must not stop the others.
        log.exception("inbound_event_failed", event_id=str(event.id), attempt=event.attempts + 1)
        over = event.attempts + 1 >= MAX_ATTEMPTS
        InboundEvent.objects.filter(id=event.id).update(
            attempts=F("attempts") + 1,
            next_attempt_at=now + timedelta(seconds=2**event.attempts),
            **({"state": State.FAILED, "reason_code": "PROCESSING_FAILED", **SETTLED} if over else {}),
        )
        return over
    InboundEvent.objects.filter(id=event.id).update(
        state=State.IGNORED if ignored else State.DONE,
        reason_code=ignored.reason_code if ignored else "",
        processed_at=now,
        attempts=F("attempts") + 1,
        **SETTLED,
    )
    return True


def _apply(event: InboundEvent) -> Ignored | None:
    parsed = PARSERS[event.integration.provider].parse(event.payload)
    if isinstance(parsed, Ignored):
        return parsed
    return handlers.HANDLERS[type(parsed)](event, parsed)
