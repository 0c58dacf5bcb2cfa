"""Run the sandbox: HTTP and SMTP on one event loop, until told to stop."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .app import create_app
from .context import SANDBOX
from .smtp import MailServers

SHUTDOWN_SECONDS = 0.4  # aiohttp may spend it twice: once waiting for handlers, once cancelling them


class CannotListen(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True)
class Addresses:
    host: str
    port: int
    smtp_port: int
    smtps_port: int = 0  # TLS from the first byte; 0: no certificate, no listener

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def running(
    host: str,
    port: int,
    smtp_port: int,
    *,
    state: Path | None = None,
    webhook_secret: str | None = None,
    database_url: str | None = None,
    certificate: ssl.SSLContext | None = None,
) -> AsyncIterator[Addresses]:
    """Serve inside the block and yield where; port 0 picks a free one. Raises CannotListen.

    With a server's `certificate`, mail is also taken over STARTTLS, and on a port of its own over TLS.
    """
    app = create_app(state, webhook_secret, database_url)
    # The journal is the access log.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise CannotListen(f"cannot listen on {host}:{port} for HTTP: {_reason(exc)}") from exc
        try:
            mail = MailServers(app[SANDBOX].journal, app[SANDBOX].faults, certificate)
            smtp = await mail.listen(host, smtp_port)
            smtps = await mail.listen(host, 0, implicit_tls=True) if certificate else None
        except OSError as exc:
            raise CannotListen(f"cannot listen on {host}:{smtp_port} for SMTP: {_reason(exc)}") from exc
        try:
            smtps_port = _port_of(smtps) if smtps else 0
            yield Addresses(host, runner.addresses[0][1], _port_of(smtp), smtps_port)
        finally:
            smtp.close()
            if smtps:
                smtps.close()
    finally:
        await runner.cleanup()


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _reason(exc: OSError) -> str:
    # asyncio wraps the system's words in its own; the last part is what a person needs.
    return str(exc.strerror or exc).rpartition(": ")[2]
