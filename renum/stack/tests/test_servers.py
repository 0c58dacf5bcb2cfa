"""The embedded servers: same data after a restart, however the last run ended, and the right rights."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dj_database_url
import psycopg
import pytest
import redis

from renum.stack.servers import PostgresUrls, embedded_postgres, embedded_valkey
from renum.stack.tests.helpers import is_alive, read_pid, start_script, wait_for

RUN_POSTGRES = """
import sys, time
from pathlib import Path
from renum.stack.servers import embedded_postgres
with embedded_postgres(Path(sys.argv[1]), durable=False) as urls:
    print(urls.owner)
    time.sleep(60)
"""
RUN_VALKEY = (
    RUN_POSTGRES.replace("postgres", "valkey").replace(", durable=False", "").replace("urls.owner", "urls")
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose path is too long for a Unix socket, and needs quoting in a URL."""
    folder = tmp_path_factory.mktemp("data") / ("Olá, 100% " + "x" * 100)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def postgres(data_dir: Path) -> Iterator[PostgresUrls]:
    with embedded_postgres(data_dir, durable=False) as urls:
        yield urls


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def server_pid(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def test_django_reads_the_urls_as_libpq_does(postgres: PostgresUrls) -> None:
    for url, user in (
        (postgres.owner, "renum_owner"),
        (postgres.app, "renum_app"),
        (postgres.admin, "postgres"),
    ):
        django = dj_database_url.parse(url)
        libpq = psycopg.conninfo.conninfo_to_dict(url)
        assert (django["HOST"], django["USER"], django["NAME"]) == (libpq["host"], user, "renum")
        assert value(url, "SELECT current_user") == user


def test_no_role_but_the_superuser_can_leave_row_level_security(postgres: PostgresUrls) -> None:
    with psycopg.connect(postgres.admin) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles "
            "WHERE rolname LIKE 'renum%' ORDER BY rolname"
        ).fetchall()
    assert rows == [("renum_app", False, False, False, False), ("renum_owner", False, False, True, True)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "SELECT * FROM owned",
        "SET ROLE renum_owner",
    ],
)
def test_the_runtime_role_creates_nothing_and_owns_nothing(postgres: PostgresUrls, statement: str) -> None:
    with psycopg.connect(postgres.owner) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS owned (id int)")
    with psycopg.connect(postgres.app) as app, pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute(statement)


def test_the_owner_can_make_a_test_database_and_schemas(postgres: PostgresUrls) -> None:
    with psycopg.connect(postgres.owner, autocommit=True) as owner:
        owner.execute("CREATE DATABASE test_renum")
        owner.execute("DROP DATABASE test_renum")
        owner.execute("CREATE SCHEMA auth")
        owner.execute("DROP SCHEMA auth")


def test_server_settings(postgres: PostgresUrls) -> None:
    assert value(postgres.app, "SHOW max_connections") == "200"
    assert value(postgres.app, "SHOW listen_addresses") == ""
    assert value(postgres.app, "SHOW fsync") == "off"


def test_the_log_holds_no_parameters(postgres: PostgresUrls, data_dir: Path) -> None:
    with psycopg.connect(postgres.owner) as owner, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        owner.execute("SELECT %s::uuid", ["secret-parameter"])
    with psycopg.connect(postgres.owner) as owner, pytest.raises(psycopg.errors.InvalidTextRepresentation):
        owner.execute("SELECT 'secret-literal'::uuid")
    log = (data_dir / "logs" / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "secret" not in log


def test_postgres_keeps_its_data_and_is_taken_over_after_a_kill(tmp_path: Path) -> None:
    with start_script(RUN_POSTGRES, tmp_path) as former:
        assert former.stdout
        url = former.stdout.readline().strip()
        with psycopg.connect(url) as owner:
            owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        former.kill()
    orphan = server_pid(tmp_path)
    assert is_alive(orphan)

    with embedded_postgres(tmp_path, durable=False) as urls:
        assert server_pid(tmp_path) == orphan
        assert value(urls.owner, "SELECT answer FROM kept") == 42
    assert not is_alive(orphan)

    # A PID file that names a living program, which is not a Postgres, does not stand in the way.
    lines = f"{os.getpid()}\n{tmp_path / 'postgres'}\n1\n5432\n{tmp_path}\n\n 1 1\nready   \n"
    (tmp_path / "postgres" / "postmaster.pid").write_text(lines)
    with embedded_postgres(tmp_path) as urls:
        assert value(urls.owner, "SELECT answer FROM kept") == 42
        assert value(urls.owner, "SHOW fsync") == "on"
        survivor = server_pid(tmp_path)
    assert not is_alive(survivor)


def test_valkey_keeps_its_data_and_its_url(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("kept", "42")
    with embedded_valkey(tmp_path) as again, redis.Redis.from_url(again) as client:
        assert again == url
        assert client.get("kept") == b"42"
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        pid = read_pid(tmp_path / "valkey" / "valkey.pid")
    assert not is_alive(pid)


def test_valkey_asks_for_its_password(tmp_path: Path) -> None:
    with embedded_valkey(tmp_path, durable=False) as url:
        port = url.rsplit(":", 1)[1].split("/")[0]
        with redis.Redis(port=int(port)) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    assert not (tmp_path / "valkey" / "appendonlydir").exists()


def test_valkey_of_a_killed_stack_never_shares_the_folder_with_a_new_one(tmp_path: Path) -> None:
    with start_script(RUN_VALKEY, tmp_path) as former:
        assert former.stdout
        with redis.Redis.from_url(former.stdout.readline().strip()) as client:
            client.set("kept", "42")
        orphan = read_pid(tmp_path / "valkey" / "valkey.pid")
        former.kill()
    with embedded_valkey(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert not is_alive(orphan)
        assert client.get("kept") == b"42"


def test_stopping_the_stack_while_it_makes_the_database_leaves_a_folder_that_starts(tmp_path: Path) -> None:
    with start_script(RUN_POSTGRES, tmp_path) as former:
        wait_for(lambda: next(tmp_path.glob("postgres.new-*/PG_VERSION"), None))
        former.send_signal(signal.SIGKILL)
    with embedded_postgres(tmp_path, durable=False) as urls:
        assert value(urls.app, "SELECT 1") == 1
