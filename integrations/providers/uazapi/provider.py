"""Uazapi's entry in the registry: one product in two dialects."""

from __future__ import annotations

import httpx

from integrations.providers.base import ProviderSpec, WhatsAppProvider
from integrations.providers.uazapi.config import UazapiSettings
from integrations.providers.uazapi.go import UazapiGo
from integrations.providers.uazapi.v1 import UazapiV1
from renum.conversations.models import Channel


def open_provider(config: UazapiSettings, http: httpx.AsyncClient) -> WhatsAppProvider:
    return UazapiGo(config, http) if config.dialect == "go" else UazapiV1(config, http)


def candidates(config: UazapiSettings) -> list[UazapiSettings]:
    """Both dialects unless one was asked for, the one that is sold first."""
    if "dialect" in config.model_fields_set:
        return [config]
    return [config.model_copy(update={"dialect": dialect}) for dialect in ("go", "v1")]


SPEC = ProviderSpec(
    kind="uazapi",
    title="Uazapi",
    integration_type="whatsapp",
    settings=UazapiSettings,
    open=open_provider,
    channel=Channel.WHATSAPP,
    url_fields=("api_url",),
    in_flight=1,  # numbers are banned for parallel sends
    pace_seconds=2.0,
    sends_media=True,
    checks_numbers=lambda config: config.dialect == "go",
    registers_webhook=True,
    signs_webhooks=lambda config: config.dialect == "v1",
    candidates=candidates,
    webhook_token=lambda config: config.api_token.get_secret_value(),
)
