"""`agent_tools.toolkit`: a client's tools in an agent that somebody else wrote, within narrow limits."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

import agent_tools
from agent_tools.errors import AgentDisabled, AgentNotFound
from agent_tools.models import AgentRun
from agent_tools.tests.databases import MARINA, connected, prepare_orders
from agent_tools.tests.helpers import ScriptedModel, call, outbox, say, send, texts
from agent_tools.tools import TOOLS
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.errors import ConversationNotFound
from renum.conversations.models import Conversation
from tests import factories
from tests.cast import Cast

SEND, MAIL, QUERY, NAMED, SQL = (
    "send_whatsapp_message",
    "send_email",
    "query_database",
    "run_named_query",
    "query_sql",
)
TALKING = {SEND, "change_status", "detect_intent", "request_human"}
IN_SP = {"table": "distribuidores", "columns": ["nome"], "filters": [{"column": "uf", "value": "SP"}]}
HELLO = "Olá! Posso ajudar?"

Drive = Callable[[Any, dict[str, Any]], dict[str, Any]]


def _async(graph: Any, state: dict[str, Any]) -> dict[str, Any]:
    return asyncio.run(graph.ainvoke(state))  # type: ignore[no-any-return]


def _sync(graph: Any, state: dict[str, Any]) -> dict[str, Any]:
    return graph.invoke(state)  # type: ignore[no-any-return]


both_ways = pytest.mark.parametrize("drive", [_sync, _async], ids=["sync", "async"])


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_orders()


@pytest.fixture
def acme(committed_cast: Cast) -> Iterator[Client]:
    client = committed_cast.acme
    factories.make_integration(client)
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    factories.make_named_query(client)
    with connected(client, sql_mode=True):
        yield client


@pytest.fixture
def talk(acme: Client) -> Conversation:
    return factories.make_conversation(acme, phone=MARINA)


def names(tools: list[BaseTool]) -> set[str]:
    return {tool.name for tool in tools}


def only_run() -> AgentRun:
    with service_scope(reason="test"):
        return AgentRun.objects.prefetch_related("steps").get()


def steps_of(run: AgentRun) -> list[tuple[str, str]]:
    return sorted((step.name, step.outcome) for step in run.steps.all())


def receipts(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(one.content) for one in state["messages"] if isinstance(one, ToolMessage)]


def use(tools: list[BaseTool], name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    (tool,) = (one for one in tools if one.name == name)
    return json.loads(tool.invoke(arguments))  # type: ignore[no-any-return]


def mail_to(address: str) -> dict[str, Any]:
    return {"to": [address], "subject": "Relatório", "body": "Segue o resumo."}


# --- In agents of others -----------------------------------------------------------------------------------


@both_ways
def test_a_plain_agent_of_another_program_uses_them(
    acme: Client, talk: Conversation, committed_cast: Cast, drive: Drive
) -> None:
    model = ScriptedModel(
        call({"query": "meus_pedidos"}, name=NAMED),
        call(mail_to(committed_cast.alice.email), name=MAIL),
        send(HELLO),
        say("pronto"),
    )
    agent = create_agent(model, tools=agent_tools.toolkit(acme, talk))
    found = drive(agent, {"messages": [("user", "Oi")]})
    rows, mailed, sent = receipts(found)
    assert [row["item"] for row in rows["rows"]] == ["cadeira", "mesa"]
    (mail,), (message,) = outbox(channel="email"), outbox(channel="whatsapp")
    assert (mailed["message_id"], sent["message_id"]) == (str(mail.id), str(message.id))
    assert (message.conversation_id, message.body) == (talk.id, {"text": HELLO})
    assert steps_of(only_run()) == sorted([(NAMED, "ok"), (MAIL, "ok"), (SEND, "ok")])


@both_ways
def test_a_node_of_a_graph_uses_them_several_at_once(acme: Client, talk: Conversation, drive: Drive) -> None:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(agent_tools.toolkit(acme, talk)))
    graph.add_edge(START, "tools")
    calls = [
        *send(HELLO).tool_calls,
        {"name": NAMED, "args": {"query": "meus_pedidos"}, "id": "call_2", "type": "tool_call"},
        {
            "name": SEND,
            "args": {"message": "x", "phone": "+5511987650002"},
            "id": "call_3",
            "type": "tool_call",
        },
    ]
    found = drive(graph.compile(), {"messages": [AIMessage(content="", tool_calls=calls)]})
    sent, rows, refused = receipts(found)
    assert sent["ok"] and rows["row_count"] == 2
    assert (refused["ok"], refused["error_code"]) == (False, "INVALID_ARGUMENTS")
    assert texts() == [HELLO]
    assert steps_of(only_run()) == sorted([(NAMED, "ok"), (SEND, "INVALID_ARGUMENTS"), (SEND, "ok")])


def test_without_a_conversation_tables_are_read(acme: Client) -> None:
    model = ScriptedModel(call(IN_SP, name=QUERY), say("Há um."))
    agent = create_agent(model, tools=agent_tools.toolkit(acme))
    (rows,) = receipts(_sync(agent, {"messages": [("user", "Quantos distribuidores há em SP?")]}))
    assert rows["rows"] == [{"nome": "Atacado São Jorge"}]
    assert outbox() == []


# --- On record -----------------------------------------------------------------------------------------------


def test_what_they_do_is_one_run_of_the_model_external(acme: Client, talk: Conversation) -> None:
    tools = agent_tools.toolkit(acme, talk)
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists(), "nothing was done"
    assert use(tools, SEND, {"message": HELLO})["ok"]
    assert use(tools, "change_status", {"status": "pending"})["ok"]
    assert not use(tools, SEND, {"message": "Já agendei a visita."})["ok"]
    run = only_run()
    assert (run.client_id, run.conversation_id) == (acme.id, talk.id)
    assert (run.agent, run.model, run.state, run.tool_calls) == ("external", "external", "done", 3)
    assert run.finished_at is not None
    (message,) = outbox()
    assert message.cause == [f"agent_run:{run.id}"]


def test_each_toolkit_is_a_run_of_its_own(acme: Client, talk: Conversation) -> None:
    for _ in range(2):
        assert use(agent_tools.toolkit(acme, talk), SEND, {"message": HELLO})["ok"]
    with service_scope(reason="test"):
        assert AgentRun.objects.count() == len(outbox()) == 2


# --- Within limits -------------------------------------------------------------------------------------------


def test_what_there_is_follows_from_the_conversation(acme: Client, talk: Conversation) -> None:
    assert names(agent_tools.toolkit(acme)) == {MAIL, QUERY, NAMED}
    assert names(agent_tools.toolkit(acme, talk)) == {MAIL, NAMED, *TALKING}


def test_with_a_conversation_no_table_is_read_by_whoever_writes(acme: Client, talk: Conversation) -> None:
    """Not even by a tool that was made without it."""
    inside = agent_tools.toolkit(acme, talk)[0]
    for name, arguments in ((QUERY, IN_SP), (SQL, {"sql": "SELECT nome FROM distribuidores"})):
        tool = TOOLS[name](inside._session)  # type: ignore[attr-defined]
        answer = json.loads(tool.invoke(arguments))
        assert (answer["ok"], answer["error_code"]) == (False, "TOOL_NOT_OFFERED")


@pytest.mark.parametrize(
    "address", ["bob@globex.test", "alice@acme.test.evil.example", "alice+x@acme.test", "ana@acme.test"]
)
def test_mail_goes_to_the_client_s_own_address_alone(
    acme: Client, committed_cast: Cast, address: str
) -> None:
    tools = agent_tools.toolkit(acme)
    answer = use(tools, MAIL, mail_to(address))
    assert (answer["ok"], answer["error_code"]) == (False, "RECIPIENT_NOT_ALLOWED")
    both = {**mail_to(address), "to": [committed_cast.alice.email, address]}
    assert use(tools, MAIL, both)["error_code"] == "RECIPIENT_NOT_ALLOWED"
    assert outbox() == []
    assert use(tools, MAIL, mail_to(committed_cast.alice.email))["ok"]
    (mail,) = outbox()
    assert mail.body["to"] == [committed_cast.alice.email]


def test_the_agent_that_is_named_lends_its_tools_and_limits(acme: Client, talk: Conversation) -> None:
    factories.make_agent(acme, "isa", allowed_recipients="@parceiro.example")
    tools = agent_tools.toolkit(acme, agent="isa")
    assert names(tools) == {MAIL, QUERY, NAMED}
    assert names(agent_tools.toolkit(acme, talk, agent="isa")) == {MAIL, QUERY, NAMED}
    assert names(agent_tools.toolkit(acme, agent="renus")) == {MAIL, QUERY, NAMED, SQL}
    assert use(tools, MAIL, mail_to("ana@parceiro.example"))["ok"]
    assert use(tools, MAIL, mail_to("alice@acme.test"))["error_code"] == "RECIPIENT_NOT_ALLOWED"
    (mail,) = outbox()
    assert mail.body["to"] == ["ana@parceiro.example"]
    run = only_run()
    assert (run.agent, run.model) == ("isa", "external")


def test_an_agent_that_is_unknown_or_switched_off_lends_nothing(acme: Client, committed_cast: Cast) -> None:
    factories.make_agent(acme, "isa", enabled=False)
    factories.make_agent(committed_cast.globex, "deles")
    with pytest.raises(AgentDisabled):
        agent_tools.toolkit(acme, agent="isa")
    for name in ("ninguem", "deles", ""):
        with pytest.raises(AgentNotFound):
            agent_tools.toolkit(acme, agent=name)
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists()


def test_i6_another_client_s_conversation_is_not_found(acme: Client, committed_cast: Cast) -> None:
    theirs = factories.make_conversation(committed_cast.globex)
    with pytest.raises(ConversationNotFound):
        agent_tools.toolkit(acme, theirs)
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists()


def test_i7_a_credential_that_is_configured_later_is_guarded_too(acme: Client, talk: Conversation) -> None:
    factories.make_agent(acme, "tudo")
    secret, key = "quartzo-azul-7731", "chave-do-modelo-5519"
    tools = agent_tools.toolkit(acme, talk, agent="tudo")
    for word in (secret, key):
        assert use(tools, SEND, {"message": f"Anote: {word}"})["ok"], "nobody knows it yet"
    factories.make_integration(
        acme, type="email_sendgrid", provider="sendgrid", name="SendGrid", api_token=secret
    )
    factories.make_agent(acme, "tudo", model="openai:gpt-5-mini", model_key=key)
    for word in (secret, key):
        answer = use(tools, SEND, {"message": f"Anote mais uma vez: {word}"})
        assert (answer["ok"], answer.get("error_code")) == (False, "ANSWER_LEAKS")
    assert len(outbox()) == 2


def test_a_conversation_that_is_erased_meanwhile_is_not_written_to(acme: Client, talk: Conversation) -> None:
    tools = agent_tools.toolkit(acme, talk)
    with service_scope(reason="test"):
        talk.contact.delete()
    for arguments in ({"message": HELLO}, {"message": ""}):
        answer = use(tools, SEND, arguments)
        assert (answer["ok"], answer["error_code"]) == (False, "CONVERSATION_NOT_FOUND")
    assert outbox() == []
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists()


def test_the_document_s_example_works(committed_cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    page = (settings.BASE_DIR / "docs" / "agents.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    with connected(committed_cast.acme):
        exec(compile(example, "docs/agents.md", "exec"), {})
    assert "Atacado São Jorge" in capsys.readouterr().out
