"""What agents hold on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from agent_tools import memory
from agent_tools.models import IS_OPEN, AgentRun, AgentRunInput
from renum.conversations.holdings import (
    UNREADABLE,
    Holding,
    Stage,
    conversations_of,
    describe,
    register_holding,
)
from renum.conversations.models import Contact
from renum.conversations.retention import Rule, register_rule

CHUNK = 500


def _rows(contact: Contact) -> QuerySet[AgentRun]:
    return AgentRun.objects.filter(client_id=contact.client_id, conversation_id__in=conversations_of(contact))


def _export(contact: Contact) -> Iterator[dict[str, Any]]:
    """With what the contact wrote, while an agent may still need it."""
    for run in (
        _rows(contact).order_by("created_at").prefetch_related("inputs", "steps", "receipts").iterator(CHUNK)
    ):
        shown = describe(
            run,
            "id",
            "conversation_id",
            "agent",
            "state",
            "reason_code",
            "model",
            "tool_calls",
            "input_tokens",
            "output_tokens",
            "latency_ms",
            "cause",
            "created_at",
            "finished_at",
        )
        texts = sorted(run.inputs.all(), key=lambda one: (one.position, one.created_at))
        told = [describe(one, "message_id", "length", "text", "created_at") for one in texts]
        steps = sorted(run.steps.all(), key=lambda one: one.created_at)
        done = [describe(one, "kind", "name", "outcome", "latency_ms", "created_at") for one in steps]
        receipts = [describe(one, "receipt", "created_at") for one in run.receipts.all()]
        yield shown | {"inputs": told, "steps": done, "receipts": receipts}


def _erase(contact: Contact) -> int:
    """Runs under way too: whoever carries one out finds its lease gone, and no conversation to write to."""
    rows = _rows(contact)
    AgentRunInput.objects.filter(client_id=contact.client_id, run__in=rows).delete()
    return rows.delete()[0]


def _export_memory(contact: Contact) -> Iterator[dict[str, Any]]:
    """What agents remember of each conversation. Raises `MemoryUnavailable`."""
    for conversation_id, exchanges in memory.held_on(contact.client_id, conversations_of(contact)):
        told = [
            {"run_id": str(one.run_id), "said": one.said, "answered": one.answered} for one in exchanges or ()
        ]
        yield {
            "conversation_id": str(conversation_id),
            "exchanges": UNREADABLE if exchanges is None else told,
        }


def _erase_memory(contact: Contact) -> int:
    """Raises `MemoryUnavailable`. Of an erasure that is begun anew the first attempt alone counts some."""
    return memory.forget(contact.client_id, conversations_of(contact))


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    tables = ("agent_runs", "agent_run_inputs", "agent_steps", "agent_receipts")
    register_holding(Holding("agent_runs", Stage.WORK, tables, _export, _erase))
    # After the runs: once those are gone, or locked to go, nobody remembers anything more.
    register_holding(Holding("agent_memory", Stage.WORK, (), _export_memory, _erase_memory))
    register_rule(Rule(AgentRun, "created_at", "event_days", ~IS_OPEN))
