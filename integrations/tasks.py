"""Celery's doors to delivery: load, call a service, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.db import InterfaceError, OperationalError

from integrations.delivery import dispatcher, outbox, outcomes
from integrations.delivery.retries import DELAYS_SECONDS
from integrations.models import OutboundMessage
from integrations.services import send_mail, send_whatsapp_text
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.cause import Cause
from renum.wakeups import woken

_PRIORITIES = {lane: priority for priority, lane in outbox.LANES.items()}


@shared_task(name=outbox.DISPATCH_TASK, expires=60)
def dispatch(lane: str) -> None:
    """Send what is due in a lane."""
    woken(outbox.DISPATCH_TASK, lane)
    run = dispatcher.dispatch(_PRIORITIES[lane])
    if run.attempts:
        # Other lanes may have found the number busy with what was sent here.
        with service_scope(reason="wake dispatchers for due messages"):
            outbox.wake_lanes_with_due_messages()
    if run.wake_at:
        outbox.wake_dispatcher_at(_PRIORITIES[lane], run.wake_at)


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
    return _queue(
        self,
        lambda key, cause: send_whatsapp_text(
            UUID(client_id), phone, message, idempotency_key=key, author=Message.Author.API, cause=cause
        ),
    )


@shared_task(name="send_email", bind=True, max_retries=3, acks_late=True, reject_on_worker_lost=True)
def send_email(self: Task[Any, Any], client_id: str, to: list[str], subject: str, body: str) -> str:
    """Other services' door to the outbox for e-mail; as `send_whatsapp_message`."""
    return _queue(
        self,
        lambda key, cause: send_mail(UUID(client_id), to, subject, body, idempotency_key=key, cause=cause),
    )


def _queue(task: Task[Any, Any], enqueue: Callable[[str, Cause], OutboundMessage]) -> str:
    """Queue under the task's own id, and try again while the database is away."""
    task_id = str(task.request.id)
    try:
        with service_scope(reason="send for another service"):
            queued = enqueue(f"task:{task_id}", Cause().then("task", task_id))
    except (OperationalError, InterfaceError) as error:
        raise task.retry(exc=error, countdown=DELAYS_SECONDS[task.request.retries]) from error
    return str(queued.id)
