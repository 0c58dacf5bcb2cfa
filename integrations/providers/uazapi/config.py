"""Settings of a Uazapi connection, the same for both dialects of its API."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from integrations.providers.base import BaseUrl, Phone, ProviderSettings, Token

Dialect = Literal["go", "v1"]


class UazapiSettings(ProviderSettings):
    """`go` is uazapiGO v2, the product that is sold; `v1` the contract of RENUM's brief."""

    api_url: BaseUrl
    api_token: Token = Field(max_length=500)
    phone_number: Phone
    dialect: Dialect = Field(default="go", description="found by asking if it is not given")
    webhook_secret: SecretStr | None = Field(
        default=None, min_length=16, max_length=500, description="signs v1 webhooks"
    )
