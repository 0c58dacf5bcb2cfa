"""The console's pages about queries that staff publish: what is published was checked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_tools.admin.queries import BY_SQL, BY_TABLE
from agent_tools.models import NamedQuery
from agent_tools.named_queries import parse_definition
from integrations.models import Integration
from integrations.tests.databases import Doors, config_of
from integrations.tests.test_admin_connections import log_of, onlooker
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, run_action, text_of

LIST_QUERIES, WRITE_QUERIES, ACTION_QUERIES = 12, 30, 45


def connect(client: Client, kind: str = "postgres", **more: Any) -> Integration:
    """The client's database, which nobody reaches: checking a query asks nothing of it."""
    config = config_of(kind, Doors("http://127.0.0.1:9", 9), **{"allowed_tables": ["pedidos"], **more})
    with service_scope(reason="test rows"):
        return Integration.objects.create(
            client=client,
            type=Integration.Type.DATABASE,
            provider=kind,
            name="Banco",
            config=config.model_dump(),
            webhook_key="test-database",
            webhook_key_index=f"test-database-{client.id.hex}",
        )


def form(client: Client | None = None, definition: Any = BY_TABLE, **changes: Any) -> dict[str, Any]:
    values = {
        "name": "meus_pedidos",
        "description": "Os pedidos de quem escreve.",
        "definition": definition if isinstance(definition, str) else json.dumps(definition),
        "is_published": "on",
        **changes,
    }
    named = {"client": str(client.pk)} if client else {}
    return {name: value for name, value in {**named, **values}.items() if value is not None}


def queries_of(client: Client) -> dict[str, NamedQuery]:
    with service_scope(reason="test look"):
        return {one.name: one for one in NamedQuery.objects.filter(client=client)}


def problems_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, response.status_code
    return dict(response.context["adminform"].form.errors)


# --- Saving ---------------------------------------------------------------------------------------------


def test_the_form_shows_an_example_of_each_kind_that_is_valid(cast: Cast) -> None:
    assert parse_definition(BY_TABLE).read
    assert parse_definition(BY_SQL).sql
    page = text_of(console_of(cast.sofia).get(add_url(NamedQuery)))
    assert "sum(valor) AS total" in page
    assert "&quot;source&quot;: &quot;sender_phone&quot;" in page


def test_a_read_of_a_table_is_published_and_can_be_opened_again(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    connect(cast.acme)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(WRITE_QUERIES):
        response = sofia.post(add_url(NamedQuery), form(cast.acme))
    assert response.status_code == 302, problems_of(response)
    query = queries_of(cast.acme)["meus_pedidos"]
    assert (query.is_published, query.definition) == (True, BY_TABLE)
    assert [who for who, _what in log_of(query)] == [cast.sofia.pk]
    page = text_of(sofia.get(page_url(query)))
    assert "<code>item</code> (text, model), <code>telefone</code> (text, sender_phone)" in page
    assert "não está entre as permitidas" not in page


def test_a_table_that_the_client_has_not_allowed_is_warned_about(cast: Cast) -> None:
    connect(cast.acme, allowed_tables=["produtos"])
    page = text_of(console_of(cast.sofia).post(add_url(NamedQuery), form(cast.acme), follow=True))
    assert "A tabela pedidos não está entre as permitidas deste cliente" in page
    assert queries_of(cast.acme)["meus_pedidos"].is_published


def test_sql_is_checked_against_the_client_s_database(cast: Cast) -> None:
    connect(cast.acme, sql_mode=True)
    response = console_of(cast.sofia).post(add_url(NamedQuery), form(cast.acme, BY_SQL))
    assert response.status_code == 302, problems_of(response)
    assert queries_of(cast.acme)["meus_pedidos"].is_published


@pytest.mark.parametrize("publish", ["on", None])
@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"sql": "DELETE FROM pedidos"}, "SELECT"),
        ({"sql": "SELECT 1 FROM clientes"}, "clientes"),
        ({"sql": "SELECT pg_sleep(9) FROM pedidos"}, "pg_sleep"),
        ({"sql": "SELECT id FROM pedidos WHERE dia = :dia"}, "parameters: Declare"),
        ({"sql": "SELECT id FROM pedidos", "parameters": {"x": {}}}, "parameters: Declare"),
        ({"read": {"table": "pedidos", "limit": 500}}, "read.limit"),
        ({"read": {"table": "pedidos"}, "parameters": {"x": {}}}, "parameters"),
        ({"read": {"table": "pedidos"}, "segredo": 1}, "segredo"),
        ({"parameters": {}}, "read ou sql"),
        ([1], "definition"),
        ("{not json", "JSON"),
    ],
)
def test_a_query_that_cannot_be_is_explained_beside_it(
    cast: Cast, definition: Any, words: str, publish: str | None
) -> None:
    connect(cast.acme, sql_mode=True)
    response = console_of(cast.sofia).post(
        add_url(NamedQuery), form(cast.acme, definition, is_published=publish)
    )
    problems = problems_of(response)
    assert list(problems) == ["definition"]
    assert words in " ".join(problems["definition"])
    assert queries_of(cast.acme) == {}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("", "não"), ("postgres", "modo SQL não está ativado"), ("supabase", "modo SQL não está ativado")],
)
def test_sql_that_nothing_can_check_is_kept_as_a_draft_only(cast: Cast, kind: str, words: str) -> None:
    if kind:
        connect(cast.acme, kind)
    sofia = console_of(cast.sofia)
    problems = problems_of(sofia.post(add_url(NamedQuery), form(cast.acme, BY_SQL)))
    assert list(problems) == ["is_published"]
    assert words in problems["is_published"][0]
    assert "rascunho" in problems["is_published"][0]
    assert queries_of(cast.acme) == {}
    draft = form(cast.acme, BY_SQL, is_published=None)
    assert sofia.post(add_url(NamedQuery), draft).status_code == 302
    query = queries_of(cast.acme)["meus_pedidos"]
    assert not query.is_published
    page = text_of(run_action(sofia, "publish", query))
    assert "meus_pedidos não foi publicada" in page
    assert "0 consultas publicadas" in page
    assert not queries_of(cast.acme)["meus_pedidos"].is_published


def test_a_name_is_used_once_by_each_client(cast: Cast) -> None:
    factories.make_named_query(cast.acme)
    sofia = console_of(cast.sofia)
    assert list(problems_of(sofia.post(add_url(NamedQuery), form(cast.acme)))) == ["name"]
    assert sofia.post(add_url(NamedQuery), form(cast.globex)).status_code == 302
    assert len(queries_of(cast.acme)) == len(queries_of(cast.globex)) == 1


def test_a_query_is_edited_keeps_its_client_and_may_go(cast: Cast) -> None:
    query = factories.make_named_query(cast.acme)
    sofia = console_of(cast.sofia)
    changed = form(cast.globex, description="Outra", is_published=None)
    assert sofia.post(page_url(query), changed).status_code == 302
    after = queries_of(cast.acme)["meus_pedidos"]
    assert (after.description, after.is_published, after.definition) == ("Outra", False, BY_TABLE)
    assert queries_of(cast.globex) == {}
    assert sofia.post(delete_url(query), {"post": "yes"}).status_code == 302
    assert queries_of(cast.acme) == {}


# --- Actions and the list -------------------------------------------------------------------------------


def test_queries_are_published_and_taken_away_counted_and_written_down(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    draft = factories.make_named_query(cast.acme, "rascunho", is_published=False)
    other = factories.make_named_query(cast.globex, "publicada")
    broken = factories.make_named_query(cast.globex, "quebrada", definition={"x": 1}, is_published=False)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(ACTION_QUERIES):
        page = text_of(run_action(sofia, "publish", draft, other, broken))
    assert "1 consulta publicada" in page
    assert "quebrada não foi publicada" in page
    assert queries_of(cast.acme)["rascunho"].is_published
    assert not queries_of(cast.globex)["quebrada"].is_published
    assert log_of(draft) == [(cast.sofia.pk, "Publicada.")]
    assert log_of(other) == log_of(broken) == []
    page = text_of(run_action(sofia, "unpublish", draft, other, broken))
    assert "2 consultas tiradas de publicação" in page
    assert not queries_of(cast.acme)["rascunho"].is_published
    assert log_of(other) == [(cast.sofia.pk, "Tirada de publicação.")]


def test_the_list_says_what_each_query_reads(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        factories.make_named_query(cast.acme, f"consulta_{number}")
    factories.make_named_query(cast.acme, "por_sql", definition=BY_SQL, is_published=False)
    factories.make_named_query(cast.acme, "antiga", definition={"old": True})
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(LIST_QUERIES):
        page = text_of(sofia.get(list_url(NamedQuery)))
    assert page.count("Tabela pedidos") == 30
    for words in ("SQL", "Rascunho", "Inválida", "Os pedidos de quem escreve.", page_url(cast.acme)):
        assert words in page, words
    found = sofia.get(list_url(NamedQuery), {"is_published__exact": "0"}).context["cl"].result_list
    assert [one.name for one in found] == ["por_sql"]


def test_staff_who_may_only_look_publish_nothing(cast: Cast) -> None:
    query = factories.make_named_query(cast.acme, is_published=False)
    browser = console_of(onlooker("view_namedquery"))
    assert "Os pedidos de quem escreve." in text_of(browser.get(page_url(query)))
    assert browser.post(page_url(query), form()).status_code == 403
    assert browser.post(add_url(NamedQuery), form(cast.acme)).status_code == 403
    run_action(browser, "publish", query)
    assert not queries_of(cast.acme)["meus_pedidos"].is_published
