"""Configure, check and look after a client's integrations.

What talks to a provider takes a `scope` to open short transactions with, and runs outside of any.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from pydantic import SecretStr, ValidationError

from integrations import cache, errors, providers
from integrations.delivery import limits
from integrations.models import Integration
from integrations.services.probing import (
    Checked,
    as_domain_error,
    check_settings,
    probe,
    reach,
    typed_settings,
)
from integrations.services.sessions import use_again
from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from renum.security.blind_index import blind_index
from renum.security.crypto import DecryptionFailed

log = structlog.get_logger(__name__)

Scope = Callable[[], AbstractContextManager[None]]
WEBHOOK_KEY_BYTES = 32
FORMER_SECRETS_VALID = timedelta(hours=24)
_PROVIDER = "provider"  # names a slot's provider, beside its settings
_ATTEMPT = "attempt"  # tells one candidate from the next


def webhook_key_index(key: str) -> str:
    """How the secret part of a webhook address is looked up."""
    return blind_index(None, "webhook_key", key)


def token_index(token: str) -> str:
    """How an integration is found by its provider's token."""
    return blind_index(None, "provider_token", token)


def webhook_url(integration: Integration) -> str:
    """The secret address that the provider posts to."""
    return f"{settings.ENVIRONMENT.public_url}/webhooks/{integration.provider}/{integration.webhook_key}"


# --- Configure: a candidate, a probe, a swap --------------------------------------------------------


def configure(
    scope: Scope, client_id: UUID, kind: str, values: Mapping[str, Any], *, cause: Cause
) -> Integration:
    """Test the connection, put it into use, and point the provider's webhook at us.

    What is in use stays so unless the provider accepted the new settings; those that worked last are
    kept for a return. Raises `InvalidInput`, `InvalidPhone`, `InvalidCredentials`, `ConnectionFailed`,
    `RateLimited`, or `ConfigurationSuperseded` if somebody else began to configure it meanwhile.
    """
    wanted = typed_settings(kind, values)
    limits.admit(client_id, "configure")
    return _try_out(scope, client_id, kind, wanted, cause=cause)


def restore_previous(scope: Scope, integration: Integration, *, cause: Cause) -> Integration:
    """Go back to the credentials that worked last, if the provider still accepts them.

    Raises `NothingToRestore`, `IntegrationUnreadable`, and what `configure` raises.
    """
    kind, config = previous_settings(integration)
    return _try_out(scope, integration.client_id, kind, config, cause=cause)


def previous_settings(integration: Integration) -> tuple[str, providers.ProviderSettings]:
    """The provider and settings that worked last; raises `NothingToRestore`, `IntegrationUnreadable`."""
    try:
        slot = integration.previous_config
        if not slot:
            raise errors.NothingToRestore
        kind = str(slot[_PROVIDER])
        return kind, providers.get(kind).settings.model_validate(_without_marks(slot))
    except (ValidationError, DecryptionFailed) as error:
        raise errors.IntegrationUnreadable from error


def _try_out(
    scope: Scope, client_id: UUID, kind: str, wanted: providers.ProviderSettings, *, cause: Cause
) -> Integration:
    attempt = secrets.token_hex(8)
    with scope():
        is_noted = _write_candidate(client_id, kind, wanted, attempt)
    try:
        config, checked = probe(kind, wanted)
    except errors.ProviderError as error:
        with scope():
            _drop_candidate(client_id, kind, attempt, error, cause=cause)
        raise as_domain_error(error) from error
    with scope():
        integration = _swap(client_id, kind, config, checked, attempt if is_noted else None, cause=cause)
    if providers.get(kind).registers_webhook:
        _register_webhook(scope, integration)
    return integration


def _write_candidate(client_id: UUID, kind: str, config: providers.ProviderSettings, attempt: str) -> bool:
    """Note what is being tried beside what is in use; False for a first configuration, which has no row."""
    integration = _current(client_id, kind).select_for_update().first()
    if integration is not None:
        integration.candidate_config = {_PROVIDER: kind, _ATTEMPT: attempt, **config.model_dump()}
        integration.save(update_fields=["candidate_config"])
    return integration is not None


def _drop_candidate(
    client_id: UUID, kind: str, attempt: str, error: errors.ProviderError, *, cause: Cause
) -> None:
    integration = _current(client_id, kind).select_for_update().first()
    data = {"type": providers.get(kind).integration_type, "provider": kind, "error_code": error.code}
    if integration is not None:
        data["integration_id"] = str(integration.id)
        if (integration.candidate_config or {}).get(_ATTEMPT) == attempt:
            integration.candidate_config = None
            integration.save(update_fields=["candidate_config"])
    record_event(client_id, Event.Kind.INTEGRATION_REFUSED, cause=cause, data=data)


def _swap(
    client_id: UUID,
    kind: str,
    config: providers.ProviderSettings,
    checked: Checked,
    attempt: str | None,
    *,
    cause: Cause,
) -> Integration:
    """Put the accepted settings into use. The webhook address stays the same.

    `attempt` must still be the candidate: whoever began later, or removed the connection, has the last
    word. None for a first configuration, of which several may end in any order.
    """
    spec = providers.get(kind)
    key = secrets.token_urlsafe(WEBHOOK_KEY_BYTES)
    integration: Integration
    integration, created = (
        _current(client_id, kind)
        .select_for_update()
        .get_or_create(
            client_id=client_id,
            type=spec.integration_type,
            removed_at=None,
            defaults={_PROVIDER: kind, "webhook_key": key, "webhook_key_index": webhook_key_index(key)},
        )
    )
    if (integration.candidate_config or {}).get(_ATTEMPT) != attempt:
        raise errors.ConfigurationSuperseded
    if not created and integration.status == Integration.Status.CONNECTED:
        former_config = {_PROVIDER: integration.provider, **_readable_config(integration)}
        if former_config != {_PROVIDER: kind, **config.model_dump()}:  # saved again, nothing is replaced
            integration.previous_config = former_config
            # Until the provider and whoever else posts has learned the new secrets, the old ones still open.
            integration.previous_token_index = integration.token_index
            integration.previous_valid_until = clock.now() + FORMER_SECRETS_VALID
    integration.candidate_config = None
    former = providers.REGISTRY.get(integration.provider)
    if created or not integration.name or (former and integration.name == former.title):
        integration.name = spec.title  # nobody named it otherwise
    integration.provider = kind
    integration.config = _with_secret(spec, config).model_dump()
    token = spec.webhook_token(config)
    integration.token_index = token_index(token) if token else ""
    integration.status = _status_of(checked)
    integration.last_tested_at = clock.now()
    integration.last_error = checked.health.detail or None
    integration.save()
    use_again(integration)
    record_event(
        client_id,
        Event.Kind.INTEGRATION_CONFIGURED,
        cause=cause,
        data={"integration_id": str(integration.id), "type": integration.type},
    )
    return integration


def _current(client_id: UUID, kind: str) -> Any:
    return Integration.objects.current().filter(
        client_id=client_id, type=providers.get(kind).integration_type
    )


def _readable_config(integration: Integration) -> dict[str, Any]:
    """What is in use, to be kept; nothing if it cannot be read, for it could not be restored either."""
    try:
        return dict(integration.settings.model_dump())
    except errors.IntegrationUnreadable:
        return {}


def _without_marks(slot: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in slot.items() if name not in (_PROVIDER, _ATTEMPT)}


def _with_secret(
    spec: providers.ProviderSpec, config: providers.ProviderSettings
) -> providers.ProviderSettings:
    """Give a provider that signs its webhooks something to sign with."""
    if getattr(config, "webhook_secret", "") is None and spec.signs_webhooks(config):
        return config.model_copy(update={"webhook_secret": SecretStr(secrets.token_urlsafe(32))})
    return config


def _register_webhook(scope: Scope, integration: Integration) -> None:
    """Point the provider's webhook at us; the connection works without, and staff can see what is missing."""
    url, secret = webhook_url(integration), getattr(integration.settings, "webhook_secret", None)
    try:
        learned = reach(
            integration.provider,
            integration.settings,
            lambda provider: provider.register_webhook(url, secret),
        )
    except errors.ProviderError as error:
        with scope():
            _note(integration, last_error=f"O webhook não pôde ser registrado: {error.message}")
        return
    if learned:
        with scope():
            _keep_learned(integration, learned)


def _keep_learned(integration: Integration, learned: Mapping[str, Any]) -> None:
    """Add to the settings what the provider told, unless they were changed or removed meanwhile."""
    current = Integration.objects.current().select_for_update().filter(pk=integration.pk).first()
    if current is None or current.settings != integration.settings:
        return
    integration.config = {**integration.settings.model_dump(), **learned}
    integration.save(update_fields=["config", "updated_at"])
    cache.forget(integration)


# --- Check ------------------------------------------------------------------------------------------


def check_integration(scope: Scope, integration: Integration) -> Checked:
    """Test a saved connection and note the result; raises `InvalidCredentials` or `ConnectionFailed`."""
    try:
        checked = check_settings(integration.provider, integration.settings)
    except errors.ProviderError as error:
        with scope():
            _note(integration, status=Integration.Status.ERROR, last_error=error.message)
        raise as_domain_error(error) from error
    with scope():
        _note(integration, status=_status_of(checked), last_error=checked.health.detail or None)
        if checked.health.connected:
            use_again(integration)
    return checked


def _status_of(checked: Checked) -> Integration.Status:
    return Integration.Status.CONNECTED if checked.health.connected else Integration.Status.DISCONNECTED


def _note(
    integration: Integration, *, last_error: str | None, status: Integration.Status | None = None
) -> None:
    integration.last_error = last_error
    integration.last_tested_at = clock.now()
    if status:
        integration.status = status
    integration.save(update_fields=["last_error", "last_tested_at", "status", "updated_at"])
    cache.forget(integration)
