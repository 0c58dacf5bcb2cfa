"""Conditions inside conditions: each is validated by its own type, and refused by the path to it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Any

from django.db.models import Q
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from triggers.conditions.base import REGISTRY, ConditionType
from triggers.facts import Facts

MAX_DEPTH = 5  # trees inside trees
MAX_BRANCHES = 20
MAX_CONDITIONS = 100  # of a whole tree


class Branch(BaseModel):
    """A condition of a tree. `condition_config`: validated by its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    condition_type: str
    condition_config: Any = Field(default=None, validate_default=True)

    @field_validator("condition_type")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in REGISTRY:
            raise ValueError(f"use um de: {', '.join(REGISTRY)}")
        return name

    @field_validator("condition_config")
    @classmethod
    def _is_of_its_type(cls, config: Any, info: ValidationInfo) -> Any:
        name = info.data.get("condition_type")
        if name is None:
            return config  # refused already
        written = {} if config is None else config
        return REGISTRY[name].config.model_validate(written, context={"depth": _depth(info) + 1})

    @property
    def type(self) -> ConditionType:
        return REGISTRY[self.condition_type]

    def matches(self, facts: Facts) -> bool:
        return self.type.matches(self.condition_config, facts)

    def filter(self, now: datetime) -> Q:
        return self.type.filter(self.condition_config, now)


class Tree(BaseModel):
    """Conditions that are joined into one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _is_not_too_deep(cls, written: Any, info: ValidationInfo) -> Any:
        if _depth(info) > MAX_DEPTH:
            raise ValueError(f"no máximo {MAX_DEPTH} níveis de condições")
        return written

    @model_validator(mode="after")
    def _is_not_too_big(self) -> Tree:
        if self.size > MAX_CONDITIONS:
            raise ValueError(f"no máximo {MAX_CONDITIONS} condições ao todo")
        return self

    @property
    @abstractmethod
    def branches(self) -> tuple[Branch, ...]: ...

    @property
    def size(self) -> int:
        """How many conditions there are in it, at any depth."""
        inner = [branch.condition_config for branch in self.branches]
        return len(inner) + sum(config.size for config in inner if isinstance(config, Tree))

    def fields(self) -> set[str]:
        """What any of them looks at."""
        return {field for branch in self.branches for field in branch.type.fields(branch.condition_config)}

    def clocks(self) -> set[tuple[str, int]]:
        """The moments in any of them."""
        return {clock for branch in self.branches for clock in branch.type.clocks(branch.condition_config)}


class Conditions(Tree):
    conditions: list[Branch] = Field(min_length=1, max_length=MAX_BRANCHES)

    @property
    def branches(self) -> tuple[Branch, ...]:
        return tuple(self.conditions)


def _depth(info: ValidationInfo) -> int:
    """Of the condition that is validated; the outermost has none told and is the first."""
    return int((info.context or {}).get("depth", 1))
