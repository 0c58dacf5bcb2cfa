"""What every handler of one sandbox shares, and the helpers to read a request and to refuse it."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from .evolution_webhooks import Instance
from .faults import Faults
from .journal import Journal
from .sendgrid_webhooks import Account
from .webhooks import Webhooks

BODY_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Sandbox:
    journal: Journal
    posted: Journal  # the webhooks that we posted, in the journal's format
    faults: Faults
    webhooks: Webhooks
    webhook_secret: str  # signs v1 webhooks unless the registration brought its own
    sendgrid: Account = field(default_factory=Account)
    evolution: Instance = field(default_factory=Instance)


SANDBOX = web.AppKey("sandbox", Sandbox)
DELAY_SECONDS = web.RequestKey("delay_seconds", float)


class Refused(Exception):
    """The request is refused with this status; `code` is part of the v1 contract only."""

    def __init__(self, status: int, error: str, code: str | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.code = status, error, code

    def as_response(self) -> web.Response:
        content = {"error": self.error} if self.code is None else {"error": self.error, "code": self.code}
        return web.json_response(content, status=self.status)


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON; raises ValueError, also where Python alone would accept (NaN) or choke (nesting)."""
    try:
        return json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


async def read_json(request: web.Request) -> Any:
    try:
        return parse_json(await request.read())
    except ValueError as exc:
        raise Refused(400, "malformed JSON") from exc


def base_url_of(request: web.Request, mount: str) -> str:
    return f"{request.url.origin()}/{mount}"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number
