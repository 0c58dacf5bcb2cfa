"""Reads over conversations; callers are under a tenant or service scope."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import QuerySet

from renum.conversations.errors import ContactNotFound, ConversationNotFound
from renum.conversations.identity import Person, find_contacts
from renum.conversations.models import Channel, Contact, Conversation, Message, Suppression
from renum.conversations.phones import normalize_phone


def list_conversations(client_id: UUID, *, status: str | None = None) -> QuerySet[Conversation]:
    """A client's conversations with their contacts."""
    found = Conversation.objects.filter(client_id=client_id).select_related("contact")
    return found.filter(status=status) if status else found


def get_conversation(client_id: UUID, conversation_id: UUID) -> Conversation:
    """One conversation; raises `ConversationNotFound`, also for another client's."""
    found = list_conversations(client_id).filter(id=conversation_id).first()
    if found is None:
        raise ConversationNotFound
    return found


def list_messages(client_id: UUID, conversation_id: UUID) -> QuerySet[Message]:
    """The metadata of one conversation's messages."""
    conversation = get_conversation(client_id, conversation_id)
    return Message.objects.filter(client_id=client_id, conversation=conversation)


def suppressed_of_clients(
    client_ids: Collection[UUID], channel: Channel, address_indexes: Collection[str]
) -> set[str]:
    """Which of these clients' addresses must not be written to. No two clients share an index."""
    rows = Suppression.objects.filter(
        client_id__in=client_ids, channel=channel, address_index__in=address_indexes
    )
    return set(rows.values_list("address_index", flat=True))


def list_contacts(client_id: UUID, *, phone: str | None = None) -> QuerySet[Contact]:
    """A client's contacts, or whoever has this phone, typed as people type it; raises `InvalidPhone`."""
    if not phone:
        return Contact.objects.filter(client_id=client_id)
    return find_contacts(client_id, Person(phone=normalize_phone(phone)))


def get_contact(client_id: UUID, contact_id: UUID) -> Contact:
    """One contact with the aliases; raises `ContactNotFound`, also for another client's."""
    found = Contact.objects.filter(client_id=client_id, id=contact_id).prefetch_related("aliases").first()
    if found is None:
        raise ContactNotFound
    return found
