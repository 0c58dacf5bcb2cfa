"""Claim agent runs, have them carried out, and record how they ended. Rows are the queue."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection

from agent_tools import admission, bursts, memory
from agent_tools.errors import TurnOver
from agent_tools.models import Agent, AgentRun
from agent_tools.reasons import Attention, Reason
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.errors import DomainError
from renum.events.cause import Cause
from renum.security.crypto import DecryptionFailed

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 3
RETRY_SECONDS = 5
FRAMES = 8  # of a failure, in the log
TOOL_SECONDS = 30  # for a tool that waits for a client's database
AT_ONCE = 2  # runs of one client

State = AgentRun.State

# A run whose worker is gone is taken up again: what it sent already carries the run's idempotency
# key and is not sent twice. Where a person has taken over, the agent waits; a run that is under way in a
# pause has begun that pause itself, by calling the person, and has yet to say so. Who writes comes before
# what is asked, and a client with slow models leaves room for the others.
_CLAIM = """
WITH due AS (
    SELECT r.id FROM agent_runs r LEFT JOIN conversations c ON c.id = r.conversation_id
    WHERE ((r.state = 'pending' AND r.next_attempt_at <= %(now)s
            AND (c.agent_paused_until IS NULL OR c.agent_paused_until <= %(now)s))
           OR (r.state = 'running' AND r.leased_until < %(now)s))
      AND (SELECT count(*) FROM agent_runs o WHERE o.client_id = r.client_id
           AND o.state = 'running' AND o.leased_until >= %(now)s) < %(each)s
    ORDER BY r.conversation_id IS NULL, r.next_attempt_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
UPDATE agent_runs a
SET state = 'running', lease_token = %(lease)s, leased_until = %(until)s, attempts = a.attempts + 1
FROM due WHERE a.id = due.id
RETURNING a.id
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What an agent is given: everything about the client is bound here, not by the model.

    `texts`: what the contact wrote in one go, in order, the oldest at `first_text_at`; or what the agent
    is asked by somebody of the client, without a conversation.
    """

    run_id: UUID
    agent: Agent
    client_id: UUID
    client_name: str
    profile_id: UUID
    conversation_id: UUID | None
    texts: tuple[str, ...]
    first_text_at: datetime
    cause: Cause
    lease: UUID
    attempt: int

    @property
    def text(self) -> str:
        """The texts as one, each on a line of its own."""
        return "\n".join(self.texts)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn went. `reason_code`: why nothing was said. `answer`: what was; the rest is metadata."""

    model: str
    tool_calls: int
    reason_code: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    answer: str = ""


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

    Runs that keep losing their worker, whose texts cannot be read, that a person answered while the agent
    was paused, or that their agent does not take end here; those that come outside its hours wait.
    """
    while True:
        now, lease = clock.now(), uuid4()
        with service_scope(reason="claim an agent run"):
            _give_up(now)
            run_id = _claim_row(now, lease)
            if run_id is None:
                return None
            run = AgentRun.objects.select_related("client", "conversation").get(id=run_id)
            has_waited = run.reason_code in (Reason.AGENT_PAUSED, Reason.OUTSIDE_HOURS)
            if has_waited and bursts.was_answered_by_person(run):
                bursts.end(run, State.SKIPPED, Reason.ANSWERED_BY_PERSON)
                continue
            agent = admission.admit(run, now)
            if agent is None:
                continue
            _extend_lease(run, agent, now)
            try:
                return _to_turn(run, agent, lease)
            except DecryptionFailed:
                log.error("agent_run_unreadable", run_id=str(run_id))
                bursts.end(run, State.FAILED, Reason.TEXT_UNREADABLE)


def _give_up(now: datetime) -> None:
    lost = AgentRun.objects.select_for_update(no_key=True, skip_locked=True).filter(
        state=State.RUNNING, leased_until__lt=now, attempts__gte=MAX_ATTEMPTS
    )
    for run in lost:
        bursts.end(run, State.FAILED, Reason.WORKER_LOST)


def _claim_row(now: datetime, lease: UUID) -> UUID | None:
    until = now + timedelta(seconds=settings.ENVIRONMENT.agent_lease_seconds)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": lease, "until": until, "each": AT_ONCE})
        found = cursor.fetchone()
    return found[0] if found else None


def _extend_lease(run: AgentRun, agent: Agent, now: datetime) -> None:
    """A call of the model that begins just before the turn's time is up takes as long again."""
    seconds = max(settings.ENVIRONMENT.agent_lease_seconds, 2.0 * agent.timeout_seconds + TOOL_SECONDS)
    AgentRun.objects.filter(id=run.id).update(leased_until=now + timedelta(seconds=seconds))


def _to_turn(run: AgentRun, agent: Agent, lease: UUID) -> Turn:
    inputs = run.inputs.filter(text__isnull=False).order_by("position", "created_at")
    return Turn(
        run_id=run.id,
        agent=agent,
        client_id=run.client_id,
        client_name=run.client.name,
        profile_id=run.client.profile_id,
        conversation_id=run.conversation_id,
        texts=tuple(str(one.text) for one in inputs),
        first_text_at=run.first_text_at,
        cause=Cause(tuple(run.cause)),
        lease=lease,
        attempt=run.attempts,
    )


def _carry_out(turn: Turn, perform: Callable[[Turn], Ended]) -> None:
    started = time.monotonic()
    try:
        ended = perform(turn)
    except DomainError as error:  # asking again would not help
        _finish(turn, State.FAILED, reason_code=error.code)
        return
    except Exception as error:
        # A model, a tool or a library of theirs failed: the boundary to code that is not ours.
        # Its message may quote what was said.
        log.error("agent_run_failed", run_id=str(turn.run_id), attempt=turn.attempt, **_described(error))
        if turn.attempt >= MAX_ATTEMPTS:
            _finish(turn, State.FAILED, reason_code=Reason.AGENT_FAILED)
        else:
            retry_at = clock.now() + timedelta(seconds=RETRY_SECONDS * turn.attempt)
            with service_scope(reason="have an agent run tried again"):
                if (run := _held(turn)) is not None:
                    run.state, run.next_attempt_at = State.PENDING, retry_at
                    run.lease_token = run.leased_until = None
                    run.save(update_fields=["state", "next_attempt_at", "lease_token", "leased_until"])
        return
    latency = round((time.monotonic() - started) * 1000)
    _finish(
        turn,
        State.DONE,
        model=ended.model,
        tool_calls=ended.tool_calls,
        input_tokens=ended.input_tokens,
        output_tokens=ended.output_tokens,
        reason_code=ended.reason_code,
        latency_ms=latency,
        answer=ended.answer,
    )


def _described(error: Exception) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return {
        "reason": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _finish(turn: Turn, state: AgentRun.State, *, reason_code: str, answer: str = "", **changes: Any) -> None:
    with service_scope(reason="record an agent run"):
        run = _held(turn)
        if run is None:
            return
        if turn.conversation_id is None:
            bursts.end_asked(run, state, reason_code, answer, **changes)
        else:
            bursts.end(run, state, reason_code, **changes)
            if state == State.DONE and not run.answer_ids:
                bursts.call_person(run, Attention.SILENT)
            if state == State.DONE:  # the run is locked: an erasure comes before, or after
                remember_answer(turn, [answer])
    log.info("agent_run_ended", run_id=str(turn.run_id), client_id=str(turn.client_id), state=state.value)


def _held(turn: Turn) -> AgentRun | None:
    """The turn's run, locked; None if it is over, or another worker's by now. The caller is in a scope."""
    rows = AgentRun.objects.select_for_update(no_key=True)
    run = rows.filter(
        id=turn.run_id, client_id=turn.client_id, lease_token=turn.lease, state=State.RUNNING
    ).first()
    if run is None:
        log.warning("lease_lost", run_id=str(turn.run_id))
    return run


def hold_for_answer(turn: Turn) -> Conversation:
    """Lock the turn's conversation and run, so that nothing new is heard before the answer is queued.

    Called in the client's scope, in the transaction that queues the answer. Raises `TurnOver` when the
    run is not to answer any more.
    """
    assert turn.conversation_id
    rows = Conversation.objects.select_for_update(no_key=True, of=("self",)).select_related("contact")
    conversation = rows.filter(id=turn.conversation_id, client_id=turn.client_id).first()
    if conversation is None:  # erased meanwhile
        raise TurnOver
    _require_current(turn)
    return conversation


def hold_turn(turn: Turn) -> None:
    """As `hold_for_answer`, for what is no answer: a turn that is over does nothing any more."""
    if turn.conversation_id is not None:
        hold_for_answer(turn)
    else:
        _require_current(turn)


def _require_current(turn: Turn) -> None:
    with service_scope(reason="is this turn still to be done"):  # clients do not write runs
        if _held(turn) is None:
            raise TurnOver


def note_answer(turn: Turn, message_id: UUID) -> None:
    """Remember which message the run queued. The caller is in the transaction that queues it."""
    with service_scope(reason="note an agent's answer"):
        rows = AgentRun.objects.select_for_update(no_key=True).only("answer_ids")
        run = rows.get(id=turn.run_id)
        if message_id not in run.answer_ids:
            run.answer_ids.append(message_id)
            run.save(update_fields=["answer_ids"])


def remember_answer(turn: Turn, words: Sequence[str]) -> None:
    """Have the next turn know what was said. What is queued is remembered at once: that turn may begin before
    this one has ended.

    The caller holds the run.
    """
    assert turn.conversation_id
    exchange = memory.Exchange(turn.run_id, turn.text, "\n".join(words))
    memory.remember(turn.client_id, turn.conversation_id, exchange)
