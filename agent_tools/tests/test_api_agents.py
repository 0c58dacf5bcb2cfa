"""`/api/agents`: what is shown of agents and may be changed, and everything that is refused."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from agent_tools.defaults import AGENTS, ALL_TOOLS, STANDARD
from agent_tools.models import Agent
from agent_tools.operations import OPERATIONS
from agent_tools.provision import provide_agents
from integrations.tests.contracts import accepted, patch, post, refused
from integrations.tests.helpers import Written
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.events.models import Event
from tests import factories
from tests.cast import Cast

Api = Callable[[Profile | None], APIClient]

AGENTS_URL = "/api/agents"
KEY = "sk-chave-da-acme-0001"
SHOWN = {
    "id",
    "name",
    "title",
    "prompt",
    "knowledge",
    "tools",
    "data_access",
    "model",
    "has_model_key",
    "enabled",
    "answers_whatsapp",
    "model_calls",
    "tool_calls",
    "timeout_seconds",
    "replies_per_hour",
    "active_days",
    "active_from",
    "active_until",
    "intents",
    "allowed_recipients",
    "created_at",
    "updated_at",
}
FULL: dict[str, Any] = {
    "name": "cobranca",
    "title": "Cobrança",
    "prompt": "Você cuida dos pagamentos.\n",
    "tools": ["send_whatsapp_message", "send_email", "query_sql"],
    "data_access": "sql",
    "model": "openai:gpt-5-mini",
    "model_key": KEY,
    "enabled": False,
    "answers_whatsapp": True,
    "model_calls": 4,
    "tool_calls": 5,
    "timeout_seconds": 30,
    "replies_per_hour": 12,
    "active_days": [0, 1, 2, 3, 4],
    "active_from": "08:00:00",
    "active_until": "18:30:00",
    "intents": ["boleto", "acordo"],
    "allowed_recipients": ["financeiro@acme.test", "@acme.example"],
}
LEAST = {"name": "cobranca", "title": "Cobrança", "prompt": "Você cobra.", "tools": ["request_human"]}


def stored(client: Client) -> dict[str, Agent]:
    with service_scope(reason="test"):
        return {agent.name: agent for agent in Agent.objects.filter(client=client)}


def changes_of(client: Client) -> list[dict[str, Any]]:
    with service_scope(reason="test"):
        rows = Event.objects.filter(client=client, kind=Event.Kind.AGENT_CHANGED).order_by("occurred_at")
        return list(rows.values_list("data", flat=True))


def address(agent: Agent) -> str:
    return f"{AGENTS_URL}/{agent.id}"


# --- Reading ------------------------------------------------------------------------------------------


def test_every_client_has_three_agents(cast: Cast, api: Api) -> None:
    body = accepted(api(cast.alice).get(AGENTS_URL))
    assert set(body) == {"success", "agents", "total"}
    assert [agent["name"] for agent in body["agents"]] == ["discovery", "isa", "renus"]
    assert body["total"] == 3
    assert set(stored(cast.acme)) == STANDARD
    assert stored(cast.globex) == {}
    discovery = body["agents"][0]
    assert set(discovery) == SHOWN
    (given,) = (one for one in AGENTS if one["name"] == "discovery")
    assert {name: discovery[name] for name in given} == given
    assert (discovery["model"], discovery["has_model_key"]) == ("", False)
    assert discovery["active_days"] == list(range(7))
    assert (discovery["active_from"], discovery["active_until"]) == (None, None)
    assert discovery["allowed_recipients"] == []
    assert accepted(api(cast.alice).get(AGENTS_URL)) == body


def test_one_agent_is_shown_as_in_the_list(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, "isa", allowed_recipients="a@acme.test\n@acme.example")
    body = accepted(api(cast.alice).get(address(agent)))
    assert body["agent"]["allowed_recipients"] == ["a@acme.test", "@acme.example"]
    (listed,) = (
        one for one in accepted(api(cast.alice).get(AGENTS_URL))["agents"] if one["name"] == agent.name
    )
    assert body == {"success": True, "agent": listed}


def test_the_tools_that_there_are(cast: Cast, api: Api) -> None:
    tools = accepted(api(cast.alice).get(f"{AGENTS_URL}/tools"))["tools"]
    assert [tool["name"] for tool in tools] == list(OPERATIONS)
    assert {tool["name"] for tool in tools} == set(ALL_TOOLS)
    assert all(set(tool) == {"name", "description", "needs_conversation"} for tool in tools)
    assert all(tool["description"].endswith(".") for tool in tools)
    assert {tool["name"] for tool in tools if tool["needs_conversation"]} == {
        "send_whatsapp_message",
        "change_status",
        "detect_intent",
        "request_human",
    }


# --- Creating -----------------------------------------------------------------------------------------


def test_a_further_agent_is_created_with_all_that_is_given(cast: Cast, api: Api) -> None:
    body = accepted(post(api(cast.alice), AGENTS_URL, FULL), 201)
    assert set(body) == {"success", "agent"}
    expected = {name: value for name, value in FULL.items() if name != "model_key"}
    assert {name: body["agent"][name] for name in expected} == expected
    assert body["agent"]["has_model_key"] is True
    assert set(stored(cast.acme)) == {*STANDARD, "cobranca"}
    agent = stored(cast.acme)["cobranca"]
    assert (str(agent.id), agent.model_key) == (body["agent"]["id"], KEY)
    assert agent.recipients == ("financeiro@acme.test", "@acme.example")
    assert changes_of(cast.acme) == [{"agent": "cobranca", "fields": sorted(FULL)}]


def test_what_is_not_given_is_as_for_any_new_agent(cast: Cast, api: Api) -> None:
    shown = accepted(post(api(cast.alice), AGENTS_URL, LEAST), 201)["agent"]
    assert (shown["data_access"], shown["model"], shown["has_model_key"]) == ("named", "", False)
    assert (shown["enabled"], shown["answers_whatsapp"]) == (True, False)
    assert (shown["model_calls"], shown["tool_calls"], shown["timeout_seconds"]) == (6, 6, 45)
    assert (shown["intents"], shown["allowed_recipients"]) == ([], [])


@pytest.mark.parametrize("name", ["discovery", "isa", "renus", "cobranca"])
def test_a_name_is_taken_once(cast: Cast, api: Api, name: str) -> None:
    """Also that of an agent which every client has, before the client ever looked at its agents."""
    factories.make_agent(cast.acme, "cobranca")
    refused(post(api(cast.alice), AGENTS_URL, {**LEAST, "name": name}), 409, "AGENT_NAME_TAKEN")
    assert "cobranca" in stored(cast.acme)
    assert changes_of(cast.acme) == []


def test_two_clients_may_have_agents_of_one_name(cast: Cast, api: Api) -> None:
    for profile in (cast.alice, cast.bob):
        accepted(post(api(profile), AGENTS_URL, LEAST), 201)
    assert stored(cast.acme)["cobranca"].id != stored(cast.globex)["cobranca"].id


def test_one_agent_of_a_client_answers_on_whatsapp(cast: Cast, api: Api) -> None:
    factories.make_agent(cast.globex)
    accepted(post(api(cast.alice), AGENTS_URL, FULL), 201)
    assert [agent.name for agent in stored(cast.acme).values() if agent.answers_whatsapp] == ["cobranca"]
    assert stored(cast.globex)["discovery"].answers_whatsapp


def wrong(field: str, value: Any) -> Any:
    return pytest.param(field, value, id=f"{field}={value!r}"[:50])


WRONG = [
    *(wrong("name", one) for one in ("", "Cobrança", "1a", "a b", "a" * 41, 7, None, True, "a\x00")),
    *(wrong("title", one) for one in ("", "  ", "t" * 81, 7, None, [])),
    *(wrong("prompt", one) for one in ("", " \n", "p" * 20_001, 7, None)),
    *(wrong("knowledge", one) for one in ("p" * 20_001, 7, None)),
    *(wrong("tools", one) for one in ("send_email", ["sudo"], [7], None, {"a": 1}, [None], [["send_email"]])),
    *(wrong("data_access", one) for one in ("all", "", 1, None, True)),
    *(wrong("model", one) for one in ("gpt", "ollama:llama", "openai:", "bedrock:x", 1, None, "o" * 101)),
    *(wrong("model_key", one) for one in (7, [], "a b", "a\nb", "k" * 1001)),
    *(wrong("enabled", one) for one in ("true", 1, None)),
    *(wrong("answers_whatsapp", one) for one in ("sim", 0, None)),
    *(wrong("model_calls", one) for one in (0, 21, "6", 6.5, 6.0, True, None)),
    *(wrong("tool_calls", one) for one in (0, 21, "6", None)),
    *(wrong("timeout_seconds", one) for one in (4, 91, "45", None)),
    *(wrong("replies_per_hour", one) for one in (0, 501, "30", 10**30)),
    *(wrong("active_days", one) for one in ([], [7], [-1], ["1"], [True], "1", None)),
    *(wrong("active_from", one) for one in ("25:00", "oito", 8, "", [])),
    *(
        wrong("intents", one)
        for one in (["Orçamento"], [""], [1], "boleto", [f"i{n}" for n in range(51)], None)
    ),
    *(wrong("allowed_recipients", one) for one in (["nobody"], ["@"], ["a@b.example c@d.example"], [7])),
    *(wrong("allowed_recipients", one) for one in ("a@b.example", ["a@b.example\n@c.example"], None)),
    *(wrong("surprise", one) for one in (1, None)),
    *(wrong(name, "x") for name in ("id", "client_id", "has_model_key", "created_at")),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_is_wrong_is_refused_by_the_name_of_its_field(
    cast: Cast, api: Api, field: str, value: Any
) -> None:
    agent = factories.make_agent(cast.acme, "vendas")
    alice = api(cast.alice)
    before = accepted(alice.get(AGENTS_URL))
    for response in (
        post(alice, AGENTS_URL, {**LEAST, field: value}),
        patch(alice, address(agent), {field: value}),
    ):
        assert list(refused(response, 400, "VALIDATION_ERROR")["details"]) == [field]
    assert accepted(alice.get(AGENTS_URL)) == before
    assert changes_of(cast.acme) == []


@pytest.mark.parametrize("missing", LEAST)
def test_what_is_missing_is_refused_by_its_name(cast: Cast, api: Api, missing: str) -> None:
    body = {name: value for name, value in LEAST.items() if name != missing}
    answer = refused(post(api(cast.alice), AGENTS_URL, body), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == [missing]
    assert stored(cast.acme) == {}


@pytest.mark.parametrize("body", [[], "x", 7, None, [LEAST]])
def test_a_body_that_is_no_object_is_refused(cast: Cast, api: Api, body: Any) -> None:
    agent = factories.make_agent(cast.acme, "isa")
    for method, path in (("post", AGENTS_URL), ("patch", address(agent))):
        response = getattr(api(cast.alice), method)(path, body, format="json")
        refused(response, 400, "VALIDATION_ERROR")
    assert set(stored(cast.acme)) == {"isa"}


def test_who_answers_on_whatsapp_needs_the_tool_for_it(cast: Cast, api: Api) -> None:
    body = {**LEAST, "answers_whatsapp": True}
    answer = refused(post(api(cast.alice), AGENTS_URL, body), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == ["answers_whatsapp"]
    assert "cobranca" not in stored(cast.acme)


def test_hours_have_a_beginning_and_an_end(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme)
    answer = refused(
        patch(api(cast.alice), address(agent), {"active_until": "18:00"}), 400, "VALIDATION_ERROR"
    )
    assert list(answer["details"]) == ["active_from"]
    assert stored(cast.acme)["discovery"].active_until is None


# --- Changing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FULL if name not in ("name", "model", "model_key")])
def test_one_thing_is_changed_and_the_others_stay(cast: Cast, api: Api, name: str) -> None:
    tools = ["send_whatsapp_message"]
    hours = {"active_from": "07:00", "active_until": "19:00"}
    agent = factories.make_agent(cast.acme, "vendas", tools=tools, **hours)
    alice = api(cast.alice)
    before = accepted(alice.get(address(agent)))["agent"]
    assert before[name] != FULL[name]
    after = accepted(patch(alice, address(agent), {name: FULL[name]}))["agent"]
    assert after == {**before, name: FULL[name], "updated_at": after["updated_at"]}
    assert accepted(alice.get(address(agent)))["agent"] == after
    assert changes_of(cast.acme) == [{"agent": "vendas", "fields": [name]}]


def test_a_change_has_a_cause(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme)
    accepted(patch(api(cast.alice), address(agent), {"enabled": False}))
    with service_scope(reason="test"):
        assert Event.objects.get(kind="agent_changed").cause == [f"profile:{cast.alice.id}"]


def test_a_change_of_nothing_is_refused(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme)
    refused(patch(api(cast.alice), address(agent), {}), 400, "VALIDATION_ERROR")
    assert changes_of(cast.acme) == []


def test_what_comes_twice_in_a_list_is_taken_once(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme)
    body = {"active_days": [4, 0, 4], "intents": ["b", "a", "b"], "allowed_recipients": ["@a.example"] * 2}
    shown = accepted(patch(api(cast.alice), address(agent), body))["agent"]
    assert (shown["active_days"], shown["intents"]) == ([0, 4], ["b", "a"])
    assert shown["allowed_recipients"] == ["@a.example"]


def test_hours_and_recipients_can_be_taken_away(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(
        cast.acme, active_from="08:00", active_until="18:00", allowed_recipients="@acme.example"
    )
    body = {"active_from": None, "active_until": None, "allowed_recipients": []}
    shown = accepted(patch(api(cast.alice), address(agent), body))["agent"]
    assert {name: shown[name] for name in body} == body
    assert stored(cast.acme)["discovery"].allowed_recipients is None


# --- The model and its key ----------------------------------------------------------------------------


def sealed_key(agent: Agent) -> bytes | None:
    """The column as the database has it."""
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT model_key FROM agents WHERE id = %s", [agent.id])
        found = cursor.fetchone()[0]
        return None if found is None else bytes(found)


def test_a_model_of_one_s_own_needs_a_key(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme)
    alice = api(cast.alice)
    answer = refused(patch(alice, address(agent), {"model": "openai:gpt-5"}), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == ["model"]
    assert stored(cast.acme)["discovery"].model == ""
    body = {**LEAST, "model": "openai:gpt-5"}
    assert list(refused(post(alice, AGENTS_URL, body), 400, "VALIDATION_ERROR")["details"]) == ["model"]
    shown = accepted(patch(alice, address(agent), {"model": "openai:gpt-5", "model_key": KEY}))["agent"]
    assert (shown["model"], shown["has_model_key"]) == ("openai:gpt-5", True)


def test_another_model_of_the_same_provider_goes_by_the_same_key(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, model="openai:gpt-5", model_key=KEY)
    accepted(patch(api(cast.alice), address(agent), {"model": "openai:gpt-5-mini"}))
    assert stored(cast.acme)["discovery"].model_key == KEY


def test_no_provider_is_given_the_key_of_another(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, model="openai:gpt-5", model_key=KEY)
    alice = api(cast.alice)
    answer = refused(patch(alice, address(agent), {"model": "groq:llama"}), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == ["model"]
    assert stored(cast.acme)["discovery"].model == "openai:gpt-5"
    accepted(patch(alice, address(agent), {"model": ""}))
    refused(patch(alice, address(agent), {"model": "groq:llama"}), 400, "VALIDATION_ERROR")
    accepted(patch(alice, address(agent), {"model": "groq:llama", "model_key": "gsk-1"}))
    assert stored(cast.acme)["discovery"].model_key == "gsk-1"


@pytest.mark.parametrize("empty", [None, ""])
def test_a_key_is_cleared_unless_the_model_needs_it(cast: Cast, api: Api, empty: str | None) -> None:
    agent = factories.make_agent(cast.acme, model="openai:gpt-5", model_key=KEY)
    alice = api(cast.alice)
    answer = refused(patch(alice, address(agent), {"model_key": empty}), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == ["model"]
    assert stored(cast.acme)["discovery"].model_key == KEY
    shown = accepted(patch(alice, address(agent), {"model_key": empty, "model": "local"}))["agent"]
    assert (shown["model"], shown["has_model_key"]) == ("local", False)
    assert sealed_key(agent) is None


def test_a_key_that_is_not_named_stays(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, model="openai:gpt-5", model_key=KEY)
    shown = accepted(patch(api(cast.alice), address(agent), {"title": "Outro"}))["agent"]
    assert shown["has_model_key"] is True
    assert stored(cast.acme)["discovery"].model_key == KEY


def test_i7_a_key_is_kept_encrypted_and_never_told(cast: Cast, api: Api, logged: Written) -> None:
    alice = api(cast.alice)
    created = post(alice, AGENTS_URL, FULL)
    agent = stored(cast.acme)["cobranca"]
    answers = [
        created,
        alice.get(AGENTS_URL),
        alice.get(address(agent)),
        patch(alice, address(agent), {"model_key": KEY}),
        patch(alice, address(agent), {"model_key": KEY, "model": "nobody:knows"}),
        patch(alice, address(agent), {"model_key": f"{KEY} {KEY}"}),
        patch(alice, address(agent), {"model_key": KEY * 100}),
        patch(alice, address(agent), {"model_key": [KEY]}),
        post(alice, AGENTS_URL, FULL),
        api(cast.sofia).get(f"{AGENTS_URL}?client_id={cast.acme.id}"),
    ]
    assert [one.status_code for one in answers] == [201, 200, 200, 200, 400, 400, 400, 400, 409, 200]
    for one in answers:
        assert KEY not in one.content.decode()
        assert '"model_key":' not in one.content.decode().replace('"details":{"model_key":', "")
    sealed = sealed_key(agent)
    assert sealed and KEY.encode() not in sealed
    assert KEY not in logged.getvalue()
    assert KEY not in str(changes_of(cast.acme))


# --- The three that all clients have ------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(STANDARD))
def test_an_agent_that_all_clients_have_is_switched_off_and_not_deleted(
    cast: Cast, api: Api, name: str
) -> None:
    with service_scope(reason="test"):
        provide_agents(cast.acme.id)
    agent = stored(cast.acme)[name]
    alice = api(cast.alice)
    refused(alice.delete(address(agent)), 409, "AGENT_STANDARD")
    refused(patch(alice, address(agent), {"name": "outro", "title": "Outro"}), 409, "AGENT_STANDARD")
    assert set(stored(cast.acme)) == STANDARD
    assert stored(cast.acme)[name].title == agent.title
    assert changes_of(cast.acme) == []
    shown = accepted(patch(alice, address(agent), {"name": name, "enabled": False}))["agent"]
    assert (shown["name"], shown["enabled"]) == (name, False)


def test_a_further_agent_is_renamed_and_deleted(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, "vendas")
    alice = api(cast.alice)
    run = factories.make_agent_run(factories.make_conversation(cast.acme), agent="vendas", state="done")
    assert accepted(patch(alice, address(agent), {"name": "vendas_2"}))["agent"]["name"] == "vendas_2"
    assert accepted(alice.delete(address(agent)))["message"]
    assert stored(cast.acme) == {}
    refused(alice.get(address(agent)), 404, "AGENT_NOT_FOUND")
    refused(alice.delete(address(agent)), 404, "AGENT_NOT_FOUND")
    assert accepted(alice.get(f"{AGENTS_URL}/runs/{run.id}"))["run"]["agent"] == "vendas"
    assert [one["fields"] for one in changes_of(cast.acme)] == [["name"], []]


def test_a_further_agent_cannot_take_the_name_of_another(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, "vendas")
    factories.make_agent(cast.acme, "isa")
    refused(patch(api(cast.alice), address(agent), {"name": "isa"}), 409, "AGENT_NAME_TAKEN")
    assert set(stored(cast.acme)) == {"vendas", "isa"}


# --- Whose --------------------------------------------------------------------------------------------


def test_i6_another_client_s_agent_is_not_found(cast: Cast, api: Api) -> None:
    agent = factories.make_agent(cast.acme, "vendas", prompt="segredo-da-acme")
    bob = api(cast.bob)
    for response in (
        bob.get(address(agent)),
        patch(bob, address(agent), {"title": "Do Bob"}),
        patch(bob, address(agent), {"model": "openai:x", "model_key": "k"}),
        bob.delete(address(agent)),
        bob.get(f"{AGENTS_URL}/{uuid.uuid4()}"),
    ):
        refused(response, 404, "AGENT_NOT_FOUND")
    assert "segredo-da-acme" not in bob.get(AGENTS_URL).content.decode()
    kept = stored(cast.acme)["vendas"]
    assert (kept.title, kept.model, kept.updated_at) == (agent.title, "", agent.updated_at)
    assert changes_of(cast.acme) == changes_of(cast.globex) == []


def test_i6_staff_act_for_the_client_that_they_name(cast: Cast, api: Api) -> None:
    sofia = api(cast.sofia)
    named = f"?client_id={cast.acme.id}"
    accepted(post(sofia, f"{AGENTS_URL}{named}", LEAST), 201)
    agent = stored(cast.acme)["cobranca"]
    accepted(patch(sofia, f"{address(agent)}{named}", {"enabled": False}))
    refused(
        patch(sofia, f"{address(agent)}?client_id={cast.globex.id}", {"enabled": True}),
        404,
        "AGENT_NOT_FOUND",
    )
    assert stored(cast.acme)["cobranca"].enabled is False
    accepted(sofia.delete(f"{address(agent)}{named}"))
    with service_scope(reason="test"):
        causes = set(map(tuple, Event.objects.values_list("cause", flat=True)))
    assert causes == {(f"profile:{cast.sofia.id}",)}


# --- Named queries ------------------------------------------------------------------------------------

DEFINITION = {
    "parameters": {
        "telefone": {"source": "sender_phone"},
        "situacao": {"choices": ["aberto", "pago"], "description": "do pedido"},
        "desde": {"type": "date"},
    },
    "read": {
        "table": "pedidos",
        "filters": [{"column": name, "parameter": name} for name in ("telefone", "situacao", "desde")],
    },
}


def test_published_queries_tell_what_the_model_gives(cast: Cast, api: Api) -> None:
    factories.make_named_query(cast.acme, definition=DEFINITION)
    factories.make_named_query(cast.acme, "rascunho", is_published=False)
    factories.make_named_query(cast.globex, "do_bob")
    body = accepted(api(cast.alice).get(f"{AGENTS_URL}/queries"))
    assert body["queries"] == [
        {
            "name": "meus_pedidos",
            "description": "Os pedidos de quem escreve.",
            "parameters": [
                {"name": "desde", "type": "date", "description": "", "choices": []},
                {
                    "name": "situacao",
                    "type": "text",
                    "description": "do pedido",
                    "choices": ["aberto", "pago"],
                },
            ],
        }
    ]
    (seen,) = accepted(api(cast.bob).get(f"{AGENTS_URL}/queries"))["queries"]
    assert seen["name"] == "do_bob"


def test_a_query_that_cannot_be_run_as_stored_hides_no_other(cast: Cast, api: Api) -> None:
    factories.make_named_query(cast.acme)
    factories.make_named_query(cast.acme, "quebrada", definition={"read": 7})
    queries = accepted(api(cast.alice).get(f"{AGENTS_URL}/queries"))["queries"]
    assert [query["name"] for query in queries] == ["meus_pedidos"]


@pytest.mark.parametrize("path", ["tools", "queries"])
def test_what_is_read_is_not_written(cast: Cast, api: Api, path: str) -> None:
    refused(post(api(cast.alice), f"{AGENTS_URL}/{path}", {}), 405, "METHOD_NOT_ALLOWED")
