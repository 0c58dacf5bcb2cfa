"""What a client knows of its contacts, by names of its own; those that are dates can be counted from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, tzinfo
from typing import Any

from renum import clock
from renum.conversations.errors import ContactNotFound
from renum.conversations.models import Contact, ContactDate, Conversation
from renum.errors import InvalidInput

MAX_ATTRIBUTES = 50
MAX_TEXT = 500
MAX_NUMBER = 10**15
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*", re.DOTALL)
YEARS = range(1900, 3000)  # which every time zone and the database can say


def set_attributes(contact: Contact, changes: Mapping[str, Any]) -> Contact:
    """Set some attributes of a contact, by name; null removes one, and those not named stay.

    A value is a text, a number or a boolean. A text that is a date or an instant is kept as a moment too.
    Raises `InvalidInput` with `attributes.<name>` in `details`, and changes nothing then; `ContactNotFound`
    if the contact is gone. Automations look at the contact's conversations anew.
    """
    check_attributes(changes)
    stored = Contact.objects.select_for_update(no_key=True)
    found = stored.filter(client_id=contact.client_id, id=contact.id).first()
    if found is None:
        raise ContactNotFound
    before = found.attributes
    after = {name: value for name, value in {**before, **changes}.items() if value is not None}
    if len(after) > MAX_ATTRIBUTES:
        raise InvalidInput(details={"attributes": [f"No máximo {MAX_ATTRIBUTES} por contato."]})
    contact.attributes = found.attributes = after
    if json.dumps(after, sort_keys=True) == json.dumps(before, sort_keys=True):  # 1 is not true
        return contact
    found.save(update_fields=["attributes", "updated_at"])
    contact.updated_at = found.updated_at
    _mirror_dates(contact, {name: after.get(name) for name in changes})
    Conversation.objects.filter(client_id=contact.client_id, contact=contact).update(updated_at=clock.now())
    return contact


def check_attributes(changes: Mapping[str, Any]) -> None:
    """Raises `InvalidInput` with `attributes.<name>` in `details` for what no attribute can be."""
    problems = {name: _problem(name, value) for name, value in changes.items()}
    details = {f"attributes.{name}": [problem] for name, problem in problems.items() if problem}
    if details:
        raise InvalidInput(details=details)


def _problem(name: str, value: Any) -> str | None:
    if not NAME.fullmatch(name):
        return "O nome deve ter de 1 a 40 letras minúsculas sem acento, números ou _, e começar por letra."
    return None if value is None else value_problem(value)


def value_problem(value: Any) -> str | None:
    """Why this is no value of an attribute, in a sentence; None if it is one."""
    match value:
        case bool():
            return None
        case int() | float():
            is_fine = math.isfinite(value) and abs(value) <= MAX_NUMBER
            return None if is_fine else "Deve ser um número de até 15 dígitos; use um texto."
        case str() if len(value) > MAX_TEXT:
            return f"Deve ter no máximo {MAX_TEXT} caracteres."
        case str() if "\0" in value or not _is_unicode(value):
            return "Tem um caractere que não existe em textos."
        case str():
            return None
        case _:
            return "Deve ser um texto, um número, true ou false."


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def read_moment(value: Any, zone: tzinfo) -> datetime | None:
    """The instant that an attribute says: an ISO 8601 date is its midnight in the client's zone.

    An instant without an offset is by the client's clock too. None for everything else.
    """
    if not isinstance(value, str):
        return None
    with suppress(ValueError):
        if _DATE.fullmatch(value):
            return _bounded(datetime.combine(date.fromisoformat(value), time.min, zone))
        if _INSTANT.fullmatch(value):
            instant = datetime.fromisoformat(value)
            return _bounded(instant if instant.tzinfo else instant.replace(tzinfo=zone))
    return None


def _bounded(instant: datetime) -> datetime | None:
    return instant if instant.year in YEARS else None


def _mirror_dates(contact: Contact, values: Mapping[str, Any]) -> None:
    zone = contact.client.timezone
    moments = {name: read_moment(value, zone) for name, value in values.items()}
    dates = ContactDate.objects.filter(client_id=contact.client_id, contact=contact)
    dates.filter(name__in=[name for name, at in moments.items() if at is None]).delete()
    ContactDate.objects.bulk_create(
        [
            ContactDate(client_id=contact.client_id, contact=contact, name=name, at=at)
            for name, at in moments.items()
            if at is not None
        ],
        update_conflicts=True,
        unique_fields=["contact", "name"],
        update_fields=["at"],
    )
