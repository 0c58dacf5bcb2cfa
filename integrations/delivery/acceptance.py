"""Write down what providers accepted: a whole group in a few statements, since that is what nearly all do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.db import connection

from integrations.models import OutboundMessage
from integrations.providers import MailMessage
from renum.conversations.identity import Person, learn_about
from renum.conversations.services import mark_sent
from renum.events.cause import Cause
from renum.events.models import Event
from renum.security.redaction import redact_text

if TYPE_CHECKING:
    from integrations.delivery.outcomes import Result

log = structlog.get_logger(__name__)

PARTLY_REFUSED = "PARTLY_REFUSED"  # sent, but not to all of a mail's recipients

# As `final_changes` has it for one message: the words and the address are no longer needed (rule I7).
_MESSAGES = """
UPDATE outbound_messages o
SET state = 'sent', attempts = o.attempts + 1, sent_at = %(now)s, finished_at = %(now)s, body = NULL,
    recipient = NULL, lease_token = NULL, leased_until = NULL, provider_message_id = r.provider_id,
    reason_code = r.reason, error_message = ''
FROM unnest(%(ids)s::uuid[], %(clients)s::uuid[], %(leases)s::uuid[], %(provider_ids)s::text[],
            %(reasons)s::text[]) AS r(id, client_id, lease, provider_id, reason)
WHERE o.id = r.id AND o.client_id = r.client_id AND o.state = 'sending' AND o.lease_token = r.lease
RETURNING o.id, o.conversation_id, o.cause
"""
_ATTEMPTS = """
UPDATE delivery_attempts a
SET outcome = 'sent', finished_at = %(now)s, latency_ms = r.latency, refused_recipients = r.refused::jsonb
FROM unnest(%(attempts)s::uuid[], %(latencies)s::int[], %(refused)s::text[]) AS r(id, latency, refused)
WHERE a.id = r.id AND a.finished_at IS NULL
"""


def record_accepted(results: Sequence[Result], now: datetime) -> None:
    """Close these attempts, and end the messages whose lease still holds. The caller is in a scope."""
    values: dict[str, Any] = {
        "now": now,
        "ids": [one.claimed.message_id for one in results],
        "clients": [one.claimed.client_id for one in results],
        "leases": [one.claimed.lease for one in results],
        "provider_ids": [one.provider_message_id for one in results],
        "reasons": [PARTLY_REFUSED if one.refused else "" for one in results],
        "attempts": [one.claimed.attempt_id for one in results],
        "latencies": [one.latency_ms for one in results],
        "refused": [json.dumps(_without_addresses(one)) for one in results],
    }
    # In the order in which an echo takes them: messages, attempts, then what tells of them.
    with connection.cursor() as cursor:
        cursor.execute(_MESSAGES, values)
        ended: dict[UUID, tuple[UUID | None, list[str]]] = {row[0]: (row[1], row[2]) for row in cursor}
        cursor.execute(_ATTEMPTS, values)
    held = [one for one in results if one.claimed.message_id in ended]
    mark_sent([(one.claimed.client_id, one.claimed.message_id, one.provider_message_id) for one in held])
    Event.objects.bulk_create([_event(one, *ended[one.claimed.message_id], now) for one in held])
    for result in held:
        if result.digits is not None:
            _learn_number(result.claimed.client_id, result.claimed.message_id, result.digits)
    for result in results:
        _tell(result, is_held=result.claimed.message_id in ended)


def _event(result: Result, conversation_id: UUID | None, cause: list[str], now: datetime) -> Event:
    claimed = result.claimed
    return Event(
        client_id=claimed.client_id,
        kind=Event.Kind.MESSAGE_SENT,
        conversation_id=conversation_id,
        data={
            "message_id": str(claimed.message_id),
            "reason_code": PARTLY_REFUSED if result.refused else "",
        },
        cause=Cause(tuple(cause)).noting("message", claimed.message_id).as_list(),
        occurred_at=now,
    )


def _tell(result: Result, *, is_held: bool) -> None:
    claimed = result.claimed
    if not is_held:
        log.warning("lease_lost", message_id=str(claimed.message_id), outcome="sent")
        return
    log.info(
        "message_attempted",
        client_id=str(claimed.client_id),
        message_id=str(claimed.message_id),
        outcome="sent",
        code=None,
        latency_ms=result.latency_ms,
    )


def _without_addresses(result: Result) -> list[dict[str, Any]]:
    """Who did not get a mail, by place and not by name: the ledger outlives the addresses."""
    message = result.claimed.message
    if not result.refused or not isinstance(message, MailMessage):
        return []
    places = {
        address: f"{field}[{place}]"
        for field in ("bcc", "cc", "to")
        for place, address in enumerate(getattr(message, field))
    }
    return [
        {"recipient": places.get(one.address, "?"), "code": one.code, "detail": redact_text(one.detail)}
        for one in result.refused
    ]


def _learn_number(client_id: UUID, message_id: UUID, digits: str) -> None:
    """Keep how WhatsApp knows the contact's number, unless they told us themselves meanwhile."""
    row = (
        OutboundMessage.objects.select_related("conversation__contact")
        .only("conversation")
        .get(id=message_id, client_id=client_id)
    )
    contact = row.conversation.contact if row.conversation else None
    if contact is not None and contact.wa_id is None:
        learn_about(contact, Person(wa_id=digits))
