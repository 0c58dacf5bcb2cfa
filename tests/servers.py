"""A pytest plugin: servers of the suite's own, started before Django reads its settings.

Postgres is real, migrated by the owner and used under the runtime role; Valkey is real too. With
DATABASE_URL and REDIS_URL set, those servers are used, in a database that is made for the run.
Run in parallel (`-n`), each worker has servers of its own. The process that only hands out the tests has none:
it migrates a database once, and each worker's server starts from a copy of its folder.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from renum.environment import BASE_DIR
from renum.stack.secrets import load_or_create
from renum.stack.servers.postgres import embedded_postgres
from renum.stack.servers.valkey import embedded_valkey

TEMPLATE = "RENUM_TESTS_TEMPLATE"
ADMIN_URL = "RENUM_TESTS_ADMIN_URL"
_started = ExitStack()
atexit.register(_started.close)  # also when a conftest cannot be imported


def _start() -> None:
    data_dir = _new_folder()
    template = os.environ.get(TEMPLATE)
    if template:
        subprocess.run(
            ["cp", "-a", f"{template}/.", data_dir], check=True
        )  # with Postgres' user as its owner
    os.environ["RENUM_DATA_DIR"] = str(data_dir)
    os.environ["RENUM_ENV"] = "test"
    os.environ["RENUM_LOG_LEVEL"] = "WARNING"
    os.environ["RENUM_PROVIDER_TIMEOUT_SECONDS"] = "2"
    os.environ["RENUM_DELIVERY_LEASE_SECONDS"] = "10"
    os.environ.update(load_or_create(data_dir / "secrets.env", environ={}))
    if os.environ.get("DATABASE_URL"):
        _use_external_database()
    else:
        urls = _started.enter_context(embedded_postgres(data_dir, durable=False))
        os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = urls.app, urls.owner
        os.environ[ADMIN_URL] = urls.admin
    if os.environ.get("REDIS_URL"):
        _use_own_redis_database()
    else:
        os.environ["REDIS_URL"] = _started.enter_context(embedded_valkey(data_dir, durable=False))
    if not template:
        _migrate(os.environ)


def _make_template() -> None:
    """Leave a migrated database, stopped, for the workers to copy. Theirs are copies of this environment."""
    if os.environ.get("DATABASE_URL"):
        return
    folder = _new_folder()
    environment = {**os.environ, "RENUM_DATA_DIR": str(folder), "RENUM_ENV": "test"}
    environment.update(load_or_create(folder / "secrets.env", environ={}))
    with embedded_postgres(folder, durable=False) as urls:
        _migrate({**environment, "DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner})
    os.environ[TEMPLATE] = str(folder)


def _new_folder() -> Path:
    folder = Path(_started.enter_context(tempfile.TemporaryDirectory(prefix="renum-tests-")))
    folder.chmod(0o755)
    return folder


def _migrate(environment: Mapping[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    subprocess.run(command, cwd=BASE_DIR, env=environment, check=True)


def _use_external_database() -> None:
    owner_url = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
    name = sql.Identifier(f"renum_test_{os.getpid()}")
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))

    def drop() -> None:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))

    _started.callback(drop)
    for variable in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        if url := os.environ.get(variable):
            base, _, query = url.partition("?")
            server = base.rsplit("/", 1)[0]
            os.environ[variable] = f"{server}/renum_test_{os.getpid()}" + (f"?{query}" if query else "")


def _use_own_redis_database() -> None:
    """Parallel workers on one server keep out of each other's queues: each takes the database of its number."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if number:
        os.environ["REDIS_URL"] = urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()


def pytest_unconfigure() -> None:
    _started.close()


def _only_hands_out() -> bool:
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    return not is_worker and any(argument.startswith(("-n", "--numprocesses")) for argument in sys.argv)


if _only_hands_out():
    _make_template()
else:
    _start()
