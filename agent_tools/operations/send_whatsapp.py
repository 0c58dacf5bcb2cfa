"""Write to the person that the agent is talking with."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from agent_tools.admission import HOUR
from agent_tools.errors import AgentPaused, TooManyReplies
from agent_tools.guards.answers import check_words
from agent_tools.operations.base import Arguments, Operation
from agent_tools.runs import hold_for_answer, note_answer, remember_answer
from agent_tools.sessions import SEND, Session
from integrations.delivery.contents import MAX_TEXT_LENGTH
from integrations.delivery.outbox import enqueue_message
from integrations.errors import IdempotencyMismatch
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.models import Conversation, Message
from renum.conversations.selectors import get_conversation
from renum.errors import NotFound

NAME = SEND


class WhatsAppArguments(Arguments):
    message: str = Field(
        description="Texto em português a enviar ao contato desta conversa.",
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
    )


def _run(session: Session, arguments: WhatsAppArguments, number: int) -> dict[str, Any]:
    check_words(session, arguments.message)
    with session.scope():
        message = enqueue_answer(session, arguments.message, session.key_for(NAME, number))
    session.words.append(arguments.message)
    return {"message_id": str(message.id), "state": message.state}


def enqueue_answer(session: Session, text: str, key: str) -> OutboundMessage:
    """Queue a text to the session's contact, unless its turn is over. The caller is in the client's scope."""
    conversation = _hold(session)
    try:
        message = enqueue_message(
            conversation,
            text,
            idempotency_key=key,
            author=Message.Author.AGENT,
            priority=OutboundMessage.Priority.HIGH,
            cause=session.cause,
        )
    except IdempotencyMismatch:
        if session.turn is None:
            raise
        # This turn was begun before by a worker that died, and its model chose other words:
        # what it queued then stands, and is remembered.
        message = OutboundMessage.objects.get(client_id=session.client_id, idempotency_key=key)
    else:
        if session.turn:
            remember_answer(session.turn, [*session.words, text])
    if session.turn:
        note_answer(session.turn, message.id)
    return message


def _hold(session: Session) -> Conversation:
    if session.turn:
        return hold_for_answer(session.turn)
    if session.conversation_id is None:
        raise NotFound
    conversation = get_conversation(session.client_id, session.conversation_id)
    until = conversation.agent_paused_until
    # One who has just called a person may still say so; a turn of ours is not begun during a pause.
    if until and until > clock.now() and not session.has_just_handed_over():
        raise AgentPaused
    said = Message.objects.filter(
        conversation=conversation, author=Message.Author.AGENT, occurred_at__gt=clock.now() - HOUR
    )
    if said.count() >= session.agent.replies_per_hour:  # as a turn of ours is held to
        raise TooManyReplies
    return conversation


OPERATION = Operation(
    name=NAME,
    about="Envia uma mensagem de WhatsApp ao contato desta conversa.",
    arguments=WhatsAppArguments,
    run=_run,
    needs_conversation=True,
    door="send",
)
