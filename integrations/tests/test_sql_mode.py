"""SQL mode's harmless side: what it answers, what it says when it does not, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from integrations import errors, providers, services
from integrations.models import Integration
from integrations.providers.base import Rows
from integrations.providers.postgres import expressions, statements
from integrations.providers.tables import MAX_BYTES, MAX_ROWS
from integrations.tests.contracts import make_connection
from integrations.tests.databases import owner_url
from integrations.tests.shops import TABLES, Shop, as_admin, open_shop, url_of
from tests.cast import Cast

# With what plain psycopg brings as its measure; `:name` is `%(name)s` there.
HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("SELECT id, nome FROM produtos ORDER BY id", {}),
    ("select * from produtos order by id limit 3", {}),
    ("SELECT p.* FROM public.produtos AS p WHERE p.id = 2", {}),
    ('SELECT "id", "nome" FROM "public"."produtos" WHERE "id" = 1', {}),
    ("SELECT NOME FROM Produtos WHERE ID = 1;", {}),
    ("SELECT nome /* o nome */ FROM produtos -- todos\nORDER BY nome DESC LIMIT 2 OFFSET 1", {}),
    ("SELECT count(*) FROM vendas", {}),
    ("SELECT count(*) AS n, sum(total) AS soma, avg(quantidade) AS media, min(id), max(id) FROM vendas", {}),
    ("SELECT count(DISTINCT produto_id) AS produtos FROM vendas", {}),
    ("SELECT categoria, count(*) AS n FROM produtos GROUP BY categoria ORDER BY n DESC, categoria", {}),
    (
        "SELECT categoria, sum(preco) s FROM produtos GROUP BY 1 HAVING sum(preco) > 50 ORDER BY 1 NULLS FIRST",
        {},
    ),
    (
        "SELECT p.nome, sum(v.total) AS receita FROM vendas v JOIN produtos p ON p.id = v.produto_id "
        "GROUP BY p.nome ORDER BY receita DESC, p.nome LIMIT 5",
        {},
    ),
    (
        "SELECT d.nome, p.nome AS produto, v.quantidade FROM vendas v "
        "INNER JOIN distribuidores d ON v.distribuidor_id = d.id LEFT JOIN produtos p ON p.id = v.produto_id "
        "WHERE d.uf = 'SP' ORDER BY v.id LIMIT 10",
        {},
    ),
    (
        "SELECT p.nome FROM produtos p LEFT OUTER JOIN vendas v ON v.produto_id = p.id AND v.id > 240 WHERE v.id IS NULL ORDER BY 1",
        {},
    ),
    ("SELECT count(*) AS n FROM produtos p FULL JOIN distribuidores d ON d.id = p.id", {}),
    ("SELECT id, p.nome, d.uf FROM produtos p JOIN distribuidores d USING (id) ORDER BY id", {}),
    (
        "SELECT a.nome, b.nome AS par FROM produtos a JOIN produtos b ON a.categoria = b.categoria AND a.id < b.id ORDER BY 1, 2",
        {},
    ),
    ("SELECT nome FROM produtos WHERE nome ILIKE 'produto %' AND nome NOT LIKE '%A' ORDER BY nome", {}),
    ("SELECT nome FROM distribuidores WHERE nome LIKE 'D''%' OR nome LIKE '100!%' ESCAPE '!'", {}),
    ("SELECT id FROM produtos WHERE id IN (1, 2, 99) OR id NOT BETWEEN 3 AND 11 ORDER BY id", {}),
    ("SELECT id FROM produtos WHERE categoria IS NULL AND detalhes IS NOT NULL ORDER BY id", {}),
    ("SELECT id FROM distribuidores WHERE ativo IS NOT TRUE OR ativo = false", {}),
    ("SELECT id FROM produtos WHERE categoria IS DISTINCT FROM 'bebidas' ORDER BY id", {}),
    ("SELECT id FROM produtos WHERE NOT (estoque > 30 OR preco >= 20.5) AND estoque <> 0 ORDER BY id", {}),
    (
        "SELECT id, CASE WHEN estoque = 0 THEN 'falta' WHEN estoque < 20 THEN 'pouco' ELSE 'há' END AS s FROM produtos ORDER BY id",
        {},
    ),
    ("SELECT id, CASE categoria WHEN 'bebidas' THEN 1 END AS c FROM produtos ORDER BY id", {}),
    (
        "SELECT date_trunc('month', vendida_em) AS mes, sum(total) AS t FROM vendas GROUP BY 1 ORDER BY mes",
        {},
    ),
    (
        "SELECT date_trunc('month', vendida_em)::date AS mes, count(*) FROM vendas GROUP BY date_trunc('month', vendida_em) ORDER BY 1",
        {},
    ),
    (
        "SELECT extract(year FROM vendida_em) AS ano, date_part('dow', vendida_em) AS dia FROM vendas ORDER BY id LIMIT 4",
        {},
    ),
    (
        "SELECT id FROM vendas WHERE vendida_em >= timestamptz '2026-06-01' - interval '7 days' ORDER BY id LIMIT 5",
        {},
    ),
    (
        "SELECT id FROM vendas WHERE vendida_em < DATE '2026-01-10' AND vendida_em > '2026-01-06'::timestamptz ORDER BY id",
        {},
    ),
    (
        "SELECT to_char(desde, 'DD/MM/YYYY') AS d, age(date '2026-01-01', desde) > interval '1 year' AS velho FROM distribuidores ORDER BY id",
        {},
    ),
    ("SELECT vendida_em AT TIME ZONE 'America/Sao_Paulo' AS local FROM vendas ORDER BY id LIMIT 2", {}),
    (
        "SELECT upper(nome), lower(nome), length(nome), trim(nome), left(nome, 3), substring(nome FROM 2 FOR 4) FROM produtos ORDER BY id LIMIT 2",
        {},
    ),
    ("SELECT nome || ' (' || coalesce(categoria, '?') || ')' AS rotulo FROM produtos ORDER BY id", {}),
    (
        "SELECT concat(nome, '-', id) AS a, replace(nome, 'Produto ', '') AS b, lpad(id::text, 4, '0') AS c, position('o' in nome) FROM produtos ORDER BY id",
        {},
    ),
    (
        "SELECT round(preco * 1.1, 1) AS r, abs(-estoque) AS a, estoque % 7 AS m, preco / 2 AS d, greatest(id, 5), nullif(id, 3) FROM produtos ORDER BY id",
        {},
    ),
    (
        "SELECT -id - -2 * (3 + id) - 1 AS conta, 7 - 2 - 1 AS esquerda, 8 / 2 / 2 AS divide FROM produtos ORDER BY id",
        {},
    ),
    ("SELECT id::text || '!' = '1!' AS e, not id = 1 AS n FROM produtos ORDER BY id", {}),
    (
        "SELECT nome, row_number() OVER (PARTITION BY categoria ORDER BY preco DESC) AS lugar FROM produtos ORDER BY categoria, lugar, nome",
        {},
    ),
    (
        "SELECT id, sum(total) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS movel, lag(total, 1) OVER (ORDER BY id) AS antes FROM vendas ORDER BY id LIMIT 9",
        {},
    ),
    (
        "SELECT categoria, rank() OVER (ORDER BY count(*) DESC) AS r FROM produtos GROUP BY categoria ORDER BY r, categoria",
        {},
    ),
    (
        "SELECT string_agg(nome, ', ' ORDER BY nome DESC) AS nomes, array_agg(DISTINCT categoria ORDER BY categoria) AS c FROM produtos",
        {},
    ),
    (
        "SELECT count(*) FILTER (WHERE estoque = 0) AS faltam, percentile_cont(0.5) WITHIN GROUP (ORDER BY preco) AS mediana FROM produtos",
        {},
    ),
    ("SELECT DISTINCT categoria FROM produtos ORDER BY categoria NULLS FIRST", {}),
    ("SELECT DISTINCT ON (categoria) categoria, nome FROM produtos ORDER BY categoria, preco DESC", {}),
    ("WITH caros AS (SELECT * FROM produtos WHERE preco > 30) SELECT nome FROM caros ORDER BY nome", {}),
    (
        "WITH m(mes, t) AS (SELECT date_trunc('month', vendida_em), sum(total) FROM vendas GROUP BY 1), "
        "melhor AS (SELECT max(t) AS t FROM m) SELECT m.mes, m.t FROM m JOIN melhor ON melhor.t = m.t",
        {},
    ),
    ("WITH produtos AS (SELECT * FROM produtos WHERE id < 3) SELECT nome FROM produtos ORDER BY nome", {}),
    ("SELECT nome FROM produtos UNION SELECT nome FROM distribuidores ORDER BY nome", {}),
    (
        "(SELECT id FROM produtos WHERE id < 4) EXCEPT (SELECT id FROM distribuidores WHERE uf = 'SP') ORDER BY 1",
        {},
    ),
    ("SELECT id FROM produtos INTERSECT SELECT id FROM distribuidores UNION ALL SELECT 0 ORDER BY id", {}),
    (
        "SELECT nome FROM produtos WHERE id IN (SELECT produto_id FROM vendas WHERE total > 300) ORDER BY nome",
        {},
    ),
    (
        "SELECT nome FROM produtos p WHERE NOT EXISTS (SELECT 1 FROM vendas v WHERE v.produto_id = p.id AND v.quantidade > 6) ORDER BY 1",
        {},
    ),
    (
        "SELECT nome, (SELECT max(total) FROM vendas v WHERE v.produto_id = p.id) AS maior FROM produtos p ORDER BY id",
        {},
    ),
    (
        "SELECT x.c, x.n FROM (SELECT categoria AS c, count(*) AS n FROM produtos GROUP BY categoria) x WHERE x.n > 3 ORDER BY x.c",
        {},
    ),
    ("SELECT preco FROM produtos WHERE preco > (SELECT avg(preco) FROM produtos) ORDER BY preco", {}),
    (
        "SELECT detalhes->>'cor' AS cor, detalhes->'peso' AS peso, jsonb_typeof(detalhes) FROM produtos ORDER BY id",
        {},
    ),
    (
        "SELECT id FROM produtos WHERE 'e2' = ANY(etiquetas) OR (detalhes->>'peso')::int = 5 OR detalhes @> '{\"peso\": 7}'::jsonb ORDER BY id",
        {},
    ),
    (
        "SELECT cardinality(etiquetas) AS n, array_to_string(etiquetas, '/') AS t FROM produtos ORDER BY id",
        {},
    ),
    (
        "SELECT 'C:\\dir\\' AS caminho, 'aspas '' e \" e $1 e :nome e %s' AS texto, 1e3 AS mil, .5 AS meio, true AS v, NULL AS nada",
        {},
    ),
    (
        "SELECT id FROM produtos WHERE preco BETWEEN :de AND :ate ORDER BY id",
        {"de": Decimal("10.5"), "ate": 20},
    ),
    (
        "SELECT id FROM produtos WHERE nome ILIKE :busca AND id <> :id AND :id > 0 ORDER BY id",
        {"busca": "%b%", "id": 7},
    ),
    (
        "SELECT id FROM vendas WHERE vendida_em >= :desde AND vendida_em < CAST(:ate AS date) ORDER BY id",
        {"desde": datetime(2026, 1, 7, tzinfo=UTC), "ate": "2026-01-12"},
    ),
    (
        "SELECT id FROM distribuidores WHERE desde > :dia AND ativo = :ativo ORDER BY id LIMIT :n",
        {"dia": date(2020, 8, 1), "ativo": True, "n": 2},
    ),
    ("SELECT nome FROM produtos WHERE nome = :nome", {"nome": "'; DROP TABLE produtos; --"}),
    (
        "SELECT preco * :fator AS p, coalesce(:nada, 'vazio') AS v FROM produtos ORDER BY id",
        {"fator": 1.5, "nada": None},
    ),
]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


def plain(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """What psycopg brings, as JSON shows it."""
    for name in parameters:
        sql = sql.replace(f":{name}", f"%({name})s")
    with psycopg.connect(url_of(owner_url()), row_factory=dict_row) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute("SET search_path = pg_catalog, public")
        text = sql if parameters else sql.replace("%", "%%")
        query = f"WITH found AS ({text.rstrip(';')}\n) SELECT row_to_json(found.*)::text AS line FROM found LIMIT 200"
        lines = connection.execute(query.encode(), parameters).fetchall()
    return [json.loads(row["line"], parse_float=Decimal) for row in lines]


def test_there_are_enough_harmless_statements() -> None:
    assert len({sql for sql, _ in HARMLESS}) >= 40


def test_harmless_statements_bring_what_psycopg_brings(shop: Shop, subtests: pytest.Subtests) -> None:
    for (sql, parameters), found in zip(HARMLESS, shop.ask(shop.settings(), HARMLESS), strict=True):
        with subtests.test(sql=sql):
            assert isinstance(found, Rows), found
            expected = plain(sql, parameters)
            assert json.loads(json.dumps(found.rows), parse_float=Decimal) == expected
            assert [list(row) for row in found.rows] == [list(row) for row in expected]


def refusal(sql: str, *allowed: str) -> errors.Rejected:
    with pytest.raises(errors.Rejected) as raised:
        statements.parse(sql, "public", allowed or TABLES)
    assert raised.value.__cause__ is None
    return raised.value


def text_of(sql: str) -> str:
    return statements.parse(sql, "public", TABLES).text


# --- what is written ------------------------------------------------------------------------------


def test_every_name_is_quoted_and_qualified() -> None:
    assert text_of("select Lower(p.NOME) n from Produtos p") == (
        'SELECT pg_catalog."lower"("p"."nome") AS "n" FROM "public"."produtos" AS "p"'
    )
    assert text_of('select "a""b" from vendas') == 'SELECT "a""b" FROM "public"."vendas" AS "vendas"'


def test_a_part_of_a_with_never_stands_for_a_table() -> None:
    assert text_of("with produtos as (select 1 as id from produtos) select id from produtos") == (
        'WITH "renum_part_1" AS (SELECT 1 AS "id" FROM "public"."produtos" AS "produtos") '
        'SELECT "id" FROM "renum_part_1" AS "produtos"'
    )
    out_of_scope = "SELECT * FROM (WITH x AS (SELECT 1 AS a) SELECT a FROM x) y JOIN x ON x.a = y.a"
    assert refusal(out_of_scope).code == "TABLE_NOT_ALLOWED"


def test_their_function_of_the_same_name_does_not_stand_in(shop: Shop) -> None:
    (found,) = shop.ask(shop.settings(), [("SELECT upper(nome) AS n FROM produtos WHERE id = 1", {})])
    assert found == Rows([{"n": "PRODUTO A"}])
    assert as_admin("SELECT public.upper('a'::text)") == [("SOMBRA",)]


def test_no_function_of_every_row_can_be_called_by_a_columns_notation(shop: Shop) -> None:
    """`row.name` calls a function on the row: those that can be are pure, or their name is refused."""
    found = as_admin(
        "SELECT DISTINCT proname, provolatile = 'v' FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace "
        "AND pronargs - pronargdefaults <= 1 AND proargtypes[0] IN ('record'::regtype, "
        "'\"any\"'::regtype, 'anyelement'::regtype, 'anynonarray'::regtype, 'anycompatible'::regtype)"
    )
    assert ("row_to_json", False) in found
    assert [name for name, changes in found if changes and not name.startswith("pg_")] == []


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "code", "words"),
    [
        ("SELECT * FROM segredos", "TABLE_NOT_ALLOWED", "segredos"),
        ("SELECT * FROM interno.produtos", "TABLE_NOT_ALLOWED", "produtos"),
        ("SELECT * FROM pg_catalog.pg_class", "TABLE_NOT_ALLOWED", "pg_class"),
        ('SELECT * FROM "Produtos"', "TABLE_NOT_ALLOWED", "Produtos"),
        ("SELECT pg_sleep(1)", "SQL_NOT_ALLOWED", "pg_sleep"),
        ("SELECT lower('x'), minha_funcao(id) FROM produtos", "SQL_NOT_ALLOWED", "minha_funcao"),
        ("DELETE FROM produtos", "SQL_NOT_ALLOWED", "SELECT"),
        ("SELECT nome FROM produtos FOR UPDATE", "SQL_NOT_ALLOWED", "LOCKS"),
        ("SELECT xmin FROM produtos", "SQL_NOT_ALLOWED", "xmin"),
        ("SELECT FROM", "SQL_NOT_ALLOWED", "SELECT"),
        ("", "SQL_NOT_ALLOWED", "SELECT"),
        ("SELECT 'aberta", "SQL_NOT_ALLOWED", "SELECT"),
        ("SELECT 1 FROM produtos p, vendas v", "SQL_NOT_ALLOWED", "JOIN"),
        ("SELECT 1 AS \"a\x00b\"", "SQL_NOT_ALLOWED", "texto"),
        ("SELECT '\ud800'", "SQL_NOT_ALLOWED", "texto"),
        ("SELECT row_number() FROM produtos", "SQL_NOT_ALLOWED", "OVER"),
        ("SELECT replace(nome, 'a', 'aaa') FROM produtos", "SQL_NOT_ALLOWED", "replace"),
        ("SELECT lpad(nome, 201) FROM produtos", "SQL_NOT_ALLOWED", "lpad"),
        ("SELECT lpad(nome, id) FROM produtos", "SQL_NOT_ALLOWED", "lpad"),
        ("SELECT id::regclass FROM produtos", "SQL_NOT_ALLOWED", "tipo"),
        ("SELECT id::varchar(9999) FROM produtos", "SQL_NOT_ALLOWED", "tipo"),
        ("SELECT $1", "SQL_NOT_ALLOWED", "PARAMETER"),
        ("SELECT ?", "SQL_NOT_ALLOWED", "PLACEHOLDER"),
        ("SELECT :Nome", "SQL_NOT_ALLOWED", ":nome"),
    ],
)  # fmt: skip
def test_says_what_is_not_allowed(sql: str, code: str, words: str) -> None:
    error = refusal(sql)
    assert error.code == code and words in error.message and error.message.endswith(".")


def test_a_refusal_repeats_no_value_and_no_strange_name() -> None:
    for sql in (
        "SELECT 'Maria 11987654321' FROM segredos",
        "SELECT f('Maria 11987654321')",
        "SELECT 'Maria 11987654321' 'b'",
        "SELECT * FROM \"Maria 11987654321\"",
        "SELECT \"Maria 11987654321\"()",
        "SELECT 'Maria 11987654321' FROM produtos WHERE (",
        "EXPLAIN SELECT 'Maria 11987654321'",
    ):  # fmt: skip
        error = refusal(sql)
        assert "Maria" not in repr(error) and "1198765" not in error.message


def test_nothing_of_a_statement_gets_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for sql in (
        "SELECT 1; EXPLAIN SELECT 'Maria'",
        "WITH a AS (COPY x FROM 'Maria') SELECT 1",
        "SELECT 'Maria' @@ 'x'",
    ):
        refusal(sql)
    assert "Maria" not in caplog.text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 16 + "1" + ")" * 16,
        "SELECT " + "(" * 2000,
        "SELECT " + "NOT " * 500 + "true",
        "SELECT " + "- " * 900 + "1",
        "SELECT " + " + ".join(["1"] * 400),
        "SELECT " + "1," * 600 + "1",
        "SELECT " + "CASE WHEN 1 = 1 THEN " * 120 + "1" + " END" * 120,
        "SELECT " + "x" * 5000,
        "SELECT " + " || ".join(["nome"] * 20) + " FROM produtos",
        "SELECT concat(" + ",".join(["nome"] * 40) + ") FROM produtos",
        "WITH " + ", ".join(f"a{n} AS (SELECT 1)" for n in range(9)) + " SELECT 1",
        "SELECT 1 FROM produtos p0 " + " ".join(f"JOIN produtos p{n} ON p{n}.id = p0.id" for n in range(1, 11)),
        "SELECT 1" + "0" * 50,
        "SELECT '" + "a" * 2001 + "'",
        "SELECT " + "SELECT (" * 14 + "1" + ")" * 14,
    ],
    ids=lambda sql: sql[:40],
)  # fmt: skip
def test_what_is_large_or_deep_is_refused_in_no_time(sql: str) -> None:
    assert refusal(sql).code == "SQL_NOT_ALLOWED"


def test_the_caps_leave_room(shop: Shop) -> None:
    deep = "SELECT " + "(" * 15 + "1" + ")" * 15 + " AS v"
    wide = "SELECT 1 AS v WHERE 1 = 1" + " AND 1 = 1" * 80
    assert shop.ask(shop.settings(), [(deep, {}), (wide, {})]) == [Rows([{"v": 1}])] * 2
    assert expressions.MAX_DEPTH > 80


# --- parameters, caps -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": float("nan")}, {"a": 1, "b": "x" * 2001},
     {"a": 1, "b": "\x00"}, {"a": 1, "b": [1]}, {"a": 1, "b": 10**40}],
    ids=str,
)  # fmt: skip
def test_parameters_are_those_of_the_statement_and_scalars(shop: Shop, parameters: dict[str, Any]) -> None:
    heard = len(shop.peer.heard)
    (found,) = shop.ask(shop.settings(), [("SELECT id FROM produtos WHERE id IN (:a, :b)", parameters)])
    assert type(found) is errors.Rejected and found.code == "INVALID_QUERY"
    assert len(shop.peer.heard) == heard


def test_never_brings_more_than_200_rows_and_256_kib_and_says_so(shop: Shop) -> None:
    long = "SELECT id, " + ", ".join(f"lpad(nome, 200) AS c{n}" for n in range(40)) + " FROM produtos"
    joined = f"SELECT x.id, x.c1, v.id AS outro, {', '.join(f'x.c{n}' for n in range(2, 40))} FROM ({long}) x JOIN vendas v ON v.produto_id = x.id ORDER BY v.id"
    rows, few, bytes_ = shop.ask(
        shop.settings(),
        [("SELECT id FROM vendas ORDER BY id", {}), ("SELECT id FROM vendas LIMIT 200", {}), (joined, {})],
    )
    assert [row["id"] for row in rows.rows] == list(range(1, MAX_ROWS + 1)) and rows.truncated
    assert len(few.rows) == 200 and not few.truncated
    size = len(json.dumps(bytes_.rows, ensure_ascii=False, separators=(",", ":")).encode())
    assert bytes_.truncated and 0 < len(bytes_.rows) < 100 and size <= MAX_BYTES


def test_two_columns_of_one_name_are_refused_instead_of_one_lost(shop: Shop) -> None:
    sql = "SELECT * FROM produtos p JOIN distribuidores d ON d.id = p.id"
    (found,) = shop.ask(shop.settings(), [(sql, {})])
    assert (type(found), found.code) == (errors.Rejected, "INVALID_QUERY") and "AS" in found.message


def test_what_the_database_refuses_is_told_without_its_words(shop: Shop) -> None:
    asked = {
        "SELECT inexistente FROM produtos": "COLUMN_NOT_FOUND",
        "SELECT nome + 1 FROM produtos": "INVALID_QUERY",
        "SELECT 1 / (id - id) FROM produtos": "INVALID_QUERY",
        "SELECT id FROM fantasma": "TABLE_NOT_FOUND",
    }
    config = shop.settings(allowed_tables=[*TABLES, "fantasma"])
    for found, code in zip(shop.ask(config, [(sql, {}) for sql in asked]), asked.values(), strict=True):
        assert (type(found), found.code) == (errors.Rejected, code) and found.__cause__ is None
        assert "inexistente" not in found.message and "fantasma" not in found.message


# --- the services ---------------------------------------------------------------------------------


def connect(cast: Cast, shop: Shop, **more: Any) -> Integration:
    values = shop.settings(**more).model_dump()
    return make_connection(
        cast.acme, "postgres", {**values, "password": values["password"].get_secret_value()}
    )


def test_reads_by_sql(cast: Cast, shop: Shop) -> None:
    integration = connect(cast, shop)
    assert services.has_sql_mode(integration)
    found = services.read_sql(integration, "SELECT nome FROM produtos WHERE id = :id", {"id": 2})
    assert found == Rows([{"nome": "Produto B"}])
    assert services.read_sql(integration, "SELECT nome FROM produtos WHERE id = -1") == Rows([])


def test_read_only_or_not_it_only_reads(cast: Cast, shop: Shop) -> None:
    integration = connect(cast, shop, read_only=False)
    with pytest.raises(errors.QueryRefused) as raised:
        services.read_sql(integration, "UPDATE produtos SET nome = 'x'")
    assert raised.value.code == "SQL_NOT_ALLOWED"
    for answer in shop.run(
        shop.settings(read_only=False), ["SELECT set_config('transaction_read_only', 'off', true)"]
    ):
        assert answer.code in ("READ_ONLY", "INVALID_QUERY")
    assert as_admin("SELECT count(*) FROM produtos WHERE nome = 'x'") == [(0,)]


def test_checks_a_statement_without_running_it(cast: Cast, shop: Shop) -> None:
    integration, heard = connect(cast, shop), len(shop.peer.heard)
    sql = "SELECT id FROM vendas WHERE total > :minimo AND id <> :id AND quantidade > :minimo"
    assert services.check_sql(integration, sql) == ["minimo", "id"]
    with pytest.raises(errors.TableNotAllowed):
        services.check_sql(integration, "SELECT * FROM segredos")
    with pytest.raises(errors.QueryRefused) as raised:
        services.check_sql(integration, "SELECT pg_sleep(:s)")
    assert raised.value.code == "SQL_NOT_ALLOWED" and "pg_sleep" in str(raised.value)
    assert len(shop.peer.heard) == heard


@pytest.mark.parametrize("ask", [services.read_sql, services.check_sql])
def test_sql_is_not_asked_where_the_client_has_not_turned_it_on(cast: Cast, shop: Shop, ask: Any) -> None:
    heard = len(shop.peer.heard)
    integration = connect(cast, shop, sql_mode=False)
    assert not services.has_sql_mode(integration)
    with pytest.raises(errors.SqlModeOff) as raised:
        ask(integration, "SELECT 1")
    assert raised.value.code == "SQL_MODE_OFF" and len(shop.peer.heard) == heard


def test_a_provider_without_sql_mode_is_not_asked(cast: Cast) -> None:
    values = {
        "supabase_url": "http://127.0.0.1:9",
        "supabase_key": "sb_secret_x",
        "allowed_tables": ["vendas"],
    }
    integration = make_connection(cast.acme, "supabase", values)
    with pytest.raises(errors.SqlModeOff):
        services.read_sql(integration, "SELECT 1")
    assert [
        kind for kind in providers.REGISTRY if "sql_mode" in providers.get(kind).settings.model_fields
    ] == ["postgres"]


def test_a_connection_that_is_switched_off_is_not_asked(cast: Cast, shop: Shop) -> None:
    heard = len(shop.peer.heard)
    integration = connect(cast, shop)
    integration.enabled = False
    with pytest.raises(errors.IntegrationDisabled):
        services.read_sql(integration, "SELECT 1")
    assert len(shop.peer.heard) == heard


def test_not_allowed_and_not_found_are_different_answers(cast: Cast, shop: Shop) -> None:
    integration = connect(cast, shop)
    with pytest.raises(errors.TableNotAllowed) as raised:
        services.read_sql(integration, "SELECT * FROM segredos WHERE id = -1")
    assert raised.value.code == "TABLE_NOT_ALLOWED"
