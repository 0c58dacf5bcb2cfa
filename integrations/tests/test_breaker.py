"""The circuit breaker: five failures in a row, sixty seconds, one probe, and no retry used up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import errors
from integrations.delivery import breaker, outcomes
from integrations.delivery.breaker import Breaker, after
from integrations.delivery.outcomes import Result
from integrations.models import DeliveryState, Integration, OutboundMessage
from integrations.services import allow_new_chats, check_integration
from integrations.tests.helpers import (
    HIGH,
    NORMAL,
    Clock,
    Vendor,
    attempts_of,
    claim_due,
    connect_vendor,
    dispatch,
    make_backlog,
    reread,
    reread_integration,
)
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together

NOW = datetime(2026, 3, 10, 15, tzinfo=UTC)
DOWN = {"kind": "status", "status": 503}
LOGGED_OUT = {
    "kind": "status",
    "status": 503,
    "body": {"error": True, "message": "WhatsApp disconnected: session is not reconnectable"},
}


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor, clock_stands: Clock) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox)


def state_of(integration: Integration) -> DeliveryState:
    with service_scope(reason="test"):
        return DeliveryState.objects.get(integration=integration)


def tried(messages: list[OutboundMessage]) -> list[int]:
    return [reread(message).attempts for message in messages]


def heal(sandbox: Vendor) -> None:
    sandbox.http.delete("/_sandbox/faults")


# --- how it moves, as a pure function ---------------------------------------------------------------

FAILURES = st.sampled_from([errors.Unavailable(), errors.TimedOut(), errors.ProtocolError()])
ANSWERS = st.sampled_from(
    [None, errors.Rejected(), errors.RateLimited(), errors.AuthFailed(), errors.NewChatsBlocked()]
)


@given(st.lists(FAILURES | ANSWERS, max_size=40))
def test_opens_at_the_fifth_failure_in_a_row_and_at_no_other(ended: list[Any]) -> None:
    state, in_a_row = Breaker(), 0
    for error in ended:
        state = after(state, error, NOW)
        failed = isinstance(error, errors.Unavailable | errors.TimedOut | errors.ProtocolError)
        in_a_row = in_a_row + 1 if failed else 0
        assert (state.open_until is not None) is (in_a_row >= 5)
        if state.open_until:
            assert state.open_until == NOW + timedelta(seconds=60)


def test_a_probe_that_fails_opens_it_again_and_one_that_is_answered_closes_it() -> None:
    opened = Breaker(failures=5, open_until=NOW)
    assert after(opened, errors.Unavailable(), NOW).open_until == NOW + timedelta(seconds=60)
    for answer in (None, errors.Rejected(), errors.RateLimited()):
        assert after(opened, answer, NOW) == Breaker()


# --- over the outbox --------------------------------------------------------------------------------


def test_after_five_failures_nothing_is_sent_for_a_minute_then_one_message_probes(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    messages = make_backlog(acme, 9)
    sandbox.script({**DOWN, "times": 1000})
    assert dispatch() == 5
    assert sorted(tried(messages)) == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert state_of(acme).open_until == clock_stands.at + timedelta(seconds=60)

    clock_stands.advance(59)
    assert dispatch() == dispatch(HIGH) == 0
    clock_stands.advance(1)
    assert dispatch() == 1, "one probe, and no more while it fails"
    assert len(sandbox.sends()) == 6
    clock_stands.advance(59)
    assert dispatch() == 0

    heal(sandbox)
    clock_stands.advance(1)
    assert dispatch() == 9, "the probe was answered: all the others follow"
    assert {reread(message).state for message in messages} == {"sent"}
    assert state_of(acme).open_until is None and state_of(acme).failures == 0


def test_an_outage_uses_up_no_retries(acme: Integration, sandbox: Vendor, clock_stands: Clock) -> None:
    """Half an hour of it: every message is still there, and is sent when the provider is back."""
    messages = make_backlog(acme, 6)
    sandbox.script({**DOWN, "times": 10_000})
    for _ in range(30):
        dispatch()
        clock_stands.advance(61)
    assert {reread(message).state for message in messages} == {"queued"}
    assert all(reread(one).attempts - reread(one).attempts_spared <= 3 for one in messages)
    for message in messages:
        numbers = [attempt.number for attempt in attempts_of(message)]
        assert numbers == list(range(1, len(numbers) + 1))
    heal(sandbox)
    dispatch()
    assert {reread(message).state for message in messages} == {"sent"}


def test_what_is_refused_for_its_own_sake_does_not_open_it(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    messages = make_backlog(acme, 8)
    sandbox.script({"kind": "status", "status": 400, "times": 8})
    assert dispatch() == 8
    assert {reread(message).state for message in messages} == {"failed"}
    with service_scope(reason="test"):
        assert not DeliveryState.objects.filter(integration=acme, open_until__isnull=False).exists()


def test_one_client_s_outage_is_not_another_s(
    acme: Integration, committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    other = connect_vendor(committed_cast.globex, sandbox)
    theirs = make_backlog(acme, 6)
    sandbox.script({**DOWN, "times": 5})
    assert dispatch() == 5
    mine = make_backlog(other, 3)
    assert dispatch() == 3
    assert {reread(message).state for message in mine} == {"sent"}
    assert "sent" not in {reread(message).state for message in theirs}


def test_six_claimers_send_one_probe(acme: Integration, sandbox: Vendor, clock_stands: Clock) -> None:
    make_backlog(acme, 12)
    with service_scope(reason="test"):
        DeliveryState.objects.create(
            integration=acme,
            client=acme.client,
            failures=5,
            open_until=clock_stands.at - timedelta(seconds=1),
        )
    claims = run_together(lambda _: claim_due(NORMAL, 10), 6)
    (probe,) = [one for claim in claims for one in claim]
    assert probe.is_probe
    assert claim_due(NORMAL, 10) == claim_due(HIGH, 10) == []


def test_a_probe_whose_worker_was_lost_makes_way_for_the_next(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_backlog(acme, 3)
    with service_scope(reason="test"):
        DeliveryState.objects.create(
            integration=acme, client=acme.client, failures=5, open_until=clock_stands.at
        )
    assert len(claim_due(NORMAL, 10)) == 1
    clock_stands.advance(11)  # its lease
    outcomes.reap_expired_leases()
    (second,) = claim_due(NORMAL, 10)
    assert second.is_probe


def test_a_failure_that_comes_in_late_does_not_shorten_the_pause(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    make_backlog(acme, 1)
    (claimed,) = claim_due(NORMAL, 1)
    with service_scope(reason="test"):
        DeliveryState.objects.create(
            integration=acme,
            client=acme.client,
            failures=7,
            open_until=clock_stands.at + timedelta(seconds=30),
        )
    outcomes.record_results([Result(claimed, None, errors.Unavailable(), latency_ms=1)])
    assert state_of(acme).open_until == clock_stands.at + timedelta(seconds=60)


def test_recorders_that_meet_do_not_stop_each_other(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    both = [connect_vendor(client, sandbox) for client in (committed_cast.acme, committed_cast.globex)]
    start = threading.Barrier(2)

    def record(number: int) -> None:
        order = both if number else both[::-1]
        start.wait(5)
        for _ in range(20):
            with service_scope(reason="test"):
                ended = [(one.id, one.client_id, errors.Unavailable()) for one in order]
                breaker.note_outcomes(ended, clock_stands.at)

    assert run_together(record, 2) == [None, None]
    assert [state_of(one).failures for one in both] == [40, 40]


# --- a session that was logged out ------------------------------------------------------------------


def test_a_disconnected_session_is_no_messages_fault(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    messages = make_backlog(acme, 4)
    sandbox.script({**LOGGED_OUT, "times": 1000})
    assert dispatch() == 1, "the first answer tells for all"
    rows = [reread(message) for message in messages]
    assert {row.state for row in rows} == {"queued"}
    (met,) = [row for row in rows if row.attempts]
    assert (met.reason_code, met.attempts_spared) == ("SESSION_DISCONNECTED", 1)
    shown = reread_integration(acme)
    assert shown.status == "disconnected" and "QR code" in (shown.last_error or "")
    for _ in range(10):
        clock_stands.advance(60)
        assert dispatch() == 1
    assert {reread(message).state for message in messages} == {"queued"}
    assert sum(tried(messages)) == 11


def test_a_session_that_was_seen_to_work_is_used_again_at_once(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    messages = make_backlog(acme, 4)
    sandbox.script({**LOGGED_OUT, "times": 1})
    assert dispatch() == 1
    assert dispatch() == 0
    check_integration(lambda: service_scope(reason="test"), reread_integration(acme))
    assert dispatch() == 4
    assert {reread(message).state for message in messages} == {"sent"}


# --- WhatsApp's restriction -------------------------------------------------------------------------

RESTRICTED = {
    "kind": "status",
    "status": 500,
    "body": {"provider_code": 463, "error_key": "WHATSAPP_REACHOUT_TIMELOCK", "message": "x"},
}


def test_code_463_stops_new_chats_of_that_number_and_nothing_else(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock, make_chat: Callable[..., OutboundMessage]
) -> None:
    acme = connect_vendor(committed_cast.acme, sandbox)
    sandbox.script(RESTRICTED)
    first = make_chat(acme, new=True)
    assert dispatch() == 1
    assert (reread(first).state, reread(first).reason_code) == ("failed", "NEW_CHATS_BLOCKED")

    new, known = make_chat(acme, new=True), make_chat(acme, new=False)
    other = make_chat(connect_vendor(committed_cast.globex, sandbox), new=True)
    assert dispatch() == 2
    assert reread(known).state == reread(other).state == "sent"
    held = reread(new)
    assert (held.state, held.reason_code) == ("queued", "NEW_CHATS_BLOCKED")
    assert held.next_attempt_at == clock_stands.at + timedelta(hours=24)
    clock_stands.advance(24 * 3600)
    assert dispatch() == 1
    assert reread(new).state == "sent"


def test_staff_who_saw_the_restriction_lifted_release_what_waits(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock, make_chat: Callable[..., OutboundMessage]
) -> None:
    acme = connect_vendor(committed_cast.acme, sandbox)
    sandbox.script(RESTRICTED)
    make_chat(acme, new=True)
    assert dispatch() == 1
    waiting = make_chat(acme, new=True)
    assert dispatch() == 0
    with service_scope(reason="test"):
        assert allow_new_chats([acme]) == [acme]
        assert allow_new_chats([acme]) == []
    assert dispatch() == 1
    assert reread(waiting).state == "sent"
