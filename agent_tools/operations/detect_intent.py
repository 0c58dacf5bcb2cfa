"""Say what the contact wants, so that triggers can act on it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db.models import Q
from pydantic import Field

from agent_tools.defaults import INTENTS
from agent_tools.errors import InvalidArguments
from agent_tools.once import once
from agent_tools.operations.base import Arguments, Operation
from agent_tools.sessions import Session
from renum.conversations.models import Conversation
from renum.events.models import Event
from renum.events.services import record_event

NAME = "detect_intent"


class IntentArguments(Arguments):
    intent: str = Field(description="Uma das intenções conhecidas.", max_length=40)
    confidence: float | None = Field(default=None, description="Certeza, de 0 a 1.", ge=0, le=1)


def _intents(session: Session) -> list[str]:
    return session.agent.intents or INTENTS


def _run(session: Session, arguments: IntentArguments, number: int) -> dict[str, Any]:
    # From a list of the client's: an event holds no words that a contact, or a model, chose.
    if arguments.intent not in _intents(session):
        raise InvalidArguments(details={"intent": [f"use um de: {', '.join(_intents(session))}"]})
    record = partial(_record, session, arguments)
    with session.scope():
        conversation = session.hold_conversation()
        Conversation.objects.select_for_update(no_key=True).get(id=conversation.id)
        # A turn knows what it has said, also in whose place it is done, by the event itself.
        return record() if session.turn else once(session, NAME, arguments, number, record)


def _record(session: Session, arguments: IntentArguments) -> dict[str, Any]:
    event = _known(session, arguments.intent) or record_event(
        session.client_id,
        Event.Kind.INTENT_DETECTED,
        cause=session.cause,
        conversation_id=session.conversation_id,
        data={"intent": arguments.intent}
        | ({} if arguments.confidence is None else {"confidence": round(arguments.confidence, 2)}),
    )
    return {"event_id": str(event.id), "intent": arguments.intent}


def _known(session: Session, intent: str) -> Event | None:
    """That the same was said of the same texts: by this run, or by one that they were taken over from."""
    same = Q(cause__contains=[f"agent_run:{session.run_id}"])
    if session.since:
        same |= Q(occurred_at__gte=session.since)
    return Event.objects.filter(
        same,
        client_id=session.client_id,
        conversation_id=session.conversation_id,
        kind=Event.Kind.INTENT_DETECTED,
        data__intent=intent,
    ).first()


OPERATION = Operation(
    name=NAME,
    about="Registra a intenção do contato, para que as automações da empresa ajam.",
    arguments=IntentArguments,
    run=_run,
    needs_conversation=True,
    door="tool",
    detail=lambda session: f"Intenções: {', '.join(_intents(session))}.",
)
