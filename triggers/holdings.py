"""What automations hold on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from renum.conversations.holdings import Holding, Stage, conversations_of, describe, register_holding
from renum.conversations.models import Contact, ContactDate
from renum.conversations.retention import Rule, register_rule
from triggers.fields import REFERENCE_FIELDS
from triggers.models import TriggerEdge, TriggerExecution, TriggerOccurrence

CHUNK = 1000


def _is_guard() -> Q:
    """It keeps its trigger from acting again for the same moment, however long that is still so."""
    columns = {reference.occurrence for reference in REFERENCE_FIELDS.values()}
    guard = Q(
        Exists(
            ContactDate.objects.filter(contact=OuterRef("conversation__contact"), at=OuterRef("occurrence"))
        )
    )
    for column in sorted(columns):
        guard |= Q(**{f"conversation__{column}": F("occurrence")})
    return guard


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
            "event_id",
            "occurrence",
            "state",
            "reason_code",
            "condition_met",
            "action_executed",
            "result",
            "steps",
            "values_seen",
            "error_message",
            "cause",
            "executed_at",
            "created_at",
        )


def _erase(contact: Contact) -> int:
    return _rows(contact).delete()[0]


def _edges(contact: Contact) -> QuerySet[TriggerEdge]:
    return TriggerEdge.objects.filter(
        client_id=contact.client_id, conversation_id__in=conversations_of(contact)
    )


def _export_edges(contact: Contact) -> Iterator[dict[str, Any]]:
    for edge in _edges(contact).order_by("since").iterator(CHUNK):
        yield describe(edge, "trigger_id", "conversation_id", "since")


def _erase_edges(contact: Contact) -> int:
    return _edges(contact).delete()[0]


def _marks(contact: Contact) -> QuerySet[TriggerOccurrence]:
    return TriggerOccurrence.objects.filter(
        client_id=contact.client_id, conversation_id__in=conversations_of(contact)
    )


def _export_marks(contact: Contact) -> Iterator[dict[str, Any]]:
    for mark in _marks(contact).order_by("recorded_at").iterator(CHUNK):
        yield describe(mark, "trigger_id", "conversation_id", "occurrence", "execution_id", "recorded_at")


def _erase_marks(contact: Contact) -> int:
    return _marks(contact).delete()[0]


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    tables = ("trigger_executions",)
    register_holding(Holding("trigger_executions", Stage.WORK, tables, _export, _erase))
    register_holding(Holding("trigger_edges", Stage.WORK, ("trigger_edges",), _export_edges, _erase_edges))
    register_holding(
        Holding("trigger_occurrences", Stage.WORK, ("trigger_occurrences",), _export_marks, _erase_marks)
    )
    finished = ~Q(state=TriggerExecution.State.MATCHED)
    register_rule(Rule(TriggerExecution, "executed_at", "event_days", finished))
    register_rule(Rule(TriggerOccurrence, "recorded_at", "event_days", ~_is_guard()))
