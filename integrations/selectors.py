"""Reads over integrations and the outbox; callers are under a tenant or service scope."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from integrations.delivery.claims import count_sent_today
from integrations.errors import IntegrationNotFound, MessageNotFound
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from renum import clock
from renum.accounts.models import Client


@dataclass(frozen=True, slots=True)
class Usage:
    """What the client used of an integration today, in its own time zone."""

    sent_today: int
    remaining: int


def get_integration(client_id: UUID, type_: Integration.Type) -> Integration:
    """The client's integration of a type; raises `IntegrationNotFound`."""
    found = Integration.objects.filter(client_id=client_id, type=type_).first()
    if found is None:
        raise IntegrationNotFound
    return found


def usage_today(integration: Integration, client: Client) -> Usage:
    """Sent today and left today, from the ledger."""
    sent = count_sent_today(integration.id, client, clock.now())
    return Usage(sent, max(0, integration.daily_limit - sent))


def list_outbound(client_id: UUID) -> QuerySet[OutboundMessage]:
    """The client's outbound messages with their attempts in order."""
    attempts = DeliveryAttempt.objects.order_by("number")
    return OutboundMessage.objects.filter(client_id=client_id).prefetch_related(
        Prefetch("delivery_attempts", queryset=attempts)
    )


def get_outbound(client_id: UUID, message_id: UUID) -> OutboundMessage:
    """One outbound message; raises `MessageNotFound`, also for another client's."""
    found = list_outbound(client_id).filter(id=message_id).first()
    if found is None:
        raise MessageNotFound
    return found
