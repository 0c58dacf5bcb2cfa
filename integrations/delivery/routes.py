"""Which of a client's integrations a message leaves through, and where a mail turns when one fails."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from integrations.errors import IntegrationDisabled, IntegrationNotFound
from integrations.models import Integration, OutboundMessage
from renum import clock
from renum.conversations.models import Channel

# The types that serve a channel, the preferred one first.
TYPES: dict[str, list[str]] = {
    Channel.WHATSAPP: [Integration.Type.WHATSAPP],
    Channel.EMAIL: [Integration.Type.EMAIL_SMTP, Integration.Type.EMAIL_SENDGRID],
}
# Whose mails may go another way, and which.
FALLBACKS = {Integration.Type.EMAIL_SMTP.value: Integration.Type.EMAIL_SENDGRID.value}


def active_integration(client_id: UUID, channel: str) -> Integration:
    """The integration that a channel's next message leaves through.

    The preferred one that is enabled, unless its breaker is open and another's is not. Raises
    `IntegrationNotFound`, or `IntegrationDisabled` if there are only disabled ones.
    """
    types = TYPES[channel]
    found = Integration.objects.current().filter(client_id=client_id, type__in=types)
    known: list[Integration] = sorted(
        found.select_related("delivery_state"), key=lambda one: types.index(one.type)
    )
    if not known:
        raise IntegrationNotFound
    enabled = [one for one in known if one.enabled]
    if not enabled:
        raise IntegrationDisabled
    return next((one for one in enabled if not is_interrupted(one)), enabled[0])


def is_interrupted(integration: Integration) -> bool:
    """Tell whether the integration's circuit breaker is open now."""
    state = getattr(integration, "delivery_state", None)
    return state is not None and state.open_until is not None and state.open_until > clock.now()


def fallback_for(integration: Integration) -> Integration | None:
    """Where a mail goes that this integration could not send for the moment, if there is such a way."""
    other = FALLBACKS.get(integration.type)
    if other is None:
        return None
    ready = Integration.objects.enabled().filter(
        Q(delivery_state=None) | Q(delivery_state__open_until=None),
        client_id=integration.client_id,
        type=other,
        paused=False,
    )
    found: Integration | None = ready.first()
    return found


def reroute_waiting(integration: Integration) -> int:
    """Send what waits for an interrupted integration another way, if there is one; returns how many."""
    other = fallback_for(integration)
    if other is None:
        return 0
    waiting = OutboundMessage.objects.filter(integration=integration, state=OutboundMessage.State.QUEUED)
    return waiting.update(integration=other)
