"""The only file that talks to a client's Postgres: a connection and a read-only transaction for each call."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import certifi
import psycopg
from django.conf import settings
from psycopg import sql

from integrations import errors
from integrations.providers.postgres.config import PostgresSettings
from integrations.providers.postgres.refusals import NOT_LOCAL, UNREACHED, error_of
from integrations.providers.postgres.roles import EXCESS, require_harmless
from integrations.providers.tables import to_error
from renum.security.sockets import CONNECT_SECONDS, NotConnected, resolve_vetted

STATEMENT_SECONDS = 10.0
LOCK_SECONDS = 2.0
_MAX_ADDRESSES = 4
_NO_FILE = "/dev/null/none"
_Run = Callable[[psycopg.AsyncConnection], Awaitable[list[list[str | None]]]]


class PostgresClient:
    """One server's reads. `statement_seconds` and `lock_seconds` bound what a read may cost the server."""

    def __init__(
        self,
        config: PostgresSettings,
        *,
        statement_seconds: float = STATEMENT_SECONDS,
        lock_seconds: float = LOCK_SECONDS,
    ):
        self._config = config
        self._seconds = float(settings.ENVIRONMENT.provider_timeout_seconds)
        self._statement_seconds = min(statement_seconds, self._seconds)
        self._lock_seconds = lock_seconds

    async def read(
        self, statement: sql.SQL | sql.Composed, params: Sequence[Any] = ()
    ) -> list[list[str | None]]:
        """Run one statement in a read-only transaction of its own; the values come as texts.

        Raises a `ProviderError`, without the server's words as its cause: they may quote data.
        """

        async def run(connection: psycopg.AsyncConnection) -> list[list[str | None]]:
            return await _run(connection.cursor(), statement, params)

        return await self._in_transaction(run)

    async def read_sql(self, statement: str, params: Sequence[Any]) -> list[list[str | None]]:
        """Run SQL that is not ours, with `$1` for the first parameter; raises as `read`.

        Only for a login that can do nothing but read the allowed tables, else `Misconfigured`. There must be
        a parameter: without any, libpq would let several statements pass as one.
        """
        if not params:
            raise ValueError("a statement without parameters would go by the simple protocol")

        async def run(connection: psycopg.AsyncConnection) -> list[list[str | None]]:
            await self._judge(connection)
            return await _run(psycopg.AsyncRawCursor(connection), statement.encode(), params)

        return await self._in_transaction(run)

    async def require_harmless_role(self) -> None:
        """Raise `Misconfigured` for a login that may do more than read the allowed tables."""
        await self._in_transaction(self._judge)

    async def _judge(self, connection: psycopg.AsyncConnection) -> list[list[str | None]]:
        await connection.execute(_NARROW)
        declared = [self._config.schema_name, list(self._config.allowed_tables)]
        require_harmless(await _run(connection.cursor(), EXCESS, declared))
        return []

    async def _in_transaction(self, run: _Run) -> list[list[str | None]]:
        opened: list[psycopg.AsyncConnection] = []
        task = asyncio.ensure_future(self._read(opened, run))
        try:
            done, _ = await asyncio.wait({task}, timeout=self._seconds)
            if done:
                return task.result()
        except NotConnected:
            raise to_error(UNREACHED) from None
        except psycopg.Error as error:
            raise error_of(error, connected=bool(opened)) from None
        except UnicodeDecodeError:
            raise errors.ProtocolError from None
        finally:
            await _end(task, opened)
        raise errors.TimedOut if opened else to_error(UNREACHED)

    async def _read(self, opened: list[psycopg.AsyncConnection], run: _Run) -> list[list[str | None]]:
        literals = (await resolve_vetted(self._config.host, self._config.port))[:_MAX_ADDRESSES]
        self._require_tls_outside(literals)
        with _authorities(self._config) as certificates:
            opened.append(
                await psycopg.AsyncConnection.connect(
                    **_parameters(self._config, literals, certificates),
                    prepare_threshold=None,  # a pooler between us and the server may swap sessions
                )
            )
        connection = opened[0]
        try:
            # Nothing can undo this from inside: Postgres refuses to, after the first query.
            await connection.set_read_only(True)
            await connection.execute(_LIMITS, self._limits())
            found = await run(connection)
            await connection.rollback()
            return found
        finally:
            await connection.close()

    def _limits(self) -> list[str]:
        milliseconds = [self._statement_seconds, self._lock_seconds, self._seconds]
        return [str(max(1, round(seconds * 1000))) for seconds in milliseconds]

    def _require_tls_outside(self, literals: Sequence[str]) -> None:
        local = settings.ENVIRONMENT.allow_loopback and all(
            ipaddress.ip_address(literal).is_loopback for literal in literals
        )
        if self._config.sslmode == "disable" and not local:
            raise to_error(NOT_LOCAL)


# For this transaction only, not as start-up options, which poolers refuse.
_LIMITS = sql.SQL(
    "SELECT pg_catalog.set_config('statement_timeout', %s, true), "
    "pg_catalog.set_config('lock_timeout', %s, true), "
    "pg_catalog.set_config('idle_in_transaction_session_timeout', %s, true), "
    "pg_catalog.set_config('TimeZone', 'UTC', true)"
)
# For SQL that is not ours: no object of the client's can stand in for one of Postgres', and a backslash
# stays one. Temporary objects, searched first unless they are named, come last.
_NARROW = sql.SQL(
    "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), "
    "pg_catalog.set_config('standard_conforming_strings', 'on', true), "
    "pg_catalog.set_config('jit', 'off', true)"  # compiling takes longer than judging the login does
)


def _parameters(config: PostgresSettings, literals: Sequence[str], certificates: str) -> dict[str, Any]:
    """Everything libpq would else take from its environment, from files in the home folder, or from DNS."""
    return {
        "hostaddr": ",".join(literals),
        "host": ",".join([config.host] * len(literals)),
        "port": config.port,
        "dbname": config.database,
        "user": config.username,
        "password": config.password.get_secret_value(),
        "passfile": _NO_FILE,
        "sslmode": config.sslmode,
        "sslrootcert": certificates,
        "sslcrl": _NO_FILE,
        "sslcertmode": "disable",
        "sslsni": 1,
        "sslnegotiation": "postgres",
        "ssl_min_protocol_version": "TLSv1.2",
        "gssencmode": "disable",
        "channel_binding": "prefer",
        "require_auth": "password,md5,scram-sha-256,none",
        "options": "",
        "target_session_attrs": "any",
        "load_balance_hosts": "disable",
        "client_encoding": "UTF8",
        "application_name": "renum",
        "connect_timeout": round(CONNECT_SECONDS),
    }


@contextmanager
def _authorities(config: PostgresSettings) -> Iterator[str]:
    """The file of those who may vouch for the server: libpq takes no certificate but from a file."""
    if config.sslmode != "verify-full":
        yield _NO_FILE
    elif config.ca_certificate is None:
        yield certifi.where()
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(config.ca_certificate)
            file.flush()
            yield file.name


async def _end(task: asyncio.Task[Any], opened: Sequence[psycopg.AsyncConnection]) -> None:
    """See the task over. psycopg, when cancelled, would first ask the server to cancel, and wait for it."""
    if task.done():
        return
    if opened and not opened[0].closed:
        with socket.socket(fileno=os.dup(opened[0].fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    else:
        task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()


async def _run(
    cursor: psycopg.AsyncCursor, statement: bytes | sql.SQL | sql.Composed, params: Sequence[Any]
) -> list[list[str | None]]:
    await cursor.execute(statement, params)
    return _texts(cursor.pgresult)


def _texts(result: psycopg.pq.abc.PGresult | None) -> list[list[str | None]]:
    if result is None or result.status != psycopg.pq.ExecStatus.TUPLES_OK:
        raise errors.ProtocolError
    return [
        [
            None if (value := result.get_value(row, column)) is None else value.decode()
            for column in range(result.nfields)
        ]
        for row in range(result.ntuples)
    ]
