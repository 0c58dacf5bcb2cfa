"""The one factory of outbound HTTP clients: vetted addresses, time-outs, no redirects, no proxies."""

from __future__ import annotations

import aiohttp
import httpx
from django.conf import settings
from httpx_aiohttp import AiohttpTransport

from renum.security.addresses import AddressRefused, VettedResolver, host_literal, judge

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 2.0  # shorter than servers keep a connection: a stale one could swallow a message
MAX_RESPONSE_BYTES = 2 * 1024 * 1024


class _VettedTransport(AiohttpTransport):
    def __init__(self, *, allow_loopback: bool, limit: int):
        super().__init__(trust_env=False)
        self._allow_loopback = allow_loopback
        self._limit = limit
        self.client = self._open_session

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=VettedResolver(allow_loopback=self._allow_loopback),
            use_dns_cache=False,
            ssl=self.ssl_context,
            limit=self._limit,
            keepalive_timeout=IDLE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        literal = host_literal(request.url.host)
        if literal is not None:
            judge(str(literal), allow_loopback=self._allow_loopback)
        return await super().handle_async_request(request)


def open_client(*, timeout_seconds: float | None = None, in_flight: int = 100) -> httpx.AsyncClient:
    """Build a client for addresses that users typed; the caller closes it.

    `timeout_seconds` bounds each wait for the peer (default: the provider time-out);
    `in_flight` bounds the connections.
    """
    seconds = timeout_seconds or settings.ENVIRONMENT.provider_timeout_seconds
    return httpx.AsyncClient(
        transport=_VettedTransport(allow_loopback=settings.ENVIRONMENT.allow_loopback, limit=in_flight),
        timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds), pool=None),
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "RENUM/1.0"},
    )


# httpx-aiohttp reports a server that hung up as `ConnectTimeout`, though the request was sent by
# then (aiohttp.ServerDisconnectedError is a ClientConnectionError). The original tells the truth.
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, AddressRefused)


def left_before_sending(error: httpx.HTTPError | OSError) -> bool:
    """Tell whether a failed request certainly never reached the peer."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, _NEVER_SENT) or isinstance(error, httpx.UnsupportedProtocol)
