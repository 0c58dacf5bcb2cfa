"""What tools take: apart from the tools, so that who only writes arguments down loads no agent."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from integrations.delivery.contents import MAX_TEXT_LENGTH


class WhatsAppArguments(BaseModel):
    """The model chooses the words; client, conversation and recipient are bound on the server."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(
        description="Texto em português a enviar ao contato desta conversa.",
        min_length=1,
        max_length=MAX_TEXT_LENGTH,
    )
