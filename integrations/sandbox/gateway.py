"""The way in to every provider mount: journal the request first, then let a scripted fault meet it."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from .context import DELAY_SECONDS, SANDBOX, Refused, parse_json
from .faults import (
    CutFault,
    DelayFault,
    DropFault,
    GarbageFault,
    HangFault,
    RequestFault,
    StatusFault,
    digits_of,
)
from .journal import Entry
from .masking import masked, masked_text
from .mounts import MOUNTS, mount_of, word_refusal

HANG_SECONDS = 120
_GONE_CHECK_SECONDS = 0.05
_PAGE = "<!doctype html><html><title>Welcome</title><h1>It works!</h1></html>"


@web.middleware
async def answer_errors_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return word_refusal(refused, request.path)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as exc:
        response = word_refusal(Refused(exc.status, exc.reason), request.path)
        if "Allow" in exc.headers:
            response.headers["Allow"] = exc.headers["Allow"]
        return response


@web.middleware
async def journal_and_misfortune(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Journal a provider's request on arrival and answer it, unless a fault is scripted for it."""
    provider = mount_of(request.path)
    if provider not in MOUNTS:
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
    if isinstance(fault, GarbageFault):
        entry.outcome = "garbage"
        return web.Response(text=_PAGE, content_type="text/html")
    if isinstance(fault, DelayFault):
        request[DELAY_SECONDS] = fault.seconds
    response = await _handled(request, handler, entry)
    if isinstance(fault, DelayFault):
        await asyncio.sleep(fault.seconds)
    if isinstance(fault, HangFault) and response.status < 400:
        entry.outcome = "hung"
        await _hold_until_gone(request)
        return _cut(request)
    if isinstance(fault, CutFault) and response.status < 400:
        entry.outcome = "cut"
        return _cut_short(request, response)
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


def _cut_short(request: web.Request, response: web.StreamResponse) -> web.Response:
    """Send the head and half of the body, then hang up. The response that is returned goes nowhere."""
    body = response.body if isinstance(response, web.Response) else b""
    whole = body if isinstance(body, bytes) else b""
    head = (
        f"HTTP/1.1 {response.status} {response.reason or ''}\r\n"
        f"Content-Type: {response.content_type}\r\nContent-Length: {len(whole) + 1}\r\n\r\n"
    )
    if request.transport is not None:
        request.transport.write(head.encode() + whole[: len(whole) // 2])
        request.transport.close()
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
