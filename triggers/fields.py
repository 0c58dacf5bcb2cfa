"""What triggers may look at: an allow-list, each field with its type, its column and its value.

`contacts.attributes.<name>` are the client's own; `event.<name>` exist for event triggers only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from django.db.models import F, OuterRef, Subquery
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTransform

from renum.conversations.attributes import NAME
from renum.conversations.models import Channel, Conversation, Message

Expression = Combinable | Subquery
Type = Literal["text", "number", "boolean", "instant", "any"]


@dataclass(frozen=True, slots=True)
class Field:
    """`column`: makes the value's expression over conversations; None where no row of theirs has it.

    `values`: all that the field can be, for those with few. `is_personal`: masked in what is shown.
    """

    type: Type
    column: Callable[[], Expression] | None
    values: tuple[str, ...] = ()
    is_personal: bool = False


def _plain(column: str) -> Callable[[], Expression]:
    return lambda: F(column)


FIELDS: dict[str, Field] = {
    "conversations.status": Field("text", _plain("status"), tuple(Conversation.Status.values)),
    "conversations.channel": Field("text", _plain("channel"), tuple(Channel.values)),
    "conversations.attention_reason": Field("text", _plain("attention_reason")),
    "conversations.created_at": Field("instant", _plain("created_at")),
    "conversations.last_message_at": Field("instant", _plain("last_message_at")),
    "conversations.last_inbound_at": Field("instant", _plain("last_inbound_at")),
    "conversations.last_outbound_at": Field("instant", _plain("last_outbound_at")),
    "conversations.quiet_since": Field("instant", _plain("quiet_since")),
    "conversations.unanswered_since": Field("instant", _plain("unanswered_since")),
    "conversations.agent_paused_until": Field("instant", _plain("agent_paused_until")),
    "contacts.created_at": Field("instant", _plain("contact__created_at")),
}


def _of_last_message(column: str) -> Callable[[], Expression]:
    def expression() -> Subquery:
        last = Message.objects.filter(conversation=OuterRef("pk")).order_by("-occurred_at", "-id")
        return Subquery(last.values(column)[:1])

    return expression


FIELDS |= {
    "messages.direction": Field("text", _of_last_message("direction"), tuple(Message.Direction.values)),
    "messages.author": Field("text", _of_last_message("author"), tuple(Message.Author.values)),
    "messages.kind": Field("text", _of_last_message("kind")),
    "messages.length": Field("number", _of_last_message("length")),
}

ATTRIBUTES = "contacts.attributes."
EVENT = "event."


@dataclass(frozen=True, slots=True)
class Reference:
    """A moment that a delay can be counted from. `column`: of conversations. `occurrence`: the column that
    names the period, which an own follow-up must not begin anew."""

    column: str
    occurrence: str


REFERENCE_FIELDS: dict[str, Reference] = {
    "conversations.last_message_at": Reference("last_message_at", "quiet_since"),
    "conversations.last_inbound_at": Reference("last_inbound_at", "last_inbound_at"),
    "conversations.last_outbound_at": Reference("last_outbound_at", "quiet_since"),
    "conversations.unanswered_since": Reference("unanswered_since", "unanswered_since"),
    "conversations.created_at": Reference("created_at", "created_at"),
}


def attribute_name(field: str) -> str | None:
    """The name of a contact's attribute; None if the field is no such."""
    name = field.removeprefix(ATTRIBUTES)
    return name if field.startswith(ATTRIBUTES) and NAME.fullmatch(name) else None


def is_reference(field: str) -> bool:
    """Whether a delay can be counted from it."""
    return field in REFERENCE_FIELDS or attribute_name(field) is not None


def find_field(name: str) -> Field | None:
    """What is known of a field; None if it may not be looked at."""
    if known := FIELDS.get(name):
        return known
    if attribute := attribute_name(name):
        return Field("any", lambda: KeyTransform(attribute, "contact__attributes"), is_personal=True)
    if name.startswith(EVENT) and NAME.fullmatch(name.removeprefix(EVENT)):
        return Field("any", None)
    return None
