"""A client's own Postgres: what its errors mean, what a read may cost it, and peers that are none."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from integrations import errors
from integrations.providers.base import Select
from integrations.providers.postgres.client import PostgresClient
from integrations.providers.postgres.refusals import error_of
from integrations.providers.tables import SQLSTATES, failure_of, to_error
from integrations.tests.databases import (
    READER,
    READER_PASSWORD,
    SCHEMA,
    ask,
    check_postgres,
    door,
    execute,
    failure_at,
    fatal,
    owner_url,
    postgres_at,
    prepare_tables,
)
from integrations.tests.helpers import closed_port, wait_until
from renum.security.tests.peers import ANSWER, Behaviour, Peer, listening

QUERY = Select("provas", ("id",), limit=1)
READY = b"R" + struct.pack("!ii", 8, 0) + b"Z" + struct.pack("!i", 5) + b"I"


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_tables()


@pytest.fixture
def postgres() -> Iterator[Peer]:
    with listening(door()) as peer:
        yield peer


# --- what errors mean -----------------------------------------------------------------------------


def test_a_wrong_password_is_refused_credentials() -> None:
    with listening(door(password=READER_PASSWORD)) as peer:
        assert check_postgres(peer.port).connected
        error = failure_at(peer.port, password="errada")
    assert type(error) is errors.AuthFailed and "senha" in error.message


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        ("28P01", 'password authentication failed for user "x"', errors.AuthFailed),
        ("28P01", 'autenticação do tipo senha falhou para o usuário "x"', errors.AuthFailed),
        ("28000", 'no pg_hba.conf entry for host "1.2.3.4", user "x"', errors.AuthFailed),
        ("28000", 'role "x" does not exist', errors.AuthFailed),
        ("28000", 'role "x" não existe', errors.AuthFailed),
        ("XX000", "Tenant or user not found", errors.AuthFailed),
        ("3D000", 'database "x" does not exist', errors.Misconfigured),
        ("3D000", 'banco de dados "x" não existe', errors.Misconfigured),
        ("42501", 'permission denied for database "x"', errors.Rejected),
        ("53300", "sorry, too many clients already", errors.Unavailable),
        ("53300", "remaining connection slots are reserved for roles", errors.Unavailable),
        ("57P03", "the database system is starting up", errors.Unavailable),
        ("57P03", "o sistema de banco de dados está iniciando", errors.Unavailable),
        ("57P01", "terminating connection", errors.Unavailable),
        ("", "", errors.Unavailable),
    ],
)
def test_understands_why_a_server_does_not_let_us_in(
    code: str, words: str, expected: type[errors.ProviderError]
) -> None:
    with listening(door(password="outra", refusal=fatal(code, words))) as peer:
        error = failure_at(peer.port)
    assert type(error) is expected
    assert error.message.endswith(".") and (not words or words not in error.message)


def test_really_asks_for_the_database_and_the_user(postgres: Peer) -> None:
    assert type(failure_at(postgres.port, database="nenhum")) is errors.Misconfigured
    assert type(failure_at(postgres.port, username="ninguem")) is errors.AuthFailed


@pytest.mark.parametrize(
    ("sqlstate", "expected", "code"),
    [
        ("28P01", errors.AuthFailed, "INVALID_CREDENTIALS"),
        ("3D000", errors.Misconfigured, "MISCONFIGURED"),
        ("3F000", errors.Misconfigured, "MISCONFIGURED"),
        ("42501", errors.Rejected, "PERMISSION_DENIED"),
        ("42P01", errors.Rejected, "TABLE_NOT_FOUND"),
        ("42703", errors.Rejected, "COLUMN_NOT_FOUND"),
        ("42883", errors.Rejected, "INVALID_QUERY"),
        ("42804", errors.Rejected, "INVALID_QUERY"),
        ("22P02", errors.Rejected, "INVALID_QUERY"),
        ("22007", errors.Rejected, "INVALID_QUERY"),
        ("22003", errors.Rejected, "INVALID_QUERY"),
        ("25006", errors.Rejected, "READ_ONLY"),
        ("25001", errors.Rejected, "READ_ONLY"),
        ("55P03", errors.Unavailable, "TABLE_LOCKED"),
        ("57014", errors.TimedOut, "TIMED_OUT"),
        ("57P03", errors.Unavailable, "CONNECTION_FAILED"),
        ("53300", errors.Unavailable, "CONNECTION_FAILED"),
        ("40001", errors.Unavailable, "CONNECTION_FAILED"),
        ("08006", errors.Unavailable, "CONNECTION_FAILED"),
        ("P0001", errors.Rejected, "REJECTED"),
    ],
)
def test_knows_what_a_sqlstate_means(sqlstate: str, expected: type[errors.ProviderError], code: str) -> None:
    found = failure_of(sqlstate)
    assert found is not None
    error = to_error(found)
    assert (type(error), error.code) == (expected, code)


def test_every_class_of_a_failure_has_a_sentence_and_an_unknown_one_is_unexpected() -> None:
    assert all(sentence.endswith(".") for _, _, sentence in SQLSTATES.values())
    assert failure_of("ZZ999") is None
    assert type(error_of(psycopg.ProgrammingError("secret 123"), connected=True)) is errors.ProtocolError


# --- limits ---------------------------------------------------------------------------------------


def read(port: int, statement: str, **limits: float) -> Any:
    client = PostgresClient(postgres_at(port), **limits)
    return asyncio.run(client.read(sql.SQL(statement)))  # type: ignore[arg-type]


def test_the_server_is_told_the_limits_and_that_nothing_is_written(postgres: Peer) -> None:
    shown = read(
        postgres.port,
        "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'), "
        "current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), "
        "current_setting('TimeZone')",
        statement_seconds=1.5,
        lock_seconds=0.25,
    )
    assert shown == [["on", "1500ms", "250ms", "2s", "UTC"]]


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO {SCHEMA}.rastro VALUES (1)",
        f"CREATE TABLE {SCHEMA}.nova (id int)",
        "CREATE TEMPORARY TABLE nova AS SELECT 1",
        f"SELECT {SCHEMA}.escreve()",
        f"SELECT {SCHEMA}.desarma()",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', true)",
        f"WITH gravado AS (DELETE FROM {SCHEMA}.provas RETURNING 1) SELECT * FROM gravado",
        f"LOCK TABLE {SCHEMA}.provas IN ACCESS EXCLUSIVE MODE",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        f"DO $$ BEGIN PERFORM {SCHEMA}.escreve(); END $$",
    ],
)
def test_not_even_our_own_sql_could_write(postgres: Peer, statement: str) -> None:
    before = execute(f"SELECT count(*) FROM {SCHEMA}.provas")
    with pytest.raises(errors.ProviderError):
        read(postgres.port, statement)
    assert execute(f"SELECT count(*) FROM {SCHEMA}.rastro") == [(0,)]
    assert execute(f"SELECT count(*) FROM {SCHEMA}.provas") == before


def test_gives_up_a_slow_statement_at_its_limit(postgres: Peer) -> None:
    started = time.monotonic()
    with pytest.raises(errors.TimedOut):
        read(postgres.port, "SELECT pg_sleep(30)", statement_seconds=0.2)
    assert time.monotonic() - started < 1.5


def test_gives_up_a_locked_table_at_its_limit(postgres: Peer) -> None:
    with psycopg.connect(owner_url()) as owner:
        owner.execute(f"LOCK TABLE {SCHEMA}.trancada IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(errors.Unavailable) as raised:
            read(postgres.port, f"SELECT * FROM {SCHEMA}.trancada", lock_seconds=0.1)
        owner.rollback()
    assert raised.value.code == "TABLE_LOCKED"


def test_leaves_no_session_behind(postgres: Peer) -> None:
    check_postgres(postgres.port)
    failure_at(postgres.port, allowed_tables=["provas"], schema_name="nenhum")
    with pytest.raises(errors.TimedOut):
        read(postgres.port, "SELECT pg_sleep(30)", statement_seconds=0.1)
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{READER}'"
    wait_until(lambda: execute(sessions) == [(0,)])


# --- peers that are no Postgres, or a bad one -----------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        b"",
        b"N" * 100,
        b"S" * 100,
        b"E" + b"\xff" * 200,
        b"R\x00\x00\x00\x08\x00\x00\x00\x07",
        b"SSH-2.0-x\r\n",
    ],
    ids=["http", "silent", "no", "yes", "garbage", "kerberos", "ssh"],
)
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_peer_that_is_no_postgres_hears_no_password(answer: bytes, sslmode: str) -> None:
    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        peer.heard.append(connection.recv(4096))
        connection.sendall(answer)
        connection.settimeout(0.3)
        while chunk := connection.recv(4096):
            peer.heard.append(chunk)

    with listening(behave) as peer:
        error = failure_at(peer.port, sslmode=sslmode)
        assert isinstance(error, errors.Unavailable | errors.Misconfigured)
        assert not error.uncertain
        assert READER_PASSWORD.encode() not in b"".join(peer.heard)


def silent(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
    over.wait(10)


def test_a_refused_connection_sent_nothing() -> None:
    error = failure_at(closed_port())
    assert type(error) is errors.Unavailable and error.retryable


def test_a_peer_that_never_answers_is_given_up_in_time(environment: Callable[..., None]) -> None:
    environment(provider_timeout_seconds=0.5)
    with listening(silent) as peer:
        started = time.monotonic()
        assert type(failure_at(peer.port)) is errors.Unavailable
        assert time.monotonic() - started < 1.5


def letting_in(after: bytes, *, hang_up: bool = False) -> Behaviour:
    """A server that lets everybody in, then answers every message with `after`."""

    def behave(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        connection.recv(4096)
        peer.heard.append(b"startup")
        connection.sendall(READY)
        connection.settimeout(0.05)
        while not over.is_set():
            try:
                if not connection.recv(4096):
                    return
            except TimeoutError:
                continue
            connection.sendall(after)
            if hang_up:
                return

    return behave


@pytest.mark.parametrize("from_outside", [False, True])
def test_a_server_that_falls_silent_holds_us_no_longer_than_the_time_out(
    environment: Callable[..., None], from_outside: bool
) -> None:
    environment(provider_timeout_seconds=30 if from_outside else 0.5)

    async def select(provider: Any) -> None:
        async with asyncio.timeout(0.5 if from_outside else 30):
            await provider.select(QUERY)

    with listening(letting_in(b"")) as peer:
        started = time.monotonic()
        with pytest.raises(TimeoutError if from_outside else errors.TimedOut):
            ask("postgres", postgres_at(peer.port), select)
        assert time.monotonic() - started < 1.5
        assert peer.heard == [b"startup"]  # no second connection that asks to cancel


@pytest.mark.parametrize(
    "after",
    [
        b"garbage that is no message",
        b"Z" + struct.pack("!i", 5) + b"I",
        b"T" + struct.pack("!i", 6) + b"\xff\xff",
        b"C" + struct.pack("!i", 13) + b"SELECT 1\x00" + b"Z" + struct.pack("!i", 5) + b"I",
        b"D" + struct.pack("!ih", 10, 1) + struct.pack("!i", -2),
    ],
    ids=["garbage", "empty", "no-columns", "no-rows", "bad-row"],
)
@pytest.mark.parametrize("hang_up", [False, True])
def test_whatever_a_server_answers_it_is_a_provider_error(
    environment: Callable[..., None], after: bytes, hang_up: bool
) -> None:
    environment(provider_timeout_seconds=0.5)
    with listening(letting_in(after, hang_up=hang_up)) as peer:
        error = failure_at(peer.port)
    assert isinstance(error, errors.TimedOut | errors.ProtocolError | errors.Unavailable)
