"""Why an agent's turn waits, or how it ended: stable codes, stored with the run and shown to people."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    # waiting
    AGENT_PAUSED = "AGENT_PAUSED"
    # ended without an answer of its own, or with only a part of it
    SUPERSEDED = "SUPERSEDED"
    TAKEN_OVER = "TAKEN_OVER"
    ANSWERED_BY_PERSON = "ANSWERED_BY_PERSON"
    WORKER_LOST = "WORKER_LOST"
    TEXT_UNREADABLE = "TEXT_UNREADABLE"
    AGENT_FAILED = "AGENT_FAILED"
