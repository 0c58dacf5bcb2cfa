"""What a trigger may be: every part is validated on write and again on use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models import Q
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from renum.validation import problems_of
from triggers import actions, conditions, when
from triggers.actions.base import ActionType
from triggers.conditions.base import ConditionType
from triggers.errors import ConditionEvaluationError, InvalidTriggerConfig
from triggers.facts import Facts
from triggers.fields import EVENT

log = structlog.get_logger(__name__)

SCHEMA_VERSION = 2
MAX_STEPS = 10
SEQUENCE = "sequence"


class SequenceConfig(BaseModel):
    """Several actions, one after the other; one that failed is the last, if `stop_on_failure`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    actions: list[dict[str, Any]] = Field(min_length=1, max_length=MAX_STEPS)
    stop_on_failure: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One action of ENTÃO. `path`: where it stands in what was written."""

    type_name: str
    config: Any
    path: str

    @property
    def type(self) -> ActionType:
        return actions.REGISTRY[self.type_name]


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of a trigger, validated by their types."""

    when: when.WhenConfig
    condition_type: ConditionType
    condition: Any
    steps: tuple[Step, ...]
    stop_on_failure: bool

    def matches(self, facts: Facts) -> bool:
        """SE, of one subject; raises `ConditionEvaluationError`."""
        try:
            return self.condition_type.matches(self.condition, facts)
        except Exception as error:
            log.exception("condition_failed")
            raise ConditionEvaluationError from error

    def may_match(self, facts: Facts) -> bool:
        """The same, but that what cannot be judged holds: it is for the execution to fail, and say why."""
        try:
            return self.matches(facts)
        except ConditionEvaluationError:
            return True

    def filter(self, now: datetime) -> Q:
        """SE, as a filter over conversations."""
        return self.condition_type.filter(self.condition, now)

    @property
    def fields(self) -> set[str]:
        """What SE looks at."""
        return self.condition_type.fields(self.condition)

    @property
    def clocks(self) -> set[tuple[str, int]]:
        """The moments in SE."""
        return self.condition_type.clocks(self.condition)


def validate_parts(
    trigger_type: str,
    trigger_config: Any,
    condition_type: str,
    condition_config: Any,
    action_type: str,
    action_config: Any,
) -> Parts:
    """Validate QUANDO, SE and ENTÃO together; raises `InvalidTriggerConfig` with paths in `details`."""
    details: dict[str, list[str]] = {}
    ifs = {name: condition.config for name, condition in conditions.REGISTRY.items()}
    found_when = _validate("trigger", when.REGISTRY, trigger_type, trigger_config, details)
    condition = _validate("condition", ifs, condition_type, condition_config, details)
    steps, stops = _steps(action_type, action_config, details)
    if not details:
        parts = Parts(
            found_when, conditions.REGISTRY[condition_type], condition, tuple(steps), stop_on_failure=stops
        )
        _check_together(parts, details)
    if details:
        raise InvalidTriggerConfig(details=details)
    return parts


def check_references(parts: Parts, client_id: UUID) -> None:
    """Check what only the client's data can tell, such as templates; raises `InvalidTriggerConfig`."""
    details: dict[str, list[str]] = {}
    for step in parts.steps:
        for path, problems in step.type.check(step.config, client_id).items():
            details[f"{step.path}.{path}"] = problems
    if details:
        raise InvalidTriggerConfig(details=details)


def _steps(action_type: str, action_config: Any, details: dict[str, list[str]]) -> tuple[list[Step], bool]:
    thens: dict[str, type[BaseModel]] = {name: action.config for name, action in actions.REGISTRY.items()}
    if action_type != SEQUENCE:
        config = _validate("action", {**thens, SEQUENCE: SequenceConfig}, action_type, action_config, details)
        return [Step(action_type, config, "action_config")], True
    sequence = _validate("action", {SEQUENCE: SequenceConfig}, action_type, action_config, details)
    steps = []
    for number, written in enumerate(sequence.actions if sequence else ()):
        path = f"action_config.actions.{number}"
        if unknown := set(written) - {"action_type", "action_config"}:
            details[f"{path}.{min(unknown)}"] = ["Campo desconhecido."]
            continue
        inner: dict[str, list[str]] = {}
        name = str(written.get("action_type", ""))
        config = _validate("action", thens, name, written.get("action_config"), inner)
        details |= {f"{path}.{inner_path}": problems for inner_path, problems in inner.items()}
        steps.append(Step(name, config, f"{path}.action_config"))
    return steps, bool(sequence and sequence.stop_on_failure)


def _check_together(parts: Parts, details: dict[str, list[str]]) -> None:
    is_event = isinstance(parts.when, when.EventBasedConfig)
    of_event = sorted(field for field in parts.fields if field.startswith(EVENT))
    if of_event and not is_event:
        details["condition_config"] = [f"{', '.join(of_event)}: só em gatilhos por evento."]
    if isinstance(parts.when, when.ConditionBasedConfig) and not parts.fields:
        details["condition_type"] = ["Um gatilho por condição precisa de uma condição."]
    if isinstance(parts.when, when.TimeBasedConfig) and parts.when.schedule is not None:
        _check_without_conversation(parts, details)


def _check_without_conversation(parts: Parts, details: dict[str, list[str]]) -> None:
    if parts.fields:
        details["condition_type"] = ["Um gatilho de calendário não tem conversa: use a condição always."]
    for step in parts.steps:
        if step.type.needs_conversation(step.config):
            details[step.path] = ["Um gatilho de calendário não tem conversa: informe o destinatário."]


def _validate(
    part: str,
    schemas: Mapping[str, type[BaseModel]],
    type_: str,
    config: Any,
    details: dict[str, list[str]],
) -> Any:
    if type_ not in schemas:
        details[f"{part}_type"] = [f"Use um de: {', '.join(schemas)}."]
        return None
    try:
        return schemas[type_].model_validate({} if config is None else config)
    except ValidationError as error:
        for path, problems in problems_of(error, within=f"{part}_config").items():
            details.setdefault(path, []).extend(problems)
        return None
