"""A calendar's schedule as people write it: a crontab, an interval or one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from triggers.slots import Crontab, Interval, Once, instant_of, read_crontab
from triggers.when.base import MAX_DELAY

# What is recorded so soon is not late: the sweep comes each minute, and may have to wait for a worker.
ON_TIME = timedelta(minutes=2)


class CatchUp(BaseModel):
    """What becomes of slots that were missed: none is made good, the last one, or the last `max`.

    None that is later than `max_lateness_minutes`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mode: Literal["skip", "once", "all"] = "once"
    max: int = Field(default=10, ge=1, le=100)
    max_lateness_minutes: int = Field(default=60, ge=1, le=366 * 24 * 60)

    def choose(self, slots: Sequence[datetime], now: datetime) -> list[datetime]:
        """Those of the slots, which are in order, that are to be carried out now."""
        lateness = timedelta(minutes=self.max_lateness_minutes)
        admitted = [slot for slot in slots if now - slot <= lateness]
        punctual = [slot for slot in admitted if now - slot <= ON_TIME]
        limit = {"skip": 0, "once": 1, "all": self.max}[self.mode]
        return admitted[-max(limit, len(punctual)) :] if limit or punctual else []


class Schedule(BaseModel):
    """One of `crontab`, `every` with `period`, `once`; wall times are the client's or `timezone`'s."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    crontab: str | None = Field(default=None, max_length=600)
    every: int | None = Field(default=None, ge=1, le=366 * 24 * 60)
    period: Literal["minutes", "hours", "days"] | None = None
    once: str | None = Field(default=None, max_length=40)
    timezone: str | None = Field(default=None, max_length=63)
    catch_up: CatchUp = CatchUp()

    @field_validator("crontab")
    @classmethod
    def _is_crontab(cls, value: str | None) -> str | None:
        if value is not None:
            read_crontab(value)
        return value

    @field_validator("once")
    @classmethod
    def _is_moment(cls, value: str | None) -> str | None:
        if value is not None:
            _read_moment(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value is not None and (value not in available_timezones() or value == "Factory"):
            raise ValueError("use um nome da base IANA, como America/Sao_Paulo")
        return value

    @model_validator(mode="after")
    def _is_one(self) -> Schedule:
        if [self.crontab, self.every or self.period, self.once].count(None) != 2:
            raise ValueError("use exatamente um de: crontab, every com period, once")
        if (self.every is None) != (self.period is None):
            raise ValueError("every e period andam juntos, como em: a cada 2 hours")
        if self.interval is not None and self.interval > MAX_DELAY:
            raise ValueError("o intervalo deve ser de 1 minuto a 366 dias")
        if self.timezone is not None and self.interval is not None:
            raise ValueError("timezone: só com crontab ou once")
        return self

    @property
    def interval(self) -> timedelta | None:
        return timedelta(**{self.period: self.every}) if self.period and self.every else None

    def zone(self, client_zone: tzinfo) -> tzinfo:
        """In which its wall times are meant."""
        return ZoneInfo(self.timezone) if self.timezone else client_zone

    def moment(self, client_zone: tzinfo) -> datetime | None:
        """The instant of `once`, in UTC."""
        if self.once is None:
            return None
        at = _read_moment(self.once)
        return at.astimezone(UTC) if at.tzinfo else instant_of(at, self.zone(client_zone))

    def slots(self, client_zone: tzinfo, anchor: datetime) -> Crontab | Interval | Once:
        """As it is computed with; `anchor` is where intervals count from."""
        if self.crontab is not None:
            return read_crontab(self.crontab)
        if self.interval is not None:
            return Interval(anchor, self.interval)
        at = self.moment(client_zone)
        assert at is not None  # one of the three is given
        return Once(at)


def _read_moment(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("use uma data com hora, como 2026-12-01T09:00:00") from None
    if "T" not in value.upper() and " " not in value:
        raise ValueError("use uma data com hora, como 2026-12-01T09:00:00")
    if not 2000 <= at.year <= 2200:
        raise ValueError("use uma data entre 2000 e 2200")
    return at
