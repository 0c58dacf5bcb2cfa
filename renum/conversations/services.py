"""Writes over contacts, conversations and message metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce, Greatest

from renum import clock
from renum.conversations.models import Channel, Contact, Conversation, Message, Suppression
from renum.conversations.phones import phone_index
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message came from or goes to. `wa_id`: digits as WhatsApp knows them."""

    phone: str
    wa_id: str | None = None
    name: str | None = None


def open_conversation(
    client_id: UUID, person: Person, *, cause: Cause, at: datetime, channel: Channel = Channel.WHATSAPP
) -> Conversation:
    """Find or create the contact and the conversation with them."""
    contact = _upsert_contact(client_id, person)
    conversation, created = Conversation.objects.get_or_create(
        client_id=client_id,
        contact=contact,
        channel=channel,
        defaults={"last_message_at": at, "quiet_since": at},
    )
    if created:
        record_event(client_id, Event.Kind.CONVERSATION_OPENED, cause=cause, conversation_id=conversation.id)
    return conversation


def _upsert_contact(client_id: UUID, person: Person) -> Contact:
    index = phone_index(client_id, person.phone)
    contact, created = Contact.objects.get_or_create(
        client_id=client_id,
        phone_index=index,
        defaults={"phone": person.phone, "wa_id": person.wa_id, "name": person.name},
    )
    if not created:
        learned = {
            field: value
            for field, value in (("wa_id", person.wa_id), ("name", person.name))
            if value and getattr(contact, field) != value
        }
        if learned:
            for field, value in learned.items():
                setattr(contact, field, value)
            contact.save(update_fields=[*learned, "updated_at"])
    return contact


def record_message(
    conversation: Conversation,
    *,
    direction: Message.Direction,
    author: Message.Author,
    state: Message.State,
    length: int,
    cause: Cause,
    occurred_at: datetime,
    kind: str = "text",
    provider_message_id: str | None = None,
    message_id: UUID | None = None,
) -> Message | None:
    """Note that a message was there and touch its conversation; None if it was noted before."""
    fields: dict[str, Any] = {"id": message_id} if message_id else {}
    message = Message(
        **fields,
        client_id=conversation.client_id,
        conversation=conversation,
        direction=direction,
        author=author,
        kind=kind,
        state=state,
        length=length,
        provider_message_id=provider_message_id,
        cause=cause.as_list(),
        occurred_at=occurred_at,
    )
    if provider_message_id:
        known = Message.objects.filter(
            client_id=conversation.client_id, provider_message_id=provider_message_id
        )
        if known.exists():
            return None
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError:
        if provider_message_id and known.exists():
            return None
        raise
    _touch(conversation, message)
    if direction == Message.Direction.INBOUND:
        change_status(conversation, Conversation.Status.OPEN, cause=cause)
    return message


def _touch(conversation: Conversation, message: Message) -> None:
    """Move the conversation's clocks; they never go back, in whatever order messages arrive."""
    at = message.occurred_at
    side = "last_inbound_at" if message.direction == Message.Direction.INBOUND else "last_outbound_at"
    changes: dict[str, Any] = {
        "last_message_at": Greatest(F("last_message_at"), Value(at)),
        side: Greatest(Coalesce(F(side), Value(at)), Value(at)),
        "updated_at": clock.now(),
    }
    if message.author != Message.Author.TRIGGER:
        changes["quiet_since"] = Greatest(F("quiet_since"), Value(at))
    Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id).update(**changes)


def change_status(conversation: Conversation, status: Conversation.Status, *, cause: Cause) -> Conversation:
    """Set the status and record the change; setting it to what it is changes nothing."""
    rows = Conversation.objects.filter(id=conversation.id, client_id=conversation.client_id)
    previous = rows.select_for_update().values_list("status", flat=True).get()
    conversation.status = status
    if previous == status:
        return conversation
    conversation.updated_at = clock.now()
    conversation.save(update_fields=["status", "updated_at"])
    record_event(
        conversation.client_id,
        Event.Kind.STATUS_CHANGED,
        cause=cause,
        conversation_id=conversation.id,
        data={"from": previous, "to": str(status)},
    )
    return conversation


# How far a message got; a state only moves to a later one. Failure ends what was not yet delivered.
_RANK = {
    Message.State.QUEUED: 0,
    Message.State.UNKNOWN: 1,
    Message.State.SENT: 2,
    Message.State.DELIVERED: 3,
    Message.State.READ: 4,
}


def advance_message(
    client_id: UUID, message_ids: list[UUID], state: Message.State, provider_message_id: str | None = None
) -> int:
    """Move messages forward to `state`; those that are there or further stay. Returns how many moved."""
    if state == Message.State.FAILED:
        earlier = [Message.State.QUEUED, Message.State.UNKNOWN, Message.State.SENT]
    else:
        earlier = [known for known, rank in _RANK.items() if rank < _RANK[state]]
    changes: dict[str, Any] = {"state": state}
    taken = Message.objects.filter(client_id=client_id, provider_message_id=provider_message_id)
    if provider_message_id and not taken.exclude(id__in=message_ids).exists():
        changes["provider_message_id"] = provider_message_id
    return Message.objects.filter(client_id=client_id, id__in=message_ids, state__in=earlier).update(
        **changes
    )


_MARK_SENT = """
UPDATE messages m
SET state = 'sent',
    provider_message_id = CASE
        WHEN r.provider_id IS NULL OR EXISTS (
            SELECT 1 FROM messages t
            WHERE t.client_id = m.client_id AND t.provider_message_id = r.provider_id AND t.id <> m.id)
        THEN m.provider_message_id ELSE r.provider_id END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS r(client_id, id, provider_id)
WHERE m.id = r.id AND m.client_id = r.client_id AND m.state IN ('queued', 'unknown')
"""


def mark_sent(sent: Sequence[tuple[UUID, UUID, str | None]]) -> None:
    """Move messages, as (client, id, the provider's id), forward to `sent` in one statement.

    As `advance_message`: those that are further stay, and a provider's id that another has is left out.
    """
    if sent:
        with connection.cursor() as cursor:
            cursor.execute(_MARK_SENT, [list(column) for column in zip(*sent, strict=True)])


def suppress(client_id: UUID, channel: Channel, address_index: str, reason: str, *, cause: Cause) -> bool:
    """Bar an address, known by its blind index, from being written to; returns whether that is new."""
    bar, is_new = Suppression.objects.get_or_create(
        client_id=client_id, channel=channel, address_index=address_index, defaults={"reason": reason[:40]}
    )
    if not is_new:
        return False
    record_event(
        client_id,
        Event.Kind.CONTACT_SUPPRESSED,
        cause=cause,
        data={"channel": channel.value, "reason": bar.reason},
    )
    return True
