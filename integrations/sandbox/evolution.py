"""The stand-in for Evolution API v2: one instance, which is connected."""

from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from .context import DELAY_SECONDS, SANDBOX, Refused, base_url_of, read_json
from .evolution_webhooks import API_KEY, INSTANCE, delivered_update, envelope, post, sent_message
from .faults import digits_of

MOUNT = "evolution"
ECHO_SECONDS = 0.05
RECEIPT_SECONDS = 0.1
# Numbers with this prefix have no WhatsApp account (area code 00 does not exist).
UNREACHABLE_PREFIX = "5500"
MEDIA_TYPES = ("image", "document", "video", "audio", "ptv")


def add_routes(router: web.UrlDispatcher) -> None:
    for method, path, handler in (
        ("GET", "/instance/connectionState", show_state),
        ("POST", "/message/sendText", send_text),
        ("POST", "/message/sendMedia", send_media),
        ("POST", "/message/sendWhatsAppAudio", send_audio),
        ("POST", "/chat/whatsappNumbers", check_numbers),
        ("POST", "/webhook/set", set_webhook),
        ("GET", "/webhook/find", find_webhook),
    ):
        router.add_route(method, f"/{MOUNT}{path}/{{instance}}", _guarded(handler))


def word_refusal(refused: Refused, path: str) -> web.Response:
    return _failure(refused.status, [refused.error])


async def show_state(request: web.Request) -> web.Response:
    return web.json_response({"instance": {"instanceName": INSTANCE, "state": "open"}})


async def send_text(request: web.Request) -> web.Response:
    body = await _read_object(request)
    text = _require_text(body, "text")
    return _sent(request, body, "conversation", {"conversation": text})


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
    return _sent(request, body, f"{kind}Message", {f"{kind}Message": media})


async def send_audio(request: web.Request) -> web.Response:
    body = await _read_object(request)
    audio = {"url": _require_file(body, "audio"), "ptt": True}
    return _sent(request, body, "audioMessage", {"audioMessage": audio})


async def check_numbers(request: web.Request) -> web.Response:
    numbers = (await _read_object(request)).get("numbers")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(number, str) for number in numbers):
        raise Refused(400, 'instance requires property "numbers"')
    return web.json_response([_checked(number) for number in numbers])


async def set_webhook(request: web.Request) -> web.Response:
    wanted = (await _read_object(request)).get("webhook")
    if not isinstance(wanted, dict) or not isinstance(wanted.get("enabled"), bool):
        raise Refused(400, 'instance requires property "webhook"')
    try:
        url = URL(wanted.get("url", ""))
    except (ValueError, TypeError):
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(400, 'Invalid "url" property')
    return web.json_response(request.app[SANDBOX].evolution.set_webhook(wanted), status=201)


async def find_webhook(request: web.Request) -> web.Response:
    return web.json_response(request.app[SANDBOX].evolution.shown)


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


def _sent(
    request: web.Request, body: dict[str, Any], message_type: str, message: dict[str, Any]
) -> web.Response:
    found = _checked(_require_text(body, "number"))
    if not found["exists"]:
        return _failure(400, [found])
    phone = digits_of(found["jid"])
    content = sent_message(phone, message_type, message)
    _post_later(request, ECHO_SECONDS, "send.message", content, phone)
    _post_later(request, RECEIPT_SECONDS, "messages.update", delivered_update(content), phone)
    return web.json_response(content, status=201)


def _post_later(request: web.Request, seconds: float, event: str, data: Any, phone: str) -> None:
    """Post in the background, to the webhook that is set now, if it wants the event."""
    sandbox = request.app[SANDBOX]
    webhook = sandbox.evolution.webhook
    if webhook is None or not webhook.wants(event):
        return
    body = envelope(webhook, event, data, base_url_of(request, MOUNT))
    sandbox.webhooks.run_later(
        request.get(DELAY_SECONDS, 0.0) + seconds,
        lambda: post(sandbox.webhooks, webhook, body, phone=phone),
    )


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
