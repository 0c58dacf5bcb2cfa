"""Conversations that went quiet, and sweeps at chosen instants."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from integrations.models import OutboundMessage
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.conversations.services import change_status, record_message
from renum.events.cause import Cause
from tests import factories
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due
from triggers.models import Trigger, TriggerExecution

OPEN_ONLY = {
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "open"},
}


def delay(**parts: int) -> dict[str, Any]:
    """A trigger's config: `delay(delay_days=3)`."""
    return {**parts, "reference_field": "conversations.last_message_at"}


def quiet_since(client: Client, at: datetime, **fields: Any) -> Conversation:
    """A conversation that nobody has touched since `at`."""
    return factories.make_conversation(
        client, last_message_at=at, last_inbound_at=at, quiet_since=at, updated_at=at, **fields
    )


def idle_for(client: Client, **parts: float) -> Conversation:
    """`idle_for(acme, days=4)`."""
    return quiet_since(client, clock.now() - timedelta(**parts))


def sweep() -> None:
    """What the scheduler does each minute."""
    now = clock.now()
    match_due(now)
    run_matched(now)


def write(conversation: Conversation, author: Message.Author, **fields: Any) -> None:
    """Somebody writes now."""
    inbound = author == Message.Author.CONTACT
    with service_scope(reason="test"):
        record_message(
            Conversation.objects.get(id=conversation.id),
            direction=Message.Direction.INBOUND if inbound else Message.Direction.OUTBOUND,
            author=author,
            state=Message.State.RECEIVED if inbound else Message.State.SENT,
            length=3,
            cause=Cause(),
            occurred_at=clock.now(),
            **fields,
        )


def set_status(conversation: Conversation, status: str) -> None:
    with service_scope(reason="test"):
        change_status(
            Conversation.objects.get(id=conversation.id), Conversation.Status(status), cause=Cause()
        )


def executions(**filters: Any) -> list[TriggerExecution]:
    with service_scope(reason="test"):
        return list(TriggerExecution.objects.filter(**filters).order_by("created_at", "id"))


def verdicts(**filters: Any) -> list[tuple[str, str]]:
    return sorted((execution.state, execution.reason_code) for execution in executions(**filters))


def outbox(**filters: Any) -> list[OutboundMessage]:
    with service_scope(reason="test"):
        return list(OutboundMessage.objects.filter(**filters).order_by("queued_at", "id"))


def fresh(row: Any) -> Any:
    with service_scope(reason="test"):
        return type(row).objects.get(id=row.id)


def change(row: Any, **fields: Any) -> None:
    """Write columns directly, past every check."""
    with service_scope(reason="test"):
        assert type(row).objects.filter(id=row.id).update(**fields) == 1


def stored_triggers() -> int:
    with service_scope(reason="test"):
        return Trigger.objects.count()
