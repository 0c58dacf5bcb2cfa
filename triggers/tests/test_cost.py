"""Rule I10: a sweep that finds nothing reads next to nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from renum import clock
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from triggers.engine import candidates, matching
from triggers.engine.matching import match_due
from triggers.models import Sweep
from triggers.tests.helpers import delay

TRIGGERS, CONVERSATIONS = 200, 20_000

_CONTACTS = """
INSERT INTO contacts (id, client_id, phone, phone_index, attributes, created_at, updated_at)
SELECT gen_random_uuid(), %s, '\\x00', n::text, '{}', now(), now() FROM generate_series(1, %s) n
"""
_IDLE = """
INSERT INTO conversations
    (id, client_id, contact_id, channel, status, last_message_at, last_inbound_at, last_outbound_at,
     unanswered_since, quiet_since, attention_reason, created_at, updated_at)
SELECT gen_random_uuid(), client_id, id, 'whatsapp', 'open', at, at, at, at, at, '', at, at
FROM (SELECT *, %s::timestamptz - make_interval(secs => 60 * 86400 * random()) AS at FROM contacts) c
"""


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


@pytest.mark.parametrize(
    ("field", "distinct_delays"),
    [
        ("last_message_at", 7),
        ("last_message_at", TRIGGERS),
        ("last_inbound_at", 7),
        ("last_outbound_at", 7),
        ("unanswered_since", 7),
        ("created_at", 7),
    ],
)
def test_i10_a_sweep_with_nothing_due_reads_no_table_of_conversations(
    committed_cast: Cast, field: str, distinct_delays: int
) -> None:
    now = clock.now()
    for number in range(TRIGGERS):
        client = committed_cast.acme if number % 2 else committed_cast.globex
        # All longer than any conversation has been idle, but within what statistics promise.
        config = delay(delay_days=61, delay_minutes=number % distinct_delays)
        config["reference_field"] = f"conversations.{field}"
        factories.make_trigger(client, trigger_config=config)
    with service_scope(reason="test"), connection.cursor() as cursor:
        for client in (committed_cast.acme, committed_cast.globex):
            cursor.execute(_CONTACTS, [client.id, CONVERSATIONS // 2])
        cursor.execute(_IDLE, [now - timedelta(hours=1)])
    match_due(now)  # the triggers are no longer new
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ANALYZE")

    with service_scope(reason="test"), connection.cursor() as cursor:
        since = Sweep.objects.get().swept_until - matching.OVERLAP
        cursor.execute(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {candidates.STATEMENT}",
            {"now": now + timedelta(minutes=1), "since": since},
        )
        explained = cursor.fetchone()[0]
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]

    scanned = [
        node["Node Type"]
        for node in nodes(plan)
        if node.get("Relation Name") == "conversations" and node["Actual Loops"]
    ]
    assert scanned, "the plan looks at conversations"
    assert "Seq Scan" not in scanned
    read = sum(
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(plan)
        if node.get("Relation Name") == "conversations"
    )
    assert read < CONVERSATIONS / 100, "rows read, to find none"
