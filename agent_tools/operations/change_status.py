"""Open, park or close the conversation."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import Field

from agent_tools.once import once
from agent_tools.operations.base import Arguments, Operation
from agent_tools.sessions import Session
from renum.conversations.models import Conversation
from renum.conversations.services import change_status

NAME = "change_status"


class StatusArguments(Arguments):
    status: Literal["open", "pending", "closed"] = Field(
        description="open: em atendimento; pending: aguardando o cliente; closed: encerrada."
    )


def _run(session: Session, arguments: StatusArguments, number: int) -> dict[str, Any]:
    with session.scope():
        conversation = session.hold_conversation()
        return once(session, NAME, arguments, number, partial(_change, session, conversation, arguments))


def _change(session: Session, conversation: Conversation, arguments: StatusArguments) -> dict[str, Any]:
    before = conversation.status
    change_status(conversation, Conversation.Status(arguments.status), cause=session.cause)
    return {"conversation_id": str(conversation.id), "from": before, "status": arguments.status}


OPERATION = Operation(
    name=NAME,
    about="Altera a situação desta conversa.",
    arguments=StatusArguments,
    run=_run,
    needs_conversation=True,
    door="tool",
)
