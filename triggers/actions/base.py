from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from renum.events.cause import Cause
from triggers.texts import Subject


@dataclass(frozen=True, slots=True)
class Occasion(Subject):
    """What an action acts on. `key` makes its effects unique: a retry repeats nothing."""

    execution_id: UUID
    key: str
    cause: Cause
    now: datetime


def _is_fine(_config: Any, _client_id: UUID) -> dict[str, list[str]]:
    return {}


def _says_nothing(_config: Any, _subject: Subject) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class ActionType:
    """`config`: what a person may write. `run`: do it inside the caller's transaction, without
    touching the network, and return its receipt; raises `DomainError`, and `Skip` if there is no reason
    any more. `check`: what the schema cannot see, such as a template that does not exist: problems by path.
    `texts`: what it would say, by part of its message, without doing anything; raises as `run` does.
    `needs_conversation`: of a config, whether there must be one. `messages`: of a config, how many it sends.
    """

    config: type[BaseModel]
    run: Callable[[Any, Occasion], dict[str, Any]]
    check: Callable[[Any, UUID], dict[str, list[str]]] = _is_fine
    texts: Callable[[Any, Subject], dict[str, str]] = _says_nothing
    needs_conversation: Callable[[Any], bool] = lambda _config: True
    messages: Callable[[Any], int] = lambda _config: 0


class Skip(Exception):
    """There is nothing to do any more; `reason_code` says why."""

    def __init__(self, reason_code: str, *, condition_met: bool = True):
        self.reason_code = reason_code
        self.condition_met = condition_met
        super().__init__(reason_code)
