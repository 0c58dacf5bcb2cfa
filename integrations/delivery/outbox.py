"""The door of everything that is to be sent: a row first (rule I1), one per idempotency key (I2)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from integrations.errors import IdempotencyMismatch, IntegrationDisabled, IntegrationNotFound
from integrations.models import Integration, OutboundMessage
from renum import clock
from renum.conversations.models import Channel, Conversation, Message
from renum.conversations.phones import phone_index
from renum.conversations.services import Person, open_conversation, record_message
from renum.errors import InvalidInput
from renum.events.cause import Cause
from renum.security.blind_index import blind_index
from renum.wakeups import wake_after_commit

MAX_TEXT_LENGTH = 4096
DISPATCH_TASK = "integrations.dispatch"
LANES = {
    OutboundMessage.Priority.HIGH: "high",
    OutboundMessage.Priority.NORMAL: "normal",
    OutboundMessage.Priority.LOW: "low",
}


def active_integration(client_id: UUID, channel: Channel) -> Integration:
    """The client's integration for a channel; raises `IntegrationNotFound` or `IntegrationDisabled`."""
    types = {Channel.WHATSAPP: [Integration.Type.WHATSAPP]}.get(channel, [])
    integration = Integration.objects.filter(client_id=client_id, type__in=types).first()
    if integration is None:
        raise IntegrationNotFound
    if not integration.enabled:
        raise IntegrationDisabled
    return integration


def conversation_with(client_id: UUID, phone: str, *, cause: Cause) -> Conversation:
    """The conversation with an E.164 phone, opened if there is none yet."""
    return open_conversation(client_id, Person(phone=phone), cause=cause, at=clock.now())


def enqueue_message(
    conversation: Conversation,
    text: str,
    *,
    idempotency_key: str,
    author: Message.Author,
    cause: Cause,
    priority: OutboundMessage.Priority = OutboundMessage.Priority.NORMAL,
    not_after: datetime | None = None,
) -> OutboundMessage:
    """Put a WhatsApp text to the conversation's contact into the outbox and wake a dispatcher.

    A second call with the same key returns the first one's row, whatever became of it; with
    another text or recipient it raises `IdempotencyMismatch`. Text: 1 to 4,096 characters.
    """
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not _is_storable(text):
        raise InvalidInput(details={"message": [f"O texto deve ter de 1 a {MAX_TEXT_LENGTH} caracteres."]})
    client_id = conversation.client_id
    phone = str(conversation.contact.phone)
    fingerprint = blind_index(client_id, "outbound", f"{phone}\x1f{text}")
    known = _find(client_id, idempotency_key, fingerprint)
    if known:
        return known
    integration = active_integration(client_id, Channel(conversation.channel))
    now = clock.now()
    message = OutboundMessage(
        id=uuid4(),
        client_id=client_id,
        integration=integration,
        conversation=conversation,
        channel=conversation.channel,
        recipient=conversation.contact.wa_id or phone.removeprefix("+"),
        recipient_index=phone_index(client_id, phone),
        body={"text": text},
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        priority=priority,
        next_attempt_at=now,
        not_after=not_after,
        queued_at=now,
        cause=cause.as_list(),
    )
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:  # somebody else was faster with this key
        known = _find(client_id, idempotency_key, fingerprint)
        if known is None:
            raise
        return known
    record_message(
        conversation,
        message_id=message.id,
        direction=Message.Direction.OUTBOUND,
        author=author,
        state=Message.State.QUEUED,
        length=len(text),
        cause=cause,
        occurred_at=now,
    )
    wake_dispatcher(priority)
    return message


def _is_storable(text: str) -> bool:
    """No NUL and no half of a surrogate pair, which neither Postgres nor UTF-8 takes."""
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def wake_dispatcher(priority: OutboundMessage.Priority) -> None:
    """Wake a dispatcher for a lane once the transaction is committed."""
    lane = LANES[priority]
    wake_after_commit(DISPATCH_TASK, lane, lane=lane)


def wake_lanes_with_due_messages() -> None:
    """Wake a dispatcher for every lane that has something to send. The caller is in a scope."""
    for priority in OutboundMessage.Priority:
        if OutboundMessage.objects.due(priority).exists():
            wake_dispatcher(priority)


def _find(client_id: UUID, idempotency_key: str, fingerprint: str) -> OutboundMessage | None:
    known = OutboundMessage.objects.filter(client_id=client_id, idempotency_key=idempotency_key).first()
    if known is not None and known.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return known
