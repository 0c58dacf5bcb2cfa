"""A client's own Postgres: how we connect, and what we refuse to connect to."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from integrations import errors, providers
from integrations.providers.postgres.config import PostgresSettings
from integrations.tests.databases import (
    READER,
    READER_PASSWORD,
    Doors,
    check_postgres,
    config_of,
    door,
    failure_at,
    postgres_at,
    prepare_tables,
)
from renum.security.tests.peers import Peer, listening


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_tables()


@pytest.fixture
def postgres() -> Iterator[Peer]:
    with listening(door()) as peer:
        yield peer


def parameters_of(startup: bytes) -> dict[str, str]:
    words = startup[8:-2].split(b"\x00")
    return {key.decode(): value.decode() for key, value in zip(words[::2], words[1::2], strict=True)}


# --- settings -------------------------------------------------------------------------------------


def test_its_settings_survive_being_stored_as_json() -> None:
    before = postgres_at(5433, allowed_tables=["b", "a", "b"])
    dumped = {
        name: value.get_secret_value() if hasattr(value, "get_secret_value") else value
        for name, value in before.model_dump().items()
    }
    after = PostgresSettings.model_validate(json.loads(json.dumps(dumped)))
    assert after == before and after.allowed_tables == ("b", "a")
    assert READER_PASSWORD not in repr(before)


@pytest.mark.parametrize(
    "change",
    [
        {"port": 0},
        {"port": 65_536},
        {"host": ""},
        {"host": "db.exa\nmple"},
        {"host": "a\x00b"},
        {"database": ""},
        {"database": "a\x00b"},
        {"username": "a\nb"},
        {"username": "x" * 64},
        {"password": ""},
        {"sslmode": "prefer"},
        {"sslmode": "allow"},
        {"ca_certificate": "not a certificate"},
        {"ca_certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        {"schema_name": "public; DROP SCHEMA public"},
        {"allowed_tables": ["a b"]},
        {"allowed_tables": [f"t{n}" for n in range(201)]},
        {"options": "-c statement_timeout=0"},
        {"service": "x"},
    ],
    ids=str,
)
def test_refuses_settings_that_cannot_work(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config_of("postgres", Doors("", 5432), **change)


# --- how it connects ------------------------------------------------------------------------------


def test_takes_nothing_from_the_environment(
    postgres: Peer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:*:elsewhere\n")
    passfile.chmod(0o600)
    for name, value in {
        "PGHOST": "192.0.2.1",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "postgres",
        "PGDATABASE": "postgres",
        "PGPASSWORD": "elsewhere",
        "PGPASSFILE": str(passfile),
        "PGOPTIONS": "-c default_transaction_read_only=off -c role=postgres",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/nowhere",
        "PGSSLCERT": "/nowhere",
        "PGSSLKEY": "/nowhere",
        "PGTARGETSESSIONATTRS": "standby",
        "PGAPPNAME": "elsewhere",
        "PGCLIENTENCODING": "LATIN1",
        "PGCONNECT_TIMEOUT": "1000",
        "PGREQUIREAUTH": "gss",
        "PGGSSENCMODE": "require",
        "PGCHANNELBINDING": "require",
    }.items():
        monkeypatch.setenv(name, value)
    assert check_postgres(postgres.port).connected
    (startup,) = postgres.heard
    expected = postgres_at(postgres.port)
    assert parameters_of(startup) == {
        "user": READER,
        "database": expected.database,
        "application_name": "renum",
        "client_encoding": "UTF8",
    }


@pytest.mark.parametrize(
    "text",
    [
        "x' options='-c role=postgres",
        "x options=-crole=postgres",
        "postgresql://postgres@127.0.0.1/renum",
        "dbname=postgres user=postgres",
        "\\' host=127.0.0.1",
        "a=b",
        "é ü",
    ],
)
@pytest.mark.parametrize("part", ["database", "username"])
def test_no_part_of_the_address_is_more_than_that_part(postgres: Peer, part: str, text: str) -> None:
    failure_at(postgres.port, **{part: text})
    (startup,) = postgres.heard
    sent = parameters_of(startup)
    assert sent["database" if part == "database" else "user"] == text
    assert set(sent) == {"user", "database", "application_name", "client_encoding"}


@pytest.mark.parametrize(
    "host",
    [
        "/tmp",
        "/var/run/postgresql",
        "@abstract",
        "127.0.0.1,127.0.0.1",
        "127.0.0.1 user=postgres",
        "host=127.0.0.1",
        "127.0.0.1:5432",
        "postgres@127.0.0.1",
        "127.0.0.1/renum",
        "[::1]",
        "127.0.0.1%00",
        " ",
        ".",
        "a..b",
    ],
)
def test_a_host_that_is_no_host_is_not_connected_to(postgres: Peer, host: str) -> None:
    try:
        error = failure_at(postgres.port, host=host)
    except ValidationError:
        return
    finally:
        assert postgres.heard == []
    assert type(error) is errors.Unavailable


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
    ],
)
def test_in_production_no_spelling_of_this_machine_is_connected_to(
    postgres: Peer, environment: Callable[..., None], host: str
) -> None:
    environment(allow_loopback=False)
    for sslmode in ("require", "disable"):
        error = failure_at(postgres.port, host=host, sslmode=sslmode)
        assert type(error) is errors.Unavailable and not error.uncertain
    assert postgres.heard == []


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "fd00::1", "fe80::1"]
)
def test_inner_addresses_are_refused_at_once(host: str) -> None:
    started = time.monotonic()
    assert type(failure_at(5432, host=host)) is errors.Unavailable
    assert time.monotonic() - started < 1


def test_without_tls_it_connects_to_this_machine_only() -> None:
    error = failure_at(5432, host="8.8.8.8", sslmode="disable")
    assert type(error) is errors.Misconfigured and "TLS" in error.message


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def pem_of(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_verifies_the_certificate_and_the_name(authority: trustme.CA) -> None:
    with listening(door(certificate=server_context(authority, "localhost"))) as peer:
        trusted = {"host": "localhost", "sslmode": "verify-full", "ca_certificate": pem_of(authority)}
        assert check_postgres(peer.port, **trusted).connected
        assert len(peer.heard) == 1


def test_reads_over_tls_without_a_known_authority_if_that_is_enough(authority: trustme.CA) -> None:
    with listening(door(certificate=server_context(authority, "elsewhere.example"))) as peer:
        assert check_postgres(peer.port, sslmode="require").connected


@pytest.mark.parametrize(
    ("name", "trust"),
    [("elsewhere.example", "right"), ("localhost", "other"), ("localhost", "public")],
)
def test_a_certificate_that_does_not_fit_ends_it_before_a_word_is_said(
    authority: trustme.CA, name: str, trust: str
) -> None:
    given = {"right": pem_of(authority), "other": pem_of(trustme.CA()), "public": None}[trust]
    with listening(door(certificate=server_context(authority, name))) as peer:
        error = failure_at(peer.port, host="localhost", sslmode="verify-full", ca_certificate=given)
        assert type(error) is errors.Misconfigured and "certificado" in error.message
        assert peer.heard == []


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
def test_a_server_without_tls_hears_no_password(postgres: Peer, sslmode: str) -> None:
    error = failure_at(postgres.port, sslmode=sslmode)
    assert type(error) is errors.Misconfigured and "TLS" in error.message
    assert postgres.heard == [] or all(READER.encode() not in heard for heard in postgres.heard)


def test_it_is_the_second_choice_for_a_database() -> None:
    spec = providers.get("postgres")
    assert (spec.integration_type, spec.channel, spec.host_fields) == ("database", None, ("host",))
