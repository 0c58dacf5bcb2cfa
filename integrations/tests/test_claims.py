from __future__ import annotations

import dataclasses
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from integrations import providers
from integrations.delivery import outcomes
from integrations.delivery.claims import Claimed
from integrations.delivery.facts import count_sent_today, day_bounds
from integrations.delivery.outcomes import Result
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from integrations.tests.helpers import (
    HIGH,
    LOW,
    NORMAL,
    Clock,
    all_outbound,
    attempts_of,
    change,
    claim_due,
    events_about,
    make_backlog,
    make_clients,
    noted,
    reread,
)
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_conversation, make_integration, make_outbound, make_suppression, next_phone

IN_FLIGHT = providers.get("uazapi").in_flight


def claim(priority: OutboundMessage.Priority = NORMAL, batch: int = 100) -> list[Any]:
    return [one.message_id for one in claim_due(priority, batch)]


def accept(claimed: Claimed) -> Result:
    return Result(claimed, f"vendor-{claimed.message_id}", None, latency_ms=1)


def sent(row: OutboundMessage) -> None:
    """The message is out of the way."""
    change(
        row, state="sent", sent_at=clock.now(), finished_at=clock.now(), lease_token=None, leased_until=None
    )


@pytest.fixture
def acme(cast: Cast) -> Integration:
    return make_integration(cast.acme)


# --- what a claim is -----------------------------------------------------------------------------


def test_i5_a_claim_is_a_lease_and_an_attempt_that_are_committed_before_anything_leaves(
    acme: Integration, clock_stands: Clock, settings: Any
) -> None:
    talk = make_conversation(acme.client)
    row = make_outbound(talk, text="Bom dia", next_attempt_at=clock_stands.at, queued_at=clock_stands.at)
    (claimed,) = claim_due(NORMAL, 10)
    row = reread(row)
    lease = timedelta(seconds=settings.ENVIRONMENT.delivery_lease_seconds)
    assert (row.state, row.lease_token) == ("sending", claimed.lease)
    assert row.leased_until == clock_stands.at + lease
    (attempt,) = attempts_of(row)
    assert (attempt.id, attempt.number, attempt.outcome) == (claimed.attempt_id, 1, "started")
    assert attempt.finished_at is None and attempt.started_at == clock_stands.at
    assert claimed.message == providers.TextMessage(
        recipient=str(talk.contact.phone).removeprefix("+"), text="Bom dia", reference=str(row.id)
    )
    assert claimed.settings.api_token.get_secret_value() == "test-token"
    assert claim() == []


def test_claims_only_what_is_due(acme: Integration, clock_stands: Clock) -> None:
    talk = make_conversation(acme.client)
    row = make_outbound(talk, next_attempt_at=clock_stands.at + timedelta(seconds=1))
    assert claim() == []
    clock_stands.advance(1)
    assert claim() == [row.id]


@pytest.mark.parametrize("state", ["sent", "failed", "unknown", "sending"])
def test_claims_only_what_is_queued(acme: Integration, state: str) -> None:
    make_outbound(make_conversation(acme.client), state=state)
    assert claim() == []


def test_claims_only_its_own_lane(acme: Integration) -> None:
    row = make_outbound(make_conversation(acme.client), priority=LOW)
    assert claim(HIGH) == claim(NORMAL) == []
    assert claim(LOW) == [row.id]


# --- many claimers --------------------------------------------------------------------------------


def test_i2_eight_claimers_get_each_of_200_messages_once_and_never_crowd_a_number(committed: None) -> None:
    integrations = [make_integration(client) for client in make_clients(40)]
    phones = [next_phone() for _ in range(3)]
    expected = [row.id for one in integrations for row in make_backlog(one, 5, phones=phones)]
    done: Counter[Any] = Counter()
    order: dict[Any, list[Any]] = {}
    crowded: list[Any] = []
    lock = threading.Lock()
    give_up_at = time.monotonic() + 30

    def work(_: int) -> None:
        while sum(done.values()) < len(expected) and time.monotonic() < give_up_at:
            claimed = claim_due(NORMAL, 7)
            with service_scope(reason="test"), connection.cursor() as cursor:
                cursor.execute(
                    "SELECT integration_id, count(*) FROM outbound_messages WHERE state = 'sending'"
                    " GROUP BY 1 HAVING count(*) > %s",
                    [IN_FLIGHT],
                )
                crowded.extend(cursor.fetchall())
            with lock:
                for one in claimed:
                    done[one.message_id] += 1
                    order.setdefault((one.client_id, one.message.recipient), []).append(one.message.text)
            outcomes.record_results([accept(one) for one in claimed])

    assert run_together(work, 8) == [None] * 8
    assert done == Counter(expected)
    assert crowded == []
    assert all(texts == sorted(texts) for texts in order.values())
    with service_scope(reason="test"):
        assert OutboundMessage.objects.filter(state="sent").count() == 200
        assert DeliveryAttempt.objects.filter(outcome="sent", number=1).count() == 200


def test_i2_claimers_that_come_at_once_do_not_both_find_room(committed_cast: Cast) -> None:
    integration = make_integration(committed_cast.acme)
    make_backlog(integration, 20)
    for _ in range(5):
        claims = run_together(lambda _: claim_due(NORMAL, 10), 6)
        assert sum(len(one) for one in claims) == IN_FLIGHT
        outcomes.record_results([accept(one) for some in claims for one in some])


# --- order ----------------------------------------------------------------------------------------


def test_messages_to_one_person_leave_in_the_order_they_were_queued(
    acme: Integration, clock_stands: Clock
) -> None:
    at = clock_stands.at - timedelta(minutes=5)
    rows = make_backlog(acme, 5, phones=["+5511987654321"], queued_at=at, next_attempt_at=at)
    left = []
    for _ in rows:
        (one,) = claim()
        left.append(one)
        sent(next(row for row in rows if row.id == one))
    assert left == [row.id for row in rows]


def test_a_message_that_waits_for_its_retry_blocks_later_ones_to_the_same_person_only(
    acme: Integration, clock_stands: Clock
) -> None:
    talk = make_conversation(acme.client)
    at = clock_stands.at
    waits = make_outbound(
        talk,
        integration=acme,
        attempts=1,
        queued_at=at - timedelta(seconds=9),
        next_attempt_at=at + timedelta(seconds=25),
    )
    later = make_outbound(
        talk, integration=acme, queued_at=at - timedelta(seconds=8), next_attempt_at=at - timedelta(seconds=8)
    )
    other = make_outbound(
        make_conversation(acme.client),
        integration=acme,
        queued_at=at - timedelta(seconds=1),
        next_attempt_at=at - timedelta(seconds=1),
    )
    assert claim() == [other.id]
    sent(other)
    assert claim() == []
    clock_stands.advance(25)
    assert claim() == [waits.id]
    sent(waits)
    assert claim() == [later.id]


def test_the_same_person_in_two_companies_is_two_people(cast: Cast) -> None:
    phone = "+5511987654321"
    rows = [
        make_outbound(make_conversation(client, phone=phone), integration=make_integration(client))
        for client in (cast.acme, cast.globex)
    ]
    assert set(claim()) == {row.id for row in rows}


def test_replies_leave_before_bulk_of_the_same_number(acme: Integration) -> None:
    bulk = make_backlog(acme, 3, priority=LOW)
    (reply,) = make_backlog(acme, 1, priority=HIGH, queued_at=clock.now() - timedelta(seconds=1))
    assert claim(LOW) == []
    assert claim(HIGH) == [reply.id]
    assert claim(LOW) == []  # the number is busy
    sent(reply)
    assert claim(LOW) == [bulk[0].id]


def test_a_reply_that_is_not_due_yet_does_not_hold_up_bulk(acme: Integration) -> None:
    (bulk,) = make_backlog(acme, 1, priority=LOW)
    make_backlog(acme, 1, priority=HIGH, next_attempt_at=clock.now() + timedelta(seconds=30))
    assert claim(LOW) == [bulk.id]


def test_one_client_s_replies_do_not_hold_up_another_s_bulk(cast: Cast, acme: Integration) -> None:
    make_backlog(acme, 3, priority=HIGH)
    (bulk,) = make_backlog(make_integration(cast.globex), 1, priority=LOW)
    assert claim(LOW) == [bulk.id]


def test_a_reply_to_somebody_who_has_bulk_waiting_does_not_stop_the_number(acme: Integration) -> None:
    """The bulk message must not wait for the reply while the reply waits for the bulk message."""
    phones = ["+5511987654321", "+5511987654322"]
    bulk = make_backlog(acme, 2, priority=LOW, phones=phones, queued_at=clock.now() - timedelta(minutes=2))
    replies = make_backlog(
        acme, 2, priority=HIGH, phones=phones, queued_at=clock.now() - timedelta(minutes=1)
    )
    waiting = {row.id: row for row in (*bulk, *replies)}
    for _ in range(4 * len(waiting)):
        for lane in (HIGH, NORMAL, LOW):
            for one in claim(lane):
                sent(waiting.pop(one))
    assert len(waiting) == 0


# --- fairness -------------------------------------------------------------------------------------


def test_a_client_with_a_thousand_queued_does_not_delay_another_with_one(
    cast: Cast, acme: Integration
) -> None:
    make_backlog(acme, 1000)
    (small,) = make_backlog(make_integration(cast.globex), 1, queued_at=clock.now() - timedelta(seconds=1))
    claimed = claim(batch=100)
    assert small.id in claimed
    assert len(claimed) == 2


def test_a_batch_is_spread_over_clients(cast: Cast) -> None:
    for client in make_clients(6):
        make_backlog(make_integration(client), 10)
    claimed = claim_due(NORMAL, 4)
    assert len(claimed) == 4
    assert len({one.client_id for one in claimed}) == 4


def test_clients_whose_messages_wait_do_not_take_the_turn_of_one_whose_message_is_due(cast: Cast) -> None:
    """Held until midnight by their daily limits, they stay queued for hours."""
    for client in make_clients(40):
        make_backlog(make_integration(client), 1, next_attempt_at=clock.now() + timedelta(hours=9))
    (due,) = make_backlog(make_integration(cast.acme), 1)
    assert claim(batch=1) == [due.id]


def test_clients_whose_number_is_busy_do_not_take_the_turn_of_one_whose_number_is_free(cast: Cast) -> None:
    for client in make_clients(40):
        busy = make_integration(client)
        make_backlog(busy, 1, state="sending", leased_until=clock.now() + timedelta(seconds=9))
        make_backlog(busy, 3)
    (due,) = make_backlog(make_integration(cast.acme), 1)
    assert claim(batch=1) == [due.id]


# --- the gate's answers are recorded --------------------------------------------------------------


def refused_with(row: OutboundMessage, code: str) -> None:
    row = reread(row)
    assert (row.state, row.reason_code) == ("failed", code)
    assert row.body is None and row.recipient is None and row.lease_token is None
    assert row.finished_at is not None and row.sent_at is None and row.attempts == 0
    assert attempts_of(row) == []
    assert noted(row).state == "failed"
    (event,) = events_about(row)
    assert (event.kind, event.data["reason_code"]) == ("message_failed", code)
    assert event.cause == [*row.cause, f"message:{row.id}"]


def test_i8_refuses_what_is_too_late(acme: Integration) -> None:
    talk = make_conversation(acme.client)
    row = make_outbound(talk, not_after=clock.now() - timedelta(seconds=1), cause=["trigger:1"])
    assert claim() == []
    refused_with(row, "EXPIRED")


def test_i8_refuses_who_opted_out(acme: Integration) -> None:
    talk = make_conversation(acme.client)
    make_suppression(acme.client, phone=str(talk.contact.phone))
    row = make_outbound(talk)
    assert claim() == []
    refused_with(row, "OPTED_OUT")


def test_somebody_who_opted_out_of_another_company_is_written_to(cast: Cast, acme: Integration) -> None:
    talk = make_conversation(acme.client)
    make_suppression(cast.globex, phone=str(talk.contact.phone))
    make_suppression(cast.acme, phone=str(talk.contact.phone), channel="email")
    row = make_outbound(talk)
    assert claim() == [row.id]


def test_i8_refuses_for_a_suspended_client(acme: Integration) -> None:
    row = make_outbound(make_conversation(acme.client))
    with service_scope(reason="test"):
        Client.objects.filter(id=acme.client_id).update(status=Client.Status.SUSPENDED)
    assert claim() == []
    refused_with(row, "CLIENT_SUSPENDED")


def test_i8_refuses_when_the_integration_was_switched_off_since(acme: Integration) -> None:
    row = make_outbound(make_conversation(acme.client))
    with service_scope(reason="test"):
        Integration.objects.filter(id=acme.id).update(enabled=False)
    assert claim() == []
    refused_with(row, "INTEGRATION_DISABLED")


# --- the daily limit ------------------------------------------------------------------------------


def local(client: Client, *clock_time: int, day: int = 10) -> datetime:
    return datetime(2026, 3, day, *clock_time, tzinfo=client.timezone).astimezone(UTC)


def in_zone(client: Client, zone: str) -> None:
    with service_scope(reason="test"):
        client.timezone = ZoneInfo(zone)
        client.save(update_fields=["timezone"])


def sent_at(integration: Integration, at: datetime) -> None:
    make_backlog(integration, 1, state="sent", sent_at=at, finished_at=at)


@pytest.mark.parametrize(
    "zone", ["America/Sao_Paulo", "America/Noronha", "Asia/Tokyo", "UTC", "Pacific/Kiritimati"]
)
def test_the_daily_limit_counts_from_midnight_where_the_client_is(
    cast: Cast, clock_stands: Clock, zone: str
) -> None:
    in_zone(cast.acme, zone)
    integration = make_integration(cast.acme, daily_limit=2)
    clock_stands.at = local(cast.acme, 0, 30)
    sent_at(integration, local(cast.acme, 23, 59, day=9))
    sent_at(integration, local(cast.acme, 0, 0))
    with service_scope(reason="test"):
        assert count_sent_today(integration.id, cast.acme, clock_stands.at) == 1
    rows = make_backlog(integration, 2, queued_at=clock_stands.at - timedelta(seconds=9))
    assert claim() == [rows[0].id]
    sent(rows[0])
    assert claim() == []
    held = reread(rows[1])
    assert (held.state, held.reason_code) == ("queued", "DAILY_LIMIT")
    assert held.next_attempt_at == local(cast.acme, 0, 0, day=11)
    assert held.lease_token is None and held.leased_until is None and held.attempts == 0
    assert held.body is not None and attempts_of(held) == [] and events_about(held) == []
    clock_stands.at = held.next_attempt_at - timedelta(seconds=1)
    assert claim() == []
    clock_stands.advance(1)
    assert claim() == [held.id]


def test_the_day_of_the_change_to_summer_time_has_23_hours(cast: Cast) -> None:
    in_zone(cast.acme, "America/New_York")
    start, end = day_bounds(cast.acme, datetime(2026, 3, 8, 15, 0, tzinfo=UTC))
    assert (end.astimezone(UTC) - start.astimezone(UTC)) == timedelta(hours=23)


def test_a_message_that_would_be_too_late_tomorrow_is_refused_at_the_limit(
    cast: Cast, clock_stands: Clock
) -> None:
    integration = make_integration(cast.acme, daily_limit=0)
    row = make_outbound(
        make_conversation(cast.acme), integration=integration, not_after=clock_stands.at + timedelta(hours=1)
    )
    clock_stands.advance(60 * 30)
    change(row, next_attempt_at=clock_stands.at)
    assert claim() == []
    refused_with(row, "DAILY_LIMIT")


def test_what_other_integrations_sent_does_not_count(
    cast: Cast, acme: Integration, clock_stands: Clock
) -> None:
    other = make_integration(cast.globex, daily_limit=1)
    sent_at(acme, clock_stands.at)
    with service_scope(reason="test"):
        assert count_sent_today(other.id, cast.globex, clock_stands.at) == 0


def test_the_limit_is_kept_within_one_batch(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = dataclasses.replace(providers.get("uazapi"), in_flight=10)
    monkeypatch.setitem(providers.REGISTRY, "uazapi", wide)
    integration = make_integration(cast.acme, daily_limit=3)
    make_backlog(integration, 8)
    assert len(claim()) == 3
    assert Counter((row.state, row.reason_code) for row in all_outbound(cast.acme)) == {
        ("sending", ""): 3,
        ("queued", "DAILY_LIMIT"): 5,
    }


# --- what cannot be opened ------------------------------------------------------------------------


def damage(table: str, column: str, row_id: Any, expression: str) -> None:
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = {expression} WHERE id = %s", [row_id])


@pytest.mark.parametrize(
    ("table", "column", "expression"),
    [
        ("integrations", "config", """jsonb_set(config, '{api_token}', '"enc:AAAA"')"""),
        ("integrations", "config", """jsonb_set(config, '{api_token}', '"enc:%%"')"""),
        ("integrations", "config", "config - 'api_url'"),
        ("integrations", "config", "'{}'::jsonb"),
        ("integrations", "config", "jsonb_set(config, '{surprise}', '1')"),
        ("outbound_messages", "body", "body || '\\x00'::bytea"),
        ("outbound_messages", "recipient", "'\\x0102'::bytea"),
        ("outbound_messages", "body", "NULL"),
        ("outbound_messages", "recipient", "NULL"),
    ],
    ids=[
        "short-ciphertext",
        "not-base64",
        "no-address",
        "empty",
        "unknown-setting",
        "altered-text",
        "altered-recipient",
        "no-text",
        "no-recipient",
    ],
)
def test_what_cannot_be_opened_fails_alone(cast: Cast, table: str, column: str, expression: str) -> None:
    bad = make_outbound(make_conversation(cast.globex), integration=make_integration(cast.globex))
    good = make_outbound(make_conversation(cast.acme), integration=make_integration(cast.acme))
    damage(table, column, bad.integration_id if table == "integrations" else bad.id, expression)
    assert claim() == [good.id]
    refused_with(bad, "MISCONFIGURED")
    assert reread(good).state == "sending"


def test_a_provider_that_this_release_does_not_know_stops_nobody_else(cast: Cast) -> None:
    strange = make_outbound(make_conversation(cast.globex), integration=make_integration(cast.globex))
    with service_scope(reason="test"):
        Integration.objects.filter(id=strange.integration_id).update(provider="from-the-future")
    good = make_outbound(make_conversation(cast.acme), integration=make_integration(cast.acme))
    assert claim() == [good.id]
    assert reread(strange).state in ("queued", "failed")
    assert attempts_of(strange) == []


def test_i6_without_a_scope_there_is_nothing_to_claim_and_nothing_changes(acme: Integration) -> None:
    row = make_outbound(make_conversation(acme.client))
    with transaction.atomic():
        assert OutboundMessage.objects.update(state="sent") == 0
    assert reread(row).state == "queued"
