"""Take due messages out of the outbox: fairly across integrations, in order per person, under a lease."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection

from integrations import providers
from integrations.delivery import gate, outcomes
from integrations.errors import IntegrationUnreadable
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Channel
from renum.conversations.selectors import suppressed
from renum.security.crypto import DecryptionFailed

log = structlog.get_logger(__name__)

ROUNDS = 20  # of messages that may not leave, before whoever waits for answers gets a turn
_LOCK_SPACE = 0x0B0  # first key of our advisory locks on integrations

# The integrations with something due in this lane and a free place, found by skipping through the
# index: cost follows their number, not that of the messages. Each is locked for this transaction, so
# that two claimers do not both find room for one more.
_LOCK_INTEGRATIONS = """
WITH RECURSIVE waiting(integration_id) AS (
    (SELECT integration_id FROM outbound_messages
     WHERE state = 'queued' AND priority = %(priority)s ORDER BY integration_id LIMIT 1)
  UNION ALL
    SELECT (SELECT m.integration_id FROM outbound_messages m
            WHERE m.state = 'queued' AND m.priority = %(priority)s AND m.integration_id > w.integration_id
            ORDER BY m.integration_id LIMIT 1)
    FROM waiting w WHERE w.integration_id IS NOT NULL
), shuffled AS MATERIALIZED (
    SELECT w.integration_id FROM waiting w JOIN integrations i ON i.id = w.integration_id
    WHERE EXISTS (SELECT 1 FROM outbound_messages m
                  WHERE m.integration_id = w.integration_id AND m.state = 'queued'
                    AND m.priority = %(priority)s AND m.next_attempt_at <= %(now)s)
      AND (SELECT count(*) FROM outbound_messages s
           WHERE s.integration_id = w.integration_id AND s.state = 'sending')
          < (%(in_flight)s::jsonb ->> i.provider)::int
    ORDER BY random() LIMIT %(batch)s
)
SELECT integration_id FROM shuffled
WHERE pg_try_advisory_xact_lock(%(space)s, hashtext(integration_id::text))
"""

# A second statement, so that it sees what the previous holders of those locks committed.
_CLAIM = """
WITH open AS MATERIALIZED (
    SELECT i.id, (%(in_flight)s::jsonb ->> i.provider)::int
           - (SELECT count(*) FROM outbound_messages s
              WHERE s.integration_id = i.id AND s.state = 'sending') AS room
    FROM integrations i WHERE i.id = ANY(%(integrations)s)
), picked AS (
    SELECT pick.id FROM open CROSS JOIN LATERAL (
        SELECT m.id FROM outbound_messages m
        WHERE m.integration_id = open.id AND m.state = 'queued' AND m.priority = %(priority)s
          AND m.next_attempt_at <= %(now)s
          AND NOT EXISTS (  -- order per person; a reply may overtake what waits in a lower lane
              SELECT 1 FROM outbound_messages e
              WHERE e.integration_id = m.integration_id AND e.recipient_index = m.recipient_index
                AND e.state IN ('queued', 'sending') AND (e.state = 'sending' OR e.priority <= m.priority)
                AND (e.queued_at, e.id) < (m.queued_at, m.id))
          AND NOT EXISTS (  -- replies before bulk
              SELECT 1 FROM outbound_messages h
              WHERE h.integration_id = m.integration_id AND h.state = 'queued'
                AND h.priority < m.priority AND h.next_attempt_at <= %(now)s)
        ORDER BY m.next_attempt_at, m.id LIMIT greatest(open.room, 0) FOR UPDATE SKIP LOCKED
    ) pick LIMIT %(batch)s
)
UPDATE outbound_messages o
SET state = 'sending', lease_token = %(lease)s, leased_until = %(until)s
FROM picked WHERE o.id = picked.id
RETURNING o.id
"""


class MessageUnreadable(Exception):
    """The row has no text or no recipient, though it is to be sent."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that we may send now; every write about it carries `lease`."""

    message_id: UUID
    client_id: UUID
    attempt_id: UUID
    lease: UUID
    attempt_number: int
    provider: str
    settings: providers.ProviderSettings
    message: providers.TextMessage


def claim_due(priority: OutboundMessage.Priority, batch: int) -> list[Claimed]:
    """Claim up to `batch` due messages of a lane, judge them, and commit an attempt for each to send.

    Those that the gate refuses or holds are recorded as such and not returned.
    """
    for _ in range(ROUNDS):
        now = clock.now()
        with service_scope(reason="claim due messages"):
            ids = _claim_rows(priority, batch, now)
            rows = OutboundMessage.objects.filter(id__in=ids).select_related("integration", "client")
            claimed = _judge(list(rows.order_by("queued_at")), now)
        if claimed or not ids:
            return claimed
    return []


def _claim_rows(priority: OutboundMessage.Priority, batch: int, now: datetime) -> list[UUID]:
    due: dict[str, Any] = {
        "priority": priority.value,
        "batch": batch,
        "now": now,
        "in_flight": json.dumps({kind: spec.in_flight for kind, spec in providers.REGISTRY.items()}),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_INTEGRATIONS, {**due, "space": _LOCK_SPACE})
        integrations = [row[0] for row in cursor.fetchall()]
        if not integrations:
            return []
        until = now + timedelta(seconds=settings.ENVIRONMENT.delivery_lease_seconds)
        cursor.execute(_CLAIM, {**due, "integrations": integrations, "lease": uuid4(), "until": until})
        return [row[0] for row in cursor.fetchall()]


def _judge(rows: list[OutboundMessage], now: datetime) -> list[Claimed]:
    """Ask the gate about each row and write down what it said."""
    blocked = _suppressed(rows)
    sent_today: Counter[UUID] = Counter()
    for row in rows:
        if row.integration_id not in sent_today:
            sent_today[row.integration_id] = count_sent_today(row.integration_id, row.client, now)
    claimed: list[Claimed] = []
    attempts: list[DeliveryAttempt] = []
    for row in rows:
        facts = gate.Facts(
            not_after=row.not_after,
            client_active=row.client.status == Client.Status.ACTIVE,
            integration_enabled=row.integration.enabled,
            suppressed=row.recipient_index in blocked,
            sent_today=sent_today[row.integration_id],
            daily_limit=row.integration.daily_limit,
            day_ends_at=day_bounds(row.client, now)[1],
        )
        match gate.judge(facts, now):
            case gate.Refuse(reason):
                outcomes.refuse(row, reason.value, now)
            case gate.Hold(until, reason):
                outcomes.hold(row, until, reason.value)
            case gate.Send():
                attempt = _new_attempt(row, now)
                try:
                    claimed.append(_to_claimed(row, attempt))
                except (IntegrationUnreadable, DecryptionFailed, MessageUnreadable) as error:
                    log.error("message_unusable", message_id=str(row.id), reason=type(error).__name__)
                    outcomes.refuse(row, gate.Reason.MISCONFIGURED.value, now)
                    continue
                attempts.append(attempt)
                sent_today[row.integration_id] += 1
    DeliveryAttempt.objects.bulk_create(attempts)
    return claimed


def _new_attempt(row: OutboundMessage, now: datetime) -> DeliveryAttempt:
    return DeliveryAttempt(
        client_id=row.client_id,
        message=row,
        number=row.attempts + 1,
        provider=row.integration.provider,
        started_at=now,
    )


def _to_claimed(row: OutboundMessage, attempt: DeliveryAttempt) -> Claimed:
    assert row.lease_token is not None
    text = row.body.get("text") if isinstance(row.body, dict) else None
    if not row.recipient or not isinstance(text, str):
        raise MessageUnreadable
    return Claimed(
        message_id=row.id,
        client_id=row.client_id,
        attempt_id=attempt.id,
        lease=row.lease_token,
        attempt_number=attempt.number,
        provider=row.integration.provider,
        settings=row.integration.settings,
        message=providers.TextMessage(recipient=str(row.recipient), text=text, reference=str(row.id)),
    )


def _suppressed(rows: Iterable[OutboundMessage]) -> set[str]:
    by_client: dict[tuple[UUID, str], set[str]] = {}
    for row in rows:
        by_client.setdefault((row.client_id, row.channel), set()).add(row.recipient_index)
    found: set[str] = set()
    for (client_id, channel), indexes in by_client.items():
        found |= suppressed(client_id, Channel(channel), indexes)
    return found


def day_bounds(client: Client, now: datetime) -> tuple[datetime, datetime]:
    """Start and end of today in the client's zone, aware."""
    today = now.astimezone(client.timezone).date()
    start, end = (
        datetime.combine(day, time.min, tzinfo=client.timezone) for day in (today, today + timedelta(days=1))
    )
    return start, end


def count_sent_today(integration_id: UUID, client: Client, now: datetime) -> int:
    """How many messages left through the integration since midnight in the client's zone."""
    return OutboundMessage.objects.filter(
        client_id=client.id,
        integration_id=integration_id,
        state=OutboundMessage.State.SENT,
        sent_at__gte=day_bounds(client, now)[0],
    ).count()
