from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from pydantic import BaseModel

from triggers.facts import Facts


def _nothing(_config: Any) -> set[Any]:
    return set()


@dataclass(frozen=True, slots=True)
class ConditionType:
    """A kind of condition, in two forms that mean the same, of one validated `config`.

    `matches`: the predicate. `filter`: the same at an instant as a filter over conversations, which is true
    or false of each of them and never unknown, so that it can be negated; raises `ValueError` for a
    condition on an event, which no conversation has. `fields`: what it looks at. `clocks`: (field, seconds)
    after which time alone may change it.
    """

    config: type[BaseModel]
    matches: Callable[[Any, Facts], bool]
    filter: Callable[[Any, datetime], Q]
    fields: Callable[[Any], set[str]] = _nothing
    clocks: Callable[[Any], set[tuple[str, int]]] = _nothing


# By name; the package fills it. It is here because trees hold conditions of any type, trees too.
REGISTRY: dict[str, ConditionType] = {}
