"""What the tests of the WhatsApp providers share: how to ask one, and what a server may do to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from integrations import providers
from integrations.providers.base import MediaKind, MediaMessage, TextMessage
from integrations.tests.helpers import http_answer
from renum.security.http import open_client
from renum.security.tests.peers import Peer, read_request

Use = Callable[[Any], Awaitable[Any]]

MESSAGE = TextMessage(recipient="5511987654321", text="Olá", reference="ref-1")
FILE_URL = "https://files.example/boleto.pdf?id=7"

# Answers with a success's status, but not with its content; redirects among them.
OUTSIDE = {
    "html": http_answer("<html>OK</html>"),
    "empty": http_answer(b""),
    "list": http_answer([{"status": "connected"}]),
    "text": http_answer('"connected"'),
    "null": http_answer("null"),
    "no-status": http_answer({"hello": "world"}),
    "too-large": http_answer(b'{"instance": "' + b"x" * (2 * 1024 * 1024) + b'"}'),
    "not-utf8": http_answer(b'{"instance": "\xff"}'),
    "deep": http_answer("[" * 50_000),
    "redirect": http_answer("", "302 Found", "Location: http://127.0.0.1:1/"),
    "redirect-permanent": http_answer("", "308 Permanent Redirect", "Location: http://127.0.0.1:1/"),
}

# Servers that break HTTP itself.
BROKEN = {
    "ssh": b"SSH-2.0-OpenSSH_9.7\r\n",
    "no-status": b"HTTP/1.1 abc\r\n\r\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "bad-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "not-gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "long-header": b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\n{}",
    "cut-short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
    "nothing": b"",
}

# Addresses that no request can be sent to.
UNASKABLE = {
    "long-label": "https://" + "a" * 70 + ".example",
    "empty-label": "https://a..b.example",
    "bare-puny": "https://xn--.example",
    "bracket": "https://[::1",
    "space": "https://exa mple.com",
    "long-puny": "https://\u2603" + "x" * 80 + ".example",
    "long-name": "https://" + "a." * 200 + "example",
}


def ask_provider(kind: str, config: Any, use: Use) -> Any:
    """Open the provider as a worker would, and return what `use` made of it."""

    async def talk() -> Any:
        async with open_client() as http:
            provider = providers.get(kind).open(config, http)
            try:
                return await use(provider)
            finally:
                await provider.aclose()

    return asyncio.run(talk())


def media(kind: MediaKind, *, caption: str = "", filename: str = "") -> MediaMessage:
    return MediaMessage("5511987654321", kind, FILE_URL, "ref-2", caption=caption, filename=filename)


def dripping(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
    """Promise a long answer, and send a byte of it now and then."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(0.1):
        connection.sendall(b"{")
