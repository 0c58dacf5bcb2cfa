"""Reads over integrations and the outbox; callers are under a tenant or service scope."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from pydantic import SecretStr

from integrations import cache
from integrations.delivery import gate
from integrations.delivery.contents import MailContent, readable_content
from integrations.delivery.facts import count_sent_today, count_used_today, gather
from integrations.errors import IntegrationNotFound, MessageNotFound, TemplateNotFound
from integrations.models import (
    DeliveryAttempt,
    DeliveryPolicy,
    Integration,
    MessageTemplate,
    OutboundMessage,
)
from renum import clock
from renum.accounts.models import Client
from renum.conversations.emails import email_index
from renum.conversations.phones import normalize_phone, phone_index
from renum.security.crypto import DecryptionFailed

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Usage:
    """What the client used of an integration today, in its own time zone."""

    sent_today: int
    remaining: int


# --- Integrations -----------------------------------------------------------------------------------


def list_integrations(client_id: UUID) -> QuerySet[Integration]:
    """The client's connections by type."""
    return Integration.objects.current().filter(client_id=client_id).order_by("type")


def get_integration(client_id: UUID, type_: str) -> Integration:
    """The client's integration of a type, up to five minutes old; raises `IntegrationNotFound`."""
    found = cache.find_integration(client_id, type_)
    if found is None:
        raise IntegrationNotFound
    return found


def get_integration_by_id(client_id: UUID, integration_id: UUID, *, for_update: bool = False) -> Integration:
    """One connection as it is now; raises `IntegrationNotFound`, also for another client's."""
    rows = Integration.objects.current().filter(client_id=client_id, id=integration_id)
    found: Integration | None = (rows.select_for_update() if for_update else rows).first()
    if found is None:
        raise IntegrationNotFound
    return found


_NO_SECRETS = frozenset({"phone_number"})  # sealed as personal data


def secrets_of(client_id: UUID) -> frozenset[str]:
    """The credentials in the client's integrations; those that cannot be read are left out."""
    found: set[str] = set()
    for integration in Integration.objects.current().filter(client_id=client_id):
        try:
            config = integration.config
        except DecryptionFailed:
            continue
        found |= {
            value.get_secret_value()
            for name, value in config.items()
            if isinstance(value, SecretStr) and name not in _NO_SECRETS
        }
    return frozenset(found - {""})


def connections_of(client_id: UUID, types: Sequence[str]) -> list[Integration]:
    """The client's connections of these types, in the types' order; raises `IntegrationNotFound` if none."""
    rows = Integration.objects.current().filter(client_id=client_id, type__in=types)
    found = sorted(rows, key=lambda one: list(types).index(one.type))
    if not found:
        raise IntegrationNotFound
    return found


def find_connection(client_id: UUID, types: Sequence[str], provider: str | None = None) -> Integration:
    """The connection that is used first, or that of a provider; raises `IntegrationNotFound`.

    Enabled ones come before disabled ones.
    """
    known = connections_of(client_id, types)
    found = [one for one in known if provider in (None, one.provider)]
    if not found:
        raise IntegrationNotFound
    return next((one for one in found if one.enabled), found[0])


def usage_today(integration: Integration, client: Client) -> Usage:
    """Sent today and left today, from the ledger. What may have left counts as used."""
    now = clock.now()
    used = count_used_today({integration.id: client}, now)[integration.id]
    return Usage(count_sent_today(integration.id, client, now), max(0, integration.daily_limit - used))


# --- The outbox -------------------------------------------------------------------------------------


def list_outbound(
    client_id: UUID,
    *,
    channel: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    contact: str | None = None,
) -> QuerySet[OutboundMessage]:
    """The client's outbound messages with their attempts in order, of a channel, a state, a contact.

    `since`: queued at this instant or later. `contact`: an id, a phone or an e-mail address; whoever
    is not known got nothing.
    """
    attempts = DeliveryAttempt.objects.order_by("number")
    conditions: dict[str, Any] = {"channel": channel, "state": status, "queued_at__gte": since}
    rows = OutboundMessage.objects.filter(
        client_id=client_id, **{name: value for name, value in conditions.items() if value is not None}
    )
    if contact is not None:
        rows = rows.filter(_about_contact(client_id, contact))
    return rows.prefetch_related(Prefetch("delivery_attempts", queryset=attempts))


def _about_contact(client_id: UUID, contact: str) -> Q:
    if _ID.fullmatch(contact):
        return Q(conversation__contact_id=UUID(contact))
    if "@" in contact:
        return Q(recipient_index=email_index(client_id, contact))
    return Q(recipient_index=phone_index(client_id, normalize_phone(contact)))


def get_outbound(client_id: UUID, message_id: UUID) -> OutboundMessage:
    """One outbound message; raises `MessageNotFound`, also for another client's."""
    found = list_outbound(client_id).filter(id=message_id).first()
    if found is None:
        raise MessageNotFound
    return found


def explain_waiting(message: OutboundMessage) -> gate.Hold | gate.Refuse | None:
    """What the gate would say about a queued message at this moment; None if it may leave.

    For whoever asks why nothing arrived: what was stored when it was judged last may be over by now.
    """
    if message.state != OutboundMessage.State.QUEUED:
        return None
    row = OutboundMessage.objects.select_related("integration", "client", "conversation__contact").get(
        id=message.id
    )
    now = clock.now()
    content = readable_content(row)
    addresses = content.recipients if isinstance(content, MailContent) else ()
    around = gather([row], now, addresses={row.id: addresses})
    decision = gate.judge(around.facts_of(row, content.to if isinstance(content, MailContent) else ()), now)
    return None if isinstance(decision, gate.Send) else decision


# --- Rules and templates ----------------------------------------------------------------------------


def get_policy(client_id: UUID) -> DeliveryPolicy:
    """The client's rules of sending; the defaults while it set none."""
    return DeliveryPolicy.objects.filter(client_id=client_id).first() or DeliveryPolicy(client_id=client_id)


def list_templates(client_id: UUID) -> QuerySet[MessageTemplate]:
    """A client's templates by name."""
    return MessageTemplate.objects.filter(client_id=client_id).order_by("name")


def get_template(client_id: UUID, template_id: UUID) -> MessageTemplate:
    """One template; raises `TemplateNotFound`, also for another client's."""
    found = list_templates(client_id).filter(id=template_id).first()
    if found is None:
        raise TemplateNotFound
    return found
