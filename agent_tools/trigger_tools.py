"""The agents' tools as triggers use them: the same arguments, the same way out, and no model."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent_tools.tools.arguments import WhatsAppArguments
from integrations.delivery.contents import MAX_RECIPIENTS, MAX_SUBJECT_LENGTH
from integrations.delivery.outbox import enqueue_message
from integrations.models import OutboundMessage
from integrations.services import normalize_email, send_mail
from integrations.templating import MAX_OUTPUT_CHARACTERS
from renum.conversations.models import Message
from triggers.actions.base import Occasion
from triggers.actions.call_tool import register_tool
from triggers.errors import NoConversation


def _has_words(text: str) -> str:
    if not text.strip():
        raise ValueError("o texto está vazio")
    return text


Words = Annotated[str, AfterValidator(_has_words)]


class EmailArguments(BaseModel):
    """A mail in plain text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: list[Annotated[str, AfterValidator(normalize_email)]] = Field(min_length=1, max_length=MAX_RECIPIENTS)
    subject: Words = Field(max_length=MAX_SUBJECT_LENGTH)
    message: Words = Field(max_length=MAX_OUTPUT_CHARACTERS)


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


def register() -> None:
    """Fill the registry of the action `call_tool`."""
    register_tool(
        "send_whatsapp_message", WhatsAppArguments, send_whatsapp_message, needs_conversation=True, messages=1
    )
    register_tool("send_email", EmailArguments, send_email, needs_conversation=False, messages=1)
