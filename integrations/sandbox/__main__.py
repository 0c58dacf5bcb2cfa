"""`python -m integrations.sandbox`: serve until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from .server import CannotListen, running


def main(argv: list[str] | None = None) -> int:
    options = _parse_arguments(argv)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        asyncio.run(_serve(options))
    except CannotListen as exc:
        print(f"sandbox: {exc}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(
        options.host,
        options.port,
        options.smtp_port,
        state=options.state,
        database_url=options.database_url,
    ) as addresses:
        print(f"sandbox: {addresses.url}/_sandbox/ smtp {addresses.host}:{addresses.smtp_port}", flush=True)
        await stop.wait()


def _parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m integrations.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8010, help="HTTP; 0 picks a free one (default 8010)")
    parser.add_argument("--smtp-port", type=_port, default=8025, help="SMTP; likewise (default 8025)")
    parser.add_argument("--state", type=Path, help="file that remembers the registered webhook over restarts")
    parser.add_argument(
        "--database-url",
        help="Postgres, as a role that may create schemas and roles, for the tables behind /supabase "
        "(default: DATABASE_OWNER_URL, else DATABASE_URL)",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
