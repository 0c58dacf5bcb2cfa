"""The sessions of agents outside of this process: each request goes on with a run, or begins one."""

from __future__ import annotations

from uuid import UUID, uuid5

from agent_tools.models import Agent, AgentRun
from agent_tools.selectors import get_run_elsewhere
from agent_tools.services.agents import agent_elsewhere
from agent_tools.sessions import MAX_NAME, Bound, Session, record_run_elsewhere, session_elsewhere
from integrations.errors import IdempotencyMismatch
from renum.accounts.models import Client
from renum.conversations.models import Conversation
from renum.conversations.selectors import get_conversation
from renum.events.cause import Cause

_SPACE = UUID("f2f6a1c4-3f0b-4d8e-9c55-6f1f8f0f4c7e")  # of the ids of runs that a request begins


def open_session(client: Client, *, agent: str | None = None, conversation_id: UUID | None = None) -> Session:
    """What an agent that others run has, under the limits of the client's agent of this name.

    The caller is in a scope. Raises `AgentNotFound`, `AgentDisabled` and `ConversationNotFound`.
    """
    return session_elsewhere(client, *_bound_to(client, agent, conversation_id))


def resume_session(
    client: Client,
    tool: str,
    *,
    agent: str | None = None,
    conversation_id: UUID | None = None,
    run_id: UUID | None = None,
    key: str,
    asked_by: Cause,
) -> Session:
    """The same, to use a tool once for one key; it goes on with the run, or begins one that goes by the key.

    The caller is in a scope. Also raises `AgentRunNotFound` for a run of another agent or conversation, and
    `IdempotencyMismatch` for a key that another tool, agent or conversation was named with.
    """
    limits, conversation = _bound_to(client, agent, conversation_id)
    if run_id is None:
        run_id = _run_of_key(client, tool, limits, conversation, key, asked_by).id
    else:
        get_run_elsewhere(client.id, run_id, limits.name, conversation_id)
    return session_elsewhere(
        client, limits, conversation, run_id=run_id, asked_by=asked_by, key=lambda name: f"tool:{key}"
    )


def _bound_to(
    client: Client, agent: str | None, conversation_id: UUID | None
) -> tuple[Agent, Conversation | None]:
    conversation = get_conversation(client.id, conversation_id) if conversation_id else None
    return agent_elsewhere(client, agent, conversation), conversation


def _run_of_key(
    client: Client, tool: str, limits: Agent, conversation: Conversation | None, key: str, asked_by: Cause
) -> AgentRun:
    """Its run, the same again for a request that is repeated: what was done under it is not done twice."""
    bound = Bound(client.id, client.name, client.profile_id, conversation.id if conversation else None)
    run = record_run_elsewhere(bound, limits.name, asked_by, run_id=uuid5(_SPACE, f"{client.id}\x1f{key}"))
    first = run.steps.order_by("created_at", "id").values_list("name", flat=True).first()
    if (run.agent, run.conversation_id, first or tool[:MAX_NAME]) != (
        limits.name,
        bound.conversation_id,
        tool[:MAX_NAME],
    ):
        raise IdempotencyMismatch
    return run
