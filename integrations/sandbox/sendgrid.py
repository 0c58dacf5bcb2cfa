"""The stand-in for SendGrid's v3 API: mails, scopes, and its event webhooks."""

import asyncio
import time
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yarl import URL

from .context import DELAY_SECONDS, SANDBOX, Refused, read_json
from .faults import first_error
from .masking import masked
from .sendgrid_mail import Invalid, check_mail, complete, events_of, is_sandbox_mode, new_message_id
from .sendgrid_webhooks import MAX_WEBHOOKS, Account, Webhook, encode
from .webhooks import Deliveries

MOUNT = "sendgrid"
# Public on purpose: the only keys that the stand-in accepts. The second may read its scopes and no more.
KEY = "SG.demo-key"
READING_KEY = "SG.reading-key"
SCOPES = ["mail.send", "mail.batch.read", "scopes.read", "user.webhooks.event.settings.update"]
EVENTS_SECONDS = 0.05

_SETTINGS = f"/{MOUNT}/v3/user/webhooks/event/settings"


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_post(f"/{MOUNT}/v3/mail/send", send_mail)
    router.add_get(f"/{MOUNT}/v3/scopes", list_scopes)
    router.add_get(f"{_SETTINGS}/all", list_webhooks)
    router.add_post(_SETTINGS, create_webhook)
    router.add_patch(f"{_SETTINGS}/signed/{{id}}", switch_signing)
    router.add_patch(f"{_SETTINGS}/{{id}}", update_webhook)
    router.add_delete(f"{_SETTINGS}/{{id}}", delete_webhook)
    router.add_post("/_sandbox/sendgrid/events", post_events)


def word_refusal(refused: Refused, path: str) -> web.Response:
    field = refused.field if isinstance(refused, Invalid) else None
    error = {"message": refused.error, "field": field, "help": None}
    return web.json_response({"errors": [error]}, status=refused.status)


async def send_mail(request: web.Request) -> web.Response:
    _require_key(request)
    mail = await _read_object(request)
    recipients = check_mail(mail)
    if is_sandbox_mode(mail):
        return web.Response(status=200)
    message_id = new_message_id()
    events = events_of(mail, recipients, message_id)
    sandbox = request.app[SANDBOX]
    sandbox.webhooks.run_later(
        request.get(DELAY_SECONDS, 0.0) + EVENTS_SECONDS, lambda: _post_wanted(request, events)
    )
    return web.Response(status=202, headers={"X-Message-Id": message_id})


async def list_scopes(request: web.Request) -> web.Response:
    reading = _require_key(request, reading=True) == READING_KEY
    return web.json_response({"scopes": ["scopes.read"] if reading else SCOPES})


async def list_webhooks(request: web.Request) -> web.Response:
    _require_key(request)
    account = _account(request)
    shown = [account.show(webhook) for webhook in account.list_webhooks()]
    return web.json_response({"max_allowed": MAX_WEBHOOKS, "webhooks": shown})


async def create_webhook(request: web.Request) -> web.Response:
    _require_key(request)
    body, account = await _read_object(request), _account(request)
    if len(account.list_webhooks()) >= MAX_WEBHOOKS:
        raise Refused(400, "maximum number of webhooks reached")
    _check_settings(body)
    webhook = account.add(body["url"])
    _change(webhook, body)
    return web.json_response(account.show(webhook), status=201)


async def update_webhook(request: web.Request) -> web.Response:
    _require_key(request)
    webhook, body = _find(request), await _read_object(request)
    _check_settings(body)
    _change(webhook, body)
    return web.json_response(_account(request).show(webhook))


async def delete_webhook(request: web.Request) -> web.Response:
    _require_key(request)
    _account(request).remove(_find(request).id)
    return web.Response(status=204)


async def switch_signing(request: web.Request) -> web.Response:
    _require_key(request)
    webhook, body = _find(request), await _read_object(request)
    if not isinstance(body.get("enabled"), bool):
        raise Invalid("enabled must be a boolean", "enabled")
    webhook.is_signed = body["enabled"]
    key = _account(request).public_key if webhook.is_signed else ""
    return web.json_response({"id": webhook.id, "public_key": key})


class Batch(BaseModel):
    """Events to post as they are, completed where they lack something. `at` (epoch seconds) is signed."""

    model_config = ConfigDict(extra="forbid", strict=True)

    events: list[dict[str, Any]]
    times: int = Field(default=1, ge=1, le=20)
    at: int | None = Field(default=None, ge=0)


async def post_events(request: web.Request) -> web.Response:
    """Post a batch to every enabled webhook, whatever events it asked for."""
    body = await read_json(request)
    try:
        batch = Batch.model_validate({"events": body} if isinstance(body, list) else body)
    except ValidationError as exc:
        raise Refused(400, first_error(exc)) from exc
    webhooks = [webhook for webhook in _account(request).list_webhooks() if webhook.enabled]
    if not webhooks:
        raise Refused(409, "no event webhook is enabled: configure the integration first")
    message_id = new_message_id()
    events = [complete(event, message_id) for event in batch.events]
    posts = [_post(request, webhook, events, batch.at) for webhook in webhooks for _ in range(batch.times)]
    deliveries = [attempts for copies in await asyncio.gather(*posts) for attempts in copies]
    unreachable = any(attempts[-1]["status"] is None for attempts in deliveries)
    content = {"events": events, "deliveries": [attempt for attempts in deliveries for attempt in attempts]}
    return web.json_response(content, status=502 if unreachable else 200)


async def _post_wanted(request: web.Request, events: list[dict[str, Any]]) -> None:
    for webhook in _account(request).list_webhooks():
        wanted = [event for event in events if webhook.wants(event)]
        if wanted:
            await _post(request, webhook, wanted)


async def _post(
    request: web.Request, webhook: Webhook, events: list[dict[str, Any]], at: int | None = None
) -> Deliveries:
    data = encode(events)
    timestamp = str(int(time.time()) if at is None else at)
    headers = _account(request).sign(webhook, data, timestamp)
    webhooks = request.app[SANDBOX].webhooks
    return await webhooks.post_bytes(MOUNT, webhook.url, data, masked(events), headers=headers)


def _check_settings(body: dict[str, Any]) -> None:
    text = body.get("url")
    try:
        url = URL(text) if isinstance(text, str) else URL()
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Invalid("url is not a valid URL", "url")
    for name in ("enabled", *Webhook("", "").wanted):
        if not isinstance(body.get(name, False), bool):
            raise Invalid(f"{name} must be a boolean", name)


def _change(webhook: Webhook, body: dict[str, Any]) -> None:
    webhook.url = body["url"]
    webhook.enabled = body.get("enabled", webhook.enabled)
    webhook.friendly_name = str(body.get("friendly_name", webhook.friendly_name))
    webhook.wanted = {name: body.get(name, wanted) for name, wanted in webhook.wanted.items()}


def _find(request: web.Request) -> Webhook:
    webhook = _account(request).find(request.match_info["id"])
    if webhook is None:
        raise Refused(404, "not found")
    return webhook


def _account(request: web.Request) -> Account:
    return request.app[SANDBOX].sendgrid


def _require_key(request: web.Request, *, reading: bool = False) -> str:
    key = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if key not in (KEY, READING_KEY):
        raise Refused(401, "The provided authorization grant is invalid, expired, or revoked")
    if key == READING_KEY and not reading:
        raise Refused(403, "access forbidden")
    return key


async def _read_object(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(400, "Bad Request")
    return body
