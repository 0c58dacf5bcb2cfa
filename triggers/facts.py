"""What conditions and texts may know of a subject, read once, so that all judge the same."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from renum.conversations.models import ContactDate, Conversation
from renum.events.models import Event
from triggers.fields import EVENT, FIELDS, attribute_name, find_field

_ALIASES = {name: name.replace(".", "__") for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Facts:
    """`values`: by name of the field, of those in `FIELDS`. `attributes`: the contact's, and `dates` those of
    them that are dates. `event`: data of the event, if one is the subject.
    """

    now: datetime
    values: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    dates: Mapping[str, datetime] = field(default_factory=dict)
    event: Mapping[str, Any] = field(default_factory=dict)

    def read(self, name: str) -> Any:
        """The field's value; None where it has none."""
        if attribute := attribute_name(name):
            return self.attributes.get(attribute)
        if name.startswith(EVENT):
            return self.event.get(name.removeprefix(EVENT))
        return self.values.get(name)

    def moment(self, reference: str) -> datetime | None:
        """The instant that a delay counts from; None where there is none."""
        if attribute := attribute_name(reference):
            return self.dates.get(attribute)
        return self.values.get(reference)

    def with_event(self, event: Event) -> Facts:
        """The same, and what the event says: its data and its kind."""
        return replace(self, event={**event.data, "kind": event.kind})

    def seen(self, fields: Collection[str]) -> dict[str, Any]:
        """The values of these fields as JSON, the personal ones masked: for the ledger."""
        return {name: _shown(name, self.read(name)) for name in sorted(fields)}


def no_facts(now: datetime) -> Facts:
    """Of a subject without a conversation."""
    return Facts(now, {})


def load_facts(conversation_ids: Collection[UUID], now: datetime) -> dict[UUID, Facts]:
    """What is known of these conversations, in two queries."""
    columns = {alias: FIELDS[name].column() for name, alias in _ALIASES.items()}  # type: ignore[misc]
    rows = (
        Conversation.objects.filter(id__in=conversation_ids)
        .annotate(**{f"f_{alias}": column for alias, column in columns.items()})
        .values("id", "contact_id", *[f"f_{alias}" for alias in columns], attributes=F("contact__attributes"))
    )
    found = list(rows)
    dates: dict[UUID, dict[str, datetime]] = {}
    of_contacts = ContactDate.objects.filter(contact_id__in=[row["contact_id"] for row in found])
    for contact_id, name, at in of_contacts.values_list("contact_id", "name", "at"):
        dates.setdefault(contact_id, {})[name] = at
    return {
        row["id"]: Facts(
            now,
            {name: row[f"f_{alias}"] for name, alias in _ALIASES.items()},
            row["attributes"] or {},
            dates.get(row["contact_id"], {}),
        )
        for row in found
    }


def _shown(name: str, value: Any) -> Any:
    found = find_field(name)
    if isinstance(value, datetime):
        return value.isoformat()
    if found is not None and found.is_personal and isinstance(value, str) and value:
        return f"{value[:1]}•••"
    return value
