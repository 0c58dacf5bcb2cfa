"""The registry: every provider, by kind. Adding one is a package beside `uazapi/` and a line here."""

from integrations.providers.base import (
    DatabaseProvider,
    Filter,
    Health,
    MailMessage,
    MediaMessage,
    NumberCheck,
    OutgoingMessage,
    Provider,
    ProviderSettings,
    ProviderSpec,
    RefusedRecipient,
    Rows,
    Select,
    SendResult,
    SqlProvider,
    Table,
    TextMessage,
    UnknownProvider,
)
from integrations.providers.evolution.provider import SPEC as EVOLUTION
from integrations.providers.postgres.provider import SPEC as POSTGRES
from integrations.providers.sendgrid.provider import SPEC as SENDGRID
from integrations.providers.smtp.provider import SPEC as SMTP
from integrations.providers.supabase.provider import SPEC as SUPABASE
from integrations.providers.uazapi.provider import SPEC as UAZAPI

REGISTRY: dict[str, ProviderSpec] = {
    "uazapi": UAZAPI,
    "evolution": EVOLUTION,
    "smtp": SMTP,
    "sendgrid": SENDGRID,
    "supabase": SUPABASE,
    "postgres": POSTGRES,
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
    "Filter",
    "Health",
    "MailMessage",
    "MediaMessage",
    "NumberCheck",
    "OutgoingMessage",
    "Provider",
    "ProviderSettings",
    "ProviderSpec",
    "RefusedRecipient",
    "Rows",
    "Select",
    "SendResult",
    "SqlProvider",
    "Table",
    "TextMessage",
    "UnknownProvider",
    "choices",
    "get",
    "of_type",
]
