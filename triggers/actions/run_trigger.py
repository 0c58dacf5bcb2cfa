"""Have another trigger of the client look at the same conversation, and act."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.apps import apps
from pydantic import BaseModel, ConfigDict, Field

from triggers.actions.base import ActionType, Occasion
from triggers.engine.ledger import Match, record_matches
from triggers.errors import TriggerNotFound


class RunTriggerConfig(BaseModel):
    """The other's QUANDO does not count, its SE does."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    trigger_id: Annotated[UUID, Field(strict=False)]


def _exists(config: RunTriggerConfig, client_id: UUID) -> bool:
    # By name: the model of a trigger knows the actions.
    triggers = apps.get_model("triggers", "Trigger").objects
    return bool(triggers.filter(id=config.trigger_id, client_id=client_id).exists())


def _check(config: RunTriggerConfig, client_id: UUID) -> dict[str, list[str]]:
    return {} if _exists(config, client_id) else {"trigger_id": [str(TriggerNotFound())]}


def _run(config: RunTriggerConfig, occasion: Occasion) -> dict[str, Any]:
    """Record an execution of the other; raises `CauseLoop` if that would come back, or go on for ever."""
    occasion.cause.then("trigger", config.trigger_id).then("execution", occasion.execution_id)
    if not _exists(config, occasion.client_id):
        raise TriggerNotFound
    executions = apps.get_model("triggers", "TriggerExecution").objects
    event_id = executions.filter(id=occasion.execution_id).values_list("event_id", flat=True).first()
    record_matches(
        [
            Match(
                trigger_id=config.trigger_id,
                client_id=occasion.client_id,
                conversation_id=occasion.conversation.id if occasion.conversation else None,
                subject=occasion.execution_id,
                event_id=event_id,
                occurrence=occasion.now,
                matched_at=occasion.now,
                values_seen={},
                cause=occasion.cause.as_list(),
            )
        ]
    )
    return {"trigger_id": str(config.trigger_id)}


TYPE = ActionType(config=RunTriggerConfig, run=_run, check=_check, needs_conversation=lambda _config: False)
