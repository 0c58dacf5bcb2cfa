"""Settings of a Uazapi connection, the same for both dialects of its API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from integrations.providers.base import ProviderSettings

Dialect = Literal["go", "v1"]


class UazapiSettings(ProviderSettings):
    """`go` is uazapiGO v2, the product that is sold; `v1` the contract of RENUM's brief."""

    api_url: str
    api_token: SecretStr
    phone_number: SecretStr
    dialect: Dialect = "go"
    webhook_secret: SecretStr | None = Field(default=None, description="signs v1 webhooks")
