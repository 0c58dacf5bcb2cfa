"""What the rest of RENUM knows about a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr


class UnknownProvider(LookupError):
    """No provider of this kind is registered."""


class ProviderSettings(BaseModel):
    """Frozen settings of one integration; secrets and personal data are `SecretStr`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class TextMessage:
    """`recipient`: digits with country code. `reference`: our id, which the provider may echo."""

    recipient: str
    text: str
    reference: str


@dataclass(frozen=True, slots=True)
class SendResult:
    provider_message_id: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """`connected`: messages can be sent now. `phone`: E.164 of the number, if it was told."""

    connected: bool
    phone: str | None = None
    detail: str = ""


def clean_identifier(value: Any) -> str | None:
    """A provider's id of a message as we can store it: at most 128 characters, none that Postgres
    refuses. Webhooks that name the message are cleaned alike."""
    text = str(value or "").replace("\x00", "").encode(errors="ignore").decode()
    return text[:128] or None


class Provider(Protocol):
    """The verbs. Each raises a `ProviderError` and nothing else."""

    async def check(self) -> Health: ...

    async def send_text(self, message: TextMessage) -> SendResult: ...

    async def register_webhook(self, url: str, secret: SecretStr | None) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """A provider's entry in the registry.

    `in_flight`: sends at a time for one integration. `signs_webhooks`: whether, with these settings,
    it signs with a shared secret that we give it.
    """

    kind: str
    title: str
    integration_type: str
    settings: type[ProviderSettings]
    open: Callable[[Any, httpx.AsyncClient], Provider]
    in_flight: int
    signs_webhooks: Callable[[Any], bool]
