"""What a webhook's address leads to, and by which secrets its sender is known.

Remembered in the process, since it is the same for thousands of requests. What is remembered lets
nobody in by itself: `receiving` stores nothing for an integration that has changed since, and a
refusal is given only by what was read just now.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, TextField
from django.db.models.expressions import RawSQL

from integrations.errors import IntegrationUnreadable, NothingToRestore
from integrations.models import Integration
from integrations.services import previous_settings, token_index, webhook_key_index
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope, tidy_connection
from webhooks.errors import RETRY_SECONDS, ProcessingFailed

log = structlog.get_logger(__name__)

_MAX_REMEMBERED = 10_000
# Changes with every update of the row, whoever makes it.
VERSION = "integrations.xmin::text || ' ' || integrations.ctid::text"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An integration as a webhook sees it. `version`: of its row, as it was read."""

    integration_id: UUID
    client_id: UUID
    provider: str
    version: str
    current: Any
    former: Any | None
    former_until: datetime | None
    allowance_name: str

    def accepted(self, now: datetime) -> list[Any]:
        """The settings whose secrets are good at `now`: those in use first, then their predecessors."""
        if self.former is not None and self.former_until is not None and now < self.former_until:
            return [self.current, self.former]
        return [self.current]


_remembered: dict[tuple[str, str], Endpoint] = {}


def recall(provider: str, key: str) -> Endpoint | None:
    """What is remembered of a secret address; it may be out of date."""
    return _remembered.get((provider, key))


def find_by_key(provider: str, key: str) -> Endpoint | None:
    """Read what a secret address leads to, and remember it; raises `ProcessingFailed` if it is unreadable.

    None for suspended clients and removed integrations too.
    """
    tidy_connection()  # no signal does it at the beginning of this request
    with service_scope(reason="find a webhook's integration"):
        found = _open(provider).filter(webhook_key_index=webhook_key_index(key)).first()
    endpoint = _endpoint(found) if found else None
    if endpoint is None:
        _remembered.pop((provider, key), None)
    else:
        if len(_remembered) >= _MAX_REMEMBERED:
            _remembered.clear()
        _remembered[provider, key] = endpoint
    return endpoint


def find_by_token(provider: str, token: str) -> Endpoint | None:
    """Read whose a provider's token is; None if it is several integrations'. Raises as `find_by_key`."""
    index = token_index(token)
    tidy_connection()
    named = Q(token_index=index) | Q(previous_token_index=index, previous_valid_until__gt=clock.now())
    with service_scope(reason="find a webhook's integration"):
        matches = list(_open(provider).filter(named)[:2])
    return _endpoint(matches[0]) if len(matches) == 1 else None


def _open(provider: str) -> Any:
    return (
        Integration.objects.current()
        .filter(provider=provider, client__status=Client.Status.ACTIVE)
        .annotate(version=RawSQL(VERSION, (), output_field=TextField()))  # noqa: S611 - a constant
    )


def _endpoint(integration: Any) -> Endpoint:
    try:
        current = integration.settings
    except IntegrationUnreadable as error:  # ours to mend: the provider shall try again
        raise ProcessingFailed(retry_after=RETRY_SECONDS) from error
    return Endpoint(
        integration_id=integration.id,
        client_id=integration.client_id,
        provider=integration.provider,
        version=integration.version,
        current=current,
        former=_former(integration),
        former_until=integration.previous_valid_until,
        allowance_name=f"webhooks:client:{integration.client_id}",
    )


def _former(integration: Integration) -> Any | None:
    """The settings before the last change of secrets, if they were of the same provider."""
    if integration.previous_valid_until is None or integration.previous_valid_until <= clock.now():
        return None
    try:
        kind, config = previous_settings(integration)
    except (IntegrationUnreadable, NothingToRestore):
        log.warning("former_secrets_unreadable", integration_id=str(integration.id))
        return None
    return config if kind == integration.provider else None


def v1_secrets(accepted: list[Any]) -> list[str]:
    """The secrets that may have signed a v1 payload: an integration's own, or else the installation's."""
    found: list[str] = []
    for config in accepted:
        own = config.webhook_secret
        found += [own.get_secret_value()] if own else settings.ENVIRONMENT.uazapi_webhook_secrets
    return found
