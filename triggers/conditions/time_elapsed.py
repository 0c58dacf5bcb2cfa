"""More, or less, than so much time has passed since a moment; of one that lies ahead, none has."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from django.db.models import DateTimeField, Exists, OuterRef, Q, Value
from django.db.models.lookups import GreaterThan, LessThanOrEqual
from pydantic import field_validator, model_validator

from renum.conversations.models import ContactDate
from triggers.conditions.base import ConditionType
from triggers.conditions.values import column_of, definite
from triggers.facts import Facts
from triggers.fields import ATTRIBUTES, REFERENCE_FIELDS, attribute_name, is_reference
from triggers.when.base import Span


class TimeElapsedConfig(Span):
    """`field`: a moment that the sweep follows, or a date of the contact. At least a minute."""

    field: str
    operator: Literal["more_than", "less_than"] = "more_than"

    @field_validator("field")
    @classmethod
    def _is_a_moment(cls, name: str) -> str:
        if not is_reference(name):
            raise ValueError(f"use um de: {', '.join(REFERENCE_FIELDS)}, {ATTRIBUTES}<nome>")
        return name

    @model_validator(mode="after")
    def _takes_a_while(self) -> TimeElapsedConfig:
        if self.delay < timedelta(minutes=1):
            raise ValueError("o tempo deve ser de 1 minuto a 366 dias")
        return self

    def bounds(self, now: datetime) -> tuple[datetime | None, datetime]:
        """The moment is after the first, if there is one, and not after the second."""
        return (now - self.delay, now) if self.operator == "less_than" else (None, now - self.delay)


def _matches(config: TimeElapsedConfig, facts: Facts) -> bool:
    after, until = config.bounds(facts.now)
    moment = facts.moment(config.field)
    return moment is not None and moment <= until and (after is None or moment > after)


def _filter(config: TimeElapsedConfig, now: datetime) -> Q:
    after, until = config.bounds(now)
    if name := attribute_name(config.field):
        dates = ContactDate.objects.filter(contact=OuterRef("contact"), name=name, at__lte=until)
        return Q(Exists(dates.filter(at__gt=after) if after else dates))
    _field, column = column_of(config.field)
    passed = Q(definite(LessThanOrEqual(column, Value(until, output_field=DateTimeField()))))
    if after:
        passed &= Q(definite(GreaterThan(column, Value(after, output_field=DateTimeField()))))
    return passed


def _clocks(config: TimeElapsedConfig) -> set[tuple[str, int]]:
    passed = (config.field, int(config.delay.total_seconds()))
    # A moment ahead is not yet "less than an hour ago"; it becomes so when it comes.
    return {passed, (config.field, 0)} if config.operator == "less_than" else {passed}


TYPE = ConditionType(
    config=TimeElapsedConfig,
    matches=_matches,
    filter=_filter,
    fields=lambda config: {config.field},
    clocks=_clocks,
)
