"""Ask an agent for something outside of a conversation: somebody of the client does, or a trigger."""

from __future__ import annotations

from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from agent_tools.errors import AgentDisabled
from agent_tools.models import Agent, AgentRun, AgentRunInput
from agent_tools.services.replies import RUN_QUEUE, RUN_TASK
from integrations.errors import IdempotencyMismatch
from renum import clock
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from renum.security.blind_index import blind_index
from renum.wakeups import wake_after_commit

MAX_REQUEST = 8_000
_SPACE = UUID("8c6d2f0e-5b1b-4a43-9d7b-0f0d7a8f3a11")  # of the ids of runs that are asked for


def ask_agent(agent: Agent, request: str, *, idempotency_key: str, cause: Cause) -> AgentRun:
    """Record that the agent is to do this, once for one key, and wake a worker.

    Raises `AgentDisabled`, and `IdempotencyMismatch` for a key that asked for something else.
    """
    if not agent.enabled:
        raise AgentDisabled
    essence = blind_index(agent.client_id, "agent_request", f"{agent.id}\x1f{request}")
    run_id = uuid5(_SPACE, f"{agent.client_id}\x1f{idempotency_key}")
    input_id = uuid5(run_id, essence)
    with service_scope(reason="ask an agent"):  # clients do not write runs
        try:
            with transaction.atomic():
                run = _record(run_id, input_id, agent, request, cause)
        except IntegrityError:  # asked before
            run = AgentRun.objects.get(id=run_id, client_id=agent.client_id)
            if not AgentRunInput.objects.filter(run=run, id=input_id).exists():
                raise IdempotencyMismatch from None
            return run
    wake_after_commit(RUN_TASK, RUN_QUEUE)
    return run


def _record(run_id: UUID, input_id: UUID, agent: Agent, request: str, cause: Cause) -> AgentRun:
    now = clock.now()
    run = AgentRun(
        id=run_id,
        client_id=agent.client_id,
        agent=agent.name,
        asked_id=agent.id,
        text_count=1,
        first_text_at=now,
        next_attempt_at=now,
        created_at=now,
        cause=cause.as_list(),
    )
    run.save(force_insert=True)
    AgentRunInput(
        id=input_id,
        client_id=agent.client_id,
        run=run,
        position=1,
        length=len(request),
        text=request,
        created_at=now,
    ).save(force_insert=True)
    return run
