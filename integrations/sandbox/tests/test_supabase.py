"""PostgREST's reads over real rows, behind the gateway's keys."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from integrations.sandbox.supabase import LEGACY_KEY, PUBLISHABLE_KEY, SECRET_KEY
from integrations.sandbox.testing import sandbox_in_thread
from renum.stack.up import StackOptions, app_processes

from .conftest import GO, Client
from .test_process import sandbox_process

SECRET, PUBLISHABLE = {"apikey": SECRET_KEY}, {"apikey": PUBLISHABLE_KEY}
LEGACY = {"apikey": LEGACY_KEY, "Authorization": f"Bearer {LEGACY_KEY}"}


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with sandbox_in_thread() as addresses, httpx.Client(base_url=f"{addresses.url}/supabase/rest/v1") as http:
        yield http


def rows(api: httpx.Client, path: str, **headers: str) -> Any:
    response = api.get(path, headers={**SECRET, **headers})
    assert response.status_code in (200, 206), response.text
    return response.json()


def ids(api: httpx.Client, path: str) -> list[int]:
    return [row["id"] for row in rows(api, path)]


def error(
    api: httpx.Client, path: str, headers: dict[str, str] = SECRET, method: str = "GET"
) -> tuple[int, Any]:
    response = api.request(method, path, headers=headers)
    content = response.json()
    assert set(content) == {"code", "message", "details", "hint"}
    assert response.headers["Proxy-Status"] == f"PostgREST; error={content['code']}"
    return response.status_code, content["code"]


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [SECRET, LEGACY])
def test_a_secret_key_reads_all_that_is_granted(api: httpx.Client, headers: dict[str, str]) -> None:
    for table, count in {"distribuidores": 12, "produtos": 18, "vendas": 72, "segredos": 2}.items():
        assert len(api.get(f"/{table}", headers=headers).json()) == count


def test_a_publishable_key_reads_what_is_granted_to_anybody(api: httpx.Client) -> None:
    assert len(api.get("/produtos", headers=PUBLISHABLE).json()) == 18
    for table in ("distribuidores", "vendas", "segredos"):
        assert error(api, f"/{table}", PUBLISHABLE) == (401, "42501")


def test_a_legacy_key_alone_is_nobody_to_postgrest(api: httpx.Client) -> None:
    assert error(api, "/vendas", {"apikey": LEGACY_KEY}) == (401, "42501")


@pytest.mark.parametrize("key", [SECRET_KEY, PUBLISHABLE_KEY, "a.b"])
def test_a_new_key_is_no_bearer(api: httpx.Client, key: str) -> None:
    response = api.get("/produtos", headers={"apikey": SECRET_KEY, "Authorization": f"Bearer {key}"})
    assert response.status_code == 401 and response.json()["code"] == "PGRST301"
    assert response.json()["message"] == f"Expected 3 parts in JWT; got {len(key.split('.'))}"


@pytest.mark.parametrize("headers", [{}, {"apikey": "wrong"}, {"Authorization": f"Bearer {LEGACY_KEY}"}])
@pytest.mark.parametrize("path", ["/", "/produtos", "/nenhuma"])
def test_the_gateway_refuses_any_other_key_without_a_code(
    api: httpx.Client, headers: dict[str, str], path: str
) -> None:
    response = api.get(path, headers=headers)
    assert response.status_code == 401 and set(response.json()) == {"message", "hint"}


def test_a_secret_key_is_refused_to_browsers(api: httpx.Client) -> None:
    response = api.get("/produtos", headers={**SECRET, "User-Agent": "Mozilla/5.0 (X11)"})
    assert response.status_code == 401 and "code" not in response.json()


# --- the root -------------------------------------------------------------------------------------


def test_the_root_describes_what_a_secret_key_may_see(api: httpx.Client) -> None:
    document = rows(api, "/")
    assert document["swagger"] == "2.0"
    assert {"/produtos", "/vendas", "/distribuidores", "/segredos"} <= set(document["paths"])
    produtos = document["definitions"]["produtos"]
    assert produtos["properties"]["preco"] == {"format": "numeric", "type": "number"}
    assert "<pk/>" in produtos["properties"]["id"]["description"]
    assert "nome" in produtos["required"]


def test_the_root_is_refused_to_a_publishable_key(api: httpx.Client) -> None:
    response = api.get("/", headers=PUBLISHABLE)
    assert response.status_code == 401 and "code" not in response.json()


# --- the query language ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("id=eq.3", [3]),
        ("id=neq.3&id=lt.5", [1, 2, 4]),
        ("id=gt.2&id=lte.4", [3, 4]),
        ("id=gte.17", [17, 18]),
        ("id=not.gt.2", [1, 2]),
        ("nome=like.Caf*", [1]),
        ("nome=like.Caf%25", [1]),
        ("nome=ilike.*ÁGUA*", [7, 11]),
        ("nome=match.%5E(Arroz%7CVinho)", [2, 9]),
        ("nome=imatch.%5Earroz", [2]),
        ("id=in.(1,5,99)", [1, 5]),
        ('nome=in.("Papel higiênico, 12 rolos","Esponja de aço")', [13, 18]),
        ('nome=in.("Sabonete \\"Flor de Ipê\\" 85 g")', [15]),
        ("id=in.()", []),
        ("id=not.in.(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16)", [17, 18]),
        ("ativo=is.false", [16, 18]),
        ("ativo=not.is.true", [16, 18]),
        ("ativo=is.null", []),
        ("id=isdistinct.1&id=lt.3", [2]),
        ("or=(id.eq.1,id.eq.9)", [1, 9]),
        ("and=(id.gt.3,id.lt.6)", [4, 5]),
        ("or=(id.eq.1,and(id.gt.3,id.lt.6))", [1, 4, 5]),
        ("not.or=(id.gt.2,id.eq.1)", [2]),
        ("and=(not.or(id.gt.3,id.eq.1),id.neq.2)", [3]),
        ('and=(nome.eq."Papel higiênico, 12 rolos")', [13]),
        ('and=(nome.in.("Papel higiênico, 12 rolos",x))', [13]),
        ('nome=eq.Sabonete "Flor de Ipê" 85 g', [15]),
        ('nome=eq."Esponja de aço"', []),  # quotes are part of a filter of its own
    ],
)
def test_filters(api: httpx.Client, query: str, expected: list[int]) -> None:
    assert ids(api, f"/produtos?select=id&order=id&{query}") == expected


def test_selects_columns_and_renames_them(api: httpx.Client) -> None:
    assert rows(api, "/produtos?select=id,produto:nome&id=eq.2") == [
        {"id": 2, "produto": "Arroz agulhinha 5 kg"}
    ]
    assert list(rows(api, "/produtos?id=eq.2")[0]) == ["id", "nome", "categoria", "preco", "estoque", "ativo"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("id.desc", [12, 11]),
        ("ativo.desc.nullslast,id", [1, 2]),
        ("ativo.nullsfirst,id", [7, 5]),
        ("ativo.asc,id.desc", [10, 5]),
        ("ativo.desc,id", [7, 1]),
    ],
)
def test_orders(api: httpx.Client, order: str, expected: list[int]) -> None:
    assert ids(api, f"/distribuidores?select=id&limit=2&order={order}") == expected


@pytest.mark.parametrize(
    ("path", "headers", "status", "content_range", "count"),
    [
        ("/vendas?limit=10", {}, 200, "0-9/*", 10),
        ("/vendas?limit=10&offset=70", {}, 200, "70-71/*", 2),
        ("/vendas?limit=0", {}, 200, "*/*", 0),
        ("/vendas?limit=10", {"Prefer": "count=exact"}, 206, "0-9/72", 10),
        ("/vendas", {"Prefer": "count=exact"}, 200, "0-71/72", 72),
        ("/vendas?numero=gt.100", {"Prefer": "count=exact"}, 200, "*/0", 0),
        ("/vendas?offset=72", {"Prefer": "count=exact"}, 206, "*/72", 0),
        ("/vendas", {"Range-Unit": "items", "Range": "5-9"}, 200, "5-9/*", 5),
        ("/vendas?limit=3", {"Range": "5-9", "Prefer": "count=exact"}, 206, "5-7/72", 3),
        ("/vendas", {"Range": "70-"}, 200, "70-71/*", 2),
    ],
)
def test_windows_and_counts(
    api: httpx.Client, path: str, headers: dict[str, str], status: int, content_range: str, count: int
) -> None:
    response = api.get(path, headers={**SECRET, **headers})
    assert (response.status_code, response.headers["Content-Range"]) == (status, content_range)
    assert len(response.json()) == count
    head = api.head(path, headers={**SECRET, **headers})
    assert (head.status_code, head.headers["Content-Range"], head.content) == (status, content_range, b"")


@pytest.mark.parametrize(
    "headers", [{"Range": "9-5"}, {"Range": "100-110", "Prefer": "count=exact"}], ids=["reversed", "beyond"]
)
def test_a_range_that_cannot_be_had_is_refused(api: httpx.Client, headers: dict[str, str]) -> None:
    assert error(api, "/vendas", {**SECRET, **headers}) == (416, "PGRST103")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nenhuma", 404, "PGRST205"),
        ("/..%2f..%2fpublic.clients", 404, "PGRST205"),
        ("/clients", 404, "PGRST205"),
        ("/pg_authid", 404, "PGRST205"),
        ("/a/b", 404, "PGRST125"),
        ("/produtos?nada=eq.1", 400, "42703"),
        ("/produtos?select=nada", 400, "42703"),
        ("/produtos?order=nada", 400, "42703"),
        ("/produtos?id=eq.x", 400, "22P02"),
        ("/produtos?id=like.1", 404, "42883"),
        ("/produtos?id=foo.1", 400, "PGRST100"),
        ("/produtos?id=eq", 400, "PGRST100"),
        ("/produtos?id=1", 400, "PGRST100"),
        ("/produtos?id=in.1,2", 400, "PGRST100"),
        ("/produtos?id=is.maybe", 400, "PGRST100"),
        ("/produtos?or=id.eq.1", 400, "PGRST100"),
        ("/produtos?or=(id.eq.1", 400, "PGRST100"),
        ("/produtos?or=(id.eq.1))", 400, "PGRST100"),
        ("/produtos?or=()", 400, "PGRST100"),
        ("/produtos?and=" + "(and" * 50, 400, "PGRST100"),
        ("/produtos?order=id.up", 400, "PGRST100"),
        ("/produtos?limit=x", 400, "PGRST100"),
        ("/produtos?limit=-1", 400, "PGRST100"),
        ("/produtos?vendas.id=eq.1", 400, "PGRST108"),
        ("/produtos?select=id,vendas(id)", 400, "PGRST200"),
        ("/produtos?select=id;drop", 400, "PGRST100"),
        ("/produtos?id%22=eq.1", 400, "PGRST100"),
    ],
)
def test_errors(api: httpx.Client, path: str, status: int, code: str) -> None:
    assert error(api, path) == (status, code)


def test_no_other_schema_is_exposed(api: httpx.Client) -> None:
    for schema in ("pg_catalog", "sandbox_supabase", "auth"):
        assert error(api, "/produtos", {**SECRET, "Accept-Profile": schema}) == (406, "PGRST106")
    assert len(rows(api, "/produtos", **{"Accept-Profile": "public"})) == 18


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_nothing_is_written(api: httpx.Client, method: str) -> None:
    assert error(api, "/produtos?id=eq.1", method=method) == (405, "25006")
    assert len(rows(api, "/produtos")) == 18


# --- its database ---------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/none", "not a url"])
def test_without_a_database_only_this_mount_is_unavailable(url: str) -> None:
    with sandbox_in_thread(database_url=url) as addresses, httpx.Client(base_url=addresses.url) as http:
        for path in ("/", "/produtos"):
            response = http.get(f"/supabase/rest/v1{path}", headers=SECRET)
            assert (response.status_code, response.json()["code"]) == (503, "PGRST000")
        assert http.get("/uazapi/instance/status", headers=GO).status_code == 200


def test_a_role_that_may_create_nothing_gives_no_database() -> None:
    with sandbox_in_thread(database_url=os.environ["DATABASE_URL"]) as addresses:
        response = httpx.get(f"{addresses.url}/supabase/rest/v1/produtos", headers=SECRET)
        own = os.environ["DATABASE_URL"] == os.environ.get("DATABASE_OWNER_URL")
        assert (response.status_code == 200) if own else (response.json()["code"] == "PGRST000")


def test_its_requests_are_in_the_journal_without_their_keys(sandbox: Client) -> None:
    sandbox.http.get("/supabase/rest/v1/produtos?nome=eq.x", headers=SECRET)
    (entry,) = sandbox.journal(provider="supabase")
    assert (entry["path"], entry["outcome"]) == ("/supabase/rest/v1/produtos", "accepted")
    assert SECRET_KEY not in json.dumps(entry)


def test_it_adds_nothing_to_the_applications_schema(api: httpx.Client) -> None:
    rows(api, "/produtos")
    with psycopg.connect(os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]) as owner:
        names = owner.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
            "AND c.relname IN ('distribuidores', 'produtos', 'vendas', 'segredos')"
        ).fetchall()
        granted = owner.execute(
            "SELECT table_name FROM information_schema.role_table_grants WHERE table_schema = 'public' "
            "AND grantee LIKE 'sandbox%'"
        ).fetchall()
    assert names == granted == []


def test_the_stacks_own_command_line_finds_the_database(tmp_path: Path) -> None:
    """As `make up` starts it: the addresses are in the environment."""
    options = StackOptions(tmp_path, tmp_path, 0, 0, 0)
    (command,) = [one for one in app_processes(options, dict(os.environ)) if one.name == "sandbox"]
    assert "--database-url" not in command.argv
    with sandbox_process("--state", str(tmp_path / "state.json")) as (_, url):
        assert len(httpx.get(f"{url}/supabase/rest/v1/vendas", headers=SECRET).json()) == 72


def test_the_database_can_be_named_on_the_command_line() -> None:
    with sandbox_process("--database-url", "postgresql://nobody@127.0.0.1:1/none") as (_, url):
        assert httpx.get(f"{url}/supabase/rest/v1/vendas", headers=SECRET).status_code == 503
