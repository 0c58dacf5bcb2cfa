"""Run the sandbox: HTTP and SMTP on one event loop, until told to stop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .app import create_app
from .context import SANDBOX
from .smtp import start_smtp

SHUTDOWN_SECONDS = 0.4  # aiohttp may spend it twice: once waiting for handlers, once cancelling them


class CannotListen(Exception):
    """The address cannot be listened on."""


@dataclass(frozen=True)
class Addresses:
    host: str
    port: int
    smtp_port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def running(
    host: str, port: int, smtp_port: int, *, state: Path | None = None, webhook_secret: str | None = None
) -> AsyncIterator[Addresses]:
    """Serve inside the block and yield where; port 0 picks a free one. Raises CannotListen."""
    app = create_app(state, webhook_secret)
    # The journal is the access log.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as exc:
            raise CannotListen(f"cannot listen on {host}:{port} for HTTP: {_reason(exc)}") from exc
        try:
            smtp = await start_smtp(app[SANDBOX].journal, host, smtp_port)
        except OSError as exc:
            raise CannotListen(f"cannot listen on {host}:{smtp_port} for SMTP: {_reason(exc)}") from exc
        try:
            yield Addresses(host, runner.addresses[0][1], smtp.sockets[0].getsockname()[1])
        finally:
            smtp.close()
    finally:
        await runner.cleanup()


def _reason(exc: OSError) -> str:
    # asyncio wraps the system's words in its own; the last part is what a person needs.
    return str(exc.strerror or exc).rpartition(": ")[2]
