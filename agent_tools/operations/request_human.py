"""Have a person take the conversation over."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import Field

from agent_tools.once import once
from agent_tools.operations.base import Arguments, Operation
from agent_tools.reasons import Attention
from agent_tools.sessions import HAND_OVER, Session
from renum import clock
from renum.conversations.models import Conversation
from renum.conversations.services import pause_agent, want_attention

NAME = HAND_OVER


class HandoverArguments(Arguments):
    reason: Literal["customer_asked", "cannot_help", "complaint", "sensitive", "other"] = Field(
        description="customer_asked: o contato pediu; cannot_help: o agente não consegue; "
        "complaint: reclamação; sensitive: assunto delicado; other: outro motivo."
    )


def _run(session: Session, arguments: HandoverArguments, number: int) -> dict[str, Any]:
    with session.scope():
        conversation = session.hold_conversation()
        return once(session, NAME, arguments, number, partial(_hand_over, session, conversation, arguments))


def _hand_over(session: Session, conversation: Conversation, arguments: HandoverArguments) -> dict[str, Any]:
    _call_person(session, conversation, Attention[arguments.reason.upper()])
    return {"conversation_id": str(conversation.id), "reason": arguments.reason}


def hand_over(session: Session, reason: Attention) -> None:
    """Mark the conversation, and keep the agent out of it for as long as the client's rules say."""
    with session.scope():
        _call_person(session, session.hold_conversation(), reason)


def _call_person(session: Session, conversation: Conversation, reason: Attention) -> None:
    want_attention(conversation, reason.value, cause=session.cause)
    pause_agent(conversation, clock.now(), cause=session.cause)


OPERATION = Operation(
    name=NAME,
    about="Chama uma pessoa da equipe para assumir esta conversa.",
    arguments=HandoverArguments,
    run=_run,
    needs_conversation=True,
    door="tool",
)
