"""When something happens."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from renum.events.models import Event
from triggers.when.base import WhenConfig

EVENTS: tuple[str, ...] = (
    Event.Kind.MESSAGE_RECEIVED.value,
    Event.Kind.MESSAGE_SENT.value,
    Event.Kind.MESSAGE_DELIVERED.value,
    Event.Kind.MESSAGE_FAILED.value,
    Event.Kind.CONVERSATION_OPENED.value,
    Event.Kind.STATUS_CHANGED.value,
    Event.Kind.CONTACT_OPTED_OUT.value,
    Event.Kind.CONTACT_OPTED_IN.value,
    Event.Kind.ATTENTION_WANTED.value,
    Event.Kind.AGENT_PAUSED.value,
    Event.Kind.AGENT_RESUMED.value,
    Event.Kind.INTENT_DETECTED.value,
    Event.Kind.INTEGRATION_CONNECTED.value,
    Event.Kind.INTEGRATION_DISCONNECTED.value,
)


class EventBasedConfig(WhenConfig):
    """Each event of a kind, once. `intent_values`: of `intent_detected`, only these intents."""

    include_existing: Literal[False] = False  # what happened before the trigger was there is over
    event: str
    intent_values: list[str] | None = Field(default=None, min_length=1, max_length=100)

    @model_validator(mode="after")
    def _is_known(self) -> EventBasedConfig:
        if self.event not in EVENTS:
            raise ValueError(f"event: use um de {', '.join(EVENTS)}")
        if self.intent_values is not None and self.event != Event.Kind.INTENT_DETECTED.value:
            raise ValueError("intent_values: só para o evento intent_detected")
        return self

    def admits(self, data: dict[str, Any]) -> bool:
        """Whether an event with this data is one of those that are meant."""
        return self.intent_values is None or data.get("intent") in self.intent_values

    def engine_columns(self) -> dict[str, Any]:
        return {"event_kind": self.event}
