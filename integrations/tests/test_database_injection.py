"""Names and values that would like to be more than that: they change nothing, and bring nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import errors
from integrations.providers.base import Filter, Rows, Select
from integrations.tests.databases import (
    KINDS,
    SCHEMA,
    Doors,
    ask,
    config_of,
    door,
    execute,
    owner_url,
    prepare_tables,
)
from integrations.tests.helpers import Vendor
from renum.security.tests.peers import listening

pytestmark = pytest.mark.parametrize("kind", KINDS)

PAYLOADS = [
    "'; DROP TABLE sandbox_supabase.provas; --",
    "' OR '1'='1",
    '" OR ""="',
    "provas; SELECT pg_sleep(30)",
    "provas WHERE 1=1 --",
    "provas/../fechada",
    "../fechada",
    "..%2ffechada",
    "%2e%2e/fechada",
    "fechada?select=*",
    "provas?select=*,fechada(*)",
    "provas#",
    "provas%00",
    "provas\x00",
    "provas\n",
    " provas",
    "provas ",
    "",
    "/",
    "rpc/escreve",
    "pg_catalog.pg_authid",
    "public.clients",
    "sandbox_supabase.provas",
    '"provas"',
    "provas,fechada",
    "provas)",
    "(select valor from fechada)",
    "id,valor:fechada(valor)",
    "id::text",
    "id->>a",
    "count()",
    "*",
    "id.eq.1),or=(id.gt.0",
    "%s",
    "%(x)s",
    "{}",
    "a" * 64,
    "é",
    "id\u0000",
    "1id",
    "id--",
    "id/*",
    "\\",
    "provas&limit=1000",
    "provas?limit=0&or=(id.gt.0)",
    "id.desc.nullslast",
    "id desc; DELETE FROM sandbox_supabase.provas",
    "id) UNION SELECT valor FROM sandbox_supabase.fechada --",
    "not.id",
    "provas\r\nApikey: outra",
    "provas\u202e",
    "ｐrovas",
    "${jndi}",
    "provas\t",
    "-1",
    "'||valor||'",
    "$$",
    "fechada.valor",
    "xmin::text",
    "E'\\x41'",
    "\ud800",
]

# Plain names of tables that exist, and are not in the list.
OTHER_TABLES = ["fechada", "segredos", "clients", "pg_shadow", "Provas", "provas_", "escreve"]
# Texts that Postgres can hold.
TEXTS = [one for one in PAYLOADS if "\x00" not in one and one != "\ud800"]


@pytest.fixture(scope="module")
def _door() -> Iterator[int]:
    prepare_tables()
    with listening(door()) as peer:
        yield peer.port


@pytest.fixture
def doors(_door: int, sandbox: Vendor) -> Doors:
    return Doors(sandbox.url, _door)


def answers(kind: str, doors: Doors, queries: list[Select]) -> list[Rows | errors.ProviderError]:
    """What each query brings, or is refused with."""

    async def run(provider: Any) -> list[Rows | errors.ProviderError]:
        found: list[Rows | errors.ProviderError] = []
        for query in queries:
            try:
                found.append(await provider.select(query))
            except errors.ProviderError as error:
                found.append(error)
        return found

    return list(ask(kind, config_of(kind, doors), run))


def ids(found: Rows | errors.ProviderError) -> set[int]:
    assert isinstance(found, Rows), found
    return {row["id"] for row in found.rows}


def require_refusals(found: list[Rows | errors.ProviderError], code: str, queries: list[Select]) -> None:
    for query, error in zip(queries, found, strict=True):
        assert type(error) is errors.Rejected and error.code == code, ascii(query)


def everything() -> list[Any]:
    return execute(f"SELECT count(*), min(id), max(id) FROM {SCHEMA}.provas") + execute(
        f"SELECT count(*), max(valor) FROM {SCHEMA}.fechada"
    )


def test_there_are_enough_attempts(kind: str) -> None:
    assert len(set(PAYLOADS)) + len(OTHER_TABLES) >= 60


def test_a_table_outside_the_list_is_not_asked_for(kind: str, doors: Doors, sandbox: Vendor) -> None:
    queries = [Select(name) for name in [*PAYLOADS, *OTHER_TABLES]]
    require_refusals(answers(kind, doors, queries), "TABLE_NOT_ALLOWED", queries)
    assert sandbox.journal() == []


def test_a_list_with_such_names_cannot_be_saved(kind: str, doors: Doors) -> None:
    for name in PAYLOADS:
        if name.strip() != "provas":  # a name is saved without the spaces around it
            with pytest.raises(ValueError):
                config_of(kind, doors, allowed_tables=["provas", name])


@pytest.mark.parametrize("place", ["column", "filter", "order"])
def test_a_column_that_is_not_a_plain_name_is_not_asked_for(
    kind: str, doors: Doors, sandbox: Vendor, place: str
) -> None:
    build = {
        "column": lambda name: Select("provas", ("id", name)),
        "filter": lambda name: Select("provas", ("id",), (Filter(name, "eq", "1"),)),
        "order": lambda name: Select("provas", ("id",), (), ((name, False),)),
    }[place]
    queries = [build(name) for name in PAYLOADS]
    require_refusals(answers(kind, doors, queries), "INVALID_QUERY", queries)
    assert sandbox.journal() == []


def test_a_value_is_never_more_than_a_value(kind: str, doors: Doors) -> None:
    before = everything()
    for operator, expected in (("eq", set()), ("neq", {1, 2, 4, 5}), ("like", None), ("in", set())):
        some = TEXTS if operator == "eq" else TEXTS[::4]
        wrapped = [[text, f"{text})"] if operator == "in" else text for text in some]
        queries = [Select("provas", ("id",), (Filter("texto", operator, value),)) for value in wrapped]  # type: ignore[arg-type]
        for query, found in zip(queries, answers(kind, doors, queries), strict=True):
            if expected is not None:
                assert ids(found) == expected, ascii(query)
            else:  # a pattern may match, or be none
                assert isinstance(found, Rows) or found.code == "INVALID_QUERY", ascii(query)
    assert everything() == before


def test_a_value_for_a_number_is_refused_by_the_database(kind: str, doors: Doors) -> None:
    before = everything()
    queries = [Select("provas", ("id",), (Filter("id", "eq", text),)) for text in TEXTS[::3] if text != "-1"]
    require_refusals(answers(kind, doors, queries), "INVALID_QUERY", queries)
    assert everything() == before


# A table of texts: any of them is found by its own text, and by no other.

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40) | st.text(
    alphabet=",.:()\"'\\*%_&=+?#;{}[]<>/ \n\té", max_size=20
)


def exactly(operator: str, value: str) -> Filter:
    if operator in ("like", "ilike"):
        return Filter("texto", operator, "".join(f"\\{c}" if c in "\\%_" else c for c in value))  # type: ignore[arg-type]
    if operator == "in":
        return Filter("texto", "in", [value])
    return Filter("texto", "eq", value)


@pytest.mark.parametrize("operator", ["eq", "in", "like"])
def test_any_text_finds_exactly_its_row(kind: str, doors: Doors, operator: str) -> None:
    @settings(max_examples=6, deadline=None)
    @given(st.lists(TEXT, unique=True, min_size=1, max_size=8))
    def run(values: list[str]) -> None:
        numbered = dict(enumerate(values, 1000))
        with psycopg.connect(owner_url(), autocommit=True) as owner, owner.cursor() as cursor:
            cursor.execute(f"DELETE FROM {SCHEMA}.provas WHERE id >= 1000")
            cursor.executemany(f"INSERT INTO {SCHEMA}.provas (id, texto) VALUES (%s, %s)", numbered.items())
        above = Filter("id", "gte", 1000)
        queries = [Select("provas", ("id", "texto"), (above, exactly(operator, value))) for value in values]
        found = answers(kind, doors, queries)
        assert found == [Rows([{"id": number, "texto": value}]) for number, value in numbered.items()]

    try:
        run()
    finally:
        execute(f"DELETE FROM {SCHEMA}.provas WHERE id >= 1000")


def test_a_list_of_any_texts_finds_their_rows(kind: str, doors: Doors) -> None:
    @settings(max_examples=6, deadline=None)
    @given(st.lists(TEXT, unique=True, min_size=2, max_size=8), st.integers(1, 7))
    def run(values: list[str], asked: int) -> None:
        numbered = dict(enumerate(values, 1000))
        with psycopg.connect(owner_url(), autocommit=True) as owner, owner.cursor() as cursor:
            cursor.execute(f"DELETE FROM {SCHEMA}.provas WHERE id >= 1000")
            cursor.executemany(f"INSERT INTO {SCHEMA}.provas (id, texto) VALUES (%s, %s)", numbered.items())
        query = Select("provas", ("id",), (Filter("id", "gte", 1000), Filter("texto", "in", values[:asked])))
        (found,) = answers(kind, doors, [query])
        assert ids(found) == set(list(numbered)[:asked])

    try:
        run()
    finally:
        execute(f"DELETE FROM {SCHEMA}.provas WHERE id >= 1000")
