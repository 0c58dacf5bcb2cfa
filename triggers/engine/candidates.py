"""Which (trigger, conversation) a sweep has to look at: found in the database, for all triggers at once.

A pair comes up when time passes one of the trigger's clocks, and when the conversation changed. Both cost in
proportion to what they find (rule I10): the first is a range of one index for each stretch of delays.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connection

from triggers.fields import ATTRIBUTES, REFERENCE_FIELDS

Pair = tuple[UUID, UUID]

# Delays are taken together by ten minutes: one range of the index for each stretch in which there are any,
# and then the clocks that each row has passed.
_STRETCH = 600
_FIRST = f"seconds - mod(mod(seconds, {_STRETCH}) + {_STRETCH}, {_STRETCH})"  # also of those before a date
_STRETCHES = f"SELECT DISTINCT field, {_FIRST} AS first FROM trigger_clocks"  # noqa: S608
_IN_STRETCH = f"""
    {{at}} > %(since)s - make_interval(secs => s.first + {_STRETCH - 1})
    AND {{at}} <= %(now)s - make_interval(secs => s.first)
"""
_PASSED_NOW = f"""
    CROSS JOIN LATERAL (
        SELECT trigger_id FROM trigger_clocks
        WHERE field = s.field AND client_id = c.client_id
            AND seconds BETWEEN s.first AND s.first + {_STRETCH - 1}
            AND seconds > extract(epoch FROM %(since)s - c.at)
            AND seconds <= extract(epoch FROM %(now)s - c.at)
        OFFSET 0
    ) k
"""  # noqa: S608
_CROSSED = f"""
    SELECT k.trigger_id, c.id
    FROM ({_STRETCHES} WHERE field = '{{field}}') s
    CROSS JOIN LATERAL (
        SELECT id, client_id, {{column}} AS at FROM conversations WHERE {_IN_STRETCH.format(at="{column}")}
        OFFSET 0  -- here and below: planned by itself, as the few rows that it is
    ) c
    {_PASSED_NOW}
"""  # noqa: S608
_DATES_CROSSED = f"""
    SELECT k.trigger_id, talk.id
    FROM ({_STRETCHES} WHERE field LIKE '{ATTRIBUTES}%%') s
    CROSS JOIN LATERAL (
        SELECT contact_id, client_id, at FROM contact_dates
        WHERE name = substr(s.field, {len(ATTRIBUTES) + 1}) AND {_IN_STRETCH.format(at="at")}
        OFFSET 0
    ) c
    JOIN conversations talk ON talk.contact_id = c.contact_id
    {_PASSED_NOW}
"""  # noqa: S608
# Of a conversation that changed: what its own delay has passed already, and every condition-based trigger.
_CHANGED = """
    SELECT k.trigger_id, c.id FROM conversations c
    JOIN trigger_clocks k ON k.client_id = c.client_id AND k.is_when
    WHERE c.updated_at > %(since)s AND ({passed})
  UNION
    SELECT t.id, c.id FROM conversations c
    JOIN triggers t ON t.client_id = c.client_id AND t.active AND t.trigger_type = 'condition_based'
    WHERE c.updated_at > %(since)s
"""
_PASSED_DATE = f"""
    EXISTS (SELECT 1 FROM contact_dates dated WHERE dated.contact_id = c.contact_id
            AND k.field = '{ATTRIBUTES}' || dated.name
            AND dated.at <= %(now)s - make_interval(secs => k.seconds))
"""  # noqa: S608


def _passed() -> str:
    fields = [
        f"k.field = '{field}' AND c.{reference.column} <= %(now)s - make_interval(secs => k.seconds)"
        for field, reference in REFERENCE_FIELDS.items()
    ]
    return " OR ".join([*fields, f"k.field LIKE '{ATTRIBUTES}%%' AND {_PASSED_DATE}"])


def _statement() -> str:
    crossed = [
        _CROSSED.format(field=field, column=reference.column) for field, reference in REFERENCE_FIELDS.items()
    ]
    return " UNION ".join([*crossed, _DATES_CROSSED, _CHANGED.format(passed=_passed())])


STATEMENT = _statement()


def find_candidates(since: datetime, now: datetime) -> list[Pair]:
    """The pairs that may have become due in the window."""
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"since": since, "now": now})
        return [(trigger_id, conversation_id) for trigger_id, conversation_id in cursor.fetchall()]
