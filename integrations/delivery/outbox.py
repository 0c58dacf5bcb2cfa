"""The door of everything that is to be sent: a row first (rule I1), one per idempotency key (I2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from pydantic import ValidationError

from integrations import providers
from integrations.delivery.contents import Content, MailContent, MediaContent, TextContent
from integrations.delivery.routes import active_integration
from integrations.errors import IdempotencyMismatch, MediaUnsupported
from integrations.models import OutboundMessage
from renum import clock
from renum.conversations.emails import email_index
from renum.conversations.identity import Person, wa_id_index
from renum.conversations.models import Conversation, Message
from renum.conversations.services import open_conversation, record_message
from renum.errors import InvalidInput
from renum.events.cause import Cause
from renum.security.blind_index import blind_index
from renum.validation import in_portuguese
from renum.wakeups import wake_after_commit, wake_later

DISPATCH_TASK = "integrations.dispatch"
LANES = {
    OutboundMessage.Priority.HIGH: "high",
    OutboundMessage.Priority.NORMAL: "normal",
    OutboundMessage.Priority.LOW: "low",
}
# How long a message is of use when nobody says: an answer that comes days later is worse than none.
VALIDITY = {
    OutboundMessage.Priority.HIGH: timedelta(hours=24),
    OutboundMessage.Priority.NORMAL: timedelta(days=7),
    OutboundMessage.Priority.LOW: timedelta(days=7),
}


def conversation_with(client_id: UUID, phone: str, *, cause: Cause) -> Conversation:
    """The conversation with an E.164 phone, opened if there is none yet."""
    return open_conversation(client_id, Person(phone=phone), cause=cause, at=clock.now())


def enqueue_message(conversation: Conversation, text: str, **how: Any) -> OutboundMessage:
    """Queue a WhatsApp text of 1 to 4,096 characters; `how` and errors as for `enqueue_to_contact`."""
    return enqueue_to_contact(conversation, content_of(TextContent, "message", text=text), **how)


def enqueue_media(conversation: Conversation, *, media: dict[str, Any], **how: Any) -> OutboundMessage:
    """Queue a file that the provider fetches; `media` holds the fields of `MediaContent`.

    `how` and errors as for `enqueue_to_contact`; also raises `MediaUnsupported`.
    """
    return enqueue_to_contact(conversation, content_of(MediaContent, "media", **media), **how)


def enqueue_to_contact(
    conversation: Conversation,
    content: Content,
    *,
    idempotency_key: str,
    author: Message.Author,
    cause: Cause,
    priority: OutboundMessage.Priority = OutboundMessage.Priority.NORMAL,
    not_after: datetime | None = None,
    confirms_opt_out: bool = False,
) -> OutboundMessage:
    """Put a WhatsApp message to the conversation's contact into the outbox and wake a dispatcher.

    A second call with the same key returns the first one's row, whatever became of it; with other
    words or another recipient it raises `IdempotencyMismatch`. Also raises `IntegrationNotFound` and
    `IntegrationDisabled`. `confirms_opt_out`: it may go although they opted out just now.
    """
    client_id, contact = conversation.client_id, conversation.contact
    # Somebody without a phone is written to, and known, by how WhatsApp names them.
    address = str(contact.phone or contact.wa_id)
    message, is_new = _store(
        client_id,
        content,
        recipient=contact.wa_id or address.removeprefix("+"),
        recipient_index=contact.phone_index or wa_id_index(client_id, address),
        address=address,
        conversation=conversation,
        idempotency_key=idempotency_key,
        cause=cause,
        priority=priority,
        not_after=not_after,
        confirms_opt_out=confirms_opt_out,
    )
    if is_new:
        record_message(
            conversation,
            message_id=message.id,
            direction=Message.Direction.OUTBOUND,
            author=author,
            state=Message.State.QUEUED,
            length=content.length,
            kind=content.kind if not isinstance(content, MediaContent) else content.media_type,
            cause=cause,
            occurred_at=message.queued_at,
        )
    return message


def enqueue_mail(
    client_id: UUID,
    *,
    mail: dict[str, Any],
    idempotency_key: str,
    cause: Cause,
    priority: OutboundMessage.Priority = OutboundMessage.Priority.NORMAL,
    not_after: datetime | None = None,
) -> OutboundMessage:
    """Put an e-mail into the outbox and wake a dispatcher; `mail` holds the fields of `MailContent`.

    One row, whatever the number of recipients: it is one mail. Keys and errors as for
    `enqueue_to_contact`.
    """
    content = content_of(MailContent, "mail", **mail)
    recipient = content.to[0]
    message, _ = _store(
        client_id,
        content,
        recipient=recipient,
        recipient_index=email_index(client_id, recipient),
        address=recipient,
        conversation=None,
        idempotency_key=idempotency_key,
        cause=cause,
        priority=priority,
        not_after=not_after,
    )
    return message


def content_of(kind: type[Any], field: str, **values: Any) -> Any:
    """Content of a kind; raises `InvalidInput` that names the field for what no provider could take."""
    try:
        return kind(**values)
    except ValidationError as error:
        problems = [in_portuguese(problem) for problem in error.errors()]
        raise InvalidInput(details={field: problems}) from error


def _store(
    client_id: UUID,
    content: Content,
    *,
    recipient: str,
    recipient_index: str,
    address: str,
    conversation: Conversation | None,
    idempotency_key: str,
    cause: Cause,
    priority: OutboundMessage.Priority,
    not_after: datetime | None,
    confirms_opt_out: bool = False,
) -> tuple[OutboundMessage, bool]:
    """Insert the row, unless its key is known; returns it, and whether it is new."""
    fingerprint = blind_index(client_id, "outbound", f"{address}\x1f{content.essence}")
    known = _find(client_id, idempotency_key, fingerprint)
    if known:
        return known, False
    integration = active_integration(client_id, content.channel)
    if isinstance(content, MediaContent) and not providers.get(integration.provider).sends_media:
        raise MediaUnsupported
    now = clock.now()
    message = OutboundMessage(
        id=uuid4(),
        client_id=client_id,
        integration=integration,
        conversation=conversation,
        channel=content.channel,
        kind=content.kind,
        recipient=recipient,
        recipient_index=recipient_index,
        body=content.model_dump(mode="json"),
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        priority=priority,
        next_attempt_at=now,
        not_after=not_after or now + VALIDITY[priority],
        queued_at=now,
        cause=cause.as_list(),
        confirms_opt_out=confirms_opt_out,
    )
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:  # somebody else was faster with this key
        known = _find(client_id, idempotency_key, fingerprint)
        if known is None:
            raise
        return known, False
    wake_dispatcher(priority)
    return message, True


def wake_dispatcher(priority: OutboundMessage.Priority) -> None:
    """Wake a dispatcher for a lane once the transaction is committed."""
    lane = LANES[priority]
    wake_after_commit(DISPATCH_TASK, lane, lane=lane)


def wake_dispatcher_at(priority: OutboundMessage.Priority, at: datetime) -> None:
    """Wake a dispatcher for a lane when a paced number may send again; lost, the sweep makes it good."""
    lane = LANES[priority]
    wake_later(DISPATCH_TASK, lane, (at - clock.now()).total_seconds(), lane=lane)


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
