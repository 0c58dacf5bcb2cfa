"""The one factory of outbound HTTP clients: vetted addresses, time-outs, no redirects, no proxies."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import aiohttp
import httpx
from django.conf import settings
from httpx_aiohttp import AiohttpTransport

from renum.security.addresses import AddressRefused, VettedResolver, as_literal, judge

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 2.0  # shorter than servers keep a connection: a stale one could swallow a message
MAX_RESPONSE_BYTES = 2 * 1024 * 1024


@cache
def _certificates() -> ssl.SSLContext:
    """The public authorities: once a process, since reading them takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


class _VettedTransport(AiohttpTransport):
    def __init__(self, *, allow_loopback: bool, limit: int):
        super().__init__(verify=_certificates(), trust_env=False)
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
        literal = as_literal(request.url.host)
        if literal is not None:
            judge(str(literal), allow_loopback=self._allow_loopback)
        try:
            response = await super().handle_async_request(request)
        except aiohttp.ClientError as error:  # what httpx-aiohttp has no name for, as garbage for an answer
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            raise httpx.RemoteProtocolError("compressed, though we asked for plain", request=request)
        response.stream = _CappedStream(response.stream, request)
        return response


class AnswerTooLarge(httpx.RemoteProtocolError):
    """The peer's answer has more bytes than we read."""


class _CappedStream(httpx.AsyncByteStream):
    """Gives up on an answer that grows beyond 2 MiB, instead of holding it in memory."""

    def __init__(self, stream: Any, request: httpx.Request):
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MAX_RESPONSE_BYTES:
                raise AnswerTooLarge("the answer is too large", request=self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def open_client(*, timeout_seconds: float | None = None, in_flight: int = 100) -> httpx.AsyncClient:
    """Build a client for addresses that users typed; the caller closes it.

    `timeout_seconds` bounds each wait for the peer (default: the provider time-out);
    `in_flight` bounds the connections.
    """
    seconds = timeout_seconds or settings.ENVIRONMENT.provider_timeout_seconds
    # Well before a caller gives up on the whole exchange: afterwards nobody could tell that nothing left.
    connect_seconds = min(CONNECT_SECONDS, seconds / 2)
    return httpx.AsyncClient(
        transport=_VettedTransport(allow_loopback=settings.ENVIRONMENT.allow_loopback, limit=in_flight),
        # httpx-aiohttp takes `pool` for all that comes before sending, the name look-up included.
        timeout=httpx.Timeout(seconds, connect=connect_seconds, pool=connect_seconds),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # integrations share the client
        # Plain, so that a small answer cannot unfold into a large one.
        headers={"User-Agent": "RENUM/1.0", "Accept-Encoding": "identity"},
    )


# httpx-aiohttp reports a server that hung up as `ConnectTimeout`, though the request was sent by
# then (aiohttp.ServerDisconnectedError is a ClientConnectionError). The original tells the truth.
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, AddressRefused)


def left_before_sending(error: httpx.HTTPError | OSError) -> bool:
    """Tell whether a failed request certainly never reached the peer."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, _NEVER_SENT) or isinstance(error, httpx.UnsupportedProtocol)
