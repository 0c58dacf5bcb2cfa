"""Who is this? One contact for all the names under which WhatsApp shows a person; when in doubt, two.

A phone is certain. So is the LID that WhatsApp shows beside it, though a LID is never a phone. The area
code and the last eight digits (the match key) survive the ninth digit, but a landline and a mobile may
share them: then the two stay apart, and staff are told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q, QuerySet

from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Channel, Contact, ContactAlias, IdentityDoubt, Suppression
from renum.conversations.phones import lid_from_jid, match_key, normalize_phone
from renum.security.blind_index import blind_index

Kind = ContactAlias.Kind
OPTED_OUT = "OPTED_OUT"  # a suppression's reason; it follows the person to every alias


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message came from or goes to; at least one of `phone` (E.164), `wa_id` and `lid` is given.

    `wa_id`: digits as WhatsApp knows them. `lid`: the digits of WhatsApp's privacy id.
    """

    phone: str | None = None
    wa_id: str | None = None
    name: str | None = None
    lid: str | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of somebody, and the blind index that it is found by."""

    kind: ContactAlias.Kind
    value: str
    index: str


def alias_index(client_id: UUID, kind: ContactAlias.Kind, value: str) -> str:
    """The blind index of an alias among the client's."""
    return blind_index(client_id, kind.value, value)


def wa_id_index(client_id: UUID, wa_id: str) -> str:
    """The blind index of somebody whom WhatsApp names so: that of the alias, for digits and LIDs alike."""
    lid = lid_from_jid(wa_id)
    return alias_index(client_id, Kind.LID, lid) if lid else alias_index(client_id, Kind.WA_ID, wa_id)


def aliases_of(client_id: UUID, person: Person) -> list[Alias]:
    """Every name that follows from what is known of a person, the most certain first."""
    phone = person.phone or _phone_of(person.wa_id)
    digits = person.wa_id or (phone or "").removeprefix("+")
    named = [(Kind.PHONE, phone), (Kind.WA_ID, person.wa_id), (Kind.LID, person.lid)]
    named.append((Kind.MATCH, match_key(digits)))
    return [Alias(kind, value, alias_index(client_id, kind, value)) for kind, value in named if value]


def find_or_create_contact(client_id: UUID, person: Person) -> Contact:
    """The contact with any of the person's names, or a new one; what is new about them is kept."""
    aliases = aliases_of(client_id, person)
    contact = _find(client_id, aliases)
    if contact is None or not _hold(contact):
        try:
            with transaction.atomic():
                return _create(client_id, person, aliases)
        except IntegrityError:  # somebody else met this person at the same moment
            contact = _find(client_id, aliases)
            if contact is None:
                raise
    learn_about(contact, person)
    return contact


def _hold(contact: Contact) -> bool:
    """Keep the contact from being erased while the transaction lasts; False if it was erased just now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM contacts WHERE id = %s FOR KEY SHARE", [contact.id])
        return cursor.fetchone() is not None


def find_contacts(client_id: UUID, person: Person) -> QuerySet[Contact]:
    """The contacts with one of the person's certain names. Changes nothing."""
    certain = [alias.index for alias in aliases_of(client_id, person) if alias.kind != Kind.MATCH]
    return contacts_named(client_id, certain)


def contacts_named(client_id: UUID, indexes: Collection[str]) -> QuerySet[Contact]:
    """The contacts with one of these blind indexes among their names."""
    named = ContactAlias.objects.filter(client_id=client_id, value_index__in=indexes)
    # Those who were on record before there were aliases have the phone alone.
    is_named = Q(id__in=named.values("contact_id")) | Q(phone_index__in=indexes)
    return Contact.objects.filter(is_named, client_id=client_id)


def indexes_of_contacts(contact_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """The blind indexes of each contact's certain names. The caller is in a scope."""
    found: dict[UUID, set[str]] = {contact_id: set() for contact_id in contact_ids}
    rows = ContactAlias.objects.filter(contact_id__in=contact_ids).exclude(kind=Kind.MATCH)
    for contact_id, index in rows.values_list("contact_id", "value_index"):
        found[contact_id].add(index)
    return found


def _phone_of(wa_id: str | None) -> str | None:
    """The E.164 phone behind WhatsApp's digits; None where they are no phone that can be."""
    try:
        return normalize_phone(f"+{wa_id}") if wa_id else None
    except InvalidPhone:
        return None


def _find(client_id: UUID, aliases: list[Alias]) -> Contact | None:
    """The contact of the most certain name that is known; notes a doubt where names disagree."""
    certain = [alias for alias in aliases if alias.kind != Kind.MATCH]
    rows = ContactAlias.objects.filter(
        client_id=client_id, value_index__in=[alias.index for alias in certain]
    ).select_related("contact")
    by_index = {row.value_index: row for row in rows if row.kind != Kind.MATCH}
    known = [by_index[alias.index] for alias in certain if alias.index in by_index]
    if not known:
        return _find_by_phone_alone(client_id, certain) or _find_by_match(client_id, aliases)
    contact = known[0].contact
    if known[0].kind == Kind.LID and len(certain) > 1 and _has_number(contact):
        return None  # the LID with another number than before: a new contact, and a question to staff
    for row in known[1:]:
        if row.contact_id != contact.id:
            _settle_disagreement(contact, row)
    return contact


def _has_number(contact: Contact) -> bool:
    return contact.phone_index is not None or not str(contact.wa_id or "@lid").endswith("@lid")


def _settle_disagreement(contact: Contact, row: ContactAlias) -> None:
    """A phone and a LID that belong to two contacts came together.

    A contact without a phone was met under the LID alone: from now on it leads to the phone's. A LID
    with another phone may be a changed number, or somebody else: that is left to a person.
    """
    IdentityDoubt.objects.get_or_create(
        client_id=contact.client_id,
        contact=contact,
        other=row.contact,
        reason=IdentityDoubt.Reason.SAME_LID,
    )
    if row.kind == Kind.LID and row.contact.phone_index is None and _hold(contact) and _hold(row.contact):
        ContactAlias.objects.filter(id=row.id).update(contact=contact)
        carry_opt_out(contact)


def _find_by_phone_alone(client_id: UUID, aliases: list[Alias]) -> Contact | None:
    """A contact who was on record before there were aliases."""
    phone = next((alias for alias in aliases if alias.kind == Kind.PHONE), None)
    if phone is None:
        return None
    return Contact.objects.filter(client_id=client_id, phone_index=phone.index).first()


def _find_by_match(client_id: UUID, aliases: list[Alias]) -> Contact | None:
    """The one contact with this match key, for digits that are no valid phone themselves.

    A phone that is valid, and another's match key, is that of another line: a landline and a mobile.
    """
    if any(alias.kind == Kind.PHONE for alias in aliases):
        return None
    matches = _matching(client_id, aliases)
    return matches[0] if len(matches) == 1 else None


def _matching(client_id: UUID, aliases: list[Alias]) -> list[Contact]:
    indexes = [alias.index for alias in aliases if alias.kind == Kind.MATCH]
    rows = ContactAlias.objects.filter(client_id=client_id, kind=Kind.MATCH, value_index__in=indexes)
    return [row.contact for row in rows.select_related("contact").order_by("created_at", "id")[:10]]


def _with_lid(client_id: UUID, lid: str | None) -> list[Contact]:
    if lid is None:
        return []
    index = alias_index(client_id, Kind.LID, lid)
    rows = ContactAlias.objects.filter(client_id=client_id, value_index=index).select_related("contact")
    return [row.contact for row in rows]


def _create(client_id: UUID, person: Person, aliases: list[Alias]) -> Contact:
    phone = next((alias for alias in aliases if alias.kind == Kind.PHONE), None)
    contact = Contact.objects.create(
        client_id=client_id,
        phone=phone.value if phone else None,
        phone_index=phone.index if phone else None,
        wa_id=_address_of(person),
        name=person.name,
    )
    doubts = [(other, IdentityDoubt.Reason.SAME_MATCH_KEY) for other in _matching(client_id, aliases)]
    doubts += [(other, IdentityDoubt.Reason.SAME_LID) for other in _with_lid(client_id, person.lid)]
    for other, reason in doubts:
        IdentityDoubt.objects.create(client_id=client_id, contact=contact, other=other, reason=reason)
    _add(contact, aliases)
    carry_opt_out(contact)
    return contact


def _address_of(person: Person) -> str | None:
    """Where sends go: WhatsApp's digits, or the LID of somebody without."""
    if person.wa_id or person.phone or not person.lid:
        return person.wa_id
    return f"{person.lid}@lid"


def learn_about(contact: Contact, person: Person) -> None:
    """Keep what is new about a known contact. Sends go where WhatsApp last said. The caller is in a scope."""
    aliases = aliases_of(contact.client_id, person)
    phone = next((alias for alias in aliases if alias.kind == Kind.PHONE), None)
    learned: dict[str, str] = {}
    if phone and contact.phone_index is None:
        learned |= {"phone": phone.value, "phone_index": phone.index}
    address = person.wa_id or (None if contact.wa_id or contact.phone_index else _address_of(person))
    if address and contact.wa_id != address:
        learned["wa_id"] = address
    if person.name and contact.name != person.name:
        learned["name"] = person.name
    if learned:
        for field, value in learned.items():
            setattr(contact, field, value)
        contact.save(update_fields=[*learned, "updated_at"])
    known = set(ContactAlias.objects.filter(contact=contact).values_list("value_index", flat=True))
    missing = [alias for alias in aliases if alias.index not in known]
    # Held, so that an opt-out at this moment sees the new names, or these see it.
    if missing and _hold(contact) and _add(contact, missing):
        carry_opt_out(contact)


def _add(contact: Contact, aliases: Iterable[Alias]) -> bool:
    """Write the contact's aliases, leaving out those that are another's; returns whether any was new."""
    taken = ContactAlias.objects.filter(
        ~Q(kind=Kind.MATCH), client_id=contact.client_id, value_index__in=[alias.index for alias in aliases]
    )
    others = set(taken.values_list("value_index", flat=True))
    new = [alias for alias in aliases if alias.index not in others]
    for alias in new:
        ContactAlias.objects.create(
            client_id=contact.client_id,
            contact=contact,
            kind=alias.kind,
            value=alias.value,
            value_index=alias.index,
        )
    return bool(new)


def carry_opt_out(contact: Contact) -> None:
    """A contact who is barred under one name, by themselves or by staff, is barred under all of them."""
    indexes = indexes_of_contacts([contact.id])[contact.id]
    bars = Suppression.objects.filter(
        client_id=contact.client_id, channel=Channel.WHATSAPP, address_index__in=indexes
    )
    known = set(bars.values_list("reason", "address_index"))
    wanted = {(reason, index) for reason, _ in known for index in indexes}
    bar_names(contact.client_id, wanted - known)


def bar_names(client_id: UUID, bars: Collection[tuple[str, str]]) -> None:
    """Bar these names on WhatsApp, given as (reason, blind index); those that are barred so stay."""
    Suppression.objects.bulk_create(
        [
            Suppression(client_id=client_id, channel=Channel.WHATSAPP, address_index=index, reason=reason)
            for reason, index in sorted(bars)
        ],
        ignore_conflicts=True,
    )
