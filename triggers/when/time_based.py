"""So long after (or before) a moment, or by the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Exists, OuterRef, Q
from pydantic import Field, ValidationInfo, field_validator, model_validator

from renum.conversations.models import ContactDate
from triggers.facts import Facts
from triggers.fields import REFERENCE_FIELDS, attribute_name, is_reference
from triggers.when.base import Span, WhenConfig
from triggers.when.calendar import Schedule


class TimeBasedConfig(Span, WhenConfig):
    """At least a minute after, or before, a moment of the conversation or a date of the contact.

    Or by a calendar's `schedule`, which is about no conversation; `triggers.schedules` records its slots.
    `direction`: before is for dates that lie ahead. `reference_field` is empty if there is a schedule.
    """

    schedule: Schedule | None = None  # before the field whose validator looks at it
    reference_field: str = Field(default="", validate_default=True)
    direction: Literal["after", "before"] = "after"

    @field_validator("reference_field")
    @classmethod
    def _is_known_unless_scheduled(cls, value: str, info: ValidationInfo) -> str:
        scheduled = info.data.get("schedule", ...) is not None  # an invalid one is complained about already
        if not scheduled and not value:
            raise ValueError("campo obrigatório, se não há schedule")
        if scheduled and value:
            raise ValueError("use reference_field ou schedule, não os dois")
        if not scheduled and not is_reference(value):
            raise ValueError(f"use um de {', '.join(REFERENCE_FIELDS)}")
        return value

    @model_validator(mode="after")
    def _has_a_moment(self) -> TimeBasedConfig:
        if self.schedule is not None:
            if foreign := self.model_fields_set - {"schedule", "include_existing"}:
                raise ValueError(f"{', '.join(sorted(foreign))}: não se aplica a um horário de calendário")
            return self
        is_date = self.reference_field not in REFERENCE_FIELDS
        if self.direction == "before" and not is_date:
            raise ValueError("direction: antes só de uma data do contato (contacts.attributes.<nome>)")
        if not is_date and self.delay < timedelta(minutes=1):
            raise ValueError("o atraso deve ser de 1 minuto a 366 dias")
        return self

    @property
    def offset(self) -> timedelta:
        """Added to the moment: negative before it."""
        return -self.delay if self.direction == "before" else self.delay

    def filter(self, now: datetime, active_since: datetime) -> Q:
        if self.schedule is not None:
            return Q(pk__in=[])
        due = {"lte": now - self.offset}
        if not self.include_existing:
            due["gt"] = active_since - self.offset
        if name := attribute_name(self.reference_field):
            dates = ContactDate.objects.filter(contact=OuterRef("contact"), name=name)
            return Q(Exists(dates.filter(**{f"at__{how}": at for how, at in due.items()})))
        column = REFERENCE_FIELDS[self.reference_field].column
        return Q(**{f"{column}__{how}": at for how, at in due.items()})

    def occurrence(self, facts: Facts, active_since: datetime) -> datetime | None:
        if self.schedule is not None:
            return None
        moment = facts.moment(self.reference_field)
        if moment is None or moment + self.offset > facts.now:
            return None
        if not self.include_existing and moment + self.offset <= active_since:
            return None
        return self.names_occurrence(facts)

    def names_occurrence(self, facts: Facts) -> datetime | None:
        """The period, or the date, that an execution is for."""
        reference = REFERENCE_FIELDS.get(self.reference_field)
        name = f"conversations.{reference.occurrence}" if reference else self.reference_field
        return facts.read(name) if reference else facts.moment(name)

    def clocks(self) -> set[tuple[str, int]]:
        if self.schedule is not None:
            return set()
        return {(self.reference_field, int(self.offset.total_seconds()))}
