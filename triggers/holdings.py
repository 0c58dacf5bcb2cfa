"""What automations hold on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import F, Q, QuerySet

from renum.conversations.holdings import Holding, Stage, conversations_of, describe, register_holding
from renum.conversations.models import Contact
from renum.conversations.retention import Rule, register_rule
from triggers.models import TriggerExecution

CHUNK = 1000
# An execution keeps its trigger from acting again in the same idle period, however long that lasts.
_IS_GUARD = Q(conversation__quiet_since=F("occurrence"))


def _rows(contact: Contact) -> QuerySet[TriggerExecution]:
    return TriggerExecution.objects.filter(
        client_id=contact.client_id, conversation_id__in=conversations_of(contact)
    )


def _export(contact: Contact) -> Iterator[dict[str, Any]]:
    for execution in _rows(contact).order_by("executed_at").iterator(CHUNK):
        yield describe(
            execution,
            "id",
            "trigger_id",
            "conversation_id",
            "occurrence",
            "state",
            "reason_code",
            "condition_met",
            "action_executed",
            "result",
            "error_message",
            "cause",
            "executed_at",
            "created_at",
        )


def _erase(contact: Contact) -> int:
    return _rows(contact).delete()[0]


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    tables = ("trigger_executions",)
    register_holding(Holding("trigger_executions", Stage.WORK, tables, _export, _erase))
    finished = ~Q(state=TriggerExecution.State.MATCHED) & ~_IS_GUARD
    register_rule(Rule(TriggerExecution, "executed_at", "event_days", finished))
