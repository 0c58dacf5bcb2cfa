"""Celery's doors to delivery: load, call a service, nothing else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError

from integrations.delivery import dispatcher, outbox, outcomes
from integrations.delivery.retries import DELAYS_SECONDS
from integrations.services import send_whatsapp_text
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.cause import Cause
from renum.wakeups import woken

_PRIORITIES = {lane: priority for priority, lane in outbox.LANES.items()}


@shared_task(name=outbox.DISPATCH_TASK, expires=60)
def dispatch(lane: str) -> None:
    """Send what is due in a lane."""
    woken(outbox.DISPATCH_TASK, lane)
    if dispatcher.dispatch(_PRIORITIES[lane]):
        # Other lanes may have found the number busy with what was sent here.
        with service_scope(reason="wake dispatchers for due messages"):
            outbox.wake_lanes_with_due_messages()


@shared_task(name="integrations.sweep_outbox", expires=10)
def sweep_outbox() -> None:
    """Beat's bell: make good every lost wake-up and every lost worker."""
    outcomes.reap_expired_leases()
    with service_scope(reason="wake dispatchers for due messages"):
        outbox.wake_lanes_with_due_messages()


@shared_task(
    name="send_whatsapp_message", bind=True, max_retries=3, acks_late=True, reject_on_worker_lost=True
)
def send_whatsapp_message(self: Task[Any, Any], client_id: str, phone: str, message: str) -> str:
    """Other services' door to the outbox; returns the message id. A redelivered task sends once."""
    try:
        with service_scope(reason="send for another service"):
            queued = send_whatsapp_text(
                UUID(client_id),
                phone,
                message,
                idempotency_key=f"task:{self.request.id}",
                author=Message.Author.API,
                cause=Cause().then("task", str(self.request.id)),
            )
    except (OperationalError, InterfaceError) as error:
        raise self.retry(exc=error, countdown=DELAYS_SECONDS[self.request.retries]) from error
    return str(queued.id)
