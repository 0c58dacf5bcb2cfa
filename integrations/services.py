"""Configure, check and use a client's integrations.

What talks to a provider takes a `scope` to open short transactions with, and runs outside of any.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

import structlog
from django.conf import settings
from pydantic import SecretStr

from integrations import errors, providers
from integrations.delivery.outbox import conversation_with, enqueue_message
from integrations.models import Integration, OutboundMessage
from integrations.providers.uazapi.config import Dialect, UazapiSettings
from renum import clock
from renum.conversations.models import Message
from renum.conversations.phones import normalize_phone
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from renum.security.blind_index import blind_index
from renum.security.fields import refuse_sealed_lookalikes
from renum.security.http import open_client

log = structlog.get_logger(__name__)

Scope = Callable[[], AbstractContextManager[None]]
WEBHOOK_KEY_BYTES = 32
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checked:
    """A connection test: the provider's health and how long it took to say so."""

    health: providers.Health
    latency_ms: int


def webhook_key_index(key: str) -> str:
    """How the secret part of a webhook address is looked up."""
    return blind_index(None, "webhook_key", key)


def token_index(token: str) -> str:
    """How an integration is found by its provider's token."""
    return blind_index(None, "provider_token", token)


def webhook_url(integration: Integration) -> str:
    """The secret address that the provider posts to."""
    return f"{settings.ENVIRONMENT.public_url}/webhooks/{integration.provider}/{integration.webhook_key}"


def configure_uazapi(
    scope: Scope,
    client_id: UUID,
    *,
    api_url: str,
    api_token: str,
    phone_number: str,
    dialect: Dialect | None = None,
    webhook_secret: str | None = None,
    cause: Cause,
) -> Integration:
    """Test the connection, save it, and point the provider's webhook at us.

    Saves nothing unless the provider accepted the credentials. `dialect` is found by probing unless
    told. Raises `InvalidPhone`, `InvalidCredentials` or `ConnectionFailed`.
    """
    candidates: list[Dialect] = [dialect] if dialect else ["go", "v1"]
    wanted = UazapiSettings(
        api_url=api_url.rstrip("/"),
        api_token=SecretStr(api_token),
        phone_number=SecretStr(normalize_phone(phone_number)),
        webhook_secret=SecretStr(webhook_secret) if webhook_secret else None,
    )
    config, checked = _probe(wanted, candidates)
    with scope():
        integration = _save(client_id, config, checked, cause=cause)
    try:
        url, secret = webhook_url(integration), integration.settings.webhook_secret
        _reach("uazapi", config, lambda provider: provider.register_webhook(url, secret))
    except errors.ProviderError as error:
        # The connection works; only what arrives is missing, and staff can see why.
        with scope():
            _note(integration, last_error=f"O webhook não pôde ser registrado: {error.message}")
    return integration


def _probe(config: UazapiSettings, candidates: list[Dialect]) -> tuple[UazapiSettings, Checked]:
    """Find the dialect that the address speaks, by asking in each.

    A server asked in the other's may answer 404 or, since it finds no credentials, 401. So a refusal
    counts when no dialect is accepted, and then before other failures.
    """
    failures: list[errors.ProviderError] = []
    for dialect in candidates:
        attempt = config.model_copy(update={"dialect": dialect})
        try:
            return attempt, check_settings("uazapi", attempt)
        except errors.ProviderError as error:
            failures.append(error)
            if isinstance(error, errors.Unavailable | errors.TimedOut | errors.RateLimited):
                break  # it would not answer the other either
    told = next((error for error in failures if isinstance(error, errors.AuthFailed)), failures[-1])
    raise as_domain_error(told) from told


def as_domain_error(error: errors.ProviderError) -> errors.InvalidCredentials | errors.ConnectionFailed:
    """What a caller of ours is told about a provider's failure."""
    if isinstance(error, errors.AuthFailed):
        return errors.InvalidCredentials(details=error.details())
    return errors.ConnectionFailed(
        f"Não foi possível conectar ao provedor: {error.message}", details=error.details()
    )


def check_settings(kind: str, config: providers.ProviderSettings) -> Checked:
    """Ask the provider whether these settings work; raises a `ProviderError`."""
    started = time.monotonic()
    health = _reach(kind, config, lambda provider: provider.check())
    return Checked(health, round((time.monotonic() - started) * 1000))


def check_integration(scope: Scope, integration: Integration) -> Checked:
    """Test a saved connection and note the result; raises `InvalidCredentials` or `ConnectionFailed`."""
    try:
        checked = check_settings(integration.provider, integration.settings)
    except errors.ProviderError as error:
        with scope():
            _note(integration, status=Integration.Status.ERROR, last_error=error.message)
        raise as_domain_error(error) from error
    with scope():
        _note(integration, status=_status_of(checked), last_error=None)
    return checked


def switch_integrations(integrations: Iterable[Integration], *, enabled: bool) -> list[Integration]:
    """Switch integrations on or off; returns those that were not so already."""
    ids = [integration.pk for integration in integrations]
    changed = list(Integration.objects.select_for_update().filter(pk__in=ids).exclude(enabled=enabled))
    for integration in changed:
        integration.enabled = enabled
        integration.save(update_fields=["enabled", "updated_at"])
    return changed


def _reach(
    kind: str, config: providers.ProviderSettings, use: Callable[[providers.Provider], Awaitable[T]]
) -> T:
    """Open the provider for one conversation with it."""

    async def conversation() -> T:
        async with open_client() as http:
            return await use(providers.get(kind).open(config, http))

    return asyncio.run(conversation())


def _save(client_id: UUID, config: UazapiSettings, checked: Checked, *, cause: Cause) -> Integration:
    """Create or replace the client's WhatsApp integration. Its webhook address stays the same."""
    spec = providers.get("uazapi")
    key = secrets.token_urlsafe(WEBHOOK_KEY_BYTES)
    integration, _ = Integration.objects.select_for_update().get_or_create(
        client_id=client_id,
        type=spec.integration_type,
        defaults={
            "provider": spec.kind,
            "webhook_key": key,
            "webhook_key_index": webhook_key_index(key),
        },
    )
    if config.webhook_secret is None and spec.signs_webhooks(config):
        config = config.model_copy(update={"webhook_secret": SecretStr(secrets.token_urlsafe(32))})
    values = config.model_dump()
    refuse_sealed_lookalikes(values)
    integration.provider = spec.kind
    integration.name = spec.title
    integration.config = values
    integration.token_index = token_index(config.api_token.get_secret_value())
    integration.status = _status_of(checked)
    integration.last_tested_at = clock.now()
    integration.last_error = None
    integration.save()
    record_event(
        client_id,
        Event.Kind.INTEGRATION_CONFIGURED,
        cause=cause,
        data={"integration_id": str(integration.id), "type": integration.type},
    )
    return integration


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


def send_whatsapp_text(
    client_id: UUID,
    phone: str,
    text: str,
    *,
    idempotency_key: str,
    author: Message.Author,
    cause: Cause,
    priority: OutboundMessage.Priority = OutboundMessage.Priority.NORMAL,
) -> OutboundMessage:
    """Queue a text to a typed phone; raises `InvalidPhone` and what `enqueue_message` raises."""
    conversation = conversation_with(client_id, normalize_phone(phone), cause=cause)
    return enqueue_message(
        conversation, text, idempotency_key=idempotency_key, author=author, cause=cause, priority=priority
    )
