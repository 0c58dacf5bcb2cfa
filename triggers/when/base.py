from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from pydantic import BaseModel, ConfigDict, Field, model_validator

from triggers.facts import Facts

MAX_DELAY = timedelta(days=366)


class Span(BaseModel):
    """So many days, hours and minutes; at most 366 days."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    delay_days: int = Field(default=0, ge=0, le=366)
    delay_hours: int = Field(default=0, ge=0, le=366 * 24)
    delay_minutes: int = Field(default=0, ge=0, le=366 * 24 * 60)

    @model_validator(mode="after")
    def _is_bounded(self) -> Span:
        if self.delay > MAX_DELAY:
            raise ValueError("o atraso deve ser de no máximo 366 dias")
        return self

    @property
    def delay(self) -> timedelta:
        return timedelta(days=self.delay_days, hours=self.delay_hours, minutes=self.delay_minutes)


class Reentry(BaseModel):
    """At most `times` for one conversation in any `days` days."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    times: int = Field(ge=1, le=1000)
    days: int = Field(ge=1, le=366)


class WhenConfig(BaseModel):
    """What all trigger types may say.

    `include_existing`: whether what holds already when the trigger is switched on fires, once.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    include_existing: bool = True
    reentry: Reentry | None = None

    def clocks(self) -> set[tuple[str, int]]:
        """The instants at which it is due: so many seconds (negative: before) after a field."""
        return set()

    def filter(self, now: datetime, active_since: datetime) -> Q:
        """The conversations for which it is due, by a filter over them."""
        return Q()

    def occurrence(self, facts: Facts, active_since: datetime) -> datetime | None:
        """What names the occurrence that is due for one of them; None if none is."""
        return facts.now

    def engine_columns(self) -> dict[str, Any]:
        """What the engine looks triggers up by."""
        return {"event_kind": ""}
