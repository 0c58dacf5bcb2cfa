"""Write down what matched: one row an occurrence, whoever finds it and however often."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

# A match that was let go is taken up again when it holds again: what stopped it may have passed.
_RECORD = """
WITH found AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, m.* FROM json_to_recordset(%s) AS m (
        trigger_id uuid, client_id uuid, conversation_id uuid, subject uuid, event_id uuid,
        occurrence timestamptz, matched_at timestamptz, condition_met boolean, reason_code text, result jsonb,
        values_seen jsonb, cause text[]
    )
), first AS (
    INSERT INTO trigger_occurrences
        (id, trigger_id, client_id, conversation_id, subject, occurrence, execution_id, recorded_at)
    SELECT gen_random_uuid(), trigger_id, client_id, conversation_id, subject, occurrence, id, matched_at
    FROM found ORDER BY trigger_id, subject, occurrence
    ON CONFLICT (trigger_id, subject, occurrence) DO NOTHING
    RETURNING execution_id
), recorded AS (
    INSERT INTO trigger_executions
        (id, trigger_id, client_id, conversation_id, subject, event_id, occurrence, state, reason_code,
         executed_at, condition_met, action_executed, result, steps, values_seen, cause,
         matched_at, created_at)
    SELECT id, trigger_id, client_id, conversation_id, subject, event_id, occurrence,
        CASE WHEN condition_met THEN 'matched' ELSE 'skipped' END,
        CASE WHEN condition_met THEN '' ELSE reason_code END,
        matched_at, condition_met, false, result, '[]', values_seen, cause, matched_at, matched_at
    FROM found JOIN first ON first.execution_id = found.id
    RETURNING id
), again AS (
    UPDATE trigger_executions e SET state = 'matched', reason_code = '', condition_met = true,
        matched_at = found.matched_at, values_seen = found.values_seen
    FROM found JOIN trigger_occurrences o USING (trigger_id, subject, occurrence)
    WHERE e.id = o.execution_id AND e.created_at = o.recorded_at AND e.state = 'skipped'
        AND found.condition_met
    RETURNING e.id
)
SELECT (SELECT count(*) FROM recorded) + (SELECT count(*) FROM again)
"""


@dataclass(frozen=True, slots=True)
class Match:
    """That a trigger is due for a subject; see `TriggerExecution`.

    `reason_code` and `result` are for one that is not carried out: its `condition_met` is false.
    """

    trigger_id: UUID
    client_id: UUID
    conversation_id: UUID | None
    subject: UUID
    occurrence: datetime
    matched_at: datetime
    values_seen: dict[str, Any]
    event_id: UUID | None = None
    condition_met: bool = True
    reason_code: str = "CONDITION_NOT_MET"
    result: dict[str, Any] | None = None
    cause: list[str] = field(default_factory=list)


def record_matches(matches: Sequence[Match]) -> int:
    """Record them, each once; returns how many are new, or hold again."""
    if not matches:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, [json.dumps([asdict(match) for match in matches], default=str)])
        return int(cursor.fetchone()[0])
