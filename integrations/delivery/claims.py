"""Take due messages out of the outbox: fairly across integrations, in order per person, under a lease."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import connection

from integrations import providers
from integrations.delivery import breaker, gate, outcomes
from integrations.delivery.contents import Content, Dispatch, MailContent, readable_content
from integrations.delivery.facts import Surroundings, gather, is_proactive, pace_of
from integrations.delivery.retries import is_last_try
from integrations.delivery.unsubscribe import unsubscribe_url
from integrations.errors import IntegrationUnreadable
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.accounts.scope import service_scope
from renum.security.crypto import DecryptionFailed

log = structlog.get_logger(__name__)

ROUNDS = 20  # of messages that may not leave, before whoever waits for answers gets a turn
PACE_JITTER = 0.5  # a gap is as long as the pace says, or up to half as long again
_LOCK_SPACE = 0x0B0  # first key of our advisory locks on integrations

# The integrations with something due in this lane and a free place, found by skipping through the
# index: cost follows their number, not that of the messages. Left out are those whose breaker is open
# or being probed, and in the lanes of what nobody asked for those that are between two sends. Each is
# locked for this transaction, so that two claimers do not both find room for one more.
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
    LEFT JOIN delivery_states d ON d.integration_id = i.id
    WHERE (d.open_until IS NULL OR d.open_until <= %(now)s)
      AND (d.probe_until IS NULL OR d.probe_until <= %(now)s)
      AND (%(priority)s = 0 OR d.next_proactive_at IS NULL OR d.next_proactive_at <= %(now)s)
      AND EXISTS (SELECT 1 FROM outbound_messages m
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
WITH busy AS MATERIALIZED (
    SELECT i.id, (%(in_flight)s::jsonb ->> i.provider)::int
           - (SELECT count(*) FROM outbound_messages s
              WHERE s.integration_id = i.id AND s.state = 'sending') AS free,
           coalesce(i.pace_seconds, (%(pace)s::jsonb ->> i.provider)::float) AS pace
    FROM integrations i WHERE i.id = ANY(%(integrations)s)
), open AS MATERIALIZED (
    SELECT b.id,
           CASE WHEN d.probe_until > %(now)s OR d.open_until > %(now)s THEN 0
                WHEN %(priority)s > 0 AND d.next_proactive_at > %(now)s THEN 0
                -- a probe, or a number with a pace: one at a time
                WHEN d.open_until IS NOT NULL OR (%(priority)s > 0 AND b.pace > 0) THEN least(1, b.free)
                ELSE b.free END AS room
    FROM busy b LEFT JOIN delivery_states d ON d.integration_id = b.id
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
    """A message that we may send now; every write about it carries `lease`.

    `is_probe`: its answer decides whether an interrupted connection is used again. `check_number`:
    WhatsApp is to be asked first how it knows the number.
    """

    message_id: UUID
    client_id: UUID
    integration_id: UUID
    attempt_id: UUID
    lease: UUID
    attempt_number: int
    spared: int
    provider: str
    settings: providers.ProviderSettings
    message: providers.OutgoingMessage
    is_probe: bool = False
    check_number: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """`next_slot_at`: when a number that was kept waiting by its pace may send again."""

    messages: list[Claimed]
    next_slot_at: datetime | None = None


def claim_due(priority: OutboundMessage.Priority, batch: int) -> Claim:
    """Claim up to `batch` due messages of a lane, judge them, and commit an attempt for each to send.

    Those that the gate refuses or holds are recorded as such and not returned.
    """
    for _ in range(ROUNDS):
        now = clock.now()
        with service_scope(reason="claim due messages"):
            ids = _claim_rows(priority, batch, now)
            rows = OutboundMessage.objects.filter(id__in=ids).select_related(
                "integration", "client", "conversation__contact"
            )
            claim = _judge(list(rows.order_by("queued_at")), now)
        if claim.messages or not ids:
            return claim
    return Claim([])


def _claim_rows(priority: OutboundMessage.Priority, batch: int, now: datetime) -> list[UUID]:
    registry = providers.REGISTRY.items()
    due: dict[str, Any] = {
        "priority": priority.value,
        "batch": batch,
        "now": now,
        "in_flight": json.dumps({kind: spec.in_flight for kind, spec in registry}),
        "pace": json.dumps({kind: spec.pace_seconds for kind, spec in registry}),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_INTEGRATIONS, {**due, "space": _LOCK_SPACE})
        integrations = [row[0] for row in cursor.fetchall()]
        if not integrations:
            return []
        until = now + timedelta(seconds=settings.ENVIRONMENT.delivery_lease_seconds)
        cursor.execute(_CLAIM, {**due, "integrations": integrations, "lease": uuid4(), "until": until})
        return [row[0] for row in cursor.fetchall()]


def _judge(rows: list[OutboundMessage], now: datetime) -> Claim:
    """Ask the gate about each row and write down what it said."""
    contents = {row.id: readable_content(row) for row in rows}
    addressees = {
        row_id: content.recipients for row_id, content in contents.items() if isinstance(content, MailContent)
    }
    around = gather(rows, now, addresses=addressees)
    claimed: list[Claimed] = []
    attempts: list[DeliveryAttempt] = []
    slots: list[datetime] = []
    for row in rows:
        content = contents[row.id]
        to = content.to if isinstance(content, MailContent) else ()
        match gate.judge(around.facts_of(row, to), now):
            case gate.Refuse(reason):
                outcomes.refuse(row, reason.value, now)
            case gate.Hold(until, reason):
                outcomes.hold(row, until, reason.value)
            case gate.Send():
                attempt = _new_attempt(row, now)
                try:
                    claimed.append(_to_claimed(row, content, attempt, around))
                except (IntegrationUnreadable, DecryptionFailed, MessageUnreadable) as error:
                    log.error("message_unusable", message_id=str(row.id), reason=type(error).__name__)
                    outcomes.refuse(row, gate.Reason.MISCONFIGURED.value, now)
                    continue
                attempts.append(attempt)
                slots += _note_departure(row, claimed[-1], around)
    DeliveryAttempt.objects.bulk_create(attempts)
    return Claim(claimed, min(slots, default=None))


def _note_departure(row: OutboundMessage, claimed: Claimed, around: Surroundings) -> list[datetime]:
    """Count the message, take the number's next slot, and mark a probe as under way."""
    around.note_sent(row)
    if claimed.is_probe:
        assert row.leased_until is not None
        breaker.start_probe(row.integration, row.leased_until)
    pace = pace_of(row.integration, providers.get(row.integration.provider).pace_seconds)
    if not is_proactive(row) or pace <= 0:
        return []
    gap = pace * random.uniform(1.0, 1.0 + PACE_JITTER)  # noqa: S311  not a secret
    slot = around.now + timedelta(seconds=gap)
    around.states[row.integration_id] = breaker.note_slot(row.integration, slot)
    return [slot]


def _new_attempt(row: OutboundMessage, now: datetime) -> DeliveryAttempt:
    return DeliveryAttempt(
        client_id=row.client_id,
        message=row,
        number=row.attempts + 1,
        provider=row.integration.provider,
        started_at=now,
    )


def _to_claimed(
    row: OutboundMessage, content: Content | None, attempt: DeliveryAttempt, around: Surroundings
) -> Claimed:
    assert row.lease_token is not None
    if content is None or not row.recipient:
        raise MessageUnreadable
    state = around.states.get(row.integration_id)
    is_probe = state is not None and state.open_until is not None
    message = content.outgoing(
        Dispatch(
            recipient=str(row.recipient),
            reference=row.id,
            barred=around.barred(row, content.recipients) if isinstance(content, MailContent) else (),
            last_try=is_last_try(attempt.number - row.attempts_spared),
            unsubscribe_url=_unsubscribe_url(row, content),
        )
    )
    if message is None:
        raise MessageUnreadable
    settings_ = row.integration.settings
    return Claimed(
        message_id=row.id,
        client_id=row.client_id,
        integration_id=row.integration_id,
        attempt_id=attempt.id,
        lease=row.lease_token,
        attempt_number=attempt.number,
        spared=row.attempts_spared,
        provider=row.integration.provider,
        settings=settings_,
        message=message,
        is_probe=is_probe,
        check_number=(
            row.conversation is not None
            and not row.conversation.contact.wa_id
            and providers.get(row.integration.provider).checks_numbers(settings_)
        ),
    )


def _unsubscribe_url(row: OutboundMessage, content: Content) -> str:
    """The one-click address of an automated mail."""
    if not isinstance(content, MailContent) or not content.automated:
        return ""
    return unsubscribe_url(row.client_id, row.recipient_index)
