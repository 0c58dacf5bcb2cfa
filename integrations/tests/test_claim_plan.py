"""Rule I10 for the dispatcher: finished messages cost a claim nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from integrations.delivery import outcomes
from integrations.models import Integration
from integrations.tasks import sweep_outbox
from integrations.tests.helpers import NORMAL, claim_due, make_backlog, make_clients
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.factories import make_integration

FINISHED = 20_000

_FILL = """
INSERT INTO outbound_messages (id, client_id, integration_id, channel, kind, attempts_spared, confirms_opt_out,
    recipient_index, idempotency_key, fingerprint, priority, state, reason_code, error_message, attempts, next_attempt_at, cause, queued_at,
    sent_at, finished_at)
SELECT gen_random_uuid(), %s, %s, 'whatsapp', 'text', 0, false, md5((n %% 500)::text), 'old:' || n, '', 1,
    (ARRAY['sent', 'failed', 'unknown'])[1 + n %% 3], '', '', 1, at, '{}', at, at, at
FROM (SELECT n, now() - interval '2 days' - n * interval '1 second' AS at FROM generate_series(1, %s) n) old
"""


@pytest.fixture
def ledger(committed_cast: Cast) -> Integration:
    """A long history, and a little that is due."""
    integration = make_integration(committed_cast.acme)
    with service_scope(reason="test rows"), connection.cursor() as cursor:
        cursor.execute(_FILL, [integration.client_id, integration.id, FINISHED])
    for one in (integration, *(make_integration(client) for client in make_clients(10))):
        make_backlog(one, 20)
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE outbound_messages")
        owner.execute("ANALYZE integrations")
    return integration


def statements_of(work: Callable[[], Any]) -> list[tuple[str, Any]]:
    """The statements that `work` sent about outbound messages."""
    seen: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "outbound_messages" in sql and not sql.startswith("INSERT"):
            seen.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        work()
    return seen


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def explain(sql: str, params: Any) -> list[dict[str, Any]]:
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        found = cursor.fetchone()[0]
    (top,) = json.loads(found) if isinstance(found, str) else found
    return list(nodes(top["Plan"]))


def plans_of(work: Callable[[], Any]) -> list[dict[str, Any]]:
    statements = statements_of(work)
    assert statements
    return [node for sql, params in statements for node in explain(sql, params)]


def assert_never_reads_the_ledger_through(plans: list[dict[str, Any]]) -> None:
    scans = [
        n for n in plans if n["Node Type"] == "Seq Scan" and n.get("Relation Name") == "outbound_messages"
    ]
    assert scans == []


def indexes(plans: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plans if "Index Name" in node}


def test_i10_a_claim_uses_the_partial_indexes_and_never_reads_the_ledger_through(ledger: Integration) -> None:
    plans = plans_of(lambda: claim_due(NORMAL, 100))
    assert_never_reads_the_ledger_through(plans)
    assert {"outbound_queued", "outbound_sending", "outbound_recipient_unsent"} <= indexes(plans)


def test_i10_the_day_s_count_never_reads_the_ledger_through(ledger: Integration) -> None:
    plans = plans_of(lambda: claim_due(NORMAL, 1))
    assert "outbound_sent" in indexes(plans)


def test_i10_sweep_and_reaper_never_read_the_ledger_through(ledger: Integration) -> None:
    assert_never_reads_the_ledger_through(plans_of(sweep_outbox))
    assert_never_reads_the_ledger_through(plans_of(outcomes.reap_expired_leases))


def test_a_plan_that_reads_the_ledger_through_would_be_noticed(ledger: Integration) -> None:
    plans = explain("SELECT count(*) FROM outbound_messages WHERE error_message <> ''", None)
    with pytest.raises(AssertionError):
        assert_never_reads_the_ledger_through(plans)
