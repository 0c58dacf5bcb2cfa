"""The slots of a schedule, over time zones with every kind of clock change."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import example, given
from hypothesis import strategies as st

from triggers.slots import (
    Crontab,
    Interval,
    Once,
    Schedule,
    instant_of,
    iter_slots,
    read_crontab,
    slots_between,
)

ZONES = (
    "America/Sao_Paulo",  # none since 2019, before at midnight
    "America/New_York",
    "Europe/Lisbon",
    "Australia/Lord_Howe",  # by half an hour
    "Asia/Kathmandu",  # none, 5:45
    "America/Santiago",  # at midnight
    "Pacific/Apia",  # left out 2011-12-30
)
WITHOUT_CHANGES = ("Asia/Kathmandu", "America/Bogota", "UTC")

TEXTS = (
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 0 * * *",
    "15,45 0-3 * * *",
    "0 9 * * 1-5",
    "0 9 13 * 5",
    "59 23 28-31 * *",
    "0 12 29 2 *",
)

zones = st.sampled_from(ZONES).map(ZoneInfo)
instants = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)).map(
    lambda at: at.replace(microsecond=0)
)
# around the changes, where there is something to find
changes = st.sampled_from(
    [
        datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia
        datetime(2018, 11, 4, 3, tzinfo=UTC),  # São Paulo, forward
        datetime(2018, 2, 18, 2, tzinfo=UTC),  # and back
        datetime(2024, 3, 10, 7, tzinfo=UTC),  # New York
        datetime(2024, 11, 3, 6, tzinfo=UTC),
        datetime(2024, 3, 31, 1, tzinfo=UTC),  # Lisbon
        datetime(2024, 10, 27, 1, tzinfo=UTC),
        datetime(2024, 10, 5, 15, 30, tzinfo=UTC),  # Lord Howe
        datetime(2024, 4, 6, 15, tzinfo=UTC),
        datetime(2024, 9, 8, 4, tzinfo=UTC),  # Santiago
        datetime(2024, 4, 7, 3, tzinfo=UTC),
    ]
)
near_changes = st.builds(
    lambda at, seconds: at + timedelta(seconds=seconds), changes, st.integers(-90_000, 90_000)
)
begins = instants | near_changes
spans = st.lists(st.integers(1, 30_000), min_size=1, max_size=8)
schedules = st.one_of(
    st.sampled_from(TEXTS).map(read_crontab),
    st.builds(Interval, begins, st.integers(1, 5_000).map(lambda minutes: timedelta(minutes=minutes))),
    st.builds(Once, begins),
)


def local(slot: datetime, zone: ZoneInfo) -> str:
    return slot.astimezone(zone).strftime("%m-%d %H:%M")


@given(schedules, zones, begins, spans)
def test_windows_that_follow_each_other_hold_the_slots_of_the_whole(
    schedule: Schedule, zone: ZoneInfo, begin: datetime, seconds: list[int]
) -> None:
    bounds = [begin]
    for span in seconds:
        bounds.append(bounds[-1] + timedelta(seconds=span))
    parts = [slots_between(schedule, zone, *window) for window in pairwise(bounds)]
    assert [slot for part in parts for slot in part] == slots_between(schedule, zone, begin, bounds[-1])


@given(schedules, zones, begins, st.integers(1, 200_000))
@example(read_crontab("* * * * *"), ZoneInfo("Pacific/Apia"), datetime(2011, 12, 30, 8, tzinfo=UTC), 20_000)
def test_slots_are_in_the_window_in_order_and_each_once(
    schedule: Schedule, zone: ZoneInfo, begin: datetime, seconds: int
) -> None:
    end = begin + timedelta(seconds=seconds)
    slots = slots_between(schedule, zone, begin, end)
    assert slots == sorted(set(slots))
    assert all(begin < slot <= end and slot.tzinfo is UTC for slot in slots)


@given(zones, begins, st.integers(0, 23), st.integers(0, 59))
def test_every_day_has_its_daily_slot_once_whatever_clocks_do(
    zone: ZoneInfo, begin: datetime, hour: int, minute: int
) -> None:
    daily = read_crontab(f"{minute} {hour} * * *")
    first = begin.astimezone(zone).date()
    bounds = [
        instant_of(datetime.combine(first + timedelta(days=days), datetime.min.time()), zone)
        for days in (0, 5)
    ]
    before = timedelta(seconds=1)
    slots = slots_between(daily, zone, bounds[0] - before, bounds[1] - before)
    days = Counter(slot.astimezone(zone).date() for slot in slots)
    left_out, is_apia = date(2011, 12, 30), str(zone) == "Pacific/Apia"
    expected = Counter(first + timedelta(days=number) for number in range(5))
    if is_apia and left_out + timedelta(days=1) in expected:  # its slot is the first instant of the next day
        expected[left_out + timedelta(days=1)] += 1
        expected.pop(left_out, None)
    if is_apia and (hour, minute) == (0, 0):  # which has one there already
        assert set(days) == set(expected)
        return
    assert days == expected


@given(st.sampled_from(TEXTS), st.sampled_from(WITHOUT_CHANGES).map(ZoneInfo), instants)
def test_without_clock_changes_slots_are_the_minutes_that_celery_admits(
    text: str, zone: ZoneInfo, begin: datetime
) -> None:
    minute, hour, day_of_month, month_of_year, day_of_week = text.split()
    celery: Any = crontab(minute, hour, day_of_week, day_of_month, month_of_year)
    end = begin + timedelta(hours=50)
    expected = []
    at = begin.replace(second=0)
    while (at := at + timedelta(minutes=1)) <= end:
        wall = at.astimezone(zone)
        if (
            wall.minute in celery.minute
            and wall.hour in celery.hour
            and wall.day in celery.day_of_month
            and wall.month in celery.month_of_year
            and wall.isoweekday() % 7 in celery.day_of_week
        ):
            expected.append(at)
    assert slots_between(read_crontab(text), zone, begin, end) == expected


@given(st.sampled_from(TEXTS[:-1]), instants)
def test_the_next_slot_is_the_one_that_beat_waits_for(text: str, at: datetime) -> None:
    minute, hour, day_of_month, month_of_year, day_of_week = text.split()
    celery = crontab(minute, hour, day_of_week, day_of_month, month_of_year, nowfun=lambda: at, app=_UtcApp())
    start, remaining, _now = celery.remaining_delta(at)
    found = iter_slots(read_crontab(text), UTC, at, at + timedelta(days=1000))
    assert next(found) == start + remaining


class _UtcApp:
    """What a crontab asks of Celery."""

    timezone = UTC
    conf = type("conf", (), {"enable_utc": True})()

    @staticmethod
    def now() -> datetime:
        raise AssertionError("the present is given")


@pytest.mark.parametrize(
    ("zone", "text", "begin", "expected"),
    [
        # jumped over: at the first instant after, once, however many wall times are
        ("America/New_York", "30 2 * * *", (2024, 3, 10), ["03-10 03:00", "03-11 02:30"]),
        ("America/New_York", "*/20 2 * * *", (2024, 3, 10), ["03-10 03:00", "03-11 02:00", "03-11 02:20"]),
        ("America/New_York", "0 2-3 * * *", (2024, 3, 10), ["03-10 03:00", "03-11 02:00", "03-11 03:00"]),
        ("America/Sao_Paulo", "0 0 * * *", (2018, 11, 3), ["11-03 00:00", "11-04 01:00", "11-05 00:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", (2024, 10, 6), ["10-06 02:30", "10-07 02:15"]),
        ("America/Santiago", "15 0 * * *", (2024, 9, 8), ["09-08 01:00", "09-09 00:15"]),
        ("Pacific/Apia", "0 9 * * *", (2011, 12, 29), ["12-29 09:00", "12-31 00:00", "12-31 09:00"]),
        # shown twice: the first time
        ("America/New_York", "30 1 * * *", (2024, 11, 3), ["11-03 01:30", "11-04 01:30"]),
        ("Europe/Lisbon", "0,30 1 * * *", (2024, 10, 27), ["10-27 01:00", "10-27 01:30", "10-28 01:00"]),
        # both the day of the month and that of the week
        ("America/Sao_Paulo", "0 9 13 * 5", (2026, 1, 1), ["02-13 09:00", "03-13 09:00", "11-13 09:00"]),
    ],
)
def test_what_clocks_show_at_the_slots(
    zone: str, text: str, begin: tuple[int, int, int], expected: list[str]
) -> None:
    at = datetime(*begin, tzinfo=ZoneInfo(zone)).astimezone(UTC) - timedelta(seconds=1)
    slots = slots_between(read_crontab(text), ZoneInfo(zone), at, at + timedelta(days=366))
    assert [local(slot, ZoneInfo(zone)) for slot in slots[: len(expected)]] == expected


def test_a_wall_time_that_is_shown_twice_means_the_first() -> None:
    zone = ZoneInfo("America/New_York")
    assert instant_of(datetime(2024, 11, 3, 1, 30), zone) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


def test_a_slot_after_midnight_is_there_though_clocks_went_back_to_the_day_before() -> None:
    zone, at = ZoneInfo("America/St_Johns"), datetime(2010, 11, 7, 2, 30, tzinfo=UTC)
    until = at + timedelta(minutes=5)
    assert local(until, zone) == "11-06 23:05"
    assert slots_between(read_crontab("0 0 * * *"), zone, at - timedelta(minutes=5), until) == [at]


def test_an_interval_counts_from_its_anchor_in_real_time() -> None:
    anchor = datetime(2024, 3, 9, 12, 7, 30, tzinfo=UTC)
    daily = Interval(anchor, timedelta(days=1))
    slots = slots_between(daily, ZoneInfo("America/New_York"), anchor, anchor + timedelta(days=2))
    assert slots == [anchor + timedelta(days=1), anchor + timedelta(days=2)]
    assert slots_between(daily, UTC, anchor - timedelta(days=9), anchor) == []


def test_one_moment_is_in_the_window_that_ends_with_it() -> None:
    at = datetime(2026, 12, 1, 12, tzinfo=UTC)
    minute = timedelta(minutes=1)
    assert slots_between(Once(at), UTC, at - minute, at) == [at]
    assert slots_between(Once(at), UTC, at, at + minute) == []


def test_a_crontab_is_read_as_celery_reads_it() -> None:
    read = read_crontab("*/20 8-10 1,15 jan-mar mon-fri")
    assert read == Crontab((0, 20, 40), (8, 9, 10), (1, 15), (1, 2, 3), (1, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0 9 * *", "use 5 campos"),
        ("0 0 9 * * *", "use 5 campos"),
        ("60 9 * * *", "minuto:"),
        ("0 24 * * *", "hora:"),
        ("0 9 0 * *", "dia do mês:"),
        ("0 9 * 13 *", "mês:"),
        ("0 9 * * 7", "dia da semana:"),
        ("0 9 * * seg", "dia da semana:"),
        ("mon 9 * * *", "minuto:"),
        ("*/0 9 * * *", "minuto:"),
        ("-1 9 * * *", "minuto:"),
        ("0 9 31 2,4 *", "este dia não existe"),
    ],
)
def test_a_crontab_that_cannot_be_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}"):
        read_crontab(text)
