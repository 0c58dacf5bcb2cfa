"""One side and the other of a conversation: what is said, and an agent that answers through its tool."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from agent_tools import runs
from agent_tools.models import AgentRun
from agent_tools.operations.send_whatsapp import NAME
from agent_tools.runs import Ended, Turn
from agent_tools.services import note_takeover, request_reply
from agent_tools.sessions import session_of
from agent_tools.using import use_tool
from integrations.models import OutboundMessage
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.conversations.services import pause_agent, record_message
from renum.events.cause import Cause


def hear(
    conversation: Conversation, text: str, *, replaces: uuid.UUID | None = None, at: datetime | None = None
) -> uuid.UUID:
    """The contact writes, as the inbox records it; returns the message's id."""
    with service_scope(reason="test"):
        message = record_message(
            conversation,
            direction=Message.Direction.INBOUND,
            author=Message.Author.CONTACT,
            state=Message.State.RECEIVED,
            length=len(text),
            cause=Cause(),
            occurred_at=at or clock.now(),
        )
        assert message is not None
        cause = Cause().then("message", message.id)
        request_reply(conversation, message.id, text, cause=cause, replaces=replaces)
    return message.id


def step_in(
    conversation: Conversation,
    *,
    at: datetime | None = None,
    author: Message.Author = Message.Author.PERSON,
) -> None:
    """Somebody of the client writes from the phone, as the inbox records it; or another system does."""
    at = at or clock.now()
    with service_scope(reason="test"):
        record_message(
            conversation,
            direction=Message.Direction.OUTBOUND,
            author=author,
            state=Message.State.SENT,
            length=5,
            cause=Cause(),
            occurred_at=at,
        )
        if author == Message.Author.PERSON:
            pause_agent(conversation, at, cause=Cause())
            note_takeover(conversation)


def answer(turn: Turn) -> Ended:
    """An agent that repeats what it was told."""
    session = session_of(turn)
    use_tool(session, NAME, {"message": " | ".join(turn.texts)})
    return Ended("stub", session.uses, session.refusal)


def work() -> int:
    return runs.run_pending(answer)


def runs_of(conversation: Conversation) -> list[tuple[str, str]]:
    """State and reason of the conversation's runs, the oldest first."""
    with service_scope(reason="test"):
        rows = AgentRun.objects.filter(conversation=conversation).order_by("created_at", "id")
        return list(rows.values_list("state", "reason_code"))


def outcomes_of(conversation: Conversation) -> list[tuple[str, str]]:
    """State and reason of what was queued for the contact, the oldest first."""
    with service_scope(reason="test"):
        rows = OutboundMessage.objects.filter(conversation=conversation).order_by("queued_at", "id")
        return list(rows.values_list("state", "reason_code"))


def waiting_texts(conversation: Conversation) -> list[str]:
    """What is queued for the contact and would be sent."""
    with service_scope(reason="test"):
        rows = OutboundMessage.objects.filter(conversation=conversation, state="queued")
        return [row.body["text"] for row in rows.order_by("queued_at", "id")]


def set_outbound(conversation: Conversation, state: str, **fields: Any) -> None:
    """Let the queued answers of the conversation be in another state."""
    with service_scope(reason="test"):
        OutboundMessage.objects.filter(conversation=conversation, state="queued").update(
            state=state, **fields
        )
