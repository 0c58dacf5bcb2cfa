"""Claim agent runs, have them carried out, and record how they ended. Rows are the queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection

from agent_tools.models import AgentRun
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.errors import DomainError
from renum.events.cause import Cause
from renum.security.crypto import DecryptionFailed

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
RETRY_SECONDS = 5

# A run whose worker is gone is taken up again: what it sent already carries the run's idempotency
# key and is not sent twice. Turns of one conversation are taken in order.
_CLAIM = """
WITH due AS (
    SELECT r.id FROM agent_runs r
    WHERE ((r.state = 'pending' AND r.next_attempt_at <= %(now)s)
           OR (r.state = 'running' AND r.leased_until < %(now)s))
      AND NOT EXISTS (SELECT 1 FROM agent_runs e WHERE e.conversation_id = r.conversation_id
                      AND e.state IN ('pending', 'running') AND (e.created_at, e.id) < (r.created_at, r.id))
    ORDER BY r.next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE agent_runs a
SET state = 'running', lease_token = %(lease)s, leased_until = %(until)s, attempts = a.attempts + 1
FROM due WHERE a.id = due.id
RETURNING a.id
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent is given: everything about the client is bound here, not by the model."""

    run_id: UUID
    agent: str
    client_id: UUID
    client_name: str
    profile_id: UUID
    conversation_id: UUID
    text: str
    cause: Cause
    lease: UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How an agent's turn went: metadata only. `reason_code`: why a tool refused, if one did."""

    model: str
    tool_calls: int
    reason_code: str = ""


def run_pending(perform: Callable[[Turn], Ended], *, run_seconds: float = 60.0) -> int:
    """Carry out due runs one by one for up to `run_seconds`; returns how many."""
    stop_at = time.monotonic() + run_seconds
    count = 0
    while time.monotonic() < stop_at and (turn := claim_next()) is not None:
        count += 1
        _carry_out(turn, perform)
    return count


def claim_next() -> Turn | None:
    """Take the next due run under a lease; None when nothing is due.

    Runs that keep losing their worker, or whose text cannot be read, end here.
    """
    while True:
        now, lease = clock.now(), uuid4()
        with service_scope(reason="claim an agent run"):
            _give_up(now)
            run_id = _claim_row(now, lease)
            if run_id is None:
                return None
            run = AgentRun.objects.select_related("client").get(id=run_id)
            try:
                return _to_turn(run, lease)
            except DecryptionFailed:
                log.error("agent_run_unreadable", run_id=str(run_id))
                AgentRun.objects.filter(id=run_id).update(**_failed("TEXT_UNREADABLE", now))


def _give_up(now: datetime) -> None:
    lost = AgentRun.objects.filter(
        state=AgentRun.State.RUNNING, leased_until__lt=now, attempts__gte=MAX_ATTEMPTS
    )
    lost.update(**_failed("WORKER_LOST", now))


def _failed(reason_code: str, now: datetime) -> dict[str, Any]:
    return {
        "state": AgentRun.State.FAILED,
        "reason_code": reason_code,
        "input_text": None,
        "lease_token": None,
        "leased_until": None,
        "finished_at": now,
    }


def _claim_row(now: datetime, lease: UUID) -> UUID | None:
    until = now + timedelta(seconds=settings.ENVIRONMENT.agent_lease_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": lease, "until": until})
        found = cursor.fetchone()
    return found[0] if found else None


def _to_turn(run: AgentRun, lease: UUID) -> Turn:
    return Turn(
        run_id=run.id,
        agent=run.agent,
        client_id=run.client_id,
        client_name=run.client.name,
        profile_id=run.client.profile_id,
        conversation_id=run.conversation_id,
        text=str(run.input_text or ""),
        cause=Cause(tuple(run.cause)),
        lease=lease,
        attempt=run.attempts,
    )


def _carry_out(turn: Turn, perform: Callable[[Turn], Ended]) -> None:
    started = time.monotonic()
    try:
        ended = perform(turn)
    except DomainError as error:  # asking again would not help
        _finish(turn, AgentRun.State.FAILED, reason_code=error.code)
        return
    except Exception:
        # A model, a tool or a library of theirs failed: the boundary to code that is not ours.
        log.exception("agent_run_failed", run_id=str(turn.run_id), attempt=turn.attempt)
        if turn.attempt >= MAX_ATTEMPTS:
            _finish(turn, AgentRun.State.FAILED, reason_code="AGENT_FAILED")
        else:
            retry_at = clock.now() + timedelta(seconds=RETRY_SECONDS * turn.attempt)
            _write(turn, state=AgentRun.State.PENDING, next_attempt_at=retry_at)
        return
    latency = round((time.monotonic() - started) * 1000)
    _finish(
        turn,
        AgentRun.State.DONE,
        model=ended.model,
        tool_calls=ended.tool_calls,
        reason_code=ended.reason_code,
        latency_ms=latency,
    )


def _finish(turn: Turn, state: AgentRun.State, **changes: Any) -> None:
    _write(turn, state=state, input_text=None, finished_at=clock.now(), **changes)
    log.info("agent_run_ended", run_id=str(turn.run_id), client_id=str(turn.client_id), state=state.value)


def _write(turn: Turn, **changes: Any) -> None:
    with service_scope(reason="record an agent run"):
        held = AgentRun.objects.filter(id=turn.run_id, lease_token=turn.lease, state=AgentRun.State.RUNNING)
        if not held.update(lease_token=None, leased_until=None, **changes):
            log.warning("lease_lost", run_id=str(turn.run_id))


def conversation_of(turn: Turn) -> Conversation:
    """The turn's conversation with its contact; the caller is in the client's scope."""
    return Conversation.objects.select_related("contact").get(
        id=turn.conversation_id, client_id=turn.client_id
    )
