"""The servers that a benchmark runs against: durable as in production, on a data folder of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from renum.environment import BASE_DIR
from renum.stack.children import end_group, spawn
from renum.stack.secrets import load_or_create
from renum.stack.servers import embedded_postgres, embedded_valkey

START_SECONDS = 30
# As `renum.stack.up` runs web.
GRANIAN = "-m granian --interface wsgi --host 127.0.0.1 --no-access-log --blocking-threads 32 --workers-kill-timeout 5"


@contextmanager
def databases(**settings: str) -> Iterator[dict[str, str]]:
    """Postgres, migrated, and Valkey; yields the environment that leads to them, and puts it into ours."""
    with tempfile.TemporaryDirectory(prefix="renum-bench-") as folder:
        data_dir = Path(folder)
        data_dir.chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RENUM_")}
        env = {
            **kept,
            "RENUM_DATA_DIR": folder,
            "RENUM_ENV": "test",
            "RENUM_LOG_LEVEL": "WARNING",
            **settings,
        }
        env |= load_or_create(data_dir / "secrets.env", environ={})
        with embedded_postgres(data_dir) as urls, embedded_valkey(data_dir) as redis_url:
            env |= {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner, "REDIS_URL": redis_url}
            command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
            subprocess.run(command, cwd=BASE_DIR, env=env, check=True)
            os.environ.update(env)
            yield env


def set_up_django() -> None:
    """Let this process use the project on the `databases` that were started."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "renum.settings"
    django.setup()


@contextmanager
def granian(application: str, env: Mapping[str, str], *, workers: int = 2) -> Iterator[int]:
    """Serve a WSGI application; yields its port once it answers."""
    port = free_port()
    argv = [sys.executable, *GRANIAN.split(), "--port", str(port), "--workers", str(workers), application]
    with serving(argv, port, env):
        yield port


@contextmanager
def serving(argv: list[str], port: int, env: Mapping[str, str]) -> Iterator[None]:
    """Run a server in a process of its own, from when it answers; raises `RuntimeError` if it does not."""
    server = spawn(argv, env=env, cwd=BASE_DIR, output=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield
    finally:
        end_group(server)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    stop_at = time.monotonic() + START_SECONDS
    while not _listens(port):
        if server.poll() is not None or time.monotonic() > stop_at:
            raise RuntimeError(f"{server.args!r} did not start")
        time.sleep(0.05)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
