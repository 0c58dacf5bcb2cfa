"""What a trigger may be: every part is validated on write and again on use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from renum.validation import in_portuguese
from triggers import actions, conditions
from triggers.errors import InvalidTriggerConfig

SCHEMA_VERSION = 1
MAX_DELAY = timedelta(days=366)


class TimeBasedConfig(BaseModel):
    """So long after a moment of the conversation. At least a minute, at most 366 days."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delay_days: int = Field(default=0, ge=0, le=366)
    delay_hours: int = Field(default=0, ge=0, le=366 * 24)
    delay_minutes: int = Field(default=0, ge=0, le=366 * 24 * 60)
    reference_field: Literal["conversations.last_message_at"]

    @model_validator(mode="after")
    def _has_delay(self) -> TimeBasedConfig:
        if not timedelta(minutes=1) <= self.delay <= MAX_DELAY:
            raise ValueError("o atraso deve ser de 1 minuto a 366 dias")
        return self

    @property
    def delay(self) -> timedelta:
        return timedelta(days=self.delay_days, hours=self.delay_hours, minutes=self.delay_minutes)


WHEN: dict[str, type[BaseModel]] = {"time_based": TimeBasedConfig}


class Parts(BaseModel):
    """The three parts of a trigger, each validated by its type."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    when: TimeBasedConfig
    condition: Any
    action: Any


def validate_parts(
    trigger_type: str,
    trigger_config: Any,
    condition_type: str,
    condition_config: Any,
    action_type: str,
    action_config: Any,
) -> Parts:
    """Validate QUANDO, SE and ENTÃO together; raises `InvalidTriggerConfig` with paths in `details`."""
    ifs = {name: condition.config for name, condition in conditions.REGISTRY.items()}
    thens = {name: action.config for name, action in actions.REGISTRY.items()}
    details: dict[str, list[str]] = {}
    found = {
        "when": _validate("trigger", WHEN, trigger_type, trigger_config, details),
        "condition": _validate("condition", ifs, condition_type, condition_config, details),
        "action": _validate("action", thens, action_type, action_config, details),
    }
    if details:
        raise InvalidTriggerConfig(details=details)
    return Parts(**found)


def _validate(
    part: str,
    schemas: Mapping[str, type[BaseModel]],
    type_: str,
    config: Any,
    details: dict[str, list[str]],
) -> BaseModel | None:
    if type_ not in schemas:
        details[f"{part}_type"] = [f"Use um de: {', '.join(schemas)}."]
        return None
    try:
        return schemas[type_].model_validate({} if config is None else config)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            path = ".".join(str(step) for step in (f"{part}_config", *problem["loc"]))
            details.setdefault(path, []).append(in_portuguese(problem))
        return None
