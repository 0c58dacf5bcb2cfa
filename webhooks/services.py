"""The inbox's two halves: take an event in (the request), and process what was taken in (a worker)."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from integrations.models import Integration
from integrations.services import token_index, webhook_key_index
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.security.blind_index import blind_index
from renum.wakeups import wake_after_commit
from webhooks import handlers, querysets
from webhooks.errors import InvalidPayload
from webhooks.models import InboundEvent
from webhooks.parsers import evolution, sendgrid, uazapi
from webhooks.parsers.base import Identity, Ignored, Parser, TryLater

log = structlog.get_logger(__name__)

PROCESS_TASK = "webhooks.process_inbox"
PROCESS_QUEUE = "high"
BATCH = 100
MAX_ATTEMPTS = 5
WAIT_SECONDS, MAX_WAITS = 0.02, 25

State = InboundEvent.State

# By the integration's provider.
PARSERS: dict[str, Parser] = {"uazapi": uazapi, "evolution": evolution, "sendgrid": sendgrid}


def take_in(integration: Integration, payload: Any, body: bytes) -> None:
    """Store a verified request's events, each once, and wake a worker.

    Runs inside the request's transaction: all of them are stored or none.
    """
    try:
        events = PARSERS[integration.provider].identify_all(payload, body)
    except RecursionError as error:
        raise InvalidPayload from error
    if not events:
        return
    InboundEvent.objects.bulk_create(
        [_as_row(integration, identity, kept) for identity, kept in events], ignore_conflicts=True
    )
    wake_after_commit(PROCESS_TASK, PROCESS_QUEUE)


def _as_row(integration: Integration, identity: Identity, kept: Any) -> InboundEvent:
    return InboundEvent(
        client_id=integration.client_id,
        integration=integration,
        kind=identity.kind,
        dedup_key=identity.dedup_key,
        chat_index=blind_index(integration.client_id, "chat", identity.chat) if identity.chat else "",
        payload=kept,
    )


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
            **({"state": State.FAILED, "reason_code": "PROCESSING_FAILED", "payload": None} if over else {}),
        )
        return over
    InboundEvent.objects.filter(id=event.id).update(
        state=State.IGNORED if ignored else State.DONE,
        reason_code=ignored.reason_code if ignored else "",
        payload=None,
        processed_at=now,
        attempts=F("attempts") + 1,
    )
    return True


def _apply(event: InboundEvent) -> Ignored | None:
    parsed = PARSERS[event.integration.provider].parse(event.payload)
    if isinstance(parsed, Ignored):
        return parsed
    return handlers.HANDLERS[type(parsed)](event, parsed)


def find_integration(provider: str, key: str | None, token: str | None = None) -> Integration | None:
    """The integration that a webhook names by its secret address, or else by the provider's token.

    Runs under the service scope, with suspended clients and removed integrations left out.
    """
    found = Integration.objects.current().filter(provider=provider, client__status=Client.Status.ACTIVE)
    if key:
        return found.filter(webhook_key_index=webhook_key_index(key)).first()
    if token:
        matches = list(found.filter(token_index=token_index(token))[:2])
        return matches[0] if len(matches) == 1 else None
    return None
