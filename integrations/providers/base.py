"""What the rest of RENUM knows about a provider: its settings, its verbs, and what it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import httpx
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from renum.conversations.models import Channel
from renum.conversations.phones import normalize_phone


class UnknownProvider(LookupError):
    """No provider of this kind is registered."""


# --- Settings ---------------------------------------------------------------------------------------


class ProviderSettings(BaseModel):
    """Frozen settings of one integration; secrets and personal data are `SecretStr`.

    They are also what a person sends to `configure`: unknown fields are refused.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True
    )


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _is_header_safe(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("contém caracteres não permitidos")
    return value


def _as_e164(value: SecretStr) -> SecretStr:
    return SecretStr(normalize_phone(value.get_secret_value()))


# A credential that travels in a header.
Token = Annotated[
    SecretStr,
    BeforeValidator(_stripped),
    Field(min_length=1, max_length=2000),
    AfterValidator(_is_header_safe),
]
# Where a vendor's API begins; paths are appended.
BaseUrl = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(lambda url: url.rstrip("/"))]
# A phone as people type it, kept as E.164; raises `InvalidPhone`.
Phone = Annotated[SecretStr, Field(max_length=32), AfterValidator(_as_e164)]


# --- What is sent -----------------------------------------------------------------------------------

MediaKind = Literal["image", "audio", "document", "video"]


@dataclass(frozen=True, slots=True)
class TextMessage:
    """`recipient`: digits with country code. `reference`: our id, which the provider may echo."""

    recipient: str
    text: str
    reference: str

    async def send_through(self, provider: Any) -> SendResult:
        return await provider.send_text(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class MediaMessage:
    """A file that the provider fetches from `url` itself. `recipient`, `reference`: as for a text."""

    recipient: str
    kind: MediaKind
    url: str
    reference: str
    caption: str = ""
    filename: str = ""

    async def send_through(self, provider: Any) -> SendResult:
        return await provider.send_media(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class MailMessage:
    """An e-mail with at least one address in `to`; no value contains a control character.

    `text` is always there, `html` beside it if the body is HTML. `automated`: no person asked for it
    just now, so it says so in its headers; `unsubscribe_url` is then the one-click address.
    `accept_partial`: if a recipient is refused for the moment, send to the others all the same; else
    nothing is sent to anybody and the message can be tried again as a whole.
    """

    to: tuple[str, ...]
    subject: str
    text: str
    reference: str
    html: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: str = ""
    automated: bool = False
    unsubscribe_url: str = ""
    accept_partial: bool = False

    @property
    def recipients(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)

    async def send_through(self, provider: Any) -> SendResult:
        return await provider.send_mail(self)  # type: ignore[no-any-return]


OutgoingMessage = TextMessage | MediaMessage | MailMessage


@dataclass(frozen=True, slots=True)
class RefusedRecipient:
    """A recipient that did not get a mail which others got. `code`: the SMTP reply, such as 550."""

    address: str
    code: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SendResult:
    provider_message_id: str | None
    refused: tuple[RefusedRecipient, ...] = ()


# --- What is asked ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Health:
    """`connected`: it can be used now; else `detail` says why in Portuguese. `phone`: E.164, if told."""

    connected: bool
    phone: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """`digits`: the number as WhatsApp knows it (it may lack the ninth digit); None: it has no account."""

    digits: str | None


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...] = ()


Operator = Literal["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is"]


@dataclass(frozen=True, slots=True)
class Filter:
    """`in` takes a list of scalars, `is` takes None, True or False, the others one scalar."""

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Select:
    """A structured read. `columns` empty: all. `order`: (column, descending)."""

    table: str
    columns: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """JSON-ready rows. `truncated`: more matched than the limits on rows or bytes let through."""

    rows: list[dict[str, Any]]
    truncated: bool = False


def clean_identifier(value: Any) -> str | None:
    """A provider's id of a message as we can store it: at most 128 characters, none that Postgres
    refuses. Webhooks that name the message are cleaned alike."""
    text = str(value or "").replace("\x00", "").encode(errors="ignore").decode()
    return text[:128] or None


# --- Verbs. Each raises a `ProviderError` and nothing else. -----------------------------------------


class Provider(Protocol):
    """`aclose` ends what the provider holds open; the HTTP client it was given is not its own."""

    async def check(self) -> Health: ...

    async def aclose(self) -> None: ...


class WhatsAppProvider(Provider, Protocol):
    async def send_text(self, message: TextMessage) -> SendResult: ...

    async def send_media(self, message: MediaMessage) -> SendResult: ...

    async def check_number(self, digits: str) -> NumberCheck: ...


class MailProvider(Provider, Protocol):
    async def send_mail(self, message: MailMessage) -> SendResult: ...


class WebhookRegistrar(Protocol):
    """`register_webhook` points the provider's webhook at us. It returns settings to be kept with the
    integration, such as the key that the provider will sign with."""

    async def register_webhook(self, url: str, secret: SecretStr | None) -> dict[str, Any]: ...


class DatabaseProvider(Provider, Protocol):
    async def list_tables(self) -> list[Table]: ...

    async def select(self, query: Select) -> Rows: ...


class SqlProvider(DatabaseProvider, Protocol):
    async def select_sql(self, sql: str, parameters: Mapping[str, Any]) -> Rows: ...

    async def list_parameters(self, sql: str) -> list[str]:
        """The placeholders of a statement that would be accepted, without running it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A provider's entry in the registry.

    `channel`: what it sends, None if it sends nothing. `url_fields`, `host_fields`: settings that
    people type and that we connect to; they are vetted when they are saved and when they are used.
    `in_flight`: sends at a time for one integration. `pace_seconds`: default gap between messages of
    one number that nobody asked for. `signs_webhooks`: whether, with these settings, it signs with a
    shared secret that we give it. `candidates`: the settings to probe when those given leave a choice.
    `webhook_token`: the credential by which its webhooks name the integration, if they do.
    `runs_sql`: whether, with these settings, it is a `SqlProvider`.
    """

    kind: str
    title: str
    integration_type: str
    settings: type[ProviderSettings]
    open: Callable[[Any, httpx.AsyncClient], Any]
    channel: Channel | None = None
    url_fields: tuple[str, ...] = ()
    host_fields: tuple[str, ...] = ()
    in_flight: int = 1
    pace_seconds: float = 0.0
    sends_media: bool = False
    checks_numbers: Callable[[Any], bool] = field(default=lambda config: False)
    registers_webhook: bool = False
    signs_webhooks: Callable[[Any], bool] = field(default=lambda config: False)
    candidates: Callable[[Any], Sequence[Any]] = field(default=lambda config: [config])
    webhook_token: Callable[[Any], str] = field(default=lambda config: "")
    runs_sql: Callable[[Any], bool] = field(default=lambda config: False)
