"""The way in to every provider mount: journal the request first, then let a scripted fault meet it."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from . import uazapi
from .context import DELAY_SECONDS, SANDBOX, Refused, parse_json
from .faults import DelayFault, DropFault, HangFault, RequestFault, StatusFault, digits_of
from .journal import Entry
from .masking import masked, masked_text

PROVIDERS = (uazapi.MOUNT,)

HANG_SECONDS = 120
_GONE_CHECK_SECONDS = 0.05


@web.middleware
async def answer_errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return uazapi.in_its_dialect(refused, request.path).as_response()
    except web.HTTPRedirection:
        raise
    except web.HTTPException as exc:
        response = uazapi.in_its_dialect(Refused(exc.status, exc.reason), request.path).as_response()
        if "Allow" in exc.headers:
            response.headers["Allow"] = exc.headers["Allow"]
        return response


@web.middleware
async def journal_and_misfortune(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Journal a provider's request on arrival and answer it, unless a fault is scripted for it."""
    provider = request.path.lstrip("/").partition("/")[0]
    if provider not in PROVIDERS:
        return await handler(request)
    sandbox = request.app[SANDBOX]
    try:
        body = _parsed(await request.read())
    except (web.HTTPRequestEntityTooLarge, web.RequestPayloadError) as exc:
        too_large = isinstance(exc, web.HTTPRequestEntityTooLarge)
        status, error = (413, "the body is too large") if too_large else (400, "the body cannot be read")
        sandbox.journal.add(provider, request.method, request.path, None, f"rejected:{status}")
        raise Refused(status, error) from exc
    shown = masked_text(body) if isinstance(body, str) else masked(body)
    entry = sandbox.journal.add(provider, request.method, request.path, shown)
    fault = sandbox.faults.take_for_request(request.path, _recipient_of(body))
    return await _answer(request, handler, entry, fault)


async def _answer(
    request: web.Request, handler: Handler, entry: Entry, fault: RequestFault | None
) -> web.StreamResponse:
    if isinstance(fault, StatusFault):
        entry.outcome = f"fault:{fault.status}"
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return web.json_response(fault.body, status=fault.status, headers=headers)
    if isinstance(fault, DropFault):
        entry.outcome = "dropped"
        return _cut(request)
    if isinstance(fault, DelayFault):
        request[DELAY_SECONDS] = fault.seconds
    response = await _handled(request, handler, entry)
    if isinstance(fault, DelayFault):
        await asyncio.sleep(fault.seconds)
    if isinstance(fault, HangFault) and response.status < 400:
        entry.outcome = "hung"
        await _hold_until_gone(request)
        return _cut(request)
    return response


async def _handled(request: web.Request, handler: Handler, entry: Entry) -> web.StreamResponse:
    try:
        response = await answer_errors_in_json(request, handler)
    except Exception:
        entry.outcome = "crashed"
        raise
    entry.outcome = "accepted" if response.status < 400 else f"rejected:{response.status}"
    return response


async def _hold_until_gone(request: web.Request) -> None:
    for _ in range(int(HANG_SECONDS / _GONE_CHECK_SECONDS)):
        if request.transport is None:
            return
        await asyncio.sleep(_GONE_CHECK_SECONDS)


def _cut(request: web.Request) -> web.Response:
    """Close the connection without an answer. The response that is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _parsed(raw: bytes) -> Any:
    """Return the JSON of a body, its text if it is not JSON, None if it is empty."""
    if not raw:
        return None
    try:
        return parse_json(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def _recipient_of(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    recipient = body.get("number", body.get("phone", ""))
    return digits_of(recipient.partition("@")[0]) if isinstance(recipient, str) else ""
