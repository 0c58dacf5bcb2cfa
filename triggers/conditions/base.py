from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from renum.conversations.models import Conversation


@dataclass(frozen=True, slots=True)
class ConditionType:
    """A kind of condition, in three forms that mean the same.

    `config`: what a person may write. `sql`: a boolean over `t.condition_config` and `c`.
    `matches`: the same of a validated config and a loaded row.
    """

    config: type[BaseModel]
    sql: str
    matches: Callable[[Any, Conversation], bool]
