"""Change connections without touching their credentials, and remove them without losing the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from integrations import cache
from integrations.delivery import outcomes
from integrations.models import Integration
from integrations.services.connections import WEBHOOK_KEY_BYTES, webhook_key_index
from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event


def change_integrations(
    integrations: Iterable[Integration], changes: Mapping[str, Any], *, cause: Cause
) -> list[Integration]:
    """Change several alike, as switching or pausing them; returns those that were not so already."""
    ids = [integration.pk for integration in integrations]
    others = Integration.objects.current().select_for_update().filter(pk__in=ids).exclude(**changes)
    return [change_integration(integration, changes, cause=cause) for integration in others]


def change_integration(integration: Integration, changes: Mapping[str, Any], *, cause: Cause) -> Integration:
    """Change name, daily limit, pace, or whether it is enabled or paused; what waited for that goes on."""
    changed = {name: value for name, value in changes.items() if getattr(integration, name) != value}
    if not changed:
        return integration
    for name, value in changed.items():
        setattr(integration, name, value)
    integration.save(update_fields=[*changed, "updated_at"])
    cache.forget(integration)
    outcomes.release_held(integration.client_id, integration_id=integration.id)
    record_event(
        integration.client_id,
        Event.Kind.INTEGRATION_CHANGED,
        cause=cause,
        data={"integration_id": str(integration.id), "fields": sorted(changed)},
    )
    return integration


def remove_integration(integration: Integration, *, cause: Cause) -> None:
    """Take a connection away: its secrets are erased at once, what it sent stays on record.

    What is still queued for it is refused when its turn comes.
    """
    key: Any = secrets.token_urlsafe(WEBHOOK_KEY_BYTES)
    integration.removed_at = clock.now()
    integration.enabled = False
    integration.status = Integration.Status.DISCONNECTED
    integration.config, integration.candidate_config, integration.previous_config = {}, None, None
    integration.webhook_key, integration.webhook_key_index = key, webhook_key_index(key)
    integration.token_index = integration.previous_token_index = ""
    integration.previous_valid_until = None
    integration.save()
    cache.forget(integration)
    outcomes.release_held(integration.client_id, integration_id=integration.id)
    record_event(
        integration.client_id,
        Event.Kind.INTEGRATION_REMOVED,
        cause=cause,
        data={"integration_id": str(integration.id), "type": integration.type},
    )
