"""What the outbox holds on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from integrations.delivery.outcomes import final_changes
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.conversations.errors import ContactInUse
from renum.conversations.holdings import (
    Holding,
    Stage,
    conversations_of,
    describe,
    indexes_of,
    register_holding,
)
from renum.conversations.models import Contact
from renum.conversations.retention import Rule, register_rule

CHUNK = 500
ERASED = "ERASED"  # the reason code of a message that was not sent because its recipient was erased
NAMED_BY_CALLER = "key:"  # an idempotency key that was not made by us may say anything

State = OutboundMessage.State


def _rows(contact: Contact) -> QuerySet[OutboundMessage]:
    """What was sent to them, or is to be sent: in a conversation, or to one of their names."""
    return OutboundMessage.objects.filter(
        Q(conversation_id__in=conversations_of(contact)) | Q(recipient_index__in=indexes_of(contact)),
        client_id=contact.client_id,
    )


def _export(contact: Contact) -> Iterator[dict[str, Any]]:
    """With the words and the address, where they are still there: until a message's state is final."""
    found = _rows(contact).order_by("queued_at").prefetch_related("delivery_attempts")
    for message in found.iterator(CHUNK):
        shown = describe(
            message,
            "id",
            "conversation_id",
            "channel",
            "kind",
            "recipient",
            "body",
            "state",
            "reason_code",
            "error_message",
            "idempotency_key",
            "provider_message_id",
            "confirms_opt_out",
            "cause",
            "queued_at",
            "sent_at",
            "delivered_at",
            "finished_at",
            "not_after",
        )
        yield shown | {"attempts": [_attempt(one) for one in message.delivery_attempts.all()]}


def _attempt(attempt: DeliveryAttempt) -> dict[str, Any]:
    return describe(
        attempt,
        "number",
        "provider",
        "outcome",
        "error_code",
        "error_message",
        "refused_recipients",
        "http_status",
        "latency_ms",
        "started_at",
        "finished_at",
    )


def _erase(contact: Contact) -> int:
    """Stop what is queued and take whom and what out of every row.

    The rows stay: the day's limit and the client's figures count them. While something is being sent
    nobody can say whether it arrived: raises `ContactInUse`.
    """
    rows = _rows(contact)
    rows.filter(state=State.QUEUED).update(**final_changes(State.FAILED, clock.now(), reason_code=ERASED))
    if rows.filter(state=State.SENDING).exists():
        raise ContactInUse(retry_after=5)
    told = ~Q(error_message="") | ~Q(refused_recipients=[])
    DeliveryAttempt.objects.filter(told, message__in=rows).update(error_message="", refused_recipients=[])
    rows.filter(idempotency_key__startswith=NAMED_BY_CALLER).update(
        idempotency_key=Concat(Value("erased:"), Cast(F("id"), TextField()))
    )
    return rows.update(
        recipient=None,
        body=None,
        recipient_index="",
        fingerprint="",
        error_message="",
        conversation=None,
    )


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    tables = ("outbound_messages", "delivery_attempts")
    register_holding(Holding("outbound_messages", Stage.LEDGER, tables, _export, _erase))
    register_rule(Rule(OutboundMessage, "queued_at", "message_days", Q(state__in=[State.SENT, State.FAILED])))
