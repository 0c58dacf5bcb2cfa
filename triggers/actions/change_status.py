"""Open, park or close the conversation, if it is where it is expected to be."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from renum.conversations import services
from renum.conversations.models import Conversation
from triggers.actions.base import ActionType, Occasion, Skip
from triggers.errors import NoConversation

Status = Literal["open", "pending", "closed"]


class ChangeStatusConfig(BaseModel):
    """`from`: only out of one of these."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    status: Status
    only_from: list[Status] | None = Field(default=None, alias="from", min_length=1, max_length=3)


def _run(config: ChangeStatusConfig, occasion: Occasion) -> dict[str, Any]:
    if occasion.conversation is None:
        raise NoConversation
    conversation = (
        Conversation.objects.select_for_update(no_key=True)
        .filter(client_id=occasion.client_id, id=occasion.conversation.id)
        .first()
    )
    if conversation is None:
        raise NoConversation
    previous = conversation.status
    if previous == config.status or (config.only_from and previous not in config.only_from):
        raise Skip("STATUS_NOT_AS_EXPECTED")
    services.change_status(conversation, Conversation.Status(config.status), cause=occasion.cause)
    return {"from": previous, "to": config.status}


TYPE = ActionType(config=ChangeStatusConfig, run=_run)
