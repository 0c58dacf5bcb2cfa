"""A worker that died, one that came back from the dead, and the vendor's own word on it."""

from __future__ import annotations

import dataclasses
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from integrations.delivery import outcomes
from integrations.delivery.claims import Claimed
from integrations.delivery.outcomes import Result, record_results
from integrations.delivery.settling import settle_as_sent
from integrations.errors import AuthFailed, ProviderError, Rejected, TimedOut, Unavailable
from integrations.models import OutboundMessage
from integrations.tasks import sweep_outbox
from integrations.tests.helpers import (
    NORMAL,
    Clock,
    attempts_of,
    claim_due,
    dispatch,
    events_about,
    in_background,
    make_clients,
    noted,
    reread,
    reread_integration,
    wait_until,
)
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.factories import make_conversation, make_integration, make_outbound

LEASE_SECONDS = 10


def claim_one(cast: Cast, **fields: Any) -> tuple[OutboundMessage, Claimed]:
    message = make_outbound(
        make_conversation(cast.acme), integration=make_integration(cast.acme), cause=["trigger:7"], **fields
    )
    (claimed,) = claim_due(NORMAL, 1)
    return message, claimed


def result(claimed: Claimed, error: ProviderError | None = None) -> Result:
    return Result(claimed, None if error else "vendor-1", error, latency_ms=5)


def snapshot(message: OutboundMessage) -> dict[str, Any]:
    with service_scope(reason="test"):
        row = OutboundMessage.objects.filter(id=message.id).values().get()
    return {name: value for name, value in row.items() if name not in ("body", "recipient")}


def settle(message: OutboundMessage, provider_message_id: str = "3EB0AA", client_id: Any = None) -> bool:
    with service_scope(reason="test"):
        return settle_as_sent(client_id or message.client_id, message.id, provider_message_id)


# --- a worker that died ---------------------------------------------------------------------------


@pytest.mark.parametrize("reap", [outcomes.reap_expired_leases, sweep_outbox, dispatch])
def test_i3_a_send_past_its_lease_is_unknown_and_not_queued(
    committed_cast: Cast, clock_stands: Clock, reap: Any
) -> None:
    message, _ = claim_one(committed_cast)
    clock_stands.advance(LEASE_SECONDS + 0.001)
    reap()
    row = reread(message)
    assert (row.state, row.reason_code, row.attempts) == ("unknown", "WORKER_LOST", 1)
    assert row.body is None and row.recipient is None
    assert row.lease_token is None and row.leased_until is None and row.finished_at == clock_stands.at
    (attempt,) = attempts_of(message)
    assert (attempt.outcome, attempt.error_code) == ("unknown", "WORKER_LOST")
    assert attempt.finished_at == clock_stands.at
    assert noted(message).state == "unknown"
    (event,) = events_about(message)
    assert event.kind == "message_unknown"
    assert event.cause == ["trigger:7", f"message:{message.id}"]
    clock_stands.advance(3600)
    assert claim_due(NORMAL, 10) == []


def test_a_send_within_its_lease_is_left_alone(cast: Cast, clock_stands: Clock) -> None:
    message, _ = claim_one(cast)
    clock_stands.advance(LEASE_SECONDS)
    before = snapshot(message)
    assert outcomes.reap_expired_leases() == 0
    assert snapshot(message) == before
    assert attempts_of(message)[0].finished_at is None


def test_reaping_is_done_in_portions(cast: Cast, clock_stands: Clock) -> None:
    rows = [
        make_outbound(
            make_conversation(cast.acme), state="sending", leased_until=clock_stands.at - timedelta(seconds=1)
        )
        for _ in range(5)
    ]
    assert outcomes.reap_expired_leases(limit=3) == 3
    assert outcomes.reap_expired_leases(limit=3) == 2
    assert outcomes.reap_expired_leases(limit=3) == 0
    assert {reread(row).state for row in rows} == {"unknown"}


def test_a_lost_worker_s_number_is_free_again(cast: Cast, clock_stands: Clock) -> None:
    message, _ = claim_one(cast)
    other = make_outbound(make_conversation(cast.acme), integration=message.integration)
    assert claim_due(NORMAL, 10) == []
    clock_stands.advance(LEASE_SECONDS + 1)
    outcomes.reap_expired_leases()
    assert [one.message_id for one in claim_due(NORMAL, 10)] == [other.id]


# --- a worker that came back ----------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, Unavailable(), Rejected(), TimedOut(), AuthFailed()], ids=repr)
def test_a_zombie_s_late_result_changes_nothing(
    cast: Cast, clock_stands: Clock, error: ProviderError | None
) -> None:
    message, claimed = claim_one(cast)
    clock_stands.advance(LEASE_SECONDS + 1)
    outcomes.reap_expired_leases()
    before, events = snapshot(message), [event.id for event in events_about(message)]
    record_results([result(claimed, error)])
    assert snapshot(message) == before
    assert [event.id for event in events_about(message)] == events
    (attempt,) = attempts_of(message)
    assert (attempt.outcome, attempt.error_code) == ("unknown", "WORKER_LOST")
    assert noted(message).state == "unknown"
    assert reread_integration(message.integration).status == "connected"


def test_a_zombie_does_not_overwrite_the_next_try(cast: Cast, clock_stands: Clock) -> None:
    message, first = claim_one(cast)
    record_results([result(first, Unavailable())])
    clock_stands.advance(2)
    (second,) = claim_due(NORMAL, 1)
    before = snapshot(message)
    record_results([result(first)])
    assert snapshot(message) == before
    assert [one.outcome for one in attempts_of(message)] == ["retry", "started"]
    record_results([result(second)])
    assert reread(message).state == "sent"
    assert [one.outcome for one in attempts_of(message)] == ["retry", "sent"]


def test_a_result_that_is_recorded_twice_counts_once(cast: Cast) -> None:
    message, claimed = claim_one(cast)
    record_results([result(claimed)])
    before = snapshot(message)
    record_results([result(claimed)])
    record_results([result(claimed, Rejected())])
    assert snapshot(message) == before
    assert len(events_about(message)) == 1


def test_a_forged_lease_changes_nothing(cast: Cast) -> None:
    message, claimed = claim_one(cast)
    before = snapshot(message)
    record_results([result(dataclasses.replace(claimed, lease=uuid.uuid4()))])
    record_results([result(dataclasses.replace(claimed, client_id=cast.globex.id))])
    assert snapshot(message) == before
    assert events_about(message) == []


# --- the vendor shows it to us --------------------------------------------------------------------


@pytest.mark.parametrize("state", ["queued", "sending", "unknown"])
def test_i3_the_vendor_s_echo_settles_a_message_as_sent_once(
    cast: Cast, clock_stands: Clock, state: str
) -> None:
    message, claimed = claim_one(cast)
    if state == "queued":
        record_results([result(claimed, Unavailable())])
    if state == "unknown":
        record_results([result(claimed, TimedOut())])
    assert reread(message).state == state
    known = len(events_about(message))

    assert settle(message) is True
    row = reread(message)
    assert (row.state, row.provider_message_id) == ("sent", "3EB0AA")
    assert row.sent_at == clock_stands.at
    assert row.body is None and row.recipient is None and row.lease_token is None
    assert (noted(message).state, noted(message).provider_message_id) == ("sent", "3EB0AA")
    assert all(one.finished_at for one in attempts_of(message))
    assert [event.kind for event in events_about(message)][known:] == ["message_sent"]

    before = snapshot(message)
    assert settle(message, "3EB0BB") is False
    assert snapshot(message) == before
    assert len(events_about(message)) == known + 1
    clock_stands.advance(3600)
    assert claim_due(NORMAL, 10) == []


@pytest.mark.parametrize("error", [None, Unavailable(), TimedOut(), Rejected()], ids=repr)
def test_a_result_that_comes_after_the_echo_changes_nothing(cast: Cast, error: ProviderError | None) -> None:
    message, claimed = claim_one(cast)
    assert settle(message) is True
    before = snapshot(message)
    record_results([result(claimed, error)])
    assert snapshot(message) == before
    assert [event.kind for event in events_about(message)] == ["message_sent"]
    assert [one.outcome for one in attempts_of(message)] == ["sent"]


def test_a_message_that_was_sent_after_all_shows_no_error(cast: Cast) -> None:
    message, claimed = claim_one(cast)
    record_results([result(claimed, TimedOut())])
    assert settle(message) is True
    assert reread(message).error_message == ""


@pytest.mark.parametrize("error", [None, Rejected()], ids=repr)
def test_the_echo_leaves_a_final_state_alone(cast: Cast, error: ProviderError | None) -> None:
    message, claimed = claim_one(cast)
    record_results([result(claimed, error)])
    before = snapshot(message)
    assert settle(message) is False
    assert snapshot(message) == before
    assert len(events_about(message)) == 1


def test_i6_another_client_s_echo_settles_nothing(cast: Cast) -> None:
    message, claimed = claim_one(cast)
    record_results([result(claimed, TimedOut())])
    before = snapshot(message)
    assert settle(message, client_id=cast.globex.id) is False
    assert snapshot(message) == before
    assert len(events_about(message)) == 1


def test_an_echo_of_something_that_we_never_sent_settles_nothing(cast: Cast) -> None:
    with service_scope(reason="test"):
        assert settle_as_sent(cast.acme.id, uuid.uuid4(), "3EB0AA") is False


def test_results_and_echoes_that_meet_do_not_stop_each_other(committed: None) -> None:
    """Both write several messages in one transaction, each in an order of its own."""
    rows = [
        make_outbound(make_conversation(client), integration=make_integration(client))
        for client in make_clients(2)
    ]
    first, second = claim_due(NORMAL, 10)
    begun = threading.Event()

    def take_in_echoes() -> None:
        with service_scope(reason="one batch of the inbox"):
            settle_as_sent(second.client_id, second.message_id, "echo-2")
            begun.set()
            wait_until(_somebody_waits_for_a_lock)
            settle_as_sent(first.client_id, first.message_id, "echo-1")

    with in_background(take_in_echoes):
        assert begun.wait(5)
        record_results([result(first), Result(second, "vendor-2", None, latency_ms=5)])
    assert {reread(row).state for row in rows} == {"sent"}
    assert [len(events_about(row)) for row in rows] == [1, 1]


def test_a_result_and_the_echo_of_the_same_message_do_not_stop_each_other(committed_cast: Cast) -> None:
    """The echo comes milliseconds after the answer: both lock the message and its attempt."""
    message, claimed = claim_one(committed_cast)
    begun = threading.Event()

    def pause(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('UPDATE "delivery_attempts"'):
            begun.set()
            wait_until(_somebody_waits_for_a_lock)
        return execute(sql, *rest)

    def take_in_echo() -> None:
        with connection.execute_wrapper(pause):
            settle(message)

    with in_background(take_in_echo):
        assert begun.wait(5)
        record_results([result(claimed)])
    assert reread(message).state == "sent"
    assert len(events_about(message)) == 1


def _somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
