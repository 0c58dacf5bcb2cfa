"""`GET /metrics`: figures for operators, from every app."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client as Browser
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from integrations.models import Integration
from renum import clock
from renum.accounts.scope import service_scope
from renum.celery import QUEUES
from renum.environment import BASE_DIR
from renum.health import canaries, gauges, metrics
from renum.redis_client import broker_client, redis_client
from tests import factories
from tests.cast import Cast

TOKEN = "scraper-token"
ROWS = 20_000


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(django_settings.ENVIRONMENT, "metrics_token", SecretStr(TOKEN))
    metrics.forget()
    yield
    metrics.forget()


def ask(authorization: str = f"Bearer {TOKEN}") -> HttpResponse:
    headers = {"Authorization": authorization} if authorization else {}
    response: HttpResponse = Browser().get("/metrics", headers=headers)
    return response


def scrape() -> dict[str, float]:
    """Each sample as `name{label="value",…}`, labels by name."""
    metrics.forget()
    response = ask()
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    found = {}
    for family in text_string_to_metric_families(response.content.decode()):
        assert family.type == "gauge"
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f'{name}="{sample.labels[name]}"' for name in sorted(sample.labels))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


# --- Who may read it --------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", f"Basic {TOKEN}", TOKEN, "Bearer é"])
def test_without_the_token_the_answer_is_401_in_the_envelope(db: None, authorization: str) -> None:
    response = ask(authorization)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert json.loads(response.content)["error_code"] == "NOT_AUTHENTICATED"
    assert b"renum_" not in response.content


@pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {TOKEN}"])
def test_while_no_token_is_set_there_is_no_such_page(
    db: None, monkeypatch: pytest.MonkeyPatch, authorization: str
) -> None:
    monkeypatch.setattr(django_settings.ENVIRONMENT, "metrics_token", SecretStr(""))
    response = ask(authorization)
    unknown = Browser().get("/api/nonsense")
    assert response.status_code == 404
    bodies = [json.loads(one.content) for one in (response, unknown)]
    assert all(body.pop("timestamp") for body in bodies)
    assert bodies[0] == bodies[1]


# --- What it says -----------------------------------------------------------------------------------


def test_integrations_and_outbox_are_counted(cast: Cast) -> None:
    now = clock.now()
    tested = now - timedelta(hours=5)
    integration = factories.make_integration(cast.acme, last_tested_at=tested)
    factories.make_integration(cast.globex, status="error", last_tested_at=now)
    talk = factories.make_conversation(cast.acme)
    factories.make_outbound(talk, next_attempt_at=now - timedelta(seconds=90))
    factories.make_outbound(talk, next_attempt_at=now + timedelta(hours=1))
    factories.make_outbound(talk, priority=0, next_attempt_at=now + timedelta(hours=1))
    factories.make_outbound(talk, state="sending")
    factories.make_outbound(talk, state="unknown", queued_at=now - timedelta(days=3))
    sent = factories.make_outbound(
        talk, state="sent", queued_at=now - timedelta(minutes=5), sent_at=now - timedelta(minutes=3)
    )
    yesterday = now - timedelta(hours=20)
    factories.make_outbound(talk, state="sent", queued_at=yesterday, sent_at=yesterday)
    factories.make_attempt(sent, outcome="retry", latency_ms=500)
    factories.make_attempt(sent, latency_ms=250)
    factories.make_attempt(sent, latency_ms=4_000, started_at=yesterday)

    found = scrape()
    assert found['renum_integrations{status="connected",type="whatsapp"}'] == 1
    assert found['renum_integrations{status="error",type="whatsapp"}'] == 1
    assert found['renum_integrations{status="error",type="database"}'] == 0
    last_test = found['renum_integration_last_successful_test_timestamp_seconds{type="whatsapp"}']
    assert last_test == pytest.approx(tested.timestamp(), abs=0.01)
    assert [found[f'renum_outbound_queued{{lane="{lane}"}}'] for lane in ("high", "normal", "low")] == [
        1,
        2,
        0,
    ]
    assert 90 <= found['renum_outbound_oldest_due_seconds{lane="normal"}'] < 150
    assert found['renum_outbound_oldest_due_seconds{lane="high"}'] == 0
    assert (found["renum_outbound_sending"], found["renum_outbound_unknown"]) == (1, 1)
    assert found['renum_outbound_messages_last_hour{channel="whatsapp",state="queued"}'] == 3
    assert found['renum_outbound_messages_last_hour{channel="whatsapp",state="sent"}'] == 1
    assert found['renum_outbound_sent_last_hour{channel="whatsapp"}'] == 1
    assert found['renum_outbound_delivery_seconds_last_hour{channel="whatsapp"}'] == pytest.approx(120)
    assert found["renum_outbound_sent_last_day"] == 2
    assert found['renum_delivery_attempts_last_hour{outcome="retry",provider="uazapi"}'] == 1
    assert found['renum_delivery_attempts_last_hour{outcome="sent",provider="uazapi"}'] == 1
    assert found['renum_delivery_attempt_seconds_last_hour{outcome="sent",provider="uazapi"}'] == 0.25
    assert integration.provider == "uazapi"


def test_triggers_agents_and_inbox_are_counted(cast: Cast) -> None:
    now = clock.now()
    trigger, talk = factories.make_trigger(cast.acme), factories.make_conversation(cast.acme)
    factories.make_trigger(cast.globex, active=False)
    factories.make_execution(trigger, talk, execution_time_ms=100)
    factories.make_execution(trigger, talk, execution_time_ms=300)
    factories.make_execution(trigger, talk, state="failed", execution_time_ms=50)
    factories.make_execution(trigger, talk, state="matched", matched_at=now - timedelta(seconds=70))
    factories.make_execution(trigger, talk, executed_at=now - timedelta(hours=2))
    factories.make_agent_run(talk, next_attempt_at=now - timedelta(seconds=40))
    factories.make_agent_run(talk, state="done", latency_ms=1500)
    factories.make_agent_run(talk, state="failed", created_at=now - timedelta(hours=2))
    integration = factories.make_integration(cast.acme)
    factories.make_inbound(integration, received_at=now - timedelta(hours=2))
    factories.make_inbound(integration)
    factories.make_inbound(integration, state="ignored")

    found = scrape()
    assert found['renum_triggers_active{type="time_based"}'] == 1
    assert found['renum_trigger_executions_last_hour{outcome="done"}'] == 2
    assert found['renum_trigger_executions_last_hour{outcome="failed"}'] == 1
    assert found['renum_trigger_execution_seconds_last_hour{outcome="done"}'] == pytest.approx(0.4)
    assert found['renum_trigger_execution_average_seconds_last_hour{outcome="done"}'] == pytest.approx(0.2)
    assert found["renum_trigger_executions_waiting"] == 1
    assert 70 <= found["renum_trigger_executions_oldest_waiting_seconds"] < 130
    assert found['renum_agent_runs_unfinished{state="pending"}'] == 1
    assert 40 <= found["renum_agent_runs_oldest_due_seconds"] < 100
    assert found['renum_agent_runs_last_hour{state="done"}'] == 1
    assert found['renum_agent_runs_last_hour{state="failed"}'] == 0
    assert found['renum_agent_run_seconds_last_hour{state="done"}'] == 1.5
    assert found["renum_inbox_pending"] == 2
    assert 7200 <= found["renum_inbox_oldest_pending_seconds"] < 7260
    assert found['renum_inbox_events_last_hour{state="pending"}'] == 1
    assert found['renum_inbox_events_last_hour{state="ignored"}'] == 1


def test_queues_and_workers_are_shown(db: None) -> None:
    canaries.record("high")
    redis_client().rpush("low", "a", "b")
    found = scrape()
    assert [found[f'renum_celery_queue_served{{queue="{queue}"}}'] for queue in QUEUES] == [1, 0, 0]
    assert [found[f'renum_celery_queue_length{{queue="{queue}"}}'] for queue in QUEUES] == [0, 0, 2]
    assert found['renum_up{service="celery"}'] == 0
    canaries.record("normal")
    canaries.record("low")
    found = scrape()
    assert [found[f'renum_up{{service="{name}"}}'] for name in ("postgres", "redis", "celery")] == [1, 1, 1]


def test_names_nobody(cast: Cast) -> None:
    talk = factories.make_conversation(cast.acme, name="Marina Souza")
    factories.make_attempt(factories.make_outbound(talk))
    factories.make_execution(factories.make_trigger(cast.acme), talk)
    factories.make_agent_run(talk)
    text = ask().content.decode()
    for personal in (str(talk.contact.phone), "Marina", cast.acme.name, cast.alice.email, str(cast.acme.id)):
        assert personal.strip("+") not in text
    assert not re.search(r"@|\+55|[0-9a-f]{8}-[0-9a-f]{4}-", text)
    labels = {name for name in re.findall(r'[{,](\w+)="', text)}
    assert labels <= {
        *("service", "source", "queue", "type", "status", "lane"),
        *("channel", "state", "provider", "outcome"),
    }


def test_the_guide_lists_every_metric(db: None) -> None:
    page = (BASE_DIR / "docs/howto/watch-it.md").read_text()
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    text = ask().content.decode()
    assert set(re.findall(r"`(renum_\w+)`", table)) == set(re.findall(r"^# TYPE (\w+)", text, re.M))


# --- What it costs ----------------------------------------------------------------------------------


def test_the_number_of_statements_is_bounded_and_an_answer_is_kept(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    factories.make_outbound(factories.make_conversation(cast.acme))
    with django_assert_max_num_queries(50):  # 15 that count, and savepoints, scopes and time limits of 4 apps
        first = ask().content
    factories.make_outbound(factories.make_conversation(cast.globex))
    with django_assert_max_num_queries(0):
        assert ask().content == first
    metrics.forget()
    assert ask().content != first


_OLD = """
WITH old AS (SELECT n, now() - n * interval '4 minutes' AS at FROM generate_series(1, %(rows)s) n)
"""
_FILL = """
INSERT INTO outbound_messages (id, client_id, integration_id, channel, kind, attempts_spared, confirms_opt_out,
    recipient_index, idempotency_key, fingerprint, priority, state, reason_code, error_message, attempts,
    next_attempt_at, cause, queued_at, sent_at, finished_at)
SELECT gen_random_uuid(), %(client)s, %(integration)s, 'whatsapp', 'text', 0, false, '', 'old:' || n, '', 1,
    (ARRAY['sent', 'failed'])[1 + n %% 2], '', '', 1, at, '{}', at, at, at FROM old;
INSERT INTO delivery_attempts (id, client_id, message_id, number, provider, outcome, error_code, error_message,
    refused_recipients, latency_ms, started_at)
SELECT gen_random_uuid(), client_id, id, 1, 'uazapi', 'sent', '', '', '[]', 80, queued_at FROM outbound_messages;
INSERT INTO inbound_events (id, client_id, integration_id, kind, dedup_key, chat_index, state, reason_code,
    attempts, next_attempt_at, received_at)
SELECT gen_random_uuid(), %(client)s, %(integration)s, 'messages', n, '', 'done', '', 1, at, at FROM old;
INSERT INTO agent_runs (id, client_id, agent, state, reason_code, text_count, dropped_count, first_text_at,
    answer_ids, attempts, next_attempt_at, model, tool_calls, input_tokens, output_tokens, cause, created_at)
SELECT gen_random_uuid(), %(client)s, 'discovery', 'done', '', 1, 0, at, '{}', 1, at, '', 0, 0, 0, '{}', at
FROM old;
INSERT INTO trigger_executions (id, trigger_id, client_id, subject, occurrence, state, reason_code, executed_at,
    condition_met, action_executed, steps, values_seen, cause, matched_at, created_at)
SELECT gen_random_uuid(), %(trigger)s, %(client)s, gen_random_uuid(), at, 'done', '', at, true, true, '[]', '{}',
    '{}', at, at FROM old
"""
LEDGERS = ("outbound_messages", "delivery_attempts", "inbound_events", "agent_runs", "trigger_executions")


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def read_through(sql: str) -> list[str]:
    """The ledgers that a statement reads from end to end; of a month's part only if there is much in it."""
    with service_scope(reason="test"), connection.cursor() as cursor:
        parameters = {"hour": gauges.hours_ago(1), "day": gauges.hours_ago(24)}
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
        explained = cursor.fetchone()[0]
    (top,) = json.loads(explained) if isinstance(explained, str) else explained
    return [
        node["Relation Name"]
        for node in nodes(top["Plan"])
        if node["Node Type"] == "Seq Scan"
        and node["Relation Name"].startswith(LEDGERS)
        and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > ROWS // 20
    ]


@pytest.fixture
def long_ledgers(committed_cast: Cast) -> Integration:
    """A history of months, of which next to nothing is of today, and a little that waits."""
    integration = factories.make_integration(committed_cast.acme)
    trigger = factories.make_trigger(committed_cast.acme)
    ids = {
        "client": integration.client_id,
        "integration": integration.id,
        "trigger": trigger.id,
        "rows": ROWS,
    }
    with service_scope(reason="test rows"), connection.cursor() as cursor:
        for statement in _FILL.split(";\n"):
            cursor.execute(_OLD + statement, ids)
    factories.make_outbound(factories.make_conversation(committed_cast.acme))
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE")
    return integration


def test_i10_no_statement_reads_a_ledger_through(long_ledgers: Integration) -> None:
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert scrape()['renum_metrics_source_up{source="integrations"}'] == 1
    counting = [sql for sql in seen if re.search(rf"FROM ({'|'.join(LEDGERS)})\b", sql)]
    assert len(counting) >= 11
    assert {sql: found for sql in counting if (found := read_through(sql))} == {}


def test_control_a_statement_that_reads_a_ledger_through_is_noticed(long_ledgers: Integration) -> None:
    for ledger in LEDGERS:
        assert read_through(f"SELECT max(id::text) FROM {ledger}"), ledger


# --- When something is away ------------------------------------------------------------------------


def test_with_the_database_away_it_says_so_and_what_redis_knows(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def cursor(self) -> None:
            raise OperationalError("the database is gone")

    canaries.record("high")
    monkeypatch.setattr("renum.health.checks.connection", Gone())
    found = scrape()
    assert found['renum_up{service="postgres"}'] == 0
    assert found['renum_up{service="redis"}'] == 1
    assert found['renum_celery_queue_served{queue="high"}'] == 1
    assert "renum_inbox_pending" not in found


def test_with_redis_away_it_says_so_and_what_postgres_knows(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": away}}
    settings.CELERY_BROKER_URL = away
    broker_client.cache_clear()
    try:
        found = scrape()
    finally:
        broker_client.cache_clear()
    assert found['renum_up{service="redis"}'] == 0
    assert found['renum_up{service="postgres"}'] == 1
    assert found["renum_inbox_pending"] == 0
    assert not any("celery_queue" in name for name in found)


def test_a_source_that_takes_too_long_is_left_out_and_named(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep() -> list[gauges.Gauge]:
        gauges.fetch("SELECT pg_sleep(5)")
        raise AssertionError

    monkeypatch.setattr(metrics, "STATEMENT_TIMEOUT", "50ms")
    monkeypatch.setitem(gauges.SOURCES, "triggers", sleep)
    found = scrape()
    assert found['renum_metrics_source_up{source="triggers"}'] == 0
    assert found['renum_metrics_source_up{source="webhooks"}'] == 1
    assert "renum_triggers_active" not in found
    assert found["renum_inbox_pending"] == 0


def test_another_broker_than_redis_has_figures_of_its_own(db: None, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "amqp://127.0.0.1:1//"
    broker_client.cache_clear()
    try:
        assert not any("celery_queue_length" in name for name in scrape())
    finally:
        broker_client.cache_clear()
    assert cache.get("health") == 1
