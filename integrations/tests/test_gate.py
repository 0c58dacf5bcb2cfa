"""The gate: no clock, no database, and no message that leaves when it may not."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from integrations.delivery.gate import SWITCHES, Facts, Hold, Reason, Refuse, Send, judge
from integrations.delivery.quiet import STATES, QuietTimes

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
SPANS = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3))
INSTANTS = SPANS.map(lambda span: NOW + span)
ZONES = st.sampled_from(
    [
        "America/Sao_Paulo",
        "America/Noronha",
        "America/Rio_Branco",
        "Europe/Lisbon",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ]
).map(ZoneInfo)
# Over a whole year and the changes to and from summer time of its zones.
MOMENTS = st.datetimes(min_value=datetime(2017, 1, 1), max_value=datetime(2027, 12, 31)).map(
    lambda naive: naive.replace(tzinfo=UTC)
)

quiet_times = st.builds(
    QuietTimes,
    zone=ZONES,
    start=st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    end=st.none() | st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    days=st.frozensets(st.dates(min_value=date(2026, 3, 1), max_value=date(2026, 3, 20)), max_size=8),
    region=st.sampled_from(["", "BR", "BR-SP"]),
)

FREE = Facts(
    not_after=None,
    client_active=True,
    integration_enabled=True,
    suppressed=False,
    sent_today=0,
    daily_limit=1000,
    day_ends_at=NOW + timedelta(hours=12),
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "not_after": st.none() | INSTANTS,
    "client_active": st.booleans(),
    "integration_enabled": st.booleans(),
    "suppressed": st.booleans(),
    "sent_today": st.integers(0, 2000),
    "daily_limit": st.integers(0, 2000),
    "day_ends_at": st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(hours=25)).map(
        lambda span: NOW + span
    ),
    "proactive": st.booleans(),
    "all_paused": st.booleans(),
    "client_paused": st.booleans(),
    "number_paused": st.booleans(),
    "breaker_open_until": st.none() | INSTANTS,
    "new_chat": st.booleans(),
    "new_chats_blocked_until": st.none() | INSTANTS,
    "quiet": st.none() | quiet_times,
    "sent_to_contact": st.integers(0, 9),
    "contact_cap": st.none() | st.integers(1, 9),
    "contact_free_at": st.none() | INSTANTS,
    "next_proactive_at": st.none() | INSTANTS,
}


def test_the_properties_are_tried_over_every_fact() -> None:
    assert set(VALUES) == {field.name for field in dataclasses.fields(Facts)}


@st.composite
def facts_of_any_kind(draw: st.DrawFn) -> Facts:
    """Anything, but often little that speaks against sending: else hardly anything would leave."""
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=draw(st.integers(0, 19))))
    return dataclasses.replace(FREE, **{name: draw(VALUES[name]) for name in names})


def expired(facts: Facts, now: datetime = NOW) -> bool:
    return facts.not_after is not None and facts.not_after < now


def is_quiet(quiet: QuietTimes, now: datetime) -> bool:
    """Said anew and from the other end: is this minute on the wall one of the quiet ones?"""
    local = now.astimezone(quiet.zone)
    if local.date() in quiet.days:
        return True
    if quiet.region and local.date() in brazils_holidays(quiet.region, local.year):
        return True
    if quiet.start is None or quiet.end is None or quiet.start == quiet.end:
        return False
    minute = local.hour * 60 + local.minute
    start = quiet.start.hour * 60 + quiet.start.minute
    end = quiet.end.hour * 60 + quiet.end.minute
    return (minute - start) % 1440 < (end - start) % 1440


def test_the_states_are_those_whose_holidays_are_known() -> None:
    import holidays

    known = holidays.list_supported_countries()["BR"]
    assert [code for code in known if len(code) == 2] == STATES


def brazils_holidays(region: str, year: int) -> set[date]:
    import holidays

    return set(holidays.country_holidays("BR", subdiv=region.partition("-")[2] or None, years=year))


# --- properties over every combination of facts -----------------------------------------------------


@given(facts_of_any_kind())
def test_i4_what_is_forbidden_never_leaves(facts: Facts) -> None:
    assume(judge(facts, NOW) == Send())
    assert not facts.suppressed, "never to a suppressed contact"
    assert not expired(facts)
    assert facts.integration_enabled and facts.client_active
    assert not (facts.all_paused or facts.client_paused or facts.number_paused)
    assert facts.sent_today < facts.daily_limit, "never above the daily limit"
    assert facts.breaker_open_until is None or facts.breaker_open_until <= NOW
    if facts.new_chat and facts.new_chats_blocked_until:
        assert facts.new_chats_blocked_until <= NOW
    if facts.proactive:
        assert facts.quiet is None or not is_quiet(facts.quiet, NOW), "never within a quiet time"
        assert facts.next_proactive_at is None or facts.next_proactive_at <= NOW


@given(
    facts_of_any_kind(),
    st.integers(1, 9),
    st.integers(0, 9),
    st.timedeltas(min_value=timedelta(seconds=1), max_value=HOUR * 24),
)
def test_i4_never_above_the_cap_of_a_contact(facts: Facts, cap: int, over: int, span: timedelta) -> None:
    full = dataclasses.replace(
        facts, proactive=True, contact_cap=cap, sent_to_contact=cap + over, contact_free_at=NOW + span
    )
    assert judge(full, NOW) != Send()


@given(facts_of_any_kind())
def test_i4_replies_are_held_only_by_what_protects_the_number(facts: Facts) -> None:
    decision = judge(dataclasses.replace(facts, proactive=False), NOW)
    if isinstance(decision, Hold):
        assert decision.reason in {
            *SWITCHES,
            Reason.BREAKER_OPEN,
            Reason.DAILY_LIMIT,
            Reason.NEW_CHATS_BLOCKED,
        }


@given(facts_of_any_kind())
def test_i4_what_nothing_speaks_against_leaves(facts: Facts) -> None:
    """The gate holds nothing back without a reason that can be named."""
    free = dataclasses.replace(
        facts,
        not_after=None,
        client_active=True,
        integration_enabled=True,
        suppressed=False,
        sent_today=0,
        daily_limit=1,
        all_paused=False,
        client_paused=False,
        number_paused=False,
        breaker_open_until=None,
        new_chats_blocked_until=None,
        quiet=None,
        sent_to_contact=0,
        contact_cap=None,
        next_proactive_at=None,
    )
    assert judge(free, NOW) == Send()


@given(facts_of_any_kind())
def test_i4_a_held_message_is_judged_again_while_it_is_of_use(facts: Facts) -> None:
    """It is never lost: each hold ends, and before the message is of no use, unless it then expires."""
    decision = judge(facts, NOW)
    if isinstance(decision, Hold):
        assert decision.until > NOW
        if facts.not_after is not None:
            assert decision.until <= facts.not_after + timedelta(microseconds=1)
            if decision.until > facts.not_after:
                assert decision.reason in SWITCHES
                assert judge(facts, decision.until) == Refuse(Reason.EXPIRED)


@given(facts_of_any_kind(), st.integers(1, 40))
def test_i4_waiting_comes_to_an_end(facts: Facts, patience: int) -> None:
    """Followed from hold to hold, with nothing new happening, a message is sent or refused."""
    facts = dataclasses.replace(
        facts,
        all_paused=False,
        client_paused=False,
        number_paused=False,
        daily_limit=max(1, facts.daily_limit),
        contact_cap=None,
    )
    now = NOW
    for _ in range(40):
        decision = judge(facts, now)
        if not isinstance(decision, Hold):
            return
        assert decision.until > now
        now = decision.until
        if now >= facts.day_ends_at:  # a new day
            facts = dataclasses.replace(facts, sent_today=0, day_ends_at=now + timedelta(days=1))
    raise AssertionError(f"still held after 40 holds, at {now}")


@given(facts_of_any_kind())
def test_i4_judging_is_a_pure_function(facts: Facts) -> None:
    before = repr(facts)
    assert judge(facts, NOW) == judge(facts, NOW)
    assert repr(facts) == before


@given(facts_of_any_kind())
def test_a_refusal_always_names_its_reason(facts: Facts) -> None:
    decision = judge(facts, NOW)
    if isinstance(decision, Refuse):
        true = {
            Reason.EXPIRED: expired(facts),
            Reason.OPTED_OUT: facts.suppressed,
            Reason.CLIENT_SUSPENDED: not facts.client_active,
            Reason.INTEGRATION_DISABLED: not facts.integration_enabled,
            Reason.DAILY_LIMIT: facts.sent_today >= facts.daily_limit,
        }
        # all others are reasons to wait, that last longer than the message is of use
        assert true.get(decision.reason, facts.not_after is not None)


# --- quiet times ------------------------------------------------------------------------------------


@given(quiet_times, MOMENTS)
def test_i4_silence_lasts_exactly_as_long_as_the_wall_says(quiet: QuietTimes, now: datetime) -> None:
    found = quiet.silence_at(now)
    assert (found is not None) is is_quiet(quiet, now)
    if found is not None:
        until, _ = found
        assert until > now
        every_day = quiet.start is not None and quiet.end is not None
        assert until - now < timedelta(days=30 if every_day else 12)
        assert not is_quiet(quiet, until)
        assert is_quiet(quiet, until - timedelta(microseconds=1)), "and not a moment longer"


@pytest.mark.parametrize(
    ("start", "end", "local", "until"),
    [
        ("22:00", "08:00", "2026-03-10 21:59", None),
        ("22:00", "08:00", "2026-03-10 22:00", "2026-03-11 08:00"),
        ("22:00", "08:00", "2026-03-11 00:00", "2026-03-11 08:00"),
        ("22:00", "08:00", "2026-03-11 07:59", "2026-03-11 08:00"),
        ("22:00", "08:00", "2026-03-11 08:00", None),
        ("12:00", "14:00", "2026-03-10 13:00", "2026-03-10 14:00"),
        ("12:00", "14:00", "2026-03-10 14:00", None),
        # a holiday, and the night before and after it: Good Friday
        ("22:00", "08:00", "2026-04-02 23:00", "2026-04-04 08:00"),
        ("22:00", "08:00", "2026-04-03 12:00", "2026-04-04 08:00"),
        (None, None, "2026-04-03 12:00", "2026-04-04 00:00"),
        # the client's own holiday, beside a public one: 20 and 21 April
        (None, None, "2026-04-20 09:00", "2026-04-22 00:00"),
    ],
)
def test_silence_on_the_clients_clock(
    start: str | None, end: str | None, local: str, until: str | None
) -> None:
    quiet = QuietTimes(
        zone=SAO_PAULO,
        start=time.fromisoformat(start) if start else None,
        end=time.fromisoformat(end) if end else None,
        days=frozenset({date(2026, 4, 20)}),
        region="BR",
    )
    found = quiet.silence_at(datetime.fromisoformat(local).replace(tzinfo=SAO_PAULO))
    expected = datetime.fromisoformat(until).replace(tzinfo=SAO_PAULO) if until else None
    assert (found[0] if found else None) == expected


def test_a_state_s_own_holiday_counts_where_the_client_says_so() -> None:
    ninth_of_july = datetime(2026, 7, 9, 12, tzinfo=SAO_PAULO)
    assert QuietTimes(zone=SAO_PAULO, region="BR-SP").silence_at(ninth_of_july) is not None
    assert QuietTimes(zone=SAO_PAULO, region="BR").silence_at(ninth_of_july) is None


def test_a_window_that_ends_in_the_hour_that_summer_time_skips_ends_with_it() -> None:
    new_york = ZoneInfo("America/New_York")  # 8 March 2026: 02:00 becomes 03:00
    quiet = QuietTimes(zone=new_york, start=time(22), end=time(2, 30))
    found = quiet.silence_at(datetime(2026, 3, 8, 1, 59, tzinfo=new_york))
    assert found is not None and found[0] == datetime(2026, 3, 8, 3, 0, tzinfo=new_york)


def test_a_day_without_midnight_begins_an_hour_later() -> None:
    """São Paulo, 4 November 2018: 00:00 became 01:00."""
    quiet = QuietTimes(zone=SAO_PAULO, days=frozenset({date(2018, 11, 3)}))
    found = quiet.silence_at(datetime(2018, 11, 3, 23, 59, tzinfo=SAO_PAULO))
    assert found is not None and found[0] == datetime(2018, 11, 4, 3, 0, tzinfo=UTC)


# --- by example -------------------------------------------------------------------------------------

NIGHT = QuietTimes(zone=SAO_PAULO, start=time(11), end=time(13))  # noon in São Paulo is NOW
LATER = NOW + HOUR


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        ({}, Send()),
        ({"not_after": NOW}, Send()),  # valid up to and including
        ({"not_after": NOW - timedelta(microseconds=1)}, Refuse(Reason.EXPIRED)),
        ({"suppressed": True}, Refuse(Reason.OPTED_OUT)),
        ({"client_active": False}, Refuse(Reason.CLIENT_SUSPENDED)),
        ({"integration_enabled": False}, Refuse(Reason.INTEGRATION_DISABLED)),
        ({"sent_today": 999}, Send()),
        ({"sent_today": 1000}, Hold(FREE.day_ends_at, Reason.DAILY_LIMIT)),
        ({"daily_limit": 0}, Hold(FREE.day_ends_at, Reason.DAILY_LIMIT)),
        # tomorrow would be too late, so that waiting is of no use
        ({"sent_today": 1000, "not_after": NOW + timedelta(hours=11)}, Refuse(Reason.DAILY_LIMIT)),
        ({"sent_today": 1000, "not_after": FREE.day_ends_at}, Hold(FREE.day_ends_at, Reason.DAILY_LIMIT)),
        # somebody who opted out is not written to tomorrow either
        ({"sent_today": 1000, "suppressed": True}, Refuse(Reason.OPTED_OUT)),
        ({"suppressed": True, "not_after": NOW - timedelta(days=1)}, Refuse(Reason.EXPIRED)),
        # the switches, the widest first; a person ends them, so there is no end to wait for
        ({"all_paused": True, "client_paused": True}, Hold(LATER, Reason.KILL_SWITCH_ALL)),
        ({"client_paused": True, "number_paused": True}, Hold(LATER, Reason.KILL_SWITCH_CLIENT)),
        ({"number_paused": True}, Hold(LATER, Reason.KILL_SWITCH_NUMBER)),
        ({"number_paused": True, "proactive": False}, Hold(LATER, Reason.KILL_SWITCH_NUMBER)),
        ({"number_paused": True, "suppressed": True}, Refuse(Reason.OPTED_OUT)),
        ({"breaker_open_until": LATER}, Hold(LATER, Reason.BREAKER_OPEN)),
        ({"breaker_open_until": NOW}, Send()),  # a probe
        ({"new_chat": True, "new_chats_blocked_until": LATER}, Hold(LATER, Reason.NEW_CHATS_BLOCKED)),
        ({"new_chat": False, "new_chats_blocked_until": LATER}, Send()),
        ({"quiet": NIGHT}, Hold(LATER, Reason.QUIET_HOURS)),
        ({"quiet": NIGHT, "proactive": False}, Send()),
        (
            {"quiet": QuietTimes(zone=SAO_PAULO, days=frozenset({date(2026, 3, 10)}))},
            Hold(datetime(2026, 3, 11, tzinfo=SAO_PAULO), Reason.HOLIDAY),
        ),
        ({"quiet": NIGHT, "not_after": NOW + HOUR / 2}, Refuse(Reason.QUIET_HOURS)),
        (
            {"contact_cap": 2, "sent_to_contact": 2, "contact_free_at": LATER},
            Hold(LATER, Reason.CONTACT_CAP),
        ),
        ({"contact_cap": 2, "sent_to_contact": 1}, Send()),
        ({"contact_cap": 2, "sent_to_contact": 2, "proactive": False}, Send()),
        ({"next_proactive_at": NOW + timedelta(seconds=2)}, Hold(NOW + timedelta(seconds=2), Reason.PACE)),
        ({"next_proactive_at": NOW + timedelta(seconds=2), "proactive": False}, Send()),
        # of several reasons the longest
        ({"quiet": NIGHT, "next_proactive_at": NOW + timedelta(seconds=2)}, Hold(LATER, Reason.QUIET_HOURS)),
        (
            {"quiet": NIGHT, "sent_today": 1000},
            Hold(FREE.day_ends_at, Reason.DAILY_LIMIT),
        ),
    ],
    ids=str,
)
def test_decides(facts: dict[str, Any], decision: object) -> None:
    assert judge(dataclasses.replace(FREE, **facts), NOW) == decision
