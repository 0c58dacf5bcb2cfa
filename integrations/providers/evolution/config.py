"""Settings of one instance (one WhatsApp number) of an Evolution API server."""

from __future__ import annotations

from pydantic import Field

from integrations.providers.base import BaseUrl, Phone, ProviderSettings, Token


class EvolutionSettings(ProviderSettings):
    """`api_key`: the server's global key or the instance's own. `instance`: its name, part of every path."""

    api_url: BaseUrl
    api_key: Token
    # Not of dots alone: a path would lead elsewhere.
    instance: str = Field(max_length=100, pattern=r"^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$")
    phone_number: Phone
    webhook_secret: Token | None = Field(
        default=None, min_length=16, max_length=500, description="comes back in a header of every webhook"
    )
