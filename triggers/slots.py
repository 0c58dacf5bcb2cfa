"""Which slots a calendar schedule has: pure functions of the schedule, its time zone and a window.

A wall time that the clocks jump over happens once, at the first instant after the jump; one that they show
twice happens the first time. Days are as Celery and the console mean them: where both the day of the month
and the day of the week are given, *both* must hold. (Unix' cron, and the libraries that follow it, take
either; the slots would not be those that the periodic task's page describes.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from celery.schedules import ParseException, crontab
from django.core.exceptions import ValidationError
from django_celery_beat import validators

_LONGEST_JUMP = timedelta(days=1)  # back: no zone shows more than a day twice
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}

# name in Celery, what people call it, its range, how many characters a stored one may have
_FIELDS = (
    ("minute", "minuto", "0 a 59", validators.minute_validator, 240),
    ("hour", "hora", "0 a 23", validators.hour_validator, 96),
    ("day_of_month", "dia do mês", "1 a 31", validators.day_of_month_validator, 124),
    ("month_of_year", "mês", "1 a 12", validators.month_of_year_validator, 64),
    ("day_of_week", "dia da semana", "0 a 6, domingo é 0", validators.day_of_week_validator, 64),
)


@dataclass(frozen=True, slots=True)
class Crontab:
    """The values that each field admits, in order; Sunday is 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def is_on(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays


@dataclass(frozen=True, slots=True)
class Interval:
    """At `anchor` + `period`, + 2 × `period`, …: real time, whatever clocks on walls do."""

    anchor: datetime
    period: timedelta


@dataclass(frozen=True, slots=True)
class Once:
    at: datetime


Schedule = Crontab | Interval | Once


@lru_cache(maxsize=1024)
def read_crontab(text: str) -> Crontab:
    """Read minute, hour, day of the month, month and day of the week; raises `ValueError` with a sentence."""
    written = text.split()
    if len(written) != len(_FIELDS):
        raise ValueError("use 5 campos: minuto, hora, dia do mês, mês e dia da semana")
    for value, (name, title, values, validator, length) in zip(written, _FIELDS, strict=True):
        try:
            validator(value)
            crontab(**{name: value})
        except (ValidationError, ParseException, ValueError):
            raise ValueError(f"{title}: “{value[:40]}” não é válido ({values})") from None
        if len(value) > length:
            raise ValueError(f"{title}: deve ter no máximo {length} caracteres")
    read: Any = crontab(**{name: value for value, (name, *_) in zip(written, _FIELDS, strict=True)})
    if not any(day <= _DAYS.get(month, 31) for month in read.month_of_year for day in read.day_of_month):
        raise ValueError("este dia não existe em nenhum dos meses")
    fields = (read.minute, read.hour, read.day_of_month, read.month_of_year, read.day_of_week)
    return Crontab(*(tuple(sorted(field)) for field in fields))


def slots_between(schedule: Schedule, zone: tzinfo, after: datetime, until: datetime) -> list[datetime]:
    """The slots in (`after`, `until`], in order and in UTC."""
    return list(iter_slots(schedule, zone, after, until))


def iter_slots(schedule: Schedule, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """The slots in (`after`, `until`] one by one."""
    match schedule:
        case Crontab():
            yield from _of_crontab(schedule, zone, after, until)
        case Interval():
            number = max((after - schedule.anchor) // schedule.period, 0) + 1
            while (slot := schedule.anchor + number * schedule.period) <= until:
                yield slot.astimezone(UTC)
                number += 1
        case Once():
            if after < schedule.at <= until:
                yield schedule.at.astimezone(UTC)


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which clocks in the zone show `wall`, or first show something later."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    # Clocks jump over it: the jump lies between its two readings, of which the later is taken first.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def _of_crontab(schedule: Crontab, zone: tzinfo, after: datetime, until: datetime) -> Iterator[datetime]:
    # Instants never go back as wall times go on: so no slot lies before `after`'s own, and the
    # first that is too late is the end.
    begin = after.astimezone(zone).replace(tzinfo=None, fold=0)
    end = until.astimezone(zone).replace(tzinfo=None, fold=0) + _LONGEST_JUMP
    last = after
    for wall in _walls(schedule, begin, end):
        slot = instant_of(wall, zone)
        if slot > until:
            return
        if slot > last:  # several that clocks jump over are one
            yield slot
            last = slot


def _walls(schedule: Crontab, begin: datetime, end: datetime) -> Iterator[datetime]:
    day = begin.date()
    while day <= end.date():
        if schedule.is_on(day):
            for hour in schedule.hours:
                for minute in schedule.minutes:
                    wall = datetime.combine(day, time(hour, minute))
                    if wall > begin:
                        yield wall
        day += timedelta(days=1)
