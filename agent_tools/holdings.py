"""What agents hold on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from agent_tools.models import IS_OPEN, AgentRun, AgentRunInput
from renum.conversations.holdings import Holding, Stage, conversations_of, describe, register_holding
from renum.conversations.models import Contact
from renum.conversations.retention import Rule, register_rule

CHUNK = 500


def _rows(contact: Contact) -> QuerySet[AgentRun]:
    return AgentRun.objects.filter(client_id=contact.client_id, conversation_id__in=conversations_of(contact))


def _export(contact: Contact) -> Iterator[dict[str, Any]]:
    """With what the contact wrote, while an agent may still need it."""
    for run in _rows(contact).order_by("created_at").prefetch_related("inputs").iterator(CHUNK):
        shown = describe(
            run,
            "id",
            "conversation_id",
            "agent",
            "state",
            "reason_code",
            "model",
            "tool_calls",
            "latency_ms",
            "cause",
            "created_at",
            "finished_at",
        )
        texts = sorted(run.inputs.all(), key=lambda one: (one.position, one.created_at))
        told = [describe(one, "message_id", "length", "text", "created_at") for one in texts]
        yield shown | {"inputs": told}


def _erase(contact: Contact) -> int:
    """Runs under way too: whoever carries one out finds its lease gone, and no conversation to write to."""
    rows = _rows(contact)
    AgentRunInput.objects.filter(client_id=contact.client_id, run__in=rows).delete()
    return rows.delete()[0]


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    tables = ("agent_runs", "agent_run_inputs")
    register_holding(Holding("agent_runs", Stage.WORK, tables, _export, _erase))
    register_rule(Rule(AgentRun, "created_at", "event_days", ~IS_OPEN))
