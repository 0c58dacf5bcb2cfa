from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from renum.conversations.models import Conversation
from renum.events.cause import Cause


@dataclass(frozen=True, slots=True)
class Occasion:
    """What an action acts on. `execution_id` makes its effects unique: a retry repeats nothing."""

    execution_id: UUID
    conversation: Conversation
    cause: Cause


@dataclass(frozen=True, slots=True)
class ActionType:
    """`config`: what a person may write. `run`: do it inside the caller's transaction, without
    touching the network, and return what to note in the execution's result; raises `DomainError`."""

    config: type[BaseModel]
    run: Callable[[Any, Occasion], dict[str, Any]]
