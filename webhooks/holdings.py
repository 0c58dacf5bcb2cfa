"""What the inbox holds on a contact, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from integrations.models import Integration
from renum import clock
from renum.conversations.holdings import Holding, Stage, describe, register_holding
from renum.conversations.models import Contact, ContactAlias
from renum.conversations.retention import Rule, register_rule
from renum.security.blind_index import blind_index
from webhooks.models import InboundEvent
from webhooks.services import SETTLED

ERASED = "ERASED"  # the reason code of an event that was not processed because its sender was erased

Kind = ContactAlias.Kind
State = InboundEvent.State


def chats_of(contact: Contact) -> set[str]:
    """Every way in which a provider may name the chat with the contact."""
    known = [(alias.kind, str(alias.value)) for alias in ContactAlias.objects.filter(contact=contact)]
    numbers = {value.removeprefix("+") for kind, value in known if kind in (Kind.PHONE, Kind.WA_ID)}
    lids = {value for kind, value in known if kind == Kind.LID}
    # those who were on record before there were aliases
    numbers |= {str(value).removeprefix("+") for value in (contact.phone, contact.wa_id) if value}
    numbers = {number for number in numbers if number.isdecimal()}
    # the ninth digit comes and goes
    numbers |= {f"{number[:4]}{number[5:]}" for number in numbers if _has_ninth_digit(number)}
    numbers |= {f"{number[:4]}9{number[4:]}" for number in numbers if _lacks_ninth_digit(number)}
    return {
        *(f"{number}@{server}" for number in numbers for server in ("s.whatsapp.net", "c.us")),
        *numbers,
        *(f"+{number}" for number in numbers),
        *(f"{lid}@lid" for lid in lids),
    }


def _has_ninth_digit(number: str) -> bool:
    return number.startswith("55") and len(number) == 13 and number[4] == "9"


def _lacks_ninth_digit(number: str) -> bool:
    return number.startswith("55") and len(number) == 12


def _pending(contact: Contact) -> QuerySet[InboundEvent]:
    """Events of their chat that nobody has looked at yet. Later, an event no longer tells its chat."""
    integrations = Integration.objects.filter(client_id=contact.client_id).values_list("id", flat=True)
    return InboundEvent.objects.filter(
        client_id=contact.client_id,
        integration_id__in=list(integrations),
        chat_index__in=[blind_index(contact.client_id, "chat", chat) for chat in chats_of(contact)],
        state=State.PENDING,
    )


def _export(contact: Contact) -> Iterator[dict[str, Any]]:
    for event in _pending(contact).order_by("received_at"):
        yield describe(event, "id", "kind", "dedup_key", "payload", "state", "received_at")


def _erase(contact: Contact) -> int:
    """What waits is not processed any more. The row and its key stay, so that a replay changes nothing."""
    return _pending(contact).update(
        state=State.IGNORED,
        reason_code=ERASED,
        processed_at=clock.now(),
        **SETTLED,
    )


def register() -> None:
    """Fill the registries with what this app holds, and for how long."""
    register_holding(Holding("inbound_events", Stage.INTAKE, ("inbound_events",), _export, _erase))
    register_rule(Rule(InboundEvent, "received_at", "inbox_days", ~Q(state=State.PENDING)))
