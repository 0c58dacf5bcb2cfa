"""A person's rights under the LGPD: a copy of all that is held on them, and to be forgotten."""

from __future__ import annotations

import io
import json
from uuid import UUID

import structlog
from django.db import IntegrityError, OperationalError, connection, transaction

from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.errors import ContactInUse, ContactNotFound
from renum.conversations.holdings import Stage, all_holdings
from renum.conversations.models import Contact
from renum.conversations.selectors import get_contact
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event

log = structlog.get_logger(__name__)

ATTEMPTS = 3


def export_contact(client_id: UUID, contact_id: UUID, *, cause: Cause) -> bytes:
    """All that is held on a contact: JSON `{contact_id, exported_at, held: {<holding>: [...]}}`; on record.

    Raises `ContactNotFound`, and `Unavailable` where something held cannot be read now. Rows are read and
    written one by one: what grows with a contact of many messages is the text alone.
    """
    contact = get_contact(client_id, contact_id)
    written = io.BytesIO()
    head = {"contact_id": str(contact.id), "exported_at": clock.iso(clock.now())}
    written.write(f'{json.dumps(head)[:-1]}, "held": {{'.encode())
    for position, holding in enumerate(reversed(all_holdings())):
        written.write(f'{", " if position else ""}"{holding.name}": ['.encode())
        for number, row in enumerate(holding.export(contact)):
            text = json.dumps(row, ensure_ascii=False)
            written.write(f"{', ' if number else ''}{text}".encode("utf-8", "replace"))
        written.write(b"]")
    written.write(b"}}")
    record_event(client_id, Event.Kind.CONTACT_EXPORTED, cause=cause, data={"contact_id": str(contact.id)})
    return written.getvalue()


def erase_contact(client_id: UUID, contact_id: UUID, *, cause: Cause) -> dict[str, int]:
    """Forget a person: how many rows of each holding were deleted, or lost what was personal; on record.

    What bars sending to them stays, as keyed hashes. Raises `ContactNotFound`, `ContactInUse` while
    something is being sent to them, and `Unavailable` where something held cannot be reached. One
    transaction, since half a person is none of both; it is as long as one person's rows are many.
    """
    contact = get_contact(client_id, contact_id)  # under the caller's own scope: it is theirs
    with service_scope(reason="erase a contact from tables that clients may only read too"):
        erased = _erase_patiently(contact)
        record_event(
            client_id,
            Event.Kind.CONTACT_ERASED,
            cause=cause,
            data={"contact_id": str(contact_id), "erased": erased},
        )
    log.info("contact_erased", client_id=str(client_id), contact_id=str(contact_id))
    return erased


def _erase_patiently(contact: Contact) -> dict[str, int]:
    """Workers may add to the contact, or lock its rows in another order: then all is done anew."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with transaction.atomic():
                return _erase(contact)
        except (IntegrityError, OperationalError) as error:
            log.warning("erasure_repeated", attempt=attempt, reason=type(error).__name__)
    raise ContactInUse(retry_after=5)


def _erase(contact: Contact) -> dict[str, int]:
    stages = all_holdings()
    erased = {one.name: one.erase(contact) for one in stages if one.stage == Stage.INTAKE}
    # Who has found the contact by now ends first; who finds them later waits, and meets somebody new.
    known = Contact.objects.select_for_update().filter(client_id=contact.client_id, id=contact.id)
    if not known.values_list("id", flat=True):
        raise ContactNotFound
    erased |= {one.name: one.erase(contact) for one in stages if one.stage > Stage.INTAKE}
    connection.check_constraints()  # what was added meanwhile shows here, not when all seems done
    return erased
