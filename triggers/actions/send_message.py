"""Write to the conversation's contact."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from integrations.delivery.contents import MAX_TEXT_LENGTH
from integrations.delivery.outbox import enqueue_message
from integrations.models import OutboundMessage
from renum.conversations.models import Message
from triggers.actions.base import ActionType, Occasion


class SendMessageConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    channel: Literal["whatsapp"]
    message: str = Field(min_length=1, max_length=MAX_TEXT_LENGTH)
    template_id: str | None = Field(default=None, max_length=100)  # the brief's label of the text

    @field_validator("message", "template_id")
    @classmethod
    def _has_words(cls, value: str | None) -> str | None:
        if value is not None and (not value.strip() or "\x00" in value):
            raise ValueError("o texto está vazio ou contém caracteres não permitidos")
        return value


def _run(config: SendMessageConfig, occasion: Occasion) -> dict[str, Any]:
    message = enqueue_message(
        occasion.conversation,
        config.message,
        idempotency_key=f"trigger:{occasion.execution_id}",
        author=Message.Author.TRIGGER,
        priority=OutboundMessage.Priority.LOW,
        cause=occasion.cause,
    )
    return {"message_id": str(message.id)}


TYPE = ActionType(config=SendMessageConfig, run=_run)
