"""Bars to writing to somebody: under every name they have, so that no other name is a way round them."""

from __future__ import annotations

from django.db.models import QuerySet

from renum.conversations.holdings import indexes_of
from renum.conversations.identity import OPTED_OUT, bar_names, wa_id_index
from renum.conversations.models import Channel, Contact, Suppression
from renum.conversations.selectors import suppressed_of_clients

__all__ = ["OPTED_OUT", "is_suppressed", "release_contact", "suppress_contact"]


def suppress_contact(contact: Contact, reason: str) -> bool:
    """Bar a contact's WhatsApp under all their names; returns whether no name was barred for it before.

    Bars for other reasons stay beside it. The caller is in a scope.
    """
    # The full lock: a name that is being added waits for it, and takes the bar over when it goes on.
    Contact.objects.select_for_update().get(id=contact.id, client_id=contact.client_id)
    names = _names(contact)
    known = set(_bars(contact, reason).values_list("address_index", flat=True))
    bar_names(contact.client_id, [(reason[:40], index) for index in names - known])
    return not known


def release_contact(contact: Contact, reason: str) -> bool:
    """Take back the bars of one reason under all the contact's names; returns whether there were any."""
    Contact.objects.select_for_update().get(id=contact.id, client_id=contact.client_id)
    released, _ = _bars(contact, reason).delete()
    return released > 0


def is_suppressed(contact: Contact, reason: str | None = None) -> bool:
    """Whether the contact must not be written to, for this reason or for any."""
    if reason is not None:
        return _bars(contact, reason).exists()
    return bool(suppressed_of_clients([contact.client_id], Channel.WHATSAPP, _names(contact)))


def _names(contact: Contact) -> set[str]:
    """The blind indexes of the contact's names, and of where sends to them go."""
    address = {wa_id_index(contact.client_id, str(contact.wa_id))} if contact.wa_id else set()
    return indexes_of(contact) | address


def _bars(contact: Contact, reason: str) -> QuerySet[Suppression]:
    return Suppression.objects.filter(
        client_id=contact.client_id,
        channel=Channel.WHATSAPP,
        address_index__in=_names(contact),
        reason=reason[:40],
    )
