"""The sweep of 10,000 triggers over 1,000,000 conversations, against a prepared query for each trigger."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from benchmarks.servers import databases, set_up_django

CLIENTS, TRIGGERS_EACH, CONVERSATIONS_EACH = 100, 100, 10_000
ROUNDS = 5
FEW, MANY = 1_000, 10_000
# Longer than any conversation has been idle; each trigger has a delay of its own.
SHORTEST_DELAY = timedelta(days=61)
TIMES_FASTER, WITHIN = 200.0, 2.0

_CLIENTS = """
INSERT INTO profiles (id, password, is_superuser, email, full_name, role, is_active, created_at)
SELECT gen_random_uuid(), '', false, 'bench' || n || '@bench.test', '', 'client', true, now()
FROM generate_series(1, %s) n;
"""
_COMPANIES = """
INSERT INTO clients (id, profile_id, name, timezone, status, created_at, updated_at)
SELECT gen_random_uuid(), id, email, 'America/Sao_Paulo', 'active', now(), now() FROM profiles
WHERE email LIKE 'bench%%'
"""
_CONTACTS = """
INSERT INTO contacts (id, client_id, phone_index, attributes, created_at, updated_at)
SELECT gen_random_uuid(), c.id, n::text, '{}', now(), now() FROM clients c, generate_series(1, %s) n
"""
_CONVERSATIONS = """
INSERT INTO conversations
    (id, client_id, contact_id, channel, status, last_message_at, quiet_since, attention_reason,
     created_at, updated_at)
SELECT gen_random_uuid(), client_id, id, 'whatsapp', 'open', at, at, '', at, at
FROM (SELECT *, %s::timestamptz - make_interval(secs => 60 * 86400 * random()) AS at FROM contacts) c
"""
_TRIGGERS = """
INSERT INTO triggers
    (id, client_id, name, active, trigger_type, trigger_config, condition_type, condition_config, action_type,
     action_config, schema_version, event_kind, failures_in_a_row, paused_reason, active_since, rematch,
     execution_count, created_at, updated_at)
SELECT gen_random_uuid(), c.id, 'Retomar', true, 'time_based',
    jsonb_build_object('reference_field', 'conversations.last_message_at', 'delay_minutes',
                       (%s / 60 + row_number() OVER ())::int),
    'field_equals', '{"field": "conversations.status", "value": "open"}', 'change_status',
    '{"status": "pending"}', 2, '', 0, '', %s, false, 0, now(), now()
FROM clients c, generate_series(1, %s) n;
"""
_CLOCKS = """
INSERT INTO trigger_clocks (id, trigger_id, client_id, field, seconds, is_when)
SELECT gen_random_uuid(), id, client_id, 'conversations.last_message_at',
       60 * (trigger_config ->> 'delay_minutes')::int, true
FROM triggers
"""
# As many conversations become due in the minute after `base`, each for one trigger.
_MAKE_DUE = """
WITH chosen AS (
    SELECT c.id, k.seconds FROM (
        SELECT id, client_id, row_number() OVER (PARTITION BY client_id ORDER BY id) AS number
        FROM conversations WHERE last_message_at > %(base)s - interval '60 days'
    ) c
    JOIN (SELECT client_id, seconds, row_number() OVER (PARTITION BY client_id ORDER BY seconds) AS number
          FROM trigger_clocks) k
      ON k.client_id = c.client_id AND k.number = 1 + c.number %% %(triggers)s
    WHERE c.number <= %(each)s
)
UPDATE conversations SET last_message_at = %(base)s + interval '30 seconds' - make_interval(secs => seconds),
    quiet_since = %(base)s + interval '30 seconds' - make_interval(secs => seconds)
FROM chosen WHERE conversations.id = chosen.id
"""
_OF_ONE_TRIGGER = """
SELECT c.id FROM conversations c
WHERE c.client_id = %s AND c.status = 'open' AND c.last_message_at <= %s - make_interval(secs => %s)
    AND NOT EXISTS (SELECT 1 FROM trigger_executions e
                    WHERE e.trigger_id = %s AND e.subject = c.id AND e.occurrence = c.quiet_since)
"""


def run() -> bool:
    """Print the figures; True if the budgets are kept."""
    with databases() as env:
        set_up_django()
        from renum import clock

        base = clock.now()
        with psycopg.connect(env["DATABASE_OWNER_URL"], autocommit=True) as owner:
            started = time.perf_counter()
            _generate(env["DATABASE_URL"], owner, base)
            print(
                f"sweep: {CLIENTS * TRIGGERS_EACH:,} triggers, each with a delay of its own, and "
                f"{CLIENTS * CONVERSATIONS_EACH:,} conversations (made in {time.perf_counter() - started:.0f} s)"
            )
        loop = _per_trigger(env["DATABASE_URL"], base)
        idle = _nothing_due(base)
        scans = _scans(base)
        few, many = _due(env["DATABASE_URL"], base, FEW), _due(env["DATABASE_URL"], base, MANY)
    faster, growth = loop / idle, many / few
    print(f"  nothing due, the whole task: {idle * 1000:,.0f} ms; a prepared query a trigger: {loop:,.2f} s")
    print(f"  {faster:,.0f} times faster, budget {TIMES_FASTER:.0f}")
    print(f"  conversations are read by: {', '.join(sorted(scans))}")
    print(f"  a due item among {FEW:,}: {few * 1e3:.2f} ms, among {MANY:,}: {many * 1e3:.2f} ms")
    print(f"  {growth:.2f} times, budget {WITHIN:.1f}")
    return faster >= TIMES_FASTER and growth <= WITHIN and "Seq Scan" not in scans


def _generate(app_url: str, owner: psycopg.Connection[Any], base: datetime) -> None:
    with psycopg.connect(app_url) as app:
        app.execute("SET LOCAL ROLE renum_service")
        app.execute(_CLIENTS, [CLIENTS])
        app.execute(_COMPANIES.replace("%%", "%"))
        app.execute(_CONTACTS, [CONVERSATIONS_EACH])
        app.execute(_CONVERSATIONS, [base - timedelta(hours=1)])
        app.execute(_TRIGGERS, [int(SHORTEST_DELAY.total_seconds()), base, TRIGGERS_EACH])
        app.execute(_CLOCKS)
        app.execute("INSERT INTO trigger_sweeps (name, swept_until) VALUES ('idle', %s)", [base])
    owner.execute("VACUUM ANALYZE")


def _per_trigger(app_url: str, now: datetime) -> float:
    with psycopg.connect(app_url, prepare_threshold=0) as app:
        app.execute("SET LOCAL ROLE renum_service")
        triggers = app.execute("SELECT client_id, seconds, trigger_id FROM trigger_clocks").fetchall()

        def loop() -> None:
            for client_id, seconds, trigger_id in triggers:
                found = app.execute(_OF_ONE_TRIGGER, [client_id, now, seconds, trigger_id]).fetchall()
                assert not found

        return _timed(loop, 1)


def _nothing_due(now: datetime) -> float:
    from triggers.models import TriggerExecution
    from triggers.tasks import trigger_scheduler

    def sweep() -> None:
        trigger_scheduler()

    sweep()
    taken = _timed(sweep, ROUNDS)
    from renum.accounts.scope import service_scope

    with service_scope(reason="benchmark"):
        assert not TriggerExecution.objects.exists()
    return taken


def _scans(now: datetime) -> set[str]:
    """How the statement that finds candidates reads conversations, by the plan that it ran with."""
    from django.db import connection

    from renum.accounts.scope import service_scope
    from triggers.engine import candidates, matching

    window = {"now": now + timedelta(minutes=1), "since": now - matching.OVERLAP}
    with service_scope(reason="benchmark"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {candidates.STATEMENT}", window)
        found = cursor.fetchone()[0]
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return {
        node["Node Type"]
        for node in _nodes(plan)
        if node.get("Relation Name") == "conversations" and node["Actual Loops"]
    }


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)


def _due(app_url: str, base: datetime, count: int) -> float:
    """Seconds a due item, of matching and carrying out; medians would need as many fresh populations."""
    from renum.accounts.scope import service_scope
    from triggers.engine.execution import run_matched
    from triggers.engine.matching import match_due
    from triggers.models import Sweep, TriggerExecution

    with psycopg.connect(app_url) as app:
        app.execute("SET LOCAL ROLE renum_service")
        app.execute("DELETE FROM trigger_executions")
        app.execute("DELETE FROM trigger_occurrences")
        values = {"base": base, "triggers": TRIGGERS_EACH, "each": count // CLIENTS}
        app.execute(_MAKE_DUE, values)
    with service_scope(reason="benchmark"):
        Sweep.objects.update(swept_until=base)
    now = base + timedelta(minutes=1)

    def sweep() -> None:
        assert match_due(now) == count
        run_matched(now)

    taken = _timed(sweep, 1)
    with service_scope(reason="benchmark"):
        assert TriggerExecution.objects.filter(state="done").count() == count
    return taken / count


def _timed(work: Callable[[], None], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    raise SystemExit(not run())
