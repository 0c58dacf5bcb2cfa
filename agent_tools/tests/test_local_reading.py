"""What the local model makes of a request: conditions, order, limits, mails, and what tools tell of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from agent_tools.local.mail import read_mail
from agent_tools.local.queries import choose_query
from agent_tools.local.reading import Reading, read_reading
from agent_tools.local.tools import Query, Tool, queries_of, tables_of
from agent_tools.local.words import fold, read_words, stem

TABLES = {
    "distribuidores": ["id", "nome", "cidade", "status", "data_criacao", "email"],
    "pedidos": ["numero", "status", "valor"],
    "itens_pedido": ["produto"],
    "Clientes": [],
}


def reading(text: str) -> Reading:
    found = read_reading(read_words(text), TABLES)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "conditions"),
    [
        ("liste os distribuidores", []),
        ("distribuidores com cidade = Campinas", [("cidade", "eq", "Campinas")]),
        ("distribuidores onde cidade = 'x'", [("cidade", "eq", "x")]),
        ('distribuidores cuja cidade é "rio claro"', [("cidade", "eq", "rio claro")]),
        ("distribuidores da cidade de São José do Rio Preto", [("cidade", "eq", "São José do Rio Preto")]),
        ("distribuidores com status ativo.", [("status", "eq", "ativo")]),
        ("distribuidores com STATUS diferente de ativo", [("status", "neq", "ativo")]),
        (
            "distribuidores com data de criação a partir de 2026-01-31",
            [("data_criacao", "gte", "2026-01-31")],
        ),
        ("distribuidores com email vazio", [("email", "is", None)]),
        ("distribuidores com email = ana@x.com", [("email", "eq", "ana@x.com")]),
        ("distribuidores com nome contendo 10%_a", [("nome", "ilike", "%10\\%\\_a%")]),
        ("pedidos com valor maior que 100,50", [("valor", "gt", 100.5)]),
        ("pedidos com valor >= -3 e status <> pago", [("valor", "gte", -3), ("status", "neq", "pago")]),
        ("o pedido 12", [("numero", "eq", 12)]),
        ("o pedido nº 012", [("numero", "eq", "012")]),
        ("pedidos onde regiao = Sul", [("regiao", "eq", "Sul")]),
        ("Clientes com telefone = 11987654321", [("telefone", "eq", "11987654321")]),
    ],
)
def test_reads_conditions(text: str, conditions: list[tuple[str, str, Any]]) -> None:
    found = reading(text)
    assert [(one["column"], one["operator"], one["value"]) for one in found.filters] == conditions
    assert found.unclear == ""


@pytest.mark.parametrize(
    "text", ["pedidos com status =", "pedidos com valor maior que o", "pedidos onde regiao = ,"]
)
def test_a_condition_without_a_value_is_told(text: str) -> None:
    assert reading(text).unclear
    assert reading(text).filters == []


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("os PEDIDOS", "pedidos"),
        ("um pedido", "pedidos"),
        ("itens do pedido", "itens_pedido"),
        ("itens_pedido", "itens_pedido"),
        ("quantos clientes", "Clientes"),
        ("pedidos dos distribuidores", "pedidos"),
    ],
)
def test_finds_the_table(text: str, table: str) -> None:
    assert reading(text).table == table


def test_finds_no_table_where_none_is_named() -> None:
    assert read_reading(read_words("liste as faturas, despedidos"), TABLES) is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("os 5 primeiros pedidos", 5),
        ("as primeiras 3 pedidos", 3),
        ("os cinco primeiros pedidos", 5),
        ("pedidos, limite de 10", 10),
        ("top 7 pedidos", 7),
        ("os 999999999999 primeiros pedidos", 200),
        ("os 0 primeiros pedidos", None),
        ("o primeiro dos pedidos", None),
    ],
)
def test_reads_limits(text: str, limit: int | None) -> None:
    assert reading(text).limit == limit


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("pedidos ordenados por valor", [("valor", False)]),
        ("pedidos ordenados por valor decrescente, os 5 primeiros", [("valor", True)]),
        ("pedidos ordenados pelo valor do maior para o menor", [("valor", True)]),
        ("pedidos em ordem decrescente de valor", [("valor", True)]),
        ("pedidos ordenados por valor em ordem crescente", [("valor", False)]),
        ("distribuidores ordenados por data de criação", [("data_criacao", False)]),
        ("pedidos ordenados por prazo", [("prazo", False)]),
        ("pedidos em ordem", []),
    ],
)
def test_reads_order(text: str, order: list[tuple[str, bool]]) -> None:
    found = reading(text)
    assert [(one["column"], one["descending"]) for one in found.order] == order
    assert found.filters == []


def test_columns_that_are_named_before_the_table_are_those_to_be_shown() -> None:
    found = reading("mostre nome e cidade dos distribuidores com status ativo")
    assert found.named == ["nome", "cidade"]
    assert [one["column"] for one in found.filters] == ["status"]


def mail(text: str) -> tuple[list[str], str, str] | None:
    found = read_mail(text, read_words(text))
    return (found.to, found.subject, found.body) if found else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("envie para a@x.com dizendo: oi, tudo bem?", (["a@x.com"], "", "Oi, tudo bem?")),
        ("mande a a@x.com, b@x.com e c@x.com o texto: olá", (["a@x.com", "b@x.com", "c@x.com"], "", "Olá")),
        ('envie um e-mail com texto "olá" para a@x.com', (["a@x.com"], "", "olá")),
        ("envie para a@x.com, assunto: Boas vindas, mensagem: olá", (["a@x.com"], "Boas vindas", "Olá")),
        ("envie com o assunto Aviso para a@x.com dizendo que chove", (["a@x.com"], "Aviso", "Chove")),
        ("mande para a@x.com avisando que o b@x.com ligou", (["a@x.com"], "", "O b@x.com ligou")),
        ("envie para a@x.com os pedidos com email = b@x.com", (["a@x.com"], "", "")),
        ("envie os pedidos com email = b@x.com por e-mail", ([], "", "")),
        ("envie para a@x.com. Este é o texto", (["a@x.com"], "", "")),
        ("liste o e-mail de a@x.com", None),
        ("não envie nada para a@x.com", None),
        ("envie o relatório", None),
    ],
)
def test_reads_mails(text: str, expected: tuple[list[str], str, str] | None) -> None:
    assert mail(text) == expected


def test_reads_what_tools_tell_of_themselves() -> None:
    assert tables_of(Tool("t", "Lê. Tabelas permitidas: a(x, y), b, c_d(z).")) == {
        "a": ["x", "y"],
        "b": [],
        "c_d": ["z"],
    }
    assert tables_of(Tool("t", "Lê a(x, y) e mais")) == {"a": ["x", "y"]}
    assert tables_of(Tool("t", "Lê.")) == {}
    told = "Consultas: um(): Um | dois. | dois(a: x | y z, b: integer número, do pedido): Dois (2)."
    assert queries_of(Tool("t", told)) == [
        Query("um", {}, "Um | dois."),
        Query("dois", {"a": "x | y z", "b": "integer número, do pedido"}, "Dois (2)."),
    ]
    assert queries_of(Tool("t", "Faz uma consulta.")) == []


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer número", "pedido 12", 12),
        ("integer", "pedido doze", None),
        ("number", "pedido 12,5", 12.5),
        ("date", "pedido de 31/01/2026", "2026-01-31"),
        ("date", "pedido de 2026-01-31", "2026-01-31"),
        ("date", "pedido de 31/02/2026", None),
        ("aberto | fechado Situação do pedido", "pedido fechado", "fechado"),
        ("aberto | em trânsito", "pedido em transito", "em trânsito"),
        ("aberto | fechado", "pedido", None),
        ("text", "pedido com chave azul", "azul"),
        ("text", 'pedido "azul claro"', "azul claro"),
        ("text", "pedido", None),
        ("boolean", "pedido", None),
    ],
)
def test_fills_a_parameter_from_the_words(kind: str, text: str, value: Any) -> None:
    choice = choose_query(read_words(text), [Query("pedido", {"chave": kind}, "")])
    assert choice is not None
    assert (choice.parameters, choice.missing) == (
        ({"chave": value}, []) if value is not None else ({}, ["chave"])
    )


def test_the_query_is_chosen_the_same_whatever_the_order() -> None:
    queries = [Query(name, {}, "Pedidos.") for name in ("meus_pedidos", "pedidos", "pedidos_de_hoje")]
    words = read_words("meus pedidos de hoje")
    names = {choice.query.name for some in (queries, queries[::-1]) if (choice := choose_query(words, some))}
    assert names == {"pedidos_de_hoje"}
    assert choose_query(read_words("bom dia"), queries) is None


def test_folds_and_stems_words() -> None:
    assert [stem(fold(word)) for word in ("Regiões", "DISTRIBUIDORES", "itens", "mês", "canais", "nº")] == [
        *("regiao", "distribuidor", "item", "mes", "canal", "no")
    ]
