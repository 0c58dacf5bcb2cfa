"""Pace, caps, quiet times and kill switches, from the outbox to the vendor: held, judged again, never lost."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from integrations import services
from integrations.models import Integration, OutboundMessage
from integrations.selectors import explain_waiting
from integrations.tasks import dispatch as dispatch_task
from integrations.tests.helpers import (
    HIGH,
    LOW,
    NORMAL,
    Clock,
    Vendor,
    change,
    connect_vendor,
    dispatch,
    make_backlog,
    make_talk,
    reread,
)
from renum import settings
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from tests.cast import Cast
from tests.factories import make_outbound, make_policy

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor, clock_stands: Clock) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox)


def paced(integration: Integration, seconds: float | None) -> Integration:
    with service_scope(reason="test"):
        Integration.objects.filter(id=integration.id).update(pace_seconds=seconds)
    integration.pace_seconds = seconds
    return integration


def queue(integration: Integration, **fields: Any) -> OutboundMessage:
    return make_outbound(make_talk(integration.client), integration=integration, **fields)


def is_held(message: OutboundMessage, reason: str) -> datetime:
    row = reread(message)
    assert (row.state, row.reason_code, row.attempts) == ("queued", reason, 0)
    assert row.body is not None and row.recipient is not None
    return row.next_attempt_at


def with_policy(cast: Cast, **rules: Any) -> None:
    with service_scope(reason="test"):
        services.change_policy(cast.acme.id, rules, cause=Cause())


# --- pace -------------------------------------------------------------------------------------------


def test_messages_nobody_asked_for_leave_a_number_with_a_gap_between_them(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, 4.0)
    messages = make_backlog(acme, 5)
    gaps = []
    for _ in messages:
        assert dispatch() == 1
        before = clock_stands.at
        while dispatch() == 0 and any(reread(one).state == "queued" for one in messages):
            clock_stands.advance(0.25)
            if dispatch() == 1:
                gaps.append((clock_stands.at - before).total_seconds())
                break
        if all(reread(one).state == "sent" for one in messages):
            break
        clock_stands.advance(6)
    assert gaps and all(4.0 <= gap <= 6.25 for gap in gaps), gaps
    assert len(sandbox.sends()) == 5


def test_the_gap_varies_so_that_it_looks_like_nobody_s_clock(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, 10.0)
    make_backlog(acme, 12)
    gaps = set()
    for _ in range(12):
        assert dispatch() == 1
        with service_scope(reason="test"):
            next_at = Integration.objects.select_related("delivery_state").get(id=acme.id).delivery_state
        gap = (next_at.next_proactive_at - clock_stands.at).total_seconds()
        assert 10.0 <= gap <= 15.0
        gaps.add(gap)
        clock_stands.advance(15)
    assert len(gaps) > 6


def test_a_reply_does_not_wait_for_the_pace_nor_slows_it_down(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, 60.0)
    bulk = [queue(acme, priority=LOW) for _ in range(2)]
    assert dispatch(LOW) == 1
    replies = [queue(acme, priority=HIGH) for _ in range(3)]
    assert dispatch(HIGH) == 3
    assert {reread(one).state for one in replies} == {"sent"}
    assert sorted(reread(one).state for one in bulk) == ["queued", "sent"]
    clock_stands.advance(90)
    assert dispatch(LOW) == 1


def test_the_lanes_of_what_nobody_asked_for_share_one_pace(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, 60.0)
    queue(acme, priority=NORMAL)
    queue(acme, priority=LOW)
    assert dispatch(NORMAL) == 1
    assert dispatch(LOW) == 0


def test_numbers_do_not_wait_for_each_other(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    numbers = [
        paced(connect_vendor(client, sandbox), 60.0)
        for client in (committed_cast.acme, committed_cast.globex)
    ]
    for number in numbers:
        make_backlog(number, 3)
    assert dispatch() == 2


def test_whatsapp_numbers_have_a_pace_unless_they_say_otherwise(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, None)
    make_backlog(acme, 3)
    assert dispatch() == 1
    clock_stands.advance(1.9)
    assert dispatch() == 0
    clock_stands.advance(1.2)
    assert dispatch() == 1


def test_a_wake_up_is_booked_for_when_the_number_may_go_on(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    paced(acme, 3.0)
    make_backlog(acme, 3)
    broker = Redis.from_url(settings.REDIS_URL)
    broker.flushdb()
    dispatch_task("normal")
    (booked,) = broker.scan_iter("renum:wake:integrations.dispatch:normal:at:*")
    assert 2000 < broker.pttl(booked) <= 4600
    assert b'"eta": "' in b"".join(broker.lrange("normal", 0, -1))


def test_ten_thousand_that_wait_for_their_number_are_not_touched(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    """A slot costs one claim, however long the queue is."""
    paced(acme, 60.0)
    messages = make_backlog(acme, 300)
    assert dispatch() == 1
    assert dispatch() == 0
    assert sum(reread(one).reason_code == "PACE" for one in messages[:50]) == 0


# --- kill switches ----------------------------------------------------------------------------------


def switch(cast: Cast, integration: Integration, which: str, paused: bool) -> None:
    with service_scope(reason="test"):
        if which == "ALL":
            services.switch_everything(paused=paused)
        elif which == "CLIENT":
            services.change_policy(cast.acme.id, {"paused": paused}, cause=Cause())
        else:
            services.change_integrations([integration], {"paused": paused}, cause=Cause())


@pytest.mark.parametrize("which", ["ALL", "CLIENT", "NUMBER"])
@pytest.mark.parametrize("priority", [HIGH, NORMAL])
def test_a_kill_switch_holds_everything_and_its_release_lets_it_go(
    acme: Integration,
    committed_cast: Cast,
    sandbox: Vendor,
    clock_stands: Clock,
    which: str,
    priority: OutboundMessage.Priority,
) -> None:
    switch(committed_cast, acme, which, True)
    messages = [queue(acme, priority=priority) for _ in range(3)]
    other = queue(connect_vendor(committed_cast.globex, sandbox), priority=priority)
    dispatch(priority)
    for message in messages:
        until = is_held(message, f"KILL_SWITCH_{which}")
        assert until == clock_stands.at + timedelta(hours=1)
    assert reread(other).state == ("queued" if which == "ALL" else "sent")
    already = len(sandbox.sends())

    clock_stands.advance(7200)
    dispatch(priority)
    assert len(sandbox.sends()) == already, "looked at again, and still held"
    switch(committed_cast, acme, which, False)
    dispatch(priority)
    assert {reread(message).state for message in [*messages, other]} == {"sent"}
    assert len(sandbox.sends()) == 4


def test_a_message_that_is_of_no_use_any_more_expires_under_the_switch(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    switch(committed_cast, acme, "NUMBER", True)
    message = queue(acme, not_after=clock_stands.at + timedelta(minutes=10))
    dispatch()
    assert is_held(message, "KILL_SWITCH_NUMBER") <= clock_stands.at + timedelta(minutes=11)
    clock_stands.advance(601)
    dispatch()
    row = reread(message)
    assert (row.state, row.reason_code, row.body, row.recipient) == ("failed", "EXPIRED", None, None)
    assert sandbox.sends() == []


def test_without_its_row_the_switch_for_everything_is_off(acme: Integration, sandbox: Vendor) -> None:
    """Truncated, restored from an old copy: what is not there does not stop anybody."""
    message = queue(acme)
    assert dispatch() == 1
    assert reread(message).state == "sent"


# --- quiet times ------------------------------------------------------------------------------------


def test_what_nobody_asked_for_waits_for_the_morning_and_replies_do_not(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_policy(committed_cast.acme, quiet_start=time(22), quiet_end=time(8))
    night = clock_stands.at.astimezone(SAO_PAULO).replace(hour=23)
    clock_stands.at = night.astimezone(UTC)
    bulk, reply = queue(acme), queue(acme, priority=HIGH)
    dispatch(HIGH), dispatch()
    assert reread(reply).state == "sent"
    morning = (night + timedelta(days=1)).replace(hour=8)
    assert is_held(bulk, "QUIET_HOURS") == morning
    clock_stands.at = morning.astimezone(UTC) - timedelta(seconds=1)
    assert dispatch() == 0
    clock_stands.advance(1)
    assert dispatch() == 1
    assert reread(bulk).state == "sent"


def test_a_rule_that_is_lifted_lets_go_what_it_held(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    with_policy(committed_cast, quiet_start=time(11), quiet_end=time(13))  # it is noon
    message = queue(acme)
    dispatch()
    is_held(message, "QUIET_HOURS")
    with_policy(committed_cast, quiet_start=None, quiet_end=None)
    assert dispatch() == 1
    assert reread(message).state == "sent"


def test_held_messages_are_judged_again_when_they_are_released(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    """The morning is not a promise: meanwhile the number was paused."""
    with_policy(committed_cast, quiet_start=time(11), quiet_end=time(13))
    message = queue(acme)
    dispatch()
    clock_stands.at = is_held(message, "QUIET_HOURS")
    switch(committed_cast, acme, "NUMBER", True)
    dispatch()
    is_held(message, "KILL_SWITCH_NUMBER")
    assert sandbox.sends() == []


def test_a_holiday_is_quiet_where_the_client_keeps_it(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_policy(committed_cast.acme, holidays=[clock_stands.at.astimezone(SAO_PAULO).date()])
    message = queue(acme)
    dispatch()
    midnight = (clock_stands.at.astimezone(SAO_PAULO) + timedelta(days=1)).replace(hour=0)
    assert is_held(message, "HOLIDAY") == midnight


# --- caps -------------------------------------------------------------------------------------------


def test_nobody_gets_more_than_the_cap_of_what_they_did_not_ask_for(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_policy(committed_cast.acme, contact_cap=2, contact_cap_hours=24)
    phone, other = "+5511987650001", "+5511987650002"
    messages = make_backlog(acme, 5, phones=[phone])
    dispatch()
    assert [reread(one).state for one in messages] == ["sent", "sent", "queued", "queued", "queued"]
    assert is_held(messages[2], "CONTACT_CAP") == clock_stands.at + timedelta(hours=24)
    (reply,) = make_backlog(acme, 1, phones=[other])
    dispatch()
    assert reread(reply).state == "sent", "the cap is each contact's own"
    (asked_for,) = make_backlog(acme, 1, phones=[phone], priority=HIGH)
    dispatch(HIGH)
    assert reread(asked_for).state == "sent", "an answer is not capped"
    clock_stands.advance(24 * 3600)
    dispatch()
    assert [reread(one).state for one in messages] == ["sent", "sent", "sent", "sent", "queued"]


def test_a_send_whose_outcome_nobody_knows_counts_for_the_cap_and_the_day(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_policy(committed_cast.acme, contact_cap=1)
    first, second = make_backlog(acme, 2, phones=["+5511987650001"])
    change(first, state="unknown", finished_at=clock_stands.at, body=None, recipient=None)
    dispatch()
    is_held(second, "CONTACT_CAP")
    with service_scope(reason="test"):
        Integration.objects.filter(id=acme.id).update(daily_limit=1)
    (third,) = make_backlog(acme, 1)
    dispatch()
    is_held(third, "DAILY_LIMIT")
    assert sandbox.sends() == []


def test_a_limit_that_is_raised_lets_go_what_it_held(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    with service_scope(reason="test"):
        Integration.objects.filter(id=acme.id).update(daily_limit=0)
    message = queue(acme)
    dispatch()
    is_held(message, "DAILY_LIMIT")
    with service_scope(reason="test"):
        limited = Integration.objects.get(id=acme.id)
        services.change_integration(limited, {"daily_limit": 10}, cause=Cause())
    assert dispatch() == 1
    assert reread(message).state == "sent"


# --- why it waits -----------------------------------------------------------------------------------


def test_i8_the_reason_that_is_shown_is_the_one_of_this_moment(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    def waiting(message: OutboundMessage) -> str | None:
        with service_scope(reason="test"):
            decision = explain_waiting(message)
        return decision.reason.value if decision else None

    message = queue(acme)
    assert waiting(message) is None
    switch(committed_cast, acme, "CLIENT", True)
    assert waiting(message) == "KILL_SWITCH_CLIENT"
    with_policy(committed_cast, paused=False, quiet_start=time(11), quiet_end=time(13))
    assert waiting(message) == "QUIET_HOURS"
    with_policy(committed_cast, quiet_start=None, quiet_end=None)
    dispatch()
    assert waiting(reread(message)) is None
