from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.delivery.gate import Facts, Hold, Reason, Refuse, Send, judge

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
SPANS = st.timedeltas(min_value=timedelta(days=-3), max_value=timedelta(days=3))

facts_of_any_kind = st.builds(
    Facts,
    not_after=st.none() | SPANS.map(lambda span: NOW + span),
    client_active=st.booleans(),
    integration_enabled=st.booleans(),
    suppressed=st.booleans(),
    sent_today=st.integers(0, 2000),
    daily_limit=st.integers(0, 2000),
    day_ends_at=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(hours=25)).map(
        lambda span: NOW + span
    ),
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


def expired(facts: Facts) -> bool:
    return facts.not_after is not None and facts.not_after < NOW


@given(facts_of_any_kind)
def test_i4_sends_exactly_when_nothing_speaks_against_it(facts: Facts) -> None:
    forbidden = (
        facts.suppressed
        or expired(facts)
        or not facts.integration_enabled
        or not facts.client_active
        or facts.sent_today >= facts.daily_limit
    )
    assert (judge(facts, NOW) == Send()) is not forbidden


@given(facts_of_any_kind)
def test_i4_holds_for_the_limit_only_and_to_an_instant_that_is_still_of_use(facts: Facts) -> None:
    decision = judge(facts, NOW)
    if isinstance(decision, Hold):
        assert decision.until > NOW
        assert decision.until == facts.day_ends_at
        assert facts.not_after is None or decision.until <= facts.not_after
        assert decision.reason == Reason.DAILY_LIMIT
        assert facts.sent_today >= facts.daily_limit
        assert not facts.suppressed and facts.client_active and facts.integration_enabled


@given(facts_of_any_kind)
def test_i4_judging_is_a_pure_function(facts: Facts) -> None:
    before = dataclasses.asdict(facts)
    assert judge(facts, NOW) == judge(facts, NOW)
    assert dataclasses.asdict(facts) == before


@given(facts_of_any_kind)
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
        assert true[decision.reason]


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
    ],
)
def test_decides(facts: dict[str, object], decision: object) -> None:
    assert judge(dataclasses.replace(FREE, **facts), NOW) == decision  # type: ignore[arg-type]
