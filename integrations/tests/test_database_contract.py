"""What every database provider promises: the same query brings the same rows, and nothing else happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from integrations import errors
from integrations.providers.base import Filter, Health, Rows, Select, Table
from integrations.providers.tables import MAX_BYTES, MAX_ROWS
from integrations.tests.databases import (
    DEMO_TABLES,
    KINDS,
    OWN_TABLES,
    SCHEMA,
    Doors,
    ask,
    config_of,
    door,
    execute,
    owner_url,
    prepare_tables,
    written,
)
from integrations.tests.helpers import Vendor
from renum.security.tests.peers import listening

pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def _door() -> Iterator[int]:
    prepare_tables()
    with listening(door()) as peer:
        yield peer.port


@pytest.fixture
def doors(_door: int, sandbox: Vendor) -> Doors:
    return Doors(sandbox.url, _door)


def select(kind: str, doors: Doors, query: Select, **more: Any) -> Rows:
    rows: Rows = ask(kind, config_of(kind, doors, **more), lambda provider: provider.select(query))
    return rows


def ids(kind: str, doors: Doors, *filters: Filter, table: str = "provas") -> list[int]:
    query = Select(table, ("id",), filters, (("id", False),), limit=200)
    return [row["id"] for row in select(kind, doors, query).rows]


def refused(kind: str, doors: Doors, query: Select, **more: Any) -> errors.ProviderError:
    with pytest.raises(errors.ProviderError) as raised:
        select(kind, doors, query, **more)
    return raised.value


# --- the same query, the same rows ----------------------------------------------------------------


def test_is_two_of_a_kind(kind: str) -> None:
    assert KINDS == ["supabase", "postgres"]


def test_shows_values_of_every_type_as_json(kind: str, doors: Doors) -> None:
    (row,) = select(kind, doors, Select("provas", filters=(Filter("id", "eq", 1),))).rows
    assert row == {
        "id": 1,
        "texto": "um",
        "numero": 10.5,
        "marcado": True,
        "dia": "2026-01-02",
        "quando": "2026-01-02T03:04:05.678+00:00",
        "chave": "00000000-0000-0000-0000-000000000001",
        "bytes": "\\x0102",
        "dados": {"a": [1, 2.5, None, "x"]},
        "lista": ["a", "b,c"],
        "limit": 5,
        "order": "primeira",
        "and": "e",
        "select": "s",
    }
    json.dumps(row)


def test_a_number_that_a_float_cannot_hold_stays_exact(kind: str, doors: Doors) -> None:
    query = Select("provas", ("numero",), (Filter("id", "in", [2, 4]),), (("id", False),))
    assert select(kind, doors, query).rows == [{"numero": "12345678901234567.89"}, {"numero": "NaN"}]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], [1, 2, 3, 4, 5]),
        ([Filter("texto", "eq", "um")], [1]),
        ([Filter("texto", "neq", "um")], [2, 4, 5]),
        ([Filter("id", "gt", 3)], [4, 5]),
        ([Filter("id", "gte", 3), Filter("id", "lt", 5)], [3, 4]),
        ([Filter("id", "lte", "2")], [1, 2]),
        ([Filter("numero", "eq", Decimal("10.50"))], [1]),
        ([Filter("numero", "eq", 10.5)], [1]),
        ([Filter("numero", "eq", Decimal("12345678901234567.89"))], [2]),
        ([Filter("marcado", "eq", True)], [1, 4, 5]),
        ([Filter("marcado", "is", True)], [1, 4, 5]),
        ([Filter("marcado", "is", False)], [2]),
        ([Filter("marcado", "is", None)], [3]),
        ([Filter("texto", "is", None)], [3]),
        ([Filter("dia", "gte", date(2026, 2, 3))], [2, 4, 5]),
        ([Filter("dia", "lt", "2026-02-01")], [1]),
        ([Filter("quando", "eq", "2026-01-02T00:04:05.678-03:00")], [1]),
        ([Filter("chave", "eq", UUID(int=1))], [1]),
        ([Filter("texto", "like", "u%")], [1]),
        ([Filter("texto", "like", "U%")], []),
        ([Filter("texto", "ilike", "U_")], [1]),
        ([Filter("texto", "like", "a*b")], [4]),
        ([Filter("texto", "like", "a_b")], [4, 5]),
        ([Filter("texto", "ilike", "A*%")], [4]),
        ([Filter("texto", "like", "%*_")], [4]),
        ([Filter("id", "in", [1, 3, 99])], [1, 3]),
        ([Filter("id", "in", [5])], [5]),
        ([Filter("id", "in", [])], []),
        ([Filter("texto", "in", ["a*b", "dois", "u,m", '"'])], [2, 4]),
        ([Filter("limit", "eq", 5), Filter("order", "eq", "quarta")], [4]),
        ([Filter("and", "eq", "g"), Filter("select", "eq", "u")], [4, 5]),
        ([Filter("id", "gt", 1), Filter("id", "gt", 4)], [5]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_filters_alike(kind: str, doors: Doors, filters: list[Filter], expected: list[int]) -> None:
    assert ids(kind, doors, *filters) == expected


def test_orders_limits_and_skips(kind: str, doors: Doors) -> None:
    query = Select(
        "produtos", ("id", "preco"), (), (("categoria", True), ("preco", False)), limit=3, offset=2
    )
    rows = select(kind, doors, query)
    assert rows == Rows(
        [{"id": 8, "preco": 6.4}, {"id": 7, "preco": 11.3}, {"id": 9, "preco": 24}], truncated=True
    ) or [row["id"] for row in rows.rows]
    assert len(rows.rows) == 3 and rows.truncated
    assert [list(row) for row in rows.rows] == [["id", "preco"]] * 3
    everything = select(kind, doors, Select("produtos", ("id",), (), (("categoria", True), ("preco", False))))
    assert [row["id"] for row in rows.rows] == [row["id"] for row in everything.rows[2:5]]
    assert everything.truncated is False


# --- what is refused before it is asked -----------------------------------------------------------


@pytest.mark.parametrize(
    "one",
    [
        Filter("texto", "eq", None),
        Filter("texto", "eq", ["a"]),
        Filter("texto", "eq", {"a": 1}),
        Filter("texto", "eq", "a\x00b"),
        Filter("texto", "eq", "\ud800"),
        Filter("texto", "eq", "x" * 2001),
        Filter("texto", "like", 5),
        Filter("texto", "like", None),
        Filter("numero", "gt", float("nan")),
        Filter("numero", "gt", float("inf")),
        Filter("numero", "gt", 10**40),
        Filter("numero", "gt", Decimal("NaN")),
        Filter("texto", "is", "null"),
        Filter("texto", "is", 1),
        Filter("texto", "in", "abc"),
        Filter("texto", "in", [None]),
        Filter("texto", "in", ["x"] * 201),
        Filter("texto", "fts", "x"),  # type: ignore[arg-type]
        Filter("texto", "eq.1),or(id", "x"),  # type: ignore[arg-type]
        Filter("texto", "", "x"),  # type: ignore[arg-type]
    ],
    ids=lambda one: ascii(one)[:70],
)
def test_a_filter_that_means_nothing_is_refused_before_it_is_asked(
    kind: str, doors: Doors, sandbox: Vendor, one: Filter
) -> None:
    error = refused(kind, doors, Select("provas", ("id",), (one,)))
    assert (type(error), error.code) == (errors.Rejected, "INVALID_QUERY")
    assert sandbox.journal() == []


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (True, 0), (1, -1), (1, 10**9)])
def test_a_window_that_means_nothing_is_refused(kind: str, doors: Doors, limit: int, offset: int) -> None:
    assert refused(kind, doors, Select("provas", limit=limit, offset=offset)).code == "INVALID_QUERY"


# --- not allowed is not the same as not found -----------------------------------------------------


def test_an_empty_list_allows_nothing(kind: str, doors: Doors, sandbox: Vendor) -> None:
    assert refused(kind, doors, Select("provas"), allowed_tables=[]).code == "TABLE_NOT_ALLOWED"
    assert sandbox.journal() == []


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (Select("nenhuma"), "TABLE_NOT_FOUND"),
        (Select("provas", ("nada",)), "COLUMN_NOT_FOUND"),
        (Select("provas", filters=(Filter("nada", "eq", 1),)), "COLUMN_NOT_FOUND"),
        (Select("provas", order=(("nada", True),)), "COLUMN_NOT_FOUND"),
        (Select("provas", filters=(Filter("id", "eq", "Maria 11987654321"),)), "INVALID_QUERY"),
        (Select("provas", filters=(Filter("dia", "eq", "2026-02-31"),)), "INVALID_QUERY"),
        (Select("provas", filters=(Filter("id", "eq", 10**20),)), "INVALID_QUERY"),
        (Select("provas", filters=(Filter("id", "like", "1%"),)), "INVALID_QUERY"),
        (Select("provas", filters=(Filter("texto", "like", "u\\"),)), "INVALID_QUERY"),
        (Select("provas", filters=(Filter("dados", "gt", "{"),)), "INVALID_QUERY"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_says_what_is_wrong_in_portuguese_without_the_vendors_words(
    kind: str, doors: Doors, query: Select, code: str
) -> None:
    error = refused(kind, doors, query, allowed_tables=["provas", "nenhuma"])
    assert (type(error), error.code) == (errors.Rejected, code)
    assert error.message.endswith(".") and not error.uncertain and not error.retryable
    for words in ("Maria", "11987654321", "syntax", "does not exist", "provas", "nada"):
        assert words not in error.message
        assert words not in repr(error.__cause__)


def test_what_the_database_forbids_is_not_an_empty_answer(kind: str, doors: Doors) -> None:
    error = refused(kind, doors, Select("fechada"), allowed_tables=["fechada"])
    assert (type(error), error.code) == (errors.Rejected, "PERMISSION_DENIED")
    assert select(kind, doors, Select("provas", filters=(Filter("id", "eq", -1),))) == Rows(
        [], truncated=False
    )


# --- caps -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "count", "truncated"), [(71, 71, True), (72, 72, False), (73, 72, False)])
def test_says_whether_there_was_more(
    kind: str, doors: Doors, limit: int, count: int, truncated: bool
) -> None:
    rows = select(kind, doors, Select("vendas", ("numero",), limit=limit))
    assert (len(rows.rows), rows.truncated) == (count, truncated)


def test_never_brings_more_than_200_rows(kind: str, doors: Doors) -> None:
    execute(f"INSERT INTO {SCHEMA}.provas (id) SELECT generate_series(2000, 2300)")
    try:
        rows = select(kind, doors, Select("provas", ("id",), limit=10_000))
    finally:
        execute(f"DELETE FROM {SCHEMA}.provas WHERE id >= 2000")
    assert len(rows.rows) == MAX_ROWS and rows.truncated


@pytest.mark.parametrize("first", [1, 1000])
def test_never_brings_more_than_256_kib(kind: str, doors: Doors, first: int) -> None:
    query = Select("largas", (), (Filter("id", "gte", first),), (("id", False),), limit=90)
    rows = select(kind, doors, query)
    size = len(json.dumps(rows.rows, ensure_ascii=False, separators=(",", ":")).encode())
    assert rows.truncated and size <= MAX_BYTES
    assert [row["id"] for row in rows.rows] == list(range(first, first + len(rows.rows)))
    assert len(rows.rows) == {1: 8, 1000: 4}[first]


@pytest.mark.parametrize("identifier", [100, 200])
def test_a_row_that_is_too_large_is_refused_instead_of_left_out(
    kind: str, doors: Doors, identifier: int
) -> None:
    query = Select("largas", filters=(Filter("id", "eq", identifier),))
    assert refused(kind, doors, query).code == "RESULT_TOO_LARGE"
    assert ids(kind, doors, Filter("id", "eq", identifier), table="largas") == [identifier]


# --- reading changes nothing, and ends ------------------------------------------------------------


@pytest.mark.parametrize("table", ["gulosa", "desarmada", "contada", "barulhenta"])
@pytest.mark.parametrize("read_only", [True, False])
def test_no_function_behind_a_view_can_write(kind: str, doors: Doors, table: str, read_only: bool) -> None:
    error = refused(kind, doors, Select(table), read_only=read_only)
    assert type(error) is errors.Rejected and error.code in ("READ_ONLY", "INVALID_QUERY")
    assert written() == 0
    assert execute(f"SELECT is_called FROM {SCHEMA}.contador") == [(False,)]


def test_a_query_that_takes_too_long_is_given_up(kind: str, doors: Doors) -> None:
    error = refused(kind, doors, Select("lenta"))
    assert type(error) is errors.TimedOut


@contextmanager
def locked(table: str) -> Iterator[None]:
    with psycopg.connect(owner_url()) as owner:
        owner.execute(f"LOCK TABLE {SCHEMA}.{table} IN ACCESS EXCLUSIVE MODE")
        yield
        owner.rollback()


def test_a_locked_table_does_not_hold_us(kind: str, doors: Doors) -> None:
    with locked("trancada"):
        error = refused(kind, doors, Select("trancada"))
    assert isinstance(error, errors.TimedOut | errors.Unavailable)
    assert ids(kind, doors, table="trancada") == [1]


def test_many_reads_at_once_do_not_mix(kind: str, doors: Doors) -> None:
    found: dict[int, list[int]] = {}

    def read(number: int) -> None:
        found[number] = ids(kind, doors, Filter("id", "eq", number))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [number] for number in range(1, 6)}


# --- checking and listing -------------------------------------------------------------------------


def test_checks_the_connection(kind: str, doors: Doors) -> None:
    health = ask(kind, config_of(kind, doors), lambda provider: provider.check())
    assert health == Health(connected=True)


def test_tells_which_declared_tables_cannot_be_read_and_why(kind: str, doors: Doors) -> None:
    config = config_of(kind, doors, allowed_tables=["provas", "fechada", "nenhuma"])
    health = ask(kind, config, lambda provider: provider.check())
    assert health.connected
    assert (
        health.detail
        == "Tabelas declaradas que não podem ser lidas: fechada (sem permissão), nenhuma (não encontrada)."
    )


def test_lists_what_may_be_read_with_columns_and_types(kind: str, doors: Doors) -> None:
    tables: list[Table] = ask(kind, config_of(kind, doors), lambda provider: provider.list_tables())
    names = [table.name for table in tables]
    assert {*DEMO_TABLES, *OWN_TABLES} <= set(names)
    assert names == sorted(names) and "fechada" not in names and "rastro" not in names
    (produtos,) = [table for table in tables if table.name == "produtos"]
    assert [column.name for column in produtos.columns] == [
        "id",
        "nome",
        "categoria",
        "preco",
        "estoque",
        "ativo",
    ]
    assert [column.type.partition("(")[0] for column in produtos.columns] == [
        "integer",
        "text",
        "text",
        "numeric",
        "integer",
        "boolean",
    ]


def test_the_applications_own_tables_are_out_of_reach(kind: str, doors: Doors) -> None:
    for name in ("clients", "profiles", "integrations", "django_migrations", "pg_authid"):
        error = refused(kind, doors, Select(name), allowed_tables=[name])
        assert error.code == "TABLE_NOT_FOUND"
