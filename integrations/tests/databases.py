"""A client's database for the tests: the sandbox's tables and some of our own, and a TCP door to them."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from integrations import errors, providers
from integrations import sandbox as sandbox_package
from integrations.providers.base import Health, Select
from renum.security.http import open_client
from renum.security.tests.peers import Behaviour, Peer

SCHEMA = "sandbox_supabase"
READER, READER_PASSWORD = "sandbox_reader", "sandbox-reader"
SECRET_KEY, PUBLISHABLE_KEY = "sb_secret_demo", "sb_publishable_demo"
DEMO_TABLES = ("distribuidores", "produtos", "vendas")
OWN_TABLES = ("provas", "largas", "trancada", "lenta", "gulosa", "desarmada", "contada", "barulhenta")
KINDS = providers.of_type("database")
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)

_TABLES = """
CREATE TABLE IF NOT EXISTS {s}.provas (
    id integer PRIMARY KEY, texto text, numero numeric, marcado boolean, dia date, quando timestamptz,
    chave uuid, bytes bytea, dados jsonb, lista text[], "limit" integer, "order" text, "and" text, "select" text
);
CREATE TABLE IF NOT EXISTS {s}.largas (id integer PRIMARY KEY, corpo text);
CREATE TABLE IF NOT EXISTS {s}.trancada (id integer PRIMARY KEY);
CREATE TABLE IF NOT EXISTS {s}.fechada (id integer PRIMARY KEY, valor text);
CREATE TABLE IF NOT EXISTS {s}.rastro (id integer);
CREATE SEQUENCE IF NOT EXISTS {s}.contador;
CREATE OR REPLACE FUNCTION {s}.escreve() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO {s}.rastro VALUES (1); RETURN 1; END $$;
CREATE OR REPLACE FUNCTION {s}.desarma() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN
        PERFORM set_config('transaction_read_only', 'off', false);
        INSERT INTO {s}.rastro VALUES (2); RETURN 1;
    END $$;
CREATE OR REPLACE VIEW {s}.gulosa AS SELECT {s}.escreve() AS id;
CREATE OR REPLACE VIEW {s}.desarmada AS SELECT {s}.desarma() AS id;
CREATE OR REPLACE VIEW {s}.contada AS SELECT nextval('{s}.contador')::integer AS id;
CREATE OR REPLACE VIEW {s}.barulhenta AS SELECT lo_create(0)::integer AS id;
CREATE OR REPLACE VIEW {s}.lenta AS SELECT 1 AS id, pg_sleep(30)::text AS nada;
GRANT SELECT ON {granted} TO sandbox_service, sandbox_reader;
GRANT USAGE ON SEQUENCE {s}.contador TO sandbox_service, sandbox_reader;
DELETE FROM {s}.rastro; DELETE FROM {s}.provas; DELETE FROM {s}.largas; DELETE FROM {s}.fechada;
INSERT INTO {s}.fechada VALUES (1, 'valor-fechado');
INSERT INTO {s}.trancada VALUES (1) ON CONFLICT DO NOTHING;
INSERT INTO {s}.largas SELECT n, repeat('é', 15000) FROM generate_series(1, 30) n;
INSERT INTO {s}.largas VALUES (100, repeat('x', 300000)), (200, repeat('x', 3000000));
INSERT INTO {s}.largas SELECT n, repeat('y', 60000) FROM generate_series(1000, 1100) n;
INSERT INTO {s}.provas VALUES
    (1, 'um', 10.50, true, '2026-01-02', '2026-01-02 03:04:05.678+00', '00000000-0000-0000-0000-000000000001',
     '\\x0102', '{{"a": [1, 2.5, null, "x"]}}', '{{a,"b,c"}}', 5, 'primeira', 'e', 's'),
    (2, 'dois', 12345678901234567.89, false, '2026-02-03', NULL, NULL, NULL, NULL, '{{}}', 6, 'segunda', 'f', 't'),
    (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (4, 'a*b', 'NaN', true, '2026-03-01', NULL, NULL, NULL, '[]', NULL, 5, 'quarta', 'g', 'u'),
    (5, 'axb', -1, true, '2026-03-01', NULL, NULL, NULL, 'true', NULL, 5, 'quinta', 'g', 'u');
"""


def owner_url() -> str:
    return os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]


def execute(statement: str) -> list[Any]:
    """Run SQL as the owner, committed."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        cursor = owner.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def prepare_tables() -> None:
    """The sandbox's tables, and ours beside them; fresh on every call."""
    demo = Path(sandbox_package.__file__).with_name("demo_tables.sql").read_text()
    granted = ", ".join(f"{SCHEMA}.{name}" for name in OWN_TABLES)
    execute(demo)
    execute(f"ALTER ROLE {READER} LOGIN PASSWORD '{READER_PASSWORD}'")
    execute(_TABLES.format(s=SCHEMA, granted=granted))


def written() -> int:
    """How many rows the functions that must not write have written."""
    return int(execute(f"SELECT count(*) FROM {SCHEMA}.rastro")[0][0])


class Doors(NamedTuple):
    """Where the two databases are: the sandbox's address, and the port of the door."""

    sandbox: str
    port: int


def config_of(kind: str, doors: Doors, **more: Any) -> Any:
    common: dict[str, Any] = {"allowed_tables": [*DEMO_TABLES, *OWN_TABLES], **more}
    own = {
        "supabase": {"supabase_url": f"{doors.sandbox}/supabase", "supabase_key": SECRET_KEY},
        "postgres": {
            "host": "127.0.0.1",
            "port": doors.port,
            "database": conninfo_to_dict(owner_url())["dbname"],
            "username": READER,
            "password": READER_PASSWORD,
            "sslmode": "disable",
            "schema_name": SCHEMA,
        },
    }[kind]
    return providers.get(kind).settings.model_validate({**own, **common})


def ask(kind: str, config: Any, use: Callable[[Any], Awaitable[Any]]) -> Any:
    async def talk() -> Any:
        async with open_client() as http:
            provider = providers.get(kind).open(config, http)
            try:
                return await use(provider)
            finally:
                await provider.aclose()

    return asyncio.run(talk())


def postgres_at(port: int, **more: Any) -> Any:
    """Settings of the Postgres behind a door."""
    return config_of("postgres", Doors("", port), **more)


def check_postgres(port: int, **more: Any) -> Health:
    health: Health = ask("postgres", postgres_at(port, **more), lambda provider: provider.check())
    return health


def failure_at(port: int, **more: Any) -> errors.ProviderError:
    """How a read through a door ends; it must not end well."""
    with pytest.raises(errors.ProviderError) as raised:
        ask(
            "postgres",
            postgres_at(port, **more),
            lambda provider: provider.select(Select("provas", ("id",), limit=1)),
        )
    assert raised.value.__cause__ is None  # the server's words may quote data
    return raised.value


# --- the door -------------------------------------------------------------------------------------


def door(*, certificate: ssl.SSLContext | None = None, password: str = "", refusal: bytes = b"") -> Behaviour:
    """Behave as a Postgres on TCP that leads to the suite's own, with TLS if there is a certificate.

    `password`: what the door itself asks for; any other is met with `refusal`. `peer.heard` has the
    start-up packets.
    """

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        startup = _read_packet(connection)
        if startup == _SSL_REQUEST:
            connection.sendall(b"S" if certificate else b"N")
            if certificate:
                # A client that does not like the certificate says so by an OSError.
                with certificate.wrap_socket(connection, server_side=True) as secured:
                    serve(secured, _read_packet(secured), peer, over)
                return
            startup = _read_packet(connection)
        serve(connection, startup, peer, over)

    def serve(connection: socket.socket, startup: bytes, peer: Peer, over: threading.Event) -> None:
        if not startup:
            return
        peer.heard.append(startup)
        if password and not _knows(connection, password):
            connection.sendall(refusal or fatal("28P01", "password authentication failed for user"))
            return
        with _connect_upstream() as upstream:
            upstream.sendall(startup)
            _relay(connection, upstream, over)

    return behave


def fatal(code: str, message: str) -> bytes:
    """An ErrorResponse that ends the connection."""
    fields = b"".join(
        letter + text.encode() + b"\x00"
        for letter, text in ((b"S", "FATAL"), (b"V", "FATAL"), (b"C", code), (b"M", message))
    )
    return b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\x00"


def _read_packet(connection: socket.socket) -> bytes:
    head = _read_exactly(connection, 4)
    return head + _read_exactly(connection, struct.unpack("!i", head)[0] - 4) if head else b""


def _read_exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = connection.recv(size - len(received))
        if not chunk:
            return b""
        received += chunk
    return received


def _knows(connection: socket.socket, password: str) -> bool:
    connection.sendall(b"R" + struct.pack("!ii", 8, 3))  # in the clear, please
    kind = connection.recv(1)
    return kind == b"p" and _read_packet(connection)[4:-1] == password.encode()


def _connect_upstream() -> socket.socket:
    parameters = conninfo_to_dict(owner_url())
    host, port = str(parameters.get("host") or "/tmp"), int(parameters.get("port") or 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    upstream = socket.socket(socket.AF_UNIX)
    upstream.connect(f"{host}/.s.PGSQL.{port}")
    return upstream


def _relay(one: socket.socket, other: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        pending = isinstance(one, ssl.SSLSocket) and one.pending()
        ready = [one] if pending else select.select([one, other], [], [], 0.05)[0]
        for source in ready:
            data = source.recv(65_536)
            if not data:
                return
            (other if source is one else one).sendall(data)
