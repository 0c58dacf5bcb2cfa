"""What each app holds on a contact, so that all of it can be shown to them, and erased (LGPD).

The kernel imports no other app: each fills this registry when it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any
from uuid import UUID

from django.db.models import Model

from renum import clock
from renum.conversations.identity import indexes_of_contacts
from renum.conversations.models import Contact, Conversation
from renum.security.crypto import DecryptionFailed

UNREADABLE = "ilegível com as chaves atuais"


class Stage(IntEnum):
    """When a holding's turn comes in an erasure: in the order in which workers lock rows.

    INTAKE comes before the contact is locked, since who processes an event holds it and then asks for
    the contact. What refers to conversations and messages goes before they do.
    """

    INTAKE = 0
    WORK = 1
    LEDGER = 2
    KERNEL = 3


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of thing that is held on contacts, and the tables that it is held in.

    `export` yields it as JSON objects. `erase` deletes it, or takes everything personal out of it, and
    returns how many rows that were; it raises a `Conflict`, or `Unavailable`, where that cannot be done now.
    """

    name: str
    stage: Stage
    tables: tuple[str, ...]
    export: Callable[[Contact], Iterable[dict[str, Any]]]
    erase: Callable[[Contact], int]


_HOLDINGS: dict[str, Holding] = {}


def register_holding(holding: Holding) -> None:
    """Add to the registry; called once an app is ready."""
    known = _HOLDINGS.setdefault(holding.name, holding)
    assert known == holding, f"{holding.name} is registered twice"


def all_holdings() -> list[Holding]:
    """In the order of erasure; within a stage, as they were registered."""
    return sorted(_HOLDINGS.values(), key=lambda holding: holding.stage)


def conversations_of(contact: Contact) -> list[UUID]:
    """The ids of the contact's conversations: one for each channel."""
    rows = Conversation.objects.filter(client_id=contact.client_id, contact=contact)
    return list(rows.values_list("id", flat=True))


def indexes_of(contact: Contact) -> set[str]:
    """The blind indexes of all the contact's certain names."""
    names = indexes_of_contacts([contact.id])[contact.id]
    return names | ({contact.phone_index} if contact.phone_index else set())


def describe(row: Model, *names: str) -> dict[str, Any]:
    """These attributes of a row as JSON values; encrypted ones are opened, if they can be."""
    return {name: _as_json(_read(row, name)) for name in names}


def _read(row: Model, name: str) -> Any:
    try:
        return getattr(row, name)
    except DecryptionFailed:
        return UNREADABLE


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.iso(value)
    return str(value) if isinstance(value, UUID) else value
