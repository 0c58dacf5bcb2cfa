"""The registry: every provider, by kind. Adding one is a package beside `uazapi/` and a line here."""

from integrations.providers.base import (
    Health,
    Provider,
    ProviderSettings,
    ProviderSpec,
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


def choices() -> list[tuple[str, str]]:
    return [(kind, spec.title) for kind, spec in REGISTRY.items()]


__all__ = [
    "REGISTRY",
    "Health",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "SendResult",
    "TextMessage",
    "UnknownProvider",
    "choices",
    "get",
]
