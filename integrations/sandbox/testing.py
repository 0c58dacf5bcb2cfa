"""Run the sandbox inside a test process, on ports of its own."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from .server import Addresses, running

START_SECONDS = 10
STOP_SECONDS = 5


@contextmanager
def sandbox_in_thread(
    *,
    state: Path | None = None,
    webhook_secret: str = "",
    database_url: str | None = None,
    certificate: ssl.SSLContext | None = None,
) -> Iterator[Addresses]:
    """Serve on free loopback ports from a thread for as long as the block runs."""
    ready: Future[tuple[Addresses, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with running(
            "127.0.0.1",
            0,
            0,
            state=state,
            webhook_secret=webhook_secret,
            database_url=database_url,
            certificate=certificate,
        ) as addresses:
            ready.set_result((addresses, asyncio.get_running_loop(), stop))
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as exc:
            if ready.done():
                raise
            ready.set_exception(exc)

    thread = threading.Thread(target=work, name="sandbox", daemon=True)
    thread.start()
    addresses, loop, stop = ready.result(START_SECONDS)
    try:
        yield addresses
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_SECONDS)
