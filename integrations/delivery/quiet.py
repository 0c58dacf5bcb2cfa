"""When a client's contacts are to be left in peace: nightly windows and holidays, on their own clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

# Brazil's. Asked for them, the library would load every country's holidays, in every process that starts.
STATES = "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split()  # noqa: SIM905
MAX_DAYS = 400  # of silence in a row that are looked through


class Silence(Enum):
    HOURS = "hours"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class QuietTimes:
    """`start` to `end` on the wall clock of `zone`, each day; past midnight if `start` is later.

    `start` is quiet, `end` is not. `days`: the client's own holidays. `region`: of Brazil's national
    holidays, "BR" or "BR-SP" with a state's; empty for none. A holiday lasts from midnight to midnight.
    """

    zone: ZoneInfo
    start: time | None = None
    end: time | None = None
    days: frozenset[date] = frozenset()
    region: str = ""

    def silence_at(self, now: datetime) -> tuple[datetime, Silence] | None:
        """When the silence that holds at `now` is over, and what kind it begins with; None if none holds."""
        first: Silence | None = None
        at = now
        for _ in range(2 * MAX_DAYS):
            kind = self._kind_at(at)
            if kind is None:
                return (at, first) if first is not None else None
            first = first or kind
            at = self._end_of(kind, at)
        return at, first or Silence.HOLIDAY

    def _kind_at(self, at: datetime) -> Silence | None:
        local = at.astimezone(self.zone)
        if self._is_holiday(local.date()):
            return Silence.HOLIDAY
        return Silence.HOURS if self._in_window(local.time()) else None

    def _in_window(self, clock: time) -> bool:
        if self.start is None or self.end is None or self.start == self.end:
            return False
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def _is_holiday(self, day: date) -> bool:
        return day in self.days or (bool(self.region) and day in _public_holidays(self.region, day.year))

    def _end_of(self, kind: Silence, at: datetime) -> datetime:
        """The next instant at which silence of this kind may be over, after `at`."""
        day = at.astimezone(self.zone).date()
        clock = time.min if kind is Silence.HOLIDAY or self.end is None else self.end
        for ahead in range(3):
            until = _instant(day + timedelta(days=ahead), clock, self.zone)
            if until > at:
                return until
        raise AssertionError("a day ends")


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first instant on `day` at which the wall clock shows `clock` or later, in UTC.

    A time that the change to summer time skips becomes the first one after the gap.
    """
    wall = datetime.combine(day, clock, tzinfo=zone)
    instant = wall.astimezone(UTC)
    back = instant.astimezone(zone)
    if back.replace(tzinfo=None) != wall.replace(tzinfo=None):
        # PEP 495: fold=0 reads a time in the gap with the offset from before it, and lands after it.
        return _end_of_gap(instant, zone)
    return instant


def _end_of_gap(after: datetime, zone: ZoneInfo) -> datetime:
    """The transition before `after`, at which the clock jumped, to the minute."""
    offset = after.astimezone(zone).utcoffset()
    at = after.replace(second=0, microsecond=0)
    while (at - timedelta(minutes=1)).astimezone(zone).utcoffset() == offset:
        at -= timedelta(minutes=1)
    return at


@lru_cache(maxsize=256)
def _public_holidays(region: str, year: int) -> frozenset[date]:
    country, _, state = region.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=state or None, years=year))
