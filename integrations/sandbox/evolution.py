"""The stand-in for Evolution API v2: one instance, which is connected. It posts no webhooks."""

import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from .context import Refused, read_json
from .faults import digits_of

MOUNT = "evolution"
API_KEY = "demo-key"
INSTANCE = "demo"
INSTANCE_ID = "2f6a4c1e-0d3b-4b8e-9a57-5a9db0c0e001"
# Numbers with this prefix have no WhatsApp account (area code 00 does not exist).
UNREACHABLE_PREFIX = "5500"
MEDIA_TYPES = ("image", "document", "video", "audio", "ptv")


def add_routes(router: web.UrlDispatcher) -> None:
    webhook = _Webhook()
    for method, path, handler in (
        ("GET", "/instance/connectionState", show_state),
        ("POST", "/message/sendText", send_text),
        ("POST", "/message/sendMedia", send_media),
        ("POST", "/message/sendWhatsAppAudio", send_audio),
        ("POST", "/chat/whatsappNumbers", check_numbers),
        ("POST", "/webhook/set", webhook.set),
        ("GET", "/webhook/find", webhook.find),
    ):
        router.add_route(method, f"/{MOUNT}{path}/{{instance}}", _guarded(handler))


def word_refusal(refused: Refused, path: str) -> web.Response:
    return _failure(refused.status, [refused.error])


async def show_state(request: web.Request) -> web.Response:
    return web.json_response({"instance": {"instanceName": INSTANCE, "state": "open"}})


async def send_text(request: web.Request) -> web.Response:
    body = await _read_object(request)
    text = _require_text(body, "text")
    return _sent(body, "conversation", {"conversation": text})


async def send_media(request: web.Request) -> web.Response:
    body = await _read_object(request)
    kind = _require_text(body, "mediatype")
    if kind not in MEDIA_TYPES:
        raise Refused(400, "mediatype is not one of enum values")
    media = {
        "url": _require_file(body, "media"),
        "caption": body.get("caption"),
        "fileName": body.get("fileName"),
    }
    return _sent(body, f"{kind}Message", {f"{kind}Message": media})


async def send_audio(request: web.Request) -> web.Response:
    body = await _read_object(request)
    audio = {"url": _require_file(body, "audio"), "ptt": True}
    return _sent(body, "audioMessage", {"audioMessage": audio})


async def check_numbers(request: web.Request) -> web.Response:
    numbers = (await _read_object(request)).get("numbers")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(number, str) for number in numbers):
        raise Refused(400, 'instance requires property "numbers"')
    return web.json_response([_checked(number) for number in numbers])


class _Webhook:
    """What one sandbox was told to post to."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] | None = None

    async def set(self, request: web.Request) -> web.Response:
        wanted = (await _read_object(request)).get("webhook")
        if not isinstance(wanted, dict) or not isinstance(wanted.get("enabled"), bool):
            raise Refused(400, 'instance requires property "webhook"')
        try:
            url = URL(wanted.get("url", ""))
        except (ValueError, TypeError):
            url = URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise Refused(400, 'Invalid "url" property')
        self._settings = {
            "id": "cm0sandbox0webhook",
            "url": wanted["url"],
            "headers": wanted.get("headers"),
            "enabled": wanted["enabled"],
            "events": wanted.get("events", []) if wanted["enabled"] else [],
            "webhookByEvents": wanted.get("byEvents", False),
            "webhookBase64": wanted.get("base64", False),
            "instanceId": INSTANCE_ID,
        }
        return web.json_response(self._settings, status=201)

    async def find(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings)


def _guarded(handler: Handler) -> Handler:
    """Look for the instance first, as the live product does, and then at the key."""

    async def guard(request: web.Request) -> web.StreamResponse:
        name = request.match_info["instance"]
        if name != INSTANCE:
            raise Refused(404, f'The "{name}" instance does not exist')
        if request.headers.get("apikey") != API_KEY:
            return _failure(401, "Unauthorized")
        return await handler(request)

    return guard


def _sent(body: dict[str, Any], message_type: str, message: dict[str, Any]) -> web.Response:
    number = _require_text(body, "number")
    found = _checked(number)
    if not found["exists"]:
        return _failure(400, [found])
    content = {
        "key": {"remoteJid": found["jid"], "fromMe": True, "id": "3EB0" + secrets.token_hex(9).upper()},
        "pushName": "Você",
        "status": "PENDING",
        "message": message,
        "contextInfo": None,
        "messageType": message_type,
        "messageTimestamp": int(datetime.now(UTC).timestamp()),
        "instanceId": INSTANCE_ID,
        "source": "web",
    }
    return web.json_response(content, status=201)


def _checked(number: str) -> dict[str, Any]:
    phone = digits_of(number.partition("@")[0])
    exists = bool(phone) and not phone.startswith(UNREACHABLE_PREFIX)
    return {"jid": f"{phone}@s.whatsapp.net", "exists": exists, "number": number}


def _failure(status: int, message: Any) -> web.Response:
    content = {"status": status, "error": HTTPStatus(status).phrase, "response": {"message": message}}
    return web.json_response(content, status=status)


async def _read_object(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(400, "instance is not of a type(s) object")
    return body


def _require_text(body: dict[str, Any], key: str) -> str:
    text = body.get(key)
    if not isinstance(text, str) or not text:
        raise Refused(400, f'instance requires property "{key}"')
    return text


def _require_file(body: dict[str, Any], key: str) -> str:
    file = _require_text(body, key)
    if not file.startswith(("http://", "https://")):
        raise Refused(400, "Owned media must be a url or base64")
    return file
