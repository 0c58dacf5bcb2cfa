"""What conditions may look at: an allow-list, each field known to SQL and to Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from renum.conversations.models import Channel, Conversation


@dataclass(frozen=True, slots=True)
class Field:
    """`column`: SQL over the alias `c` (conversations). `read`: the same value of a loaded row.
    `values`: all that the field can be."""

    column: str
    read: Callable[[Conversation], str]
    values: tuple[str, ...]


FIELDS: dict[str, Field] = {
    "conversations.status": Field(
        "c.status", lambda conversation: conversation.status, tuple(Conversation.Status.values)
    ),
    "conversations.channel": Field(
        "c.channel", lambda conversation: conversation.channel, tuple(Channel.values)
    ),
}

# The moments that a delay can be counted from.
REFERENCE_FIELDS = ("conversations.last_message_at",)
