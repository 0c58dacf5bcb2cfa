"""Why an agent's turn waits, or how it ended: stable codes, stored with the run and shown to people."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    # waiting
    AGENT_PAUSED = "AGENT_PAUSED"
    OUTSIDE_HOURS = "OUTSIDE_HOURS"
    # ended without an answer of its own, or with only a part of it
    SUPERSEDED = "SUPERSEDED"
    TAKEN_OVER = "TAKEN_OVER"
    ANSWERED_BY_PERSON = "ANSWERED_BY_PERSON"
    WORKER_LOST = "WORKER_LOST"
    TEXT_UNREADABLE = "TEXT_UNREADABLE"
    AGENT_FAILED = "AGENT_FAILED"
    AGENT_DISABLED = "AGENT_DISABLED"
    AGENT_DELETED = "AGENT_DELETED"
    AGENT_LOOP = "AGENT_LOOP"


class Attention(StrEnum):
    """Why an agent has a person look at a conversation."""

    CUSTOMER_ASKED = "HANDOVER_CUSTOMER_ASKED"
    CANNOT_HELP = "HANDOVER_CANNOT_HELP"
    COMPLAINT = "HANDOVER_COMPLAINT"
    SENSITIVE = "HANDOVER_SENSITIVE"
    OTHER = "HANDOVER_OTHER"
    ANSWER_REFUSED = "AGENT_ANSWER_REFUSED"
    LOOP = "AGENT_LOOP"
    FAILED = "AGENT_FAILED"
    SILENT = "AGENT_SILENT"
