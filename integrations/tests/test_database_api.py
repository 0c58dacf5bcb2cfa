"""`/api/integrations/database/*`: a client's own database, read through the tables that it named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter
from psycopg.conninfo import conninfo_to_dict
from rest_framework.test import APIClient

from integrations.delivery import limits
from integrations.tests.contracts import (
    accepted,
    integrations_of,
    make_connection,
    post,
    refused,
)
from integrations.tests.databases import (
    DEMO_TABLES,
    READER,
    READER_PASSWORD,
    SCHEMA,
    SECRET_KEY,
    door,
    owner_url,
    prepare_tables,
)
from integrations.tests.helpers import Vendor, closed_port, reread_integration
from renum.api import throttling
from renum.security.tests.peers import Peer, listening
from tests.cast import Cast

DATABASE = "/api/integrations/database"
CONFIGURE, STATUS, TEST, QUERY = (f"{DATABASE}/{verb}" for verb in ("configure", "status", "test", "query"))
KINDS = ["supabase", "postgres"]


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_tables()


class Bases:
    """A client's database by each of its two ways in, and what arrived there."""

    def __init__(self, sandbox: Vendor, postgres: Peer):
        self._sandbox, self._postgres = sandbox, postgres

    def body(self, kind: str, **more: Any) -> dict[str, Any]:
        """What a person sends to `configure`; it names no provider."""
        kinds: dict[str, dict[str, Any]] = {
            "supabase": {"supabase_url": f"{self._sandbox.url}/supabase", "supabase_key": SECRET_KEY},
            "postgres": {
                "host": "127.0.0.1",
                "port": self._postgres.port,
                "database": conninfo_to_dict(owner_url())["dbname"],
                "username": READER,
                "password": READER_PASSWORD,
                "sslmode": "disable",
                "schema_name": SCHEMA,
            },
        }
        return {**kinds[kind], "allowed_tables": [*DEMO_TABLES, "provas", "fantasma", "fechada"], **more}

    def asked(self) -> int:
        return len(self._sandbox.journal(provider="supabase")) + len(self._postgres.heard)


@pytest.fixture
def bases(sandbox: Vendor) -> Iterator[Bases]:
    with listening(door()) as postgres:
        yield Bases(sandbox, postgres)


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture(params=KINDS)
def connected(request: Any, committed_cast: Cast, bases: Bases) -> str:
    """The kind of Acme's database."""
    kind = str(request.param)
    make_connection(committed_cast.acme, kind, bases.body(kind))
    return kind


# --- configure, status, test ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "told by its fields"])
def test_configures_either_kind_of_database(
    committed_cast: Cast, alice: APIClient, bases: Bases, kind: str, named: bool
) -> None:
    body = bases.body(kind, allowed_tables=["distribuidores", "vendas"])
    answer = accepted(post(alice, CONFIGURE, {"provider": kind, **body} if named else body))
    (saved,) = integrations_of(committed_cast.acme)
    assert set(answer["integration"]) == {"id", "type", "status", "read_only", "created_at"}
    assert answer["integration"]["id"] == str(saved.id)
    assert (saved.provider, saved.status, saved.last_error) == (kind, "connected", None)
    status = accepted(alice.get(STATUS))
    assert (status["provider"], status["status"], status["read_only"]) == (kind, "connected", True)
    assert status["allowed_tables"] == ["distribuidores", "vendas"]
    whole = alice.get(STATUS).content.decode() + json.dumps(answer)
    assert SECRET_KEY not in whole and READER_PASSWORD not in whole


def test_a_client_has_one_database(committed_cast: Cast, alice: APIClient, bases: Bases) -> None:
    first = accepted(post(alice, CONFIGURE, bases.body("supabase")))["integration"]
    second = accepted(post(alice, CONFIGURE, bases.body("postgres")))["integration"]
    assert first["id"] == second["id"]
    (only,) = integrations_of(committed_cast.acme)
    assert (only.provider, only.previous_config["provider"]) == ("postgres", "supabase")
    back = accepted(post(alice, f"/api/integrations/{only.id}/restore"))["integration"]
    assert (back["provider"], reread_integration(only).provider) == ("supabase", "supabase")
    assert accepted(post(alice, QUERY, {"table": "produtos", "limit": 1}))["row_count"] == 1


@pytest.mark.parametrize(
    ("kind", "wrong", "status", "code"),
    [
        ("supabase", {"supabase_key": "sb_secret_wrong"}, 400, "INVALID_CREDENTIALS"),
        ("supabase", {"supabase_url": "http://127.0.0.1:9"}, 502, "CONNECTION_FAILED"),
        ("supabase", {"supabase_url": "http://10.0.0.1"}, 400, "VALIDATION_ERROR"),
        ("supabase", {"allowed_tables": ["a;b"]}, 400, "VALIDATION_ERROR"),
        ("supabase", {"allowed_tables": "vendas"}, 400, "VALIDATION_ERROR"),
        ("supabase", {"surprise": 1}, 400, "VALIDATION_ERROR"),
        ("postgres", {"username": "nobody_at_all"}, 400, "INVALID_CREDENTIALS"),
        ("postgres", {"database": "nowhere"}, 502, "CONNECTION_FAILED"),
        ("postgres", {"port": 9}, 502, "CONNECTION_FAILED"),
        ("postgres", {"host": "10.0.0.1"}, 400, "VALIDATION_ERROR"),
        ("postgres", {"host": "169.254.169.254"}, 400, "VALIDATION_ERROR"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_database_that_cannot_be_read_is_not_configured(
    committed_cast: Cast,
    alice: APIClient,
    bases: Bases,
    kind: str,
    wrong: dict[str, Any],
    status: int,
    code: str,
) -> None:
    answer = refused(post(alice, CONFIGURE, bases.body(kind, **wrong)), status, code)
    if code == "VALIDATION_ERROR":
        assert list(answer["details"]) == list(wrong)
        assert bases.asked() == 0
    assert READER_PASSWORD not in json.dumps(answer)
    assert integrations_of(committed_cast.acme) == []


def test_the_test_lists_the_tables_that_the_credentials_can_read(
    committed_cast: Cast, alice: APIClient, connected: str
) -> None:
    answer = accepted(post(alice, TEST))
    assert set(answer) == {"success", "message", "tables_found", "latency_ms"}
    assert {"distribuidores", "vendas", "produtos"} <= set(answer["tables_found"])
    (saved,) = integrations_of(committed_cast.acme)
    assert saved.status == "connected" and "fantasma" in str(saved.last_error)


# --- query ----------------------------------------------------------------------------------------


def test_reads_rows(alice: APIClient, connected: str) -> None:
    query = {
        "table": "distribuidores",
        "columns": ["id", "nome", "ativo"],
        "filters": [
            {"column": "uf", "operator": "in", "value": ["PE", "RS"]},
            {"column": "ativo", "operator": "is", "value": True},
        ],
        "order": [{"column": "id", "descending": True}],
        "limit": 2,
    }
    assert accepted(post(alice, QUERY, query)) == {
        "success": True,
        "rows": [
            {"id": 12, "nome": "Serra_Gaúcha Vinhos", "ativo": True},
            {"id": 9, "nome": "Sertão Mix 100%", "ativo": True},
        ],
        "row_count": 2,
        "truncated": True,
    }
    rest = accepted(post(alice, QUERY, {**query, "offset": 2}))
    assert ([row["id"] for row in rest["rows"]], rest["truncated"]) == ([4], False)


def test_finding_nothing_is_an_answer_and_no_error(alice: APIClient, connected: str) -> None:
    query = {"table": "distribuidores", "filters": [{"column": "id", "operator": "eq", "value": -1}]}
    answer = accepted(post(alice, QUERY, query))
    assert answer == {"success": True, "rows": [], "row_count": 0, "truncated": False}


@pytest.mark.parametrize(
    "table",
    ["segredos", "pg_user", "integrations", "sandbox_supabase.vendas", "vendas;--", "VENDAS", "rpc/x"],
)
def test_a_table_that_is_not_on_the_list_is_403_and_nobody_is_asked(
    alice: APIClient, bases: Bases, connected: str, table: str
) -> None:
    answer = refused(post(alice, QUERY, {"table": table}), 403, "TABLE_NOT_ALLOWED")
    assert answer["details"] == {"table": [table]}
    assert bases.asked() == 0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"table": "provas", "columns": ["inexistente"]}, "COLUMN_NOT_FOUND"),
        ({"table": "provas", "order": [{"column": "inexistente"}]}, "COLUMN_NOT_FOUND"),
        (
            {"table": "provas", "filters": [{"column": "inexistente", "operator": "eq", "value": 1}]},
            "COLUMN_NOT_FOUND",
        ),
        ({"table": "fantasma"}, "TABLE_NOT_FOUND"),
        ({"table": "fechada"}, "PERMISSION_DENIED"),
        (
            {"table": "provas", "filters": [{"column": "id", "operator": "eq", "value": "um"}]},
            "INVALID_QUERY",
        ),
    ],
    ids=["column", "order", "filter", "table", "permission", "type"],
)
def test_what_the_database_has_against_a_query_is_told_by_its_code(
    alice: APIClient, connected: str, query: dict[str, Any], code: str
) -> None:
    answer = refused(post(alice, QUERY, query), 400, code)
    assert "inexistente" not in answer["error"] and SCHEMA not in answer["error"]


MALFORMED: list[Any] = [
    {},
    {"table": ""},
    {"table": 7},
    {"table": "x" * 64},
    {"table": "vendas", "limit": 0},
    {"table": "vendas", "limit": 201},
    {"table": "vendas", "limit": "all"},
    {"table": "vendas", "offset": -1},
    {"table": "vendas", "offset": 1_000_001},
    {"table": "vendas", "columns": "id"},
    {"table": "vendas", "columns": [1]},
    {"table": "vendas", "columns": ["id"] * 101},
    {"table": "vendas", "filters": {"id": 1}},
    {"table": "vendas", "filters": ["id = 1"]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq"}]},
    {"table": "vendas", "filters": [{"operator": "eq", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "=", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "or", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "in", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "in", "value": [[1]]}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "in", "value": [1] * 201}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq", "value": [1]}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq", "value": {"a": 1}}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "is", "value": "null"}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "like", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id;--", "operator": "eq", "value": 1}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq", "value": "a\x00"}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq", "value": 1, "or": 2}]},
    {"table": "vendas", "filters": [{"column": "id", "operator": "eq", "value": 1}] * 51},
    {"table": "vendas", "columns": ["id, valor"]},
    {"table": "vendas", "columns": ["count(*)"]},
    {"table": "vendas", "order": ["id"]},
    {"table": "vendas", "order": [{"column": "id desc"}]},
    {"table": "vendas", "sql": "SELECT 1"},
    [],
]


def test_refuses_queries_that_are_malformed_and_asks_nobody(
    alice: APIClient, bases: Bases, connected: str, subtests: pytest.Subtests
) -> None:
    for query in MALFORMED:
        with subtests.test(query=json.dumps(query)[:60]):
            answer = post(alice, QUERY, query)
            refused(answer, 400, answer.json()["error_code"])
            assert answer.json()["error_code"] in ("VALIDATION_ERROR", "INVALID_QUERY")
            assert bases.asked() == 0


def test_two_hundred_rows_are_the_most_that_can_be_asked_for(alice: APIClient, connected: str) -> None:
    answer = accepted(post(alice, QUERY, {"table": "vendas", "limit": 200}))
    assert 0 < answer["row_count"] == len(answer["rows"]) <= 200
    usual = accepted(post(alice, QUERY, {"table": "vendas"}))
    assert usual["row_count"] == min(50, answer["row_count"])


def test_i6_who_has_no_database_reads_nobody_else_s(
    committed_cast: Cast, api: Callable[..., APIClient], bases: Bases, connected: str
) -> None:
    bob = api(committed_cast.bob)
    query = {"table": "produtos"}
    refused(post(bob, QUERY, query), 404, "INTEGRATION_NOT_FOUND")
    refused(post(bob, f"{QUERY}?client_id={committed_cast.acme.id}", query), 404, "CLIENT_NOT_FOUND")
    refused(bob.get(STATUS), 404, "INTEGRATION_NOT_FOUND")
    assert bases.asked() == 0
    accepted(post(api(committed_cast.sofia), f"{QUERY}?client_id={committed_cast.acme.id}", query))


def test_a_database_that_is_switched_off_is_not_asked(
    committed_cast: Cast, alice: APIClient, bases: Bases, connected: str
) -> None:
    (saved,) = integrations_of(committed_cast.acme)
    accepted(post(alice, f"/api/integrations/{saved.id}/disable"))
    refused(post(alice, QUERY, {"table": "produtos"}), 409, "INTEGRATION_DISABLED")
    refused(post(alice, TEST), 409, "INTEGRATION_DISABLED")
    assert bases.asked() == 0


def test_a_database_that_is_away_is_a_failed_connection(committed_cast: Cast, alice: APIClient) -> None:
    url = {"supabase_url": f"http://127.0.0.1:{closed_port()}", "supabase_key": SECRET_KEY}
    make_connection(committed_cast.acme, "supabase", {**url, "allowed_tables": ["vendas"]})
    refused(post(alice, QUERY, {"table": "vendas"}), 502, "CONNECTION_FAILED")
    refused(post(alice, TEST), 502, "CONNECTION_FAILED")
    (saved,) = integrations_of(committed_cast.acme)
    assert saved.status == "error" and saved.last_error


# --- how often ------------------------------------------------------------------------------------


def test_who_asks_too_often_is_told_when_to_come_back(
    committed_cast: Cast,
    alice: APIClient,
    api: Callable[..., APIClient],
    bases: Bases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for client in (committed_cast.acme, committed_cast.globex):
        make_connection(client, "supabase", bases.body("supabase"))
    monkeypatch.setitem(limits.RATES, "query", "3/minute")
    query = {"table": "produtos", "limit": 1}
    for _ in range(3):
        accepted(post(alice, QUERY, query))
    before = bases.asked()
    answer = post(alice, QUERY, query)
    refused(answer, 429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert bases.asked() == before
    accepted(post(alice, TEST))  # another door
    accepted(post(api(committed_cast.bob), QUERY, query))  # another client


def test_a_malformed_query_is_not_counted(
    committed_cast: Cast, alice: APIClient, bases: Bases, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_connection(committed_cast.acme, "supabase", bases.body("supabase"))
    monkeypatch.setitem(limits.RATES, "query", "1/minute")
    for _ in range(3):
        refused(post(alice, QUERY, {"table": "produtos", "limit": 201}), 400, "VALIDATION_ERROR")
    accepted(post(alice, QUERY, {"table": "produtos"}))


def test_with_redis_down_queries_are_answered(
    committed_cast: Cast, alice: APIClient, connected: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"redis://127.0.0.1:{closed_port()}/0"
    gone = MovingWindowRateLimiter(RedisStorage(nowhere, **settings.REDIS_OPTIONS))
    monkeypatch.setattr(throttling, "_limiter", lambda: gone)
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": nowhere}}
    assert accepted(post(alice, QUERY, {"table": "produtos", "limit": 1}))["row_count"] == 1
    assert accepted(alice.get(STATUS))["provider"] == connected
    assert accepted(post(alice, TEST))["tables_found"]
