"""The console's pages about agents: what they show, what staff can change, and what is never shown."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from agent_tools.admin.agents import with_runs
from agent_tools.admin.forms import TOOL_NAMES
from agent_tools.defaults import ALL_TOOLS, STANDARD
from agent_tools.models import Agent, AgentRun
from agent_tools.provision import provide_agents
from integrations.tests.test_admin_connections import log_of, onlooker
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import add_url, console_of, delete_url, list_url, page_url, run_action, text_of

LIST_QUERIES, PAGE_QUERIES, WRITE_QUERIES, ACTION_QUERIES = 12, 14, 30, 45
KEY = "sk-secret-model-key"
FORM = {
    "name": "cobranca",
    "title": "Cobrança",
    "enabled": "on",
    "prompt": "Você cobra\r\ncom gentileza.",
    "tools": ["send_email", "request_human"],
    "knowledge": "Rua A,\r\nnúmero 1",
    "data_access": "tables",
    "intents": "boleto\r\nacordo, boleto",
    "recipients": "financeiro@acme.test\r\n@acme.example",
    "model": "openai:gpt-4o-mini",
    "new_key": KEY,
    "active_days": ["0", "1", "4"],
    "active_from": "08:00",
    "active_until": "18:30",
    "model_calls": "4",
    "tool_calls": "5",
    "timeout_seconds": "30",
    "replies_per_hour": "12",
}


def agents_of(client: Client) -> dict[str, Agent]:
    with service_scope(reason="test look"):
        return {one.name: one for one in Agent.objects.filter(client=client)}


def opened(agent: Agent) -> tuple[str, str]:
    """Its key and its recipients in the clear."""
    with service_scope(reason="test look"):
        again = Agent.objects.get(pk=agent.pk)
    return str(again.model_key or ""), str(again.allowed_recipients or "")


def changes_of(client: Client) -> list[Any]:
    with service_scope(reason="test look"):
        rows = Event.objects.filter(client=client, kind=Event.Kind.AGENT_CHANGED).order_by("occurred_at")
        return [(one.data["agent"], one.data["fields"], one.cause) for one in rows]


def shown(browser: Browser, agent: Agent) -> dict[str, Any]:
    """What the page would send if it were saved as it is."""
    form = browser.get(page_url(agent)).context["adminform"].form
    values = {name: field.prepare_value(form[name].value()) for name, field in form.fields.items()}
    return {name: value for name, value in values.items() if value not in (None, False)}


def problems_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, response.status_code
    return dict(response.context["adminform"].form.errors)


@pytest.fixture
def acme(cast: Cast) -> Client:
    with service_scope(reason="test rows"):
        provide_agents(cast.acme.id)
    return cast.acme


# --- Adding and changing --------------------------------------------------------------------------------


def test_an_agent_is_added_through_the_service(
    cast: Cast, acme: Client, django_assert_max_num_queries: Any
) -> None:
    sofia = console_of(cast.sofia)
    assert "Chamar uma pessoa" in text_of(sofia.get(add_url(Agent)))
    with django_assert_max_num_queries(WRITE_QUERIES):
        response = sofia.post(add_url(Agent), {"client": str(acme.pk), **FORM})
    assert response.status_code == 302, problems_of(response)
    agent = agents_of(acme)["cobranca"]
    assert (agent.prompt, agent.tools) == ("Você cobra\ncom gentileza.", ["send_email", "request_human"])
    assert agent.knowledge == "Rua A,\nnúmero 1"
    assert (agent.intents, agent.active_days) == (["boleto", "acordo"], [0, 1, 4])
    assert (agent.active_from, agent.active_until) == (time(8), time(18, 30))
    assert (agent.model_calls, agent.tool_calls, agent.timeout_seconds) == (4, 5, 30)
    assert opened(agent) == (KEY, "financeiro@acme.test\n@acme.example")
    ((name, fields, cause),) = changes_of(acme)
    assert (name, cause) == ("cobranca", [f"profile:{cast.sofia.pk}"])
    assert {"model_key", "allowed_recipients", "tools"} <= set(fields)
    assert [who for who, _what in log_of(agent)] == [cast.sofia.pk]


def test_a_new_agent_may_answer_in_place_of_the_one_before(cast: Cast, acme: Client) -> None:
    tools = ["send_whatsapp_message"]
    values = {"client": str(acme.pk), **FORM, "answers_whatsapp": "on", "tools": tools}
    response = console_of(cast.sofia).post(add_url(Agent), values)
    assert response.status_code == 302, problems_of(response)
    assert [name for name, one in agents_of(acme).items() if one.answers_whatsapp] == ["cobranca"]


def test_a_page_that_is_saved_as_it_is_shown_changes_nothing(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(
        acme, "vendas", prompt="Um\nDois", model="openai:gpt-4o", model_key=KEY, active_from=time(9),
        active_until=time(17), active_days=[1, 2], intents=["compra"], allowed_recipients="a@acme.test",
    )  # fmt: skip
    sofia = console_of(cast.sofia)
    before = agents_of(acme)["vendas"].updated_at
    values = shown(sofia, agent) | {"prompt": "Um\r\nDois"}
    assert sofia.post(page_url(agent), values).status_code == 302
    after = agents_of(acme)["vendas"]
    assert (after.updated_at, after.prompt) == (before, "Um\nDois")
    assert opened(agent) == (KEY, "a@acme.test")
    assert changes_of(acme) == []


def test_only_what_was_changed_is_written_upon_the_row_as_it_is_now(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas", model_key=KEY, model="openai:gpt-4o")
    sofia = console_of(cast.sofia)
    values = shown(sofia, agent)
    response = sofia.post(page_url(agent), {**values, "title": "Vendas e trocas"})
    assert response.status_code == 302
    assert agents_of(acme)["vendas"].title == "Vendas e trocas"
    assert opened(agent)[0] == KEY
    assert [(name, fields) for name, fields, _cause in changes_of(acme)] == [("vendas", ["title"])]
    ((_who, what),) = log_of(agent)
    assert "Título" in what


def test_an_agent_keeps_its_client(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas")
    sofia = console_of(cast.sofia)
    values = shown(sofia, agent) | {"client": str(cast.globex.pk), "title": "Outra"}
    assert sofia.post(page_url(agent), values).status_code == 302
    assert agents_of(acme)["vendas"].title == "Outra"
    assert agents_of(cast.globex) == {}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"name": "Cobrança"}, "name", "letras minúsculas"),
        ({"name": "renus"}, "name", "Já existe"),
        ({"prompt": ""}, "prompt", "obrigatório"),
        ({"tools": ["rm"]}, "tools", "rm"),
        ({"answers_whatsapp": "on"}, "answers_whatsapp", "send_whatsapp_message"),
        ({"intents": "Boleto!"}, "intents", "letras minúsculas"),
        ({"recipients": "x@@y"}, "recipients", "endereço"),
        ({"model": "file:/etc/passwd"}, "model", "openai"),
        ({"new_key": ""}, "model", "chave"),
        ({"new_key": "sk secret"}, "new_key", "espaços"),
        ({"active_days": []}, "active_days", "obrigatório"),
        ({"active_days": ["9"]}, "active_days", "9"),
        ({"active_until": ""}, "active_from", "active_until"),
        ({"model_calls": "21"}, "model_calls", "20"),
        ({"timeout_seconds": "4"}, "timeout_seconds", "5"),
    ],
)
def test_what_cannot_be_is_explained_beside_its_field(
    cast: Cast, acme: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    values = {"client": str(acme.pk), **FORM, **changes}
    response = console_of(cast.sofia).post(add_url(Agent), values)
    problems = problems_of(response)
    assert list(problems) == [field]
    assert words in " ".join(problems[field])
    assert KEY not in text_of(response)
    assert set(agents_of(acme)) == STANDARD
    assert changes_of(acme) == []


def test_the_names_of_the_three_are_taken_also_where_they_are_not_yet(cast: Cast) -> None:
    response = console_of(cast.sofia).post(
        add_url(Agent), {"client": str(cast.globex.pk), **FORM, "name": "isa"}
    )
    assert list(problems_of(response)) == ["name"]
    assert agents_of(cast.globex) == {}


# --- The key --------------------------------------------------------------------------------------------


def test_i7_the_key_is_taken_kept_replaced_and_cleared_but_never_shown(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas", model="openai:gpt-4o", model_key=KEY)
    sofia = console_of(cast.sofia)
    page = text_of(sofia.get(page_url(agent)))
    assert KEY not in page
    assert "Guardada" in page
    values = shown(sofia, agent)
    assert "new_key" not in values or not values["new_key"]
    sofia.post(page_url(agent), {**values, "new_key": "sk-another"})
    assert opened(agent)[0] == "sk-another"
    sofia.post(page_url(agent), {**values, "model": "local", "clear_key": "on"})
    assert opened(agent)[0] == ""
    assert agents_of(acme)["vendas"].model == "local"
    assert "Nenhuma" in text_of(sofia.get(page_url(agent)))
    assert [fields for _name, fields, _cause in changes_of(acme)] == [["model_key"], ["model", "model_key"]]
    assert "another" not in str(log_of(agent))


def test_no_provider_is_given_the_key_of_another(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas", model="openai:gpt-4o", model_key=KEY)
    sofia = console_of(cast.sofia)
    response = sofia.post(page_url(agent), {**shown(sofia, agent), "model": "groq:llama"})
    assert list(problems_of(response)) == ["model"]
    assert agents_of(acme)["vendas"].model == "openai:gpt-4o"


def test_an_agent_whose_secrets_cannot_be_read_is_shown_and_repaired(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(
        acme, "vendas", model="openai:gpt-4o", model_key=KEY, allowed_recipients="a@acme.test"
    )
    with service_scope(reason="test damage"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents SET model_key = '\\x00', allowed_recipients = '\\x00' WHERE id = %s", [agent.pk]
        )
    sofia = console_of(cast.sofia)
    assert "não abrem com as chaves atuais" in text_of(sofia.get(page_url(agent)))
    values = {**shown(sofia, agent), "recipients": "b@acme.test"}
    assert list(problems_of(sofia.post(page_url(agent), values))) == ["new_key"]
    assert sofia.post(page_url(agent), {**values, "new_key": "sk-new"}).status_code == 302
    assert opened(agent) == ("sk-new", "b@acme.test")


def test_i7_who_may_only_look_sees_what_an_agent_may_do_and_no_secret(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(
        acme, "vendas", model="openai:gpt-4o", model_key=KEY, allowed_recipients="chefe@acme.test"
    )
    browser = console_of(onlooker("view_agent"))
    page = text_of(browser.get(page_url(agent)))
    for words in ("Usar uma consulta publicada", "Segunda", "Guardada", "1 permitido", "openai:gpt-4o"):
        assert words in page, words
    assert KEY not in page
    assert "chefe@" not in page
    assert browser.post(page_url(agent), FORM).status_code == 403
    assert browser.post(add_url(Agent), FORM).status_code == 403
    assert browser.post(delete_url(agent), {"post": "yes"}).status_code == 403
    run_action(browser, "disable", agent)
    assert agents_of(acme)["vendas"].enabled


# --- The three that every client has --------------------------------------------------------------------


def test_a_standard_agent_is_changed_but_neither_renamed_nor_deleted(cast: Cast, acme: Client) -> None:
    isa = agents_of(acme)["isa"]
    sofia = console_of(cast.sofia)
    values = shown(sofia, isa)
    assert "name" not in values
    assert (
        sofia.post(page_url(isa), {**values, "name": "outra", "title": "Isa Relatórios"}).status_code == 302
    )
    assert agents_of(acme)["isa"].title == "Isa Relatórios"
    assert sofia.post(delete_url(isa), {"post": "yes"}).status_code == 403
    assert set(agents_of(acme)) == STANDARD


def test_a_further_agent_is_deleted_on_record_and_its_runs_stay(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas")
    run = factories.make_agent_run(factories.make_conversation(acme), agent="vendas")
    sofia = console_of(cast.sofia)
    assert page_url(agent) in text_of(sofia.get(page_url(run)))
    assert sofia.post(delete_url(agent), {"post": "yes"}).status_code == 302
    assert set(agents_of(acme)) == STANDARD
    assert [(name, fields) for name, fields, _cause in changes_of(acme)] == [("vendas", [])]
    page = text_of(sofia.get(page_url(run)))
    assert "vendas" in page
    assert page_url(agent) not in page


def test_several_are_deleted_together_unless_a_standard_one_is_among_them(
    cast: Cast, acme: Client, django_assert_max_num_queries: Any
) -> None:
    one, other = factories.make_agent(acme, "vendas"), factories.make_agent(acme, "trocas")
    isa = agents_of(acme)["isa"]
    sofia = console_of(cast.sofia)

    def delete(*agents: Agent) -> Any:
        values = {"action": "delete_selected", "_selected_action": [str(each.pk) for each in agents]}
        return sofia.post(list_url(Agent), {**values, "post": "yes"}, follow=True)

    assert "ISA: agente padrão, fica" in text_of(delete(one, isa))
    assert len(agents_of(acme)) == 5
    assert changes_of(acme) == []
    with django_assert_max_num_queries(ACTION_QUERIES):
        delete(one, other)
    assert set(agents_of(acme)) == STANDARD
    assert {name for name, _fields, _cause in changes_of(acme)} == {"vendas", "trocas"}


# --- Actions --------------------------------------------------------------------------------------------


def test_agents_are_switched_off_and_on_counted_and_written_down(
    cast: Cast, acme: Client, django_assert_max_num_queries: Any
) -> None:
    isa, renus = agents_of(acme)["isa"], factories.make_agent(acme, "renus", enabled=False)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(ACTION_QUERIES):
        page = text_of(run_action(sofia, "disable", isa, renus))
    assert "1 agente desativado" in page
    assert page.count("Está desativado") == 2
    assert not agents_of(acme)["isa"].enabled
    assert log_of(isa) == [(cast.sofia.pk, "Desativado.")]
    assert log_of(renus) == []
    assert "2 agentes ativados" in text_of(run_action(sofia, "enable", isa, renus))
    assert agents_of(acme)["isa"].enabled
    assert agents_of(acme)["renus"].enabled
    assert log_of(renus) == [(cast.sofia.pk, "Ativado.")]
    assert [fields for _name, fields, _cause in changes_of(acme)] == [["enabled"]] * 3


def test_an_agent_that_is_not_valid_any_more_is_named_and_left(cast: Cast, acme: Client) -> None:
    agent = factories.make_agent(acme, "vendas", tools=["a_tool_of_old"])
    page = text_of(run_action(console_of(cast.sofia), "disable", agent))
    assert "Vendas não foi alterado" in page
    assert "0 agentes desativados" in page
    assert agents_of(acme)["vendas"].enabled
    assert changes_of(acme) == []


# --- The list -------------------------------------------------------------------------------------------


def troubled(client: Client, agent: str, reason: str, state: str = "failed", **ago: float) -> AgentRun:
    at = clock.now() - timedelta(**ago)
    conversation = factories.make_conversation(client)
    return factories.make_agent_run(
        conversation, agent=agent, state=state, reason_code=reason, created_at=at, first_text_at=at
    )


def test_the_list_says_how_each_agent_does_and_what_to_do(
    cast: Cast, acme: Client, django_assert_max_num_queries: Any
) -> None:
    failed = troubled(acme, "discovery", "MODEL_UNAVAILABLE", hours=3)
    troubled(acme, "discovery", "AGENT_TIMED_OUT", hours=5)
    last = troubled(acme, "discovery", "", "done", hours=1)
    troubled(acme, "isa", "AGENT_TIMED_OUT", hours=30)
    theirs = troubled(cast.globex, "discovery", "WORKER_LOST", hours=1)
    for number in range(30):
        factories.make_agent(acme, f"agente_{number}")
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(LIST_QUERIES):
        response = sofia.get(list_url(Agent))
    page = text_of(response)
    rows = {one.name: one for one in response.context["cl"].result_list}
    assert rows["discovery"].last_run["id"] == str(last.pk)
    assert rows["discovery"].last_trouble["id"] == str(failed.pk)
    assert rows["isa"].last_run["reason_code"] == "AGENT_TIMED_OUT"
    assert rows["isa"].last_trouble is None
    assert rows["renus"].last_run is None
    assert page_url(last) in page
    assert page_url(failed) in page
    assert page_url(theirs) not in page
    assert "confira o nome, a chave e o pacote do provedor" in page
    assert "Passou do tempo limite" not in page
    assert page.count("local (da instalação)") == len(rows)


def test_harmless_ends_and_turns_that_wait_are_no_trouble(cast: Cast, acme: Client) -> None:
    for reason, state in (("SUPERSEDED", "superseded"), ("TAKEN_OVER", "done"), ("OUTSIDE_HOURS", "pending")):
        troubled(acme, "discovery", reason, state, hours=1)
    row = next(
        one
        for one in console_of(cast.sofia).get(list_url(Agent)).context["cl"].result_list
        if one.name == "discovery"
    )
    assert row.last_trouble is None
    assert row.last_run is not None


def test_an_agent_outside_its_hours_says_when_it_is_back(
    cast: Cast, acme: Client, moving_clock: MovableClock
) -> None:
    factories.make_agent(
        acme, "discovery", active_from=time(9), active_until=time(18), active_days=[0, 1, 2, 3, 4]
    )
    sofia = console_of(cast.sofia)
    moving_clock.stop(datetime(2026, 11, 27, 23, 0, tzinfo=UTC))  # Friday, 20:00 in São Paulo
    assert "volta a atender em 30/11/2026 09:00" in text_of(sofia.get(list_url(Agent)))
    moving_clock.stop(datetime(2026, 11, 27, 15, 0, tzinfo=UTC))
    assert "volta a atender" not in text_of(sofia.get(list_url(Agent)))


def test_agents_are_found_by_client_state_and_title(cast: Cast, acme: Client) -> None:
    factories.make_agent(cast.globex, "vendas", enabled=False, title="Loja da Globex")
    sofia = console_of(cast.sofia)

    def found(**query: Any) -> list[str]:
        return [one.name for one in sofia.get(list_url(Agent), query).context["cl"].result_list]

    assert found(client__id__exact=str(cast.globex.pk)) == ["vendas"]
    assert found(enabled__exact="0") == ["vendas"]
    assert found(answers_whatsapp__exact="1") == ["discovery"]
    assert found(q="Globex") == ["vendas"]


def test_an_agent_and_its_runs_and_queries_lead_to_each_other(
    cast: Cast, acme: Client, django_assert_max_num_queries: Any
) -> None:
    agent = agents_of(acme)["discovery"]
    conversation = factories.make_conversation(acme)
    run = factories.make_agent_run(conversation, state="done", answer="resposta-secreta")
    query, theirs = factories.make_named_query(acme), factories.make_named_query(cast.globex, "deles")
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page = text_of(sofia.get(page_url(agent)))
    for row in (run, conversation, query):
        assert page_url(row) in page
    assert page_url(theirs) not in page
    assert "resposta-secreta" not in page
    for row in (run, conversation):
        assert page_url(agent) in text_of(sofia.get(page_url(row)))
    client_page = text_of(sofia.get(page_url(acme)))
    assert f"/admin/agent_tools/agent/?client__id__exact={acme.pk}" in client_page


def test_every_tool_has_a_name_for_people() -> None:
    assert set(TOOL_NAMES) == set(ALL_TOOLS)


def test_i10_the_latest_runs_of_each_agent_are_found_without_walking_those_of_others(
    cast: Cast, acme: Client, as_service: None
) -> None:
    conversation = factories.make_conversation(acme)
    values = {"client": acme, "conversation": conversation, "state": "done"}
    AgentRun.objects.bulk_create(AgentRun(agent="discovery", **values) for _ in range(2000))
    plan = with_runs(Agent.objects.order_by("name", "id")).explain()
    assert plan.count("Index Scan using agent_runs_agent") == 2
    assert "agent_runs_time" not in plan
    assert "Seq Scan on agent_runs" not in plan
