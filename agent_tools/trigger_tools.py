"""The agents' tools as triggers use them: the same arguments, the same way out, and no model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent_tools import services
from agent_tools.operations.send_email import Worded
from agent_tools.operations.send_whatsapp import WhatsAppArguments
from agent_tools.selectors import get_agent_by_name
from agent_tools.services.asking import MAX_REQUEST
from integrations.delivery.contents import MAX_RECIPIENTS, MAX_SUBJECT_LENGTH
from integrations.delivery.outbox import enqueue_message
from integrations.models import OutboundMessage
from integrations.services import normalize_email, send_mail
from integrations.templating import MAX_OUTPUT_CHARACTERS
from renum.conversations.models import Message
from triggers.actions.base import Occasion
from triggers.actions.call_tool import register_tool
from triggers.errors import NoConversation


class EmailArguments(BaseModel):
    """A mail in plain text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: list[Annotated[str, AfterValidator(normalize_email)]] = Field(min_length=1, max_length=MAX_RECIPIENTS)
    subject: Worded = Field(max_length=MAX_SUBJECT_LENGTH)
    message: Worded = Field(max_length=MAX_OUTPUT_CHARACTERS)


class AskArguments(BaseModel):
    """What an agent of the client is to do, such as to write a report."""

    model_config = ConfigDict(extra="forbid", strict=True)

    agent: str = Field(max_length=40)
    task: Worded = Field(max_length=MAX_REQUEST)


def send_whatsapp_message(arguments: WhatsAppArguments, occasion: Occasion) -> dict[str, Any]:
    """Queue a text to the conversation's contact; raises what `enqueue_message` raises."""
    if occasion.conversation is None:
        raise NoConversation
    message = enqueue_message(
        occasion.conversation,
        arguments.message,
        idempotency_key=occasion.key,
        author=Message.Author.TRIGGER,
        priority=OutboundMessage.Priority.LOW,
        cause=occasion.cause,
    )
    return {"message_id": str(message.id)}


def send_email(arguments: EmailArguments, occasion: Occasion) -> dict[str, Any]:
    """Queue a mail in plain text; raises what `send_mail` raises."""
    message = send_mail(
        occasion.client_id,
        arguments.to,
        " ".join(arguments.subject.split()),
        arguments.message,
        is_html=False,
        automated=True,
        idempotency_key=occasion.key,
        priority=OutboundMessage.Priority.LOW,
        cause=occasion.cause,
    )
    return {"message_id": str(message.id)}


def ask_agent(arguments: AskArguments, occasion: Occasion) -> dict[str, Any]:
    """Have an agent do something, outside of the conversation; raises `AgentNotFound` or `AgentDisabled`."""
    agent = get_agent_by_name(occasion.client_id, arguments.agent)
    run = services.ask_agent(agent, arguments.task, idempotency_key=occasion.key, cause=occasion.cause)
    return {"run_id": str(run.id)}


def register() -> None:
    """Fill the registry of the action `call_tool`."""
    register_tool(
        "send_whatsapp_message", WhatsAppArguments, send_whatsapp_message, needs_conversation=True, messages=1
    )
    register_tool("send_email", EmailArguments, send_email, needs_conversation=False, messages=1)
    register_tool("ask_agent", AskArguments, ask_agent, needs_conversation=False, messages=1)
