"""The registry: every provider, by kind. Adding one is a package beside `uazapi/` and a line here."""

from integrations.providers.base import (
    DatabaseProvider,
    Health,
    MailMessage,
    MediaMessage,
    NumberCheck,
    OutgoingMessage,
    Provider,
    ProviderSettings,
    ProviderSpec,
    RefusedRecipient,
    SendResult,
    TextMessage,
    UnknownProvider,
)
from integrations.providers.uazapi.provider import SPEC as UAZAPI

REGISTRY: dict[str, ProviderSpec] = {
    "uazapi": UAZAPI,
}


def get(kind: str) -> ProviderSpec:
    """The provider's spec; raises `UnknownProvider`."""
    try:
        return REGISTRY[kind]
    except KeyError:
        raise UnknownProvider(kind) from None


def of_type(integration_type: str) -> list[str]:
    """The kinds that serve integrations of a type, the default first."""
    return [kind for kind, spec in REGISTRY.items() if spec.integration_type == integration_type]


def choices() -> list[tuple[str, str]]:
    return [(kind, spec.title) for kind, spec in REGISTRY.items()]


__all__ = [
    "REGISTRY",
    "DatabaseProvider",
    "Health",
    "MailMessage",
    "MediaMessage",
    "NumberCheck",
    "OutgoingMessage",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "RefusedRecipient",
    "SendResult",
    "TextMessage",
    "UnknownProvider",
    "choices",
    "get",
    "of_type",
]
