"""Queries that staff publish: whose rows one sees goes by who is writing, whatever the model says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent_tools.named_queries import check_definition, definition_of, parse_definition
from agent_tools.services import agent_elsewhere
from agent_tools.sessions import Session, session_elsewhere
from agent_tools.tests.databases import JOSE, MARINA, connected, prepare_orders
from agent_tools.using import offered_to, use_tool
from renum.accounts.scope import service_scope
from renum.errors import DomainError, InvalidInput
from tests import factories
from tests.cast import Cast

NAME = "run_named_query"
BY_PHONE = {
    "parameters": {"telefone": {"source": "sender_phone"}},
    "read": {
        "table": "pedidos",
        "columns": ["item", "valor"],
        "filters": [{"column": "telefone", "parameter": "telefone"}],
        "order": [{"column": "id"}],
    },
}


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_orders()


@pytest.fixture
def database(committed_cast: Cast) -> Iterator[Any]:
    with connected(committed_cast.acme, sql_mode=True) as integration:
        yield integration


def talk_of(cast: Cast, phone: str | None = MARINA, **fields: Any) -> Session:
    factories.make_contact(cast.acme, phone=phone, **fields)
    conversation = factories.make_conversation(cast.acme, phone=phone)
    with service_scope(reason="test"):
        agent = agent_elsewhere(cast.acme, None, conversation)
    return session_elsewhere(cast.acme, agent, conversation)


def ask(session: Session, query: str = "meus_pedidos", **parameters: Any) -> dict[str, Any]:
    return use_tool(session, NAME, {"query": query, "parameters": parameters})


# --- Whose rows ---------------------------------------------------------------------------------------


def test_who_writes_sees_their_own_rows(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    answer = ask(talk_of(committed_cast))
    assert answer["ok"]
    assert [row["item"] for row in answer["rows"]] == ["cadeira", "mesa"]


@pytest.mark.parametrize("given", [{"telefone": JOSE}, {"TELEFONE": JOSE}, {"sender_phone": JOSE}])
def test_the_model_cannot_say_who_is_writing(
    committed_cast: Cast, database: Any, given: dict[str, str]
) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    answer = ask(talk_of(committed_cast), **given)
    assert (answer["ok"], answer["error_code"]) == (False, "INVALID_ARGUMENTS")
    assert "jose" not in str(answer)


def test_the_model_is_not_told_of_the_sender_s_parameters(committed_cast: Cast, database: Any) -> None:
    definition = {**BY_PHONE, "parameters": {**BY_PHONE["parameters"], "item": {"description": "o que"}}}
    definition["read"] = {
        **BY_PHONE["read"],
        "filters": [*BY_PHONE["read"]["filters"], {"column": "item", "parameter": "item"}],
    }
    factories.make_named_query(committed_cast.acme, definition=definition)
    session = talk_of(committed_cast)
    (told,) = [one.describe(session) for one in offered_to(session) if one.name == NAME]
    assert "meus_pedidos(item: text o que): Os pedidos de quem escreve." in told
    assert "telefone" not in told
    assert ask(session, item="mesa")["row_count"] == 1


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("sender_phone", MARINA),
        ("sender_digits", MARINA.removeprefix("+")),
        ("sender_national", MARINA.removeprefix("+55")),
    ],
)
def test_the_sender_s_phone_in_the_forms_that_databases_keep(
    committed_cast: Cast, database: Any, source: str, column: str
) -> None:
    definition = {
        "parameters": {"fone": {"source": source}},
        "sql": "SELECT :fone AS fone FROM pedidos WHERE id = 1",
    }
    factories.make_named_query(committed_cast.acme, definition=definition)
    answer = ask(talk_of(committed_cast))
    assert answer["rows"] == [{"fone": column}]


def test_an_attribute_of_the_sender(committed_cast: Cast, database: Any) -> None:
    definition = {
        "parameters": {"item": {"source": "sender_attribute", "attribute": "ultimo_item"}},
        "read": {"table": "pedidos", "filters": [{"column": "item", "parameter": "item"}]},
    }
    factories.make_named_query(committed_cast.acme, definition=definition)
    assert ask(talk_of(committed_cast, attributes={"ultimo_item": "mesa"}))["row_count"] == 1


def test_somebody_without_a_phone_sees_nothing(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    session = talk_of(committed_cast)
    with service_scope(reason="test"):
        type(factories.make_contact(committed_cast.acme, phone=MARINA)).objects.update(phone=None)
    answer = ask(session)
    assert (answer["ok"], answer["error_code"]) == (False, "SENDER_UNKNOWN")
    assert "rows" not in answer


def test_without_a_conversation_nobody_is_the_sender(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    agent = factories.make_agent(committed_cast.acme, "renus")
    answer = ask(session_elsewhere(committed_cast.acme, agent))
    assert (answer["ok"], answer["error_code"]) == (False, "SENDER_UNKNOWN")


# --- What may be asked ----------------------------------------------------------------------------------


def test_a_query_that_is_not_published_is_not_there(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    factories.make_named_query(committed_cast.acme, "rascunho", definition=BY_PHONE, is_published=False)
    session = talk_of(committed_cast)
    assert ask(session, "rascunho")["error_code"] == "QUERY_NOT_FOUND"
    assert "rascunho" not in str([one.describe(session) for one in offered_to(session)])


def test_i6_another_client_s_query_is_not_there(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    factories.make_named_query(committed_cast.globex, "deles", definition=BY_PHONE)
    assert ask(talk_of(committed_cast), "deles")["error_code"] == "QUERY_NOT_FOUND"


def test_nothing_found_is_not_the_same_as_not_allowed(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=BY_PHONE)
    closed = {"read": {"table": "segredos"}}
    factories.make_named_query(committed_cast.acme, "fechada", definition=closed)
    session = talk_of(committed_cast, phone="+5511987650077")
    nothing = ask(session)
    assert (nothing["ok"], nothing["rows"], nothing["row_count"]) == (True, [], 0)
    assert nothing["note"]
    refused = ask(session, "fechada")
    assert (refused["ok"], refused["error_code"]) == (False, "TABLE_NOT_ALLOWED")
    assert "Não diga que não há dados" in refused["next"]


TYPED = {
    "parameters": {
        "minimo": {"type": "number"},
        "quantos": {"type": "integer"},
        "desde": {"type": "date"},
        "item": {"choices": ["cadeira", "mesa"]},
    },
    "sql": "SELECT item FROM pedidos WHERE valor >= :minimo AND id <= :quantos AND dia >= :desde AND item = :item",
}
GOOD = {"minimo": 100.5, "quantos": 9, "desde": "2026-11-01", "item": "mesa"}


def test_typed_parameters_are_bound(committed_cast: Cast, database: Any) -> None:
    factories.make_named_query(committed_cast.acme, definition=TYPED)
    answer = ask(talk_of(committed_cast), **GOOD)
    assert answer["rows"] == [{"item": "mesa"}]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minimo", "muito"),
        ("minimo", "NaN"),
        ("minimo", None),
        ("minimo", True),
        ("quantos", 1.5),
        ("quantos", "1 OR 1=1"),
        ("quantos", 2**70),
        ("desde", "ontem"),
        ("desde", "2026-13-01"),
        ("item", "sofá"),
        ("item", 7),
        ("item", "mesa' OR '1'='1"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(
    committed_cast: Cast, database: Any, name: str, value: Any
) -> None:
    factories.make_named_query(committed_cast.acme, definition=TYPED)
    answer = ask(talk_of(committed_cast), **{**GOOD, name: value})
    assert (answer["ok"], answer["error_code"]) == (False, "INVALID_ARGUMENTS")
    assert list(answer["details"]) == [name]


# --- What may be published --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"read": {"table": "pedidos"}, "sql": "SELECT 1"},
        {"read": {"table": "pedidos"}, "parameters": {"sobra": {}}},
        {"read": {"table": "pedidos", "filters": [{"column": "item", "parameter": "falta"}]}},
        {"read": {"table": "pedidos", "limit": 201}},
        {"read": {"table": "pedidos"}, "extra": 1},
        {"sql": "SELECT 1", "parameters": {"a": {"source": "sender_attribute"}}},
        {"sql": "SELECT 1", "parameters": {"a": {"type": "integer", "choices": ["1"]}}},
        {"sql": "SELECT 1", "parameters": {"a": {"source": "server_clock"}}},
        [],
        None,
    ],
)
def test_what_is_no_query_is_refused(definition: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_definition(definition)
    assert refused.value.details


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT * FROM segredos", {}),
        ("DELETE FROM pedidos", {}),
        ("SELECT pg_read_file('/etc/passwd')", {}),
        ("SELECT item FROM pedidos WHERE id = :a", {}),
        ("SELECT item FROM pedidos", {"a": {}}),
    ],
)
def test_sql_that_would_be_refused_is_not_published(
    database: Any, sql: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(DomainError):
        check_definition({"sql": sql, "parameters": parameters}, database)


def test_a_stored_definition_is_validated_on_use(cast: Cast) -> None:
    query = factories.make_named_query(cast.acme, definition={"read": {"tabela": "x"}})
    with pytest.raises(InvalidInput):
        definition_of(query)
