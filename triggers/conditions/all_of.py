"""All of several conditions are true."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from triggers.conditions.base import ConditionType
from triggers.conditions.nested import Conditions
from triggers.facts import Facts


def _matches(config: Conditions, facts: Facts) -> bool:
    return all(branch.matches(facts) for branch in config.branches)


def _filter(config: Conditions, now: datetime) -> Q:
    return Q(*(branch.filter(now) for branch in config.branches))


TYPE = ConditionType(
    config=Conditions, matches=_matches, filter=_filter, fields=Conditions.fields, clocks=Conditions.clocks
)
