"""Find what became due, for all triggers in one statement, and record each match once."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from renum.accounts.scope import service_scope
from triggers import conditions
from triggers.models import Sweep

IDLE = "idle"
# Transactions that were under way at the last sweep may have committed changes dated before it.
OVERLAP = timedelta(minutes=5)

_REMATCH = "SELECT id, updated_at FROM triggers WHERE active AND rematch AND trigger_type = 'time_based'"
# Triggers are locked last, as the executor does; one that was edited meanwhile is looked at again.
_REMATCHED = """
WITH looked_at AS (
    SELECT t.id FROM triggers t
    JOIN unnest(%s::uuid[], %s::timestamptz[]) AS seen(id, updated_at) USING (id, updated_at)
    ORDER BY t.id FOR UPDATE OF t
)
UPDATE triggers SET rematch = false FROM looked_at WHERE triggers.id = looked_at.id
"""

# Three ways to become due: time passed, the conversation changed, or the trigger did. Each costs in
# proportion to what it finds (rule I10): the first is a range of one index for each distinct delay.
_MATCH = f"""
WITH due AS (
    SELECT t.id AS trigger_id, c.id AS conversation_id
    FROM (SELECT DISTINCT delay_seconds FROM triggers
          WHERE active AND trigger_type = 'time_based') d
    CROSS JOIN LATERAL (
        SELECT id, client_id FROM conversations
        WHERE last_message_at > %(since)s - make_interval(secs => d.delay_seconds)
          AND last_message_at <= %(now)s - make_interval(secs => d.delay_seconds)
        OFFSET 0  -- here and below: planned by itself, as the few rows that it is
    ) c
    JOIN triggers t ON t.client_id = c.client_id AND t.delay_seconds = d.delay_seconds
         AND t.active AND t.trigger_type = 'time_based'
  UNION
    SELECT t.id, c.id FROM conversations c
    JOIN triggers t ON t.client_id = c.client_id AND t.active AND t.trigger_type = 'time_based'
    WHERE c.updated_at > %(since)s
      AND c.last_message_at <= %(now)s - make_interval(secs => t.delay_seconds)
  UNION
    SELECT t.id, c.id FROM triggers t
    CROSS JOIN LATERAL (
        SELECT id FROM conversations
        WHERE client_id = t.client_id
          AND last_message_at <= %(now)s - make_interval(secs => t.delay_seconds)
        OFFSET 0
    ) c
    WHERE t.id = ANY(%(rematch)s)
)
INSERT INTO trigger_executions
    (id, trigger_id, client_id, conversation_id, occurrence, state, reason_code,
     executed_at, condition_met, action_executed, cause, created_at)
SELECT gen_random_uuid(), t.id, c.client_id, c.id, c.quiet_since, 'matched', '',
       %(now)s, true, false, '{{}}', %(now)s
FROM due JOIN triggers t ON t.id = due.trigger_id
CROSS JOIN LATERAL (SELECT * FROM conversations WHERE id = due.conversation_id OFFSET 0) c
WHERE {conditions.sql()}
ON CONFLICT (trigger_id, conversation_id, occurrence) DO UPDATE
    SET state = 'matched', reason_code = '', condition_met = true, created_at = excluded.created_at
    WHERE trigger_executions.state = 'skipped'
"""  # noqa: S608  put together from our own registry, once


def match_due(now: datetime) -> int:
    """Insert an execution for every (trigger, conversation) that became due; returns how many.

    Sweeps wait for each other; one that is lost or late is made good by the next, since each begins
    where the last committed one ended.
    """
    with service_scope(reason="match time-based triggers"):
        sweep = _lock_sweep(now)
        with connection.cursor() as cursor:
            cursor.execute(_REMATCH)
            changed = cursor.fetchall()
            window = {"now": now, "since": sweep.swept_until - OVERLAP}
            cursor.execute(_MATCH, {**window, "rematch": [trigger_id for trigger_id, _ in changed]})
            matched: int = cursor.rowcount
            ids, versions = [list(column) for column in zip(*changed, strict=True)] or [[], []]
            cursor.execute(_REMATCHED, [ids, versions])
        sweep.swept_until = max(now, sweep.swept_until)
        sweep.save(update_fields=["swept_until"])
    return matched


def _lock_sweep(now: datetime) -> Sweep:
    Sweep.objects.bulk_create([Sweep(name=IDLE, swept_until=now)], ignore_conflicts=True)
    return Sweep.objects.select_for_update().get(name=IDLE)
