"""Reading a Supabase project: its keys, its tables, its query language."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from integrations import errors
from integrations.providers.base import Filter, Health, Select, Table
from integrations.providers.supabase.config import SupabaseSettings
from integrations.providers.supabase.queries import _as_regex, to_params
from integrations.sandbox.supabase import LEGACY_KEY
from integrations.tests.databases import PUBLISHABLE_KEY, SECRET_KEY, ask, owner_url
from integrations.tests.helpers import Vendor, http_answer
from renum.security.tests.peers import closing, listening

SELECT = Select("produtos", ("id",), (Filter("id", "lte", 3),), (("id", False),))


def config(url: str, **more: Any) -> SupabaseSettings:
    values = {"supabase_url": url, "supabase_key": SECRET_KEY, "allowed_tables": ["produtos"], **more}
    return SupabaseSettings.model_validate(values)


def talk(url: str, verb: str, *arguments: Any, **more: Any) -> Any:
    return ask("supabase", config(url, **more), lambda provider: getattr(provider, verb)(*arguments))


def failure(url: str, verb: str = "select", **more: Any) -> errors.ProviderError:
    arguments = (SELECT,) if verb == "select" else ()
    with pytest.raises(errors.ProviderError) as raised:
        talk(url, verb, *arguments, **more)
    return raised.value


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://abc.supabase.co", "https://abc.supabase.co"),
        ("https://abc.supabase.co/", "https://abc.supabase.co"),
        ("https://abc.supabase.co/rest/v1/", "https://abc.supabase.co"),
        (" https://abc.supabase.co/rest/v1 ", "https://abc.supabase.co"),
        ("https://db.acme.com.br/supabase//", "https://db.acme.com.br/supabase"),
    ],
)
def test_takes_the_address_as_people_paste_it(given: str, kept: str) -> None:
    assert config(given).supabase_url == kept


def test_its_settings_survive_being_stored_as_json() -> None:
    before = config("https://abc.supabase.co", allowed_tables=["b", "a", "b"], read_only=True)
    stored = json.loads(json.dumps({**before.model_dump(), "supabase_key": SECRET_KEY}))
    after = SupabaseSettings.model_validate(stored)
    assert after == before and after.allowed_tables == ("b", "a")
    assert SECRET_KEY not in repr(before)


@pytest.mark.parametrize(
    "change",
    [
        {"supabase_url": ""},
        {"supabase_url": "https://" + "a" * 500},
        {"supabase_key": ""},
        {"supabase_key": "sb_secret_a b"},
        {"supabase_key": "sb_secret_a\r\nX: y"},
        {"supabase_key": "sb_secret_é"},
        {"allowed_tables": ["a-b"]},
        {"allowed_tables": ["1a"]},
        {"allowed_tables": ["a" * 64]},
        {"allowed_tables": ["public.a"]},
        {"allowed_tables": ["a\nb"]},
        {"allowed_tables": [f"t{n}" for n in range(201)]},
        {"schema_name": "a,b"},
        {"unknown": 1},
    ],
    ids=lambda change: ascii(change)[:60],
)
def test_refuses_settings_that_cannot_work(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**{"url": "https://abc.supabase.co", **change})


# --- keys and headers -----------------------------------------------------------------------------


def headers_sent(key: str, **more: Any) -> dict[str, str]:
    with listening(closing(http_answer("[]"))) as peer:
        talk(peer.url(""), "select", SELECT, supabase_key=key, **more)
    lines = peer.heard[0].decode().split("\r\n\r\n")[0].split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


@pytest.mark.parametrize("key", [SECRET_KEY, PUBLISHABLE_KEY])
def test_a_new_key_travels_in_its_own_header_only(key: str) -> None:
    sent = headers_sent(key)
    assert sent["apikey"] == key and "authorization" not in sent


def test_a_legacy_key_travels_in_both_headers() -> None:
    sent = headers_sent(LEGACY_KEY)
    assert sent["apikey"] == LEGACY_KEY and sent["authorization"] == f"Bearer {LEGACY_KEY}"


def test_does_not_look_like_a_browser_whose_secret_keys_are_refused() -> None:
    assert headers_sent(SECRET_KEY)["user-agent"] == "RENUM/1.0"


def test_names_a_schema_other_than_the_default() -> None:
    assert headers_sent(SECRET_KEY, schema_name="vendas")["accept-profile"] == "vendas"
    assert "accept-profile" not in headers_sent(SECRET_KEY)


@pytest.mark.parametrize("key", [SECRET_KEY, PUBLISHABLE_KEY, LEGACY_KEY])
def test_reads_with_every_kind_of_key(sandbox: Vendor, key: str) -> None:
    rows = talk(f"{sandbox.url}/supabase", "select", SELECT, supabase_key=key).rows
    assert rows == [{"id": 1}, {"id": 2}, {"id": 3}]


@pytest.mark.parametrize("verb", ["select", "check", "list_tables"])
@pytest.mark.parametrize("tables", [["produtos"], ["produtos", "vendas"]])
def test_a_wrong_key_is_refused_credentials(sandbox: Vendor, verb: str, tables: list[str]) -> None:
    error = failure(f"{sandbox.url}/supabase", verb, supabase_key="sb_secret_wrong", allowed_tables=tables)
    assert type(error) is errors.AuthFailed and "chave" in error.message


@pytest.mark.parametrize("verb", ["check", "list_tables"])
def test_a_wrong_key_is_told_without_any_table_too(sandbox: Vendor, verb: str) -> None:
    error = failure(f"{sandbox.url}/supabase", verb, supabase_key="sb_secret_wrong", allowed_tables=[])
    assert type(error) is errors.AuthFailed


# --- what a publishable key may see ---------------------------------------------------------------


def test_a_key_that_may_not_list_tests_the_declared_tables_one_by_one(sandbox: Vendor) -> None:
    more = {"supabase_key": PUBLISHABLE_KEY, "allowed_tables": ["vendas", "produtos", "nenhuma", "segredos"]}
    assert talk(f"{sandbox.url}/supabase", "list_tables", **more) == [Table("produtos")]
    health = talk(f"{sandbox.url}/supabase", "check", **more)
    assert health == Health(
        connected=True,
        detail="Tabelas declaradas que não podem ser lidas: "
        "vendas (sem permissão), nenhuma (não encontrada), segredos (sem permissão).",
    )


def test_a_key_that_reads_none_of_the_declared_tables_is_not_connected(sandbox: Vendor) -> None:
    more = {"supabase_key": PUBLISHABLE_KEY, "allowed_tables": ["segredos"]}
    health = talk(f"{sandbox.url}/supabase", "check", **more)
    assert health.connected is False
    assert health.detail == "Tabelas declaradas que não podem ser lidas: segredos (sem permissão)."
    assert talk(f"{sandbox.url}/supabase", "list_tables", **more) == []


def test_a_key_that_may_not_list_and_has_no_tables_is_told_to_declare_them(sandbox: Vendor) -> None:
    more: dict[str, Any] = {"supabase_key": PUBLISHABLE_KEY, "allowed_tables": []}
    health = talk(f"{sandbox.url}/supabase", "check", **more)
    assert health.connected and "allowed_tables" in health.detail
    error = failure(f"{sandbox.url}/supabase", "list_tables", **more)
    assert type(error) is errors.Misconfigured and "allowed_tables" in error.message


def test_many_failing_tables_are_told_in_one_short_sentence(
    sandbox: Vendor, environment: Callable[..., None]
) -> None:
    environment(provider_timeout_seconds=10)
    more = {"supabase_key": PUBLISHABLE_KEY, "allowed_tables": [f"t{n}" for n in range(30)]}
    health = talk(f"{sandbox.url}/supabase", "check", **more)
    assert health.detail.endswith("t9 (não encontrada) e mais 20.")
    assert len(sandbox.journal(provider="supabase")) == 31


def test_a_description_is_read_with_care() -> None:
    names = [f"t{n:04}" for n in range(600)]
    document = {
        "swagger": "2.0",
        "paths": {
            "/": {},
            "/rpc/apaga": {},
            "/a b": {},
            "/..": {},
            "/x": {},
            "/y": {},
            **{f"/{n}": {} for n in names},
        },
        "definitions": {
            "x": {"properties": {"id": {"format": "uuid"}, "n": {"type": "number"}, "a b": {}, "z": None}},
            "y": {"properties": []},
            "rpc": 5,
        },
    }
    with listening(closing(http_answer(document))) as peer:
        tables = talk(peer.url(""), "list_tables")
    assert len(tables) == 500 and [table.name for table in tables] == names[:500]
    del document["paths"]  # type: ignore[arg-type]
    with listening(closing(http_answer(document))) as peer:
        assert type(failure(peer.url(""), "list_tables")) is errors.ProtocolError


# --- the query language ---------------------------------------------------------------------------


def test_says_a_query_in_the_vendors_language() -> None:
    query = Select(
        "t",
        ("id", "nome", "id"),
        (
            Filter("nome", "eq", 'a,"b"\\'),
            Filter("limit", "in", [1, 'x"', ""]),
            Filter("nome", "in", [""]),
            Filter("ativo", "is", None),
            Filter("ativo", "is", False),
            Filter("nome", "like", "a%"),
            Filter("nome", "ilike", "a*"),
        ),
        (("nome", True), ("id", False)),
        offset=10,
    )
    assert to_params(query, 51) == {
        "select": "id,nome",
        "limit": "51",
        "and": '(nome.eq."a,\\"b\\"\\\\",limit.in.("1","x\\"",""),nome.eq."",ativo.is.null,ativo.is.false,'
        'nome.like."a%",nome.imatch."^(?:a\\\\*)$")',
        "order": "nome.desc,id.asc",
        "offset": "10",
    }


@pytest.fixture(scope="module")
def owner() -> Any:
    with psycopg.connect(owner_url(), autocommit=True) as connection:
        yield connection


def test_an_expression_matches_what_its_pattern_matches(owner: Any) -> None:
    @given(
        st.text("ab*%_\\.^$(|\n+[{é", max_size=8).filter(
            lambda text: (len(text) - len(text.rstrip("\\"))) % 2 == 0
        ),
        st.lists(st.text("ab*%_\\.\n(é", max_size=6), max_size=6),
    )
    def run(pattern: str, texts: list[str]) -> None:
        literal = pattern.replace("%", "").replace("_", "a").replace("\\", "")
        for text in (*texts, pattern, literal):
            answers = owner.execute(
                "SELECT %s::text LIKE %s, %s::text ~ %s, %s::text ILIKE %s, %s::text ~* %s",
                [text, pattern, text, _as_regex(pattern)] * 2,
            ).fetchone()
            assert answers[0] == answers[1] and answers[2] == answers[3], (pattern, text)

    run()
