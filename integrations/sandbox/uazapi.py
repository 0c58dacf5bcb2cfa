"""The stand-in for Uazapi, in both dialects: "go" is the live product (uazapiGO v2), "v1" the simpler
contract with signed webhooks."""

import re
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from yarl import URL

from .context import DELAY_SECONDS, SANDBOX, Refused, base_url_of, read_json
from .faults import digits_of
from .journal import utc_text
from .payloads import (
    OWNER,
    TOKEN,
    Text,
    delivered_event,
    lid_of,
    message_event,
    new_go_id,
    new_v1_id,
    sent_answer,
    status_answer,
)
from .webhooks import API_ECHO, RECEIPT, Registration

MOUNT = "uazapi"
ECHO_SECONDS = 0.05
RECEIPT_SECONDS = 0.1
WEBHOOK_ID = "r0sandbox0webhook"
# Numbers with this prefix have no WhatsApp account (area code 00 does not exist).
UNREACHABLE_PREFIX = "5500"

MEDIA_TYPES = ("image", "video", "document", "audio", "myaudio", "ptt", "ptv", "sticker")

_V1_PATHS = ("/messages/send", "/messages/send-media", "/status", "/webhooks")
_V1_CODES = {
    400: "invalid_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}


def add_routes(router: web.UrlDispatcher) -> None:
    router.add_get(f"/{MOUNT}/instance/status", go_status)
    router.add_post(f"/{MOUNT}/send/text", go_send_text)
    router.add_post(f"/{MOUNT}/send/media", go_send_media)
    router.add_get(f"/{MOUNT}/webhook", go_list_webhooks)
    router.add_post(f"/{MOUNT}/webhook", go_register_webhook)
    router.add_post(f"/{MOUNT}/chat/check", go_check_numbers)
    for prefix in (f"/{MOUNT}", f"/{MOUNT}/v1"):
        router.add_post(f"{prefix}/messages/send", v1_send)
        router.add_post(f"{prefix}/messages/send-media", v1_send_media)
        router.add_get(f"{prefix}/status", v1_status)
        router.add_post(f"{prefix}/webhooks", v1_register_webhook)


def word_refusal(refused: Refused, path: str) -> web.Response:
    """Give a refusal the `code` that v1 has and go has not."""
    below = path.removeprefix(f"/{MOUNT}")
    if refused.code is None and (below in _V1_PATHS or below.startswith("/v1/")):
        refused = Refused(refused.status, refused.error, _V1_CODES.get(refused.status, "error"))
    return refused.as_response()


# The go dialect


async def go_status(request: web.Request) -> web.Response:
    _require_go_token(request)
    return web.json_response(status_answer(base_url_of(request, MOUNT)))


async def go_send_text(request: web.Request) -> web.Response:
    _require_go_token(request)
    body = await _read_object(request)
    number, text = body.get("number"), body.get("text")
    if not (isinstance(number, str) and number and isinstance(text, str) and text):
        raise Refused(400, "Missing number or text")
    return _go_sent(request, body, number, text=text)


async def go_send_media(request: web.Request) -> web.Response:
    _require_go_token(request)
    body = await _read_object(request)
    number, kind, file = (body.get(key) for key in ("number", "type", "file"))
    if not (isinstance(number, str) and number and isinstance(file, str) and file):
        raise Refused(400, "Missing number or file")
    if kind not in MEDIA_TYPES:
        raise Refused(400, "Invalid media type")
    # The caption is `text`; a `caption` is ignored, as it is by the live product.
    caption, filename = (_text_or_empty(body, key) for key in ("text", "docName"))
    return _go_sent(request, body, number, text=caption, media=kind, filename=filename)


def _go_sent(request: web.Request, body: dict[str, Any], number: str, **content: str) -> web.Response:
    phone = digits_of(number.partition("@")[0])
    if not phone or phone.startswith(UNREACHABLE_PREFIX):
        # A permanent failure that arrives as a 5xx: the live product does that.
        raise Refused(500, f"the number {phone or number}@s.whatsapp.net is not on WhatsApp")
    message = Text(
        message_id=new_go_id(),
        phone=phone,
        sent_at=datetime.now(UTC),
        track_id=_text_or_empty(body, "track_id"),
        **content,
    )
    _post_echo_and_receipt(request, message)
    return web.json_response(sent_answer(message))


async def go_list_webhooks(request: web.Request) -> web.Response:
    _require_go_token(request)
    return web.json_response(_go_webhooks(request))


async def go_register_webhook(request: web.Request) -> web.Response:
    _require_go_token(request)
    body = await _read_object(request)
    if "action" in body or "id" in body:
        raise Refused(400, "The sandbox knows the simple mode only: no action, no id")
    enabled = body.get("enabled", True)
    if not isinstance(enabled, bool):
        raise Refused(400, "enabled must be a boolean")
    registration = Registration(
        dialect="go",
        url=_require_url(body),
        events=_words(body, "events", Registration.events),
        excluded=_words(body, "excludeMessages", ()),
        enabled=enabled,
    )
    request.app[SANDBOX].webhooks.register(registration)
    return web.json_response(_go_webhooks(request))


async def go_check_numbers(request: web.Request) -> web.Response:
    _require_go_token(request)
    numbers = (await _read_object(request)).get("numbers")
    if not isinstance(numbers, list) or not numbers or not all(isinstance(number, str) for number in numbers):
        raise Refused(400, "Missing numbers in payload")
    return web.json_response([_checked(number) for number in numbers])


# The v1 dialect: no echo and no receipts


async def v1_send(request: web.Request) -> web.Response:
    _require_bearer(request)
    body = await _read_object(request)
    phone, message = body.get("phone"), body.get("message")
    if not (isinstance(phone, str) and phone and isinstance(message, str) and message):
        raise Refused(400, "phone and message are required")
    return _v1_sent(phone)


async def v1_send_media(request: web.Request) -> web.Response:
    _require_bearer(request)
    body = await _read_object(request)
    phone, file = body.get("phone"), body.get("media_url")
    if not (isinstance(phone, str) and phone and isinstance(file, str) and file):
        raise Refused(400, "phone and media_url are required")
    if body.get("media_type", "image") not in MEDIA_TYPES:
        raise Refused(400, "media_type is not known")
    return _v1_sent(phone)


def _v1_sent(phone: str) -> web.Response:
    if not re.fullmatch(r"\+?[0-9]{8,15}", phone):
        raise Refused(400, "phone is not an E.164 number")
    if digits_of(phone).startswith(UNREACHABLE_PREFIX):
        raise Refused(400, "the number is not on WhatsApp", code="invalid_recipient")
    sent_at = utc_text(datetime.now(UTC), timespec="seconds")
    return web.json_response({"success": True, "message_id": new_v1_id(), "sent_at": sent_at})


async def v1_status(request: web.Request) -> web.Response:
    _require_bearer(request)
    return web.json_response({"status": "connected", "phone_number": f"+{OWNER}"})


async def v1_register_webhook(request: web.Request) -> web.Response:
    _require_bearer(request)
    body = await _read_object(request)
    secret = body.get("secret", "")
    if not isinstance(secret, str):
        raise Refused(400, "secret must be a string")
    registration = Registration(dialect="v1", url=_require_url(body), secret=secret)
    request.app[SANDBOX].webhooks.register(registration)
    return web.json_response({"success": True, "url": registration.url})


def _post_echo_and_receipt(request: web.Request, message: Text) -> None:
    webhooks = request.app[SANDBOX].webhooks
    registration = webhooks.registration
    # A webhook that was registered in v1 belongs to a provider that knows neither echoes nor receipts.
    if registration is None or registration.dialect != "go":
        return
    base_url, delay = base_url_of(request, MOUNT), request.get(DELAY_SECONDS, 0.0)
    if registration.wants("messages", API_ECHO):
        echo = message_event(message, base_url, from_api=True)
        webhooks.post_later(echo, phone=message.phone, after_seconds=delay + ECHO_SECONDS)
    if registration.wants("messages_update", RECEIPT):
        receipt = delivered_event(message, base_url)
        webhooks.post_later(receipt, phone=message.phone, after_seconds=delay + RECEIPT_SECONDS)


def _go_webhooks(request: web.Request) -> list[dict[str, Any]]:
    registration = request.app[SANDBOX].webhooks.registration
    if registration is None or registration.dialect != "go":
        return []
    return [
        {
            "id": WEBHOOK_ID,
            "enabled": registration.enabled,
            "url": registration.url,
            "events": list(registration.events),
            "excludeMessages": list(registration.excluded),
            "addUrlEvents": False,
            "addUrlTypesMessages": False,
        }
    ]


def _checked(number: str) -> dict[str, Any]:
    phone = digits_of(number.partition("@")[0])
    # A LID is not a number: the live product answers that it is not on WhatsApp.
    if not phone or phone.startswith(UNREACHABLE_PREFIX) or number.endswith("@lid"):
        error = f"the number {phone}@s.whatsapp.net is not on WhatsApp"
        return {"query": number, "isInWhatsapp": False, "jid": "", "verifiedName": "", "error": error}
    return {
        "query": number,
        "isInWhatsapp": True,
        "jid": f"{phone}@s.whatsapp.net",
        "lid": lid_of(phone),
        "verifiedName": "",
    }


def _require_go_token(request: web.Request) -> None:
    if request.headers.get("token") != TOKEN:
        raise Refused(401, "Invalid token")


def _require_bearer(request: web.Request) -> None:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        raise Refused(401, "Invalid token")


async def _read_object(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def _text_or_empty(body: dict[str, Any], key: str) -> str:
    text = body.get(key)
    return text if isinstance(text, str) else ""


def _require_url(body: dict[str, Any]) -> str:
    text = body.get("url")
    try:
        url = URL(text) if isinstance(text, str) else URL()
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused(400, "url must be an http or https URL")
    return str(text)


def _words(body: dict[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    words = body.get(key, list(default))
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refused(400, f"{key} must be a list of strings")
    return tuple(words)
