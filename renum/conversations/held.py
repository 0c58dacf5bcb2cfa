"""What the kernel itself holds on a contact. Registered in the order of erasure: the contact goes last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from renum.conversations.holdings import (
    Holding,
    Stage,
    conversations_of,
    describe,
    indexes_of,
    register_holding,
)
from renum.conversations.identity import carry_opt_out
from renum.conversations.models import (
    Contact,
    ContactAlias,
    ContactDate,
    Conversation,
    IdentityDoubt,
    Message,
    Suppression,
)
from renum.conversations.retention import Rule, register_rule
from renum.events.models import Event

CHUNK = 1000


# --- Bars to sending: they stay, under every name -----------------------------------------------------


def _export_suppressions(contact: Contact) -> Iterator[dict[str, Any]]:
    bars = Suppression.objects.filter(client_id=contact.client_id, address_index__in=indexes_of(contact))
    for bar in bars.order_by("created_at"):
        yield describe(bar, "channel", "reason", "created_at")


def _keep_suppressions(contact: Contact) -> int:
    """Their keyed hashes say nothing of the person, and must outlive them: whoever opted out stays out."""
    carry_opt_out(contact)
    return 0


# --- The log ------------------------------------------------------------------------------------------


def _events(contact: Contact) -> QuerySet[Event]:
    return Event.objects.filter(
        client_id=contact.client_id, conversation_id__in=conversations_of(contact)
    ).order_by("occurred_at")


def _export_events(contact: Contact) -> Iterator[dict[str, Any]]:
    for event in _events(contact).iterator(CHUNK):
        yield describe(event, "id", "kind", "conversation_id", "data", "cause", "occurred_at")


def _unlink_events(contact: Contact) -> int:
    return _events(contact).order_by().update(conversation_id=None)


# --- Conversations and their messages -----------------------------------------------------------------


def _messages(contact: Contact) -> QuerySet[Message]:
    ids = conversations_of(contact)
    return Message.objects.filter(client_id=contact.client_id, conversation_id__in=ids)


def _export_messages(contact: Contact) -> Iterator[dict[str, Any]]:
    for message in _messages(contact).order_by("occurred_at").iterator(CHUNK):
        yield describe(
            message,
            "id",
            "conversation_id",
            "direction",
            "author",
            "kind",
            "state",
            "length",
            "provider_message_id",
            "refers_to",
            "cause",
            "occurred_at",
        )


def _erase_messages(contact: Contact) -> int:
    return _messages(contact).delete()[0]


def _conversations(contact: Contact) -> QuerySet[Conversation]:
    return Conversation.objects.filter(client_id=contact.client_id, contact=contact)


def _export_conversations(contact: Contact) -> Iterator[dict[str, Any]]:
    for conversation in _conversations(contact).order_by("created_at"):
        yield describe(
            conversation,
            "id",
            "channel",
            "status",
            "last_message_at",
            "last_inbound_at",
            "last_outbound_at",
            "quiet_since",
            "unanswered_since",
            "agent_paused_until",
            "attention_reason",
            "attention_at",
            "created_at",
            "updated_at",
        )


def _erase_conversations(contact: Contact) -> int:
    return _conversations(contact).delete()[0]


# --- Who they are -------------------------------------------------------------------------------------


def doubts_about(contact: Contact) -> QuerySet[IdentityDoubt]:
    """Whether they and another contact are one person, open or settled."""
    return IdentityDoubt.objects.filter(Q(contact=contact) | Q(other=contact), client_id=contact.client_id)


def _export_doubts(contact: Contact) -> Iterator[dict[str, Any]]:
    for doubt in doubts_about(contact).order_by("created_at"):
        # Not whom they were taken for: that may be somebody else.
        yield describe(doubt, "reason", "created_at", "resolved_at")


def _erase_doubts(contact: Contact) -> int:
    return doubts_about(contact).delete()[0]


def _aliases(contact: Contact) -> QuerySet[ContactAlias]:
    return ContactAlias.objects.filter(client_id=contact.client_id, contact=contact)


def _export_aliases(contact: Contact) -> Iterator[dict[str, Any]]:
    for alias in _aliases(contact).order_by("created_at", "kind"):
        yield describe(alias, "kind", "value", "created_at")


def _erase_aliases(contact: Contact) -> int:
    return _aliases(contact).delete()[0]


def _dates(contact: Contact) -> QuerySet[ContactDate]:
    return ContactDate.objects.filter(client_id=contact.client_id, contact=contact)


def _export_dates(contact: Contact) -> Iterator[dict[str, Any]]:
    for known in _dates(contact).order_by("name"):
        yield describe(known, "name", "at")


def _erase_dates(contact: Contact) -> int:
    return _dates(contact).delete()[0]


def _export_contact(contact: Contact) -> Iterator[dict[str, Any]]:
    yield describe(contact, "id", "phone", "wa_id", "name", "attributes", "created_at", "updated_at")


def _erase_contact(contact: Contact) -> int:
    return Contact.objects.filter(client_id=contact.client_id, id=contact.id).delete()[0]


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    for name, table, export, erase in (
        ("suppressions", "suppressions", _export_suppressions, _keep_suppressions),
        ("events", "events", _export_events, _unlink_events),
        ("messages", "messages", _export_messages, _erase_messages),
        ("conversations", "conversations", _export_conversations, _erase_conversations),
        ("doubts", "identity_doubts", _export_doubts, _erase_doubts),
        ("aliases", "contact_aliases", _export_aliases, _erase_aliases),
        ("dates", "contact_dates", _export_dates, _erase_dates),
        ("contact", "contacts", _export_contact, _erase_contact),
    ):
        register_holding(Holding(name, Stage.KERNEL, (table,), export, erase))
    unfinished = [Message.State.QUEUED, Message.State.UNKNOWN]
    register_rule(Rule(Message, "occurred_at", "message_days", ~Q(state__in=unfinished)))
    register_rule(Rule(Event, "occurred_at", "event_days"))
