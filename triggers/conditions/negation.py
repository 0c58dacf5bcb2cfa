"""A condition is false."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from triggers.conditions.base import ConditionType
from triggers.conditions.nested import Branch, Tree
from triggers.facts import Facts


class NotConfig(Tree):
    condition: Branch

    @property
    def branches(self) -> tuple[Branch, ...]:
        return (self.condition,)


def _matches(config: NotConfig, facts: Facts) -> bool:
    return not config.condition.matches(facts)


def _filter(config: NotConfig, now: datetime) -> Q:
    return ~config.condition.filter(now)


TYPE = ConditionType(
    config=NotConfig, matches=_matches, filter=_filter, fields=NotConfig.fields, clocks=NotConfig.clocks
)
