"""Change the rules of sending. Whatever waited because of a rule is judged again by the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from integrations.delivery import breaker, outcomes
from integrations.delivery.gate import Reason
from integrations.models import DeliveryPolicy, Integration, SendingSwitch
from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event


def change_policy(client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> DeliveryPolicy:
    """Set some of a client's rules; who did it is on record, since one of them stops all sending."""
    policy, _ = DeliveryPolicy.objects.select_for_update().get_or_create(client_id=client_id)
    for name, value in changes.items():
        setattr(policy, name, value)
    policy.save()
    outcomes.release_held(client_id)
    record_event(client_id, Event.Kind.DELIVERY_POLICY_CHANGED, cause=cause, data={"fields": sorted(changes)})
    return policy


def allow_new_chats(integrations: Iterable[Integration]) -> list[Integration]:
    """WhatsApp lifted its restriction: let these open new chats; returns those that were kept from it."""
    ids = [integration.pk for integration in integrations]
    current = Integration.objects.current().filter(pk__in=ids)
    freed = [integration for integration in current if breaker.allow_new_chats(integration)]
    for integration in freed:
        outcomes.release_held(
            integration.client_id, integration_id=integration.id, reasons=[Reason.NEW_CHATS_BLOCKED]
        )
    return freed


def switch_everything(*, paused: bool) -> None:
    """Stop all sending of everybody, or let it go on."""
    SendingSwitch.objects.update_or_create(id=1, defaults={"paused": paused, "updated_at": clock.now()})
    if not paused:
        outcomes.release_held()
