"""Ask an agent for an answer. Imports no LangChain: web processes use this too."""

from __future__ import annotations

from uuid import UUID

from agent_tools.models import AgentRun
from renum.conversations.models import Conversation
from renum.events.cause import Cause
from renum.wakeups import wake_after_commit

RUN_TASK = "agent_tools.run_pending"
RUN_QUEUE = "high"
DEFAULT_AGENT = "discovery"


def request_reply(conversation: Conversation, inbound_message_id: UUID, text: str, *, cause: Cause) -> None:
    """Record that an agent owes an answer to this inbound message, once, and wake a worker."""
    run = AgentRun(
        client_id=conversation.client_id,
        conversation=conversation,
        agent=DEFAULT_AGENT,
        inbound_message_id=inbound_message_id,
        input_text=text,
        cause=cause.as_list(),
    )
    AgentRun.objects.bulk_create([run], ignore_conflicts=True)
    wake_after_commit(RUN_TASK, RUN_QUEUE)
