"""A person writes to us: build the event in the asked dialect and deliver it as its provider would."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .context import SANDBOX, Refused, Sandbox, base_url_of, read_json
from .envelopes import SHAPES, Writer, connection_event, spoken
from .evolution_webhooks import PROVIDER as EVOLUTION
from .evolution_webhooks import envelope, received_message
from .evolution_webhooks import post as post_as_evolution
from .faults import digits_of, first_error
from .journal import utc_text
from .payloads import Text, new_go_id, new_v1_id, v1_event
from .uazapi import MOUNT
from .webhooks import API_ECHO, FROM_PHONE, INBOUND, Deliveries, Dialect, Registration

Asked = TypeVar("Asked", bound=BaseModel)
TRAITS: dict[Writer, frozenset[str]] = {"contact": INBOUND, "phone": FROM_PHONE, "api": API_ECHO}


class Inbound(BaseModel):
    """`at` is the instant of the message; `times` delivers the very same event that often, at once.

    `dialect` `evolution` goes to the webhook that is set there, any other to the one registered with Uazapi.
    In the dialect `go` the message may be of any `kind`, and `by` somebody at the client's own phone.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str = Field(pattern=r"^\+?[0-9 ().-]+$")
    text: str = Field(min_length=1, max_length=65_536)
    dialect: Dialect | Literal["evolution"] | None = None
    message_id: str | None = Field(default=None, pattern=r"^[\x21-\x7e]{1,200}$")
    times: int = Field(default=1, ge=1, le=20)
    at: str | None = None
    name: str = Field(default="Contato de teste", max_length=200)
    kind: str = "text"
    by: Writer = "contact"
    refers_to: str = Field(default="", max_length=200)

    @field_validator("phone")
    @classmethod
    def _require_full_number(cls, value: str) -> str:
        digits = digits_of(value)
        if not 8 <= len(digits) <= 15:
            raise ValueError("needs 8 to 15 digits with the country code")
        return digits

    @field_validator("kind")
    @classmethod
    def _require_known_kind(cls, value: str) -> str:
        if value not in SHAPES:
            raise ValueError(f"needs one of {', '.join(SHAPES)}")
        return value

    @field_validator("at")
    @classmethod
    def _require_instant(cls, value: str | None) -> str | None:
        if value is not None and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("needs an offset, such as Z")
        return value


async def _read(request: web.Request, model: type[Asked]) -> Asked:
    try:
        return model.model_validate(await read_json(request))
    except ValidationError as exc:
        raise Refused(400, first_error(exc)) from exc


async def post_inbound(request: web.Request) -> web.Response:
    sandbox = request.app[SANDBOX]
    inbound = await _read(request, Inbound)
    if inbound.dialect == EVOLUTION:
        return await _post_to_evolution(request, sandbox, inbound)
    registration = sandbox.webhooks.registration
    if registration is None:
        raise Refused(409, "no webhook was registered: configure the integration first")
    if not registration.wants("messages", TRAITS[inbound.by]):
        raise Refused(409, "the registered webhook is disabled or does not want messages")
    dialect = inbound.dialect or registration.dialect
    message = Text(
        message_id=inbound.message_id or (new_v1_id() if dialect == "v1" else new_go_id()),
        phone=inbound.phone,
        text=inbound.text,
        sent_at=_instant_of(inbound),
        name=inbound.name,
    )
    if dialect == "go":
        event = spoken(
            inbound.kind,
            message,
            base_url_of(request, MOUNT),
            by=inbound.by,
            refers_to=inbound.refers_to,
        )
    else:
        event = _signed(message, inbound.at, registration, sandbox)
    return await _deliver(
        lambda: sandbox.webhooks.post(event, registration, phone=inbound.phone),
        inbound.times,
        message.message_id,
        dialect,
    )


class Connection(BaseModel):
    """The number's session changes; `reason` is what WhatsApp says of its end."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["connecting", "connected", "disconnected"]
    reason: str = Field(default="", max_length=200)


async def post_connection(request: web.Request) -> web.Response:
    """The number is logged in or out: tell it as uazapiGO does."""
    sandbox = request.app[SANDBOX]
    change = await _read(request, Connection)
    registration = sandbox.webhooks.registration
    if registration is None or not registration.wants("connection", frozenset()):
        raise Refused(409, "no webhook wants it: configure the integration first")
    now = datetime.now(UTC)
    event = connection_event(
        change.status,
        base_url_of(request, MOUNT),
        lost_at=utc_text(now, timespec="milliseconds") if change.status == "disconnected" else "",
        reason=change.reason,
        event_id=new_go_id(),
    )
    return await _deliver(
        lambda: sandbox.webhooks.post(event, registration, phone=""), 1, str(event["event_id"]), "go"
    )


async def _post_to_evolution(request: web.Request, sandbox: Sandbox, inbound: Inbound) -> web.Response:
    webhook, event = sandbox.evolution.webhook, "messages.upsert"
    if webhook is None:
        raise Refused(409, "no webhook was set at Evolution: configure the integration first")
    if not webhook.wants(event):
        raise Refused(409, "the webhook at Evolution is disabled or does not want messages")
    message_id = inbound.message_id or new_go_id()
    data = received_message(inbound.phone, message_id, inbound.text, inbound.name, _instant_of(inbound))
    body = envelope(webhook, event, data, base_url_of(request, EVOLUTION))
    return await _deliver(
        lambda: post_as_evolution(sandbox.webhooks, webhook, body, phone=inbound.phone),
        inbound.times,
        message_id,
        EVOLUTION,
    )


def _instant_of(inbound: Inbound) -> datetime:
    return datetime.fromisoformat(inbound.at) if inbound.at else datetime.now(UTC)


def _signed(message: Text, at: str | None, registration: Registration, sandbox: Sandbox) -> dict[str, Any]:
    secret = registration.secret or sandbox.webhook_secret
    if not secret:
        raise Refused(409, "no secret to sign with: register one, or set UAZAPI_WEBHOOK_SECRET")
    return v1_event(message, at or utc_text(message.sent_at, timespec="seconds"), secret)


async def _deliver(
    post: Callable[[], Awaitable[Deliveries]], times: int, message_id: str, dialect: str
) -> web.Response:
    posts = [post() for _ in range(times)]
    deliveries = [attempts for copies in await asyncio.gather(*posts) for attempts in copies]
    unreachable = any(attempts[-1]["status"] is None for attempts in deliveries)
    content = {
        "message_id": message_id,
        "dialect": dialect,
        "deliveries": [attempt for attempts in deliveries for attempt in attempts],
    }
    return web.json_response(content, status=502 if unreachable else 200)
