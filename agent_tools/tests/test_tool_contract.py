"""What every tool of agents keeps to, whichever it is; then the receipts of each, and doing things once."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from langchain_core.messages import ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from agent_tools import runs
from agent_tools.models import AgentRun, AgentStep
from agent_tools.operations import OPERATIONS
from agent_tools.sessions import Session, session_elsewhere, session_of
from agent_tools.tests.chat import hear
from agent_tools.tests.databases import JOSE, MARINA, connected, prepare_orders, rows_of_database
from agent_tools.tests.helpers import outbox, texts
from agent_tools.tools import TOOLS, tools_of
from agent_tools.tools.base import BoundTool
from agent_tools.using import use_tool
from integrations.models import Integration
from integrations.services import databases
from integrations.services.changes import change_integration, remove_integration
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.events import match_events
from triggers.engine.execution import run_matched
from triggers.tests.helpers import executions

SEND, MAIL, QUERY, NAMED, SQL = (
    "send_whatsapp_message",
    "send_email",
    "query_database",
    "run_named_query",
    "query_sql",
)
STATUS, INTENT, HUMAN = "change_status", "detect_intent", "request_human"
GOOD: dict[str, dict[str, Any]] = {
    SEND: {"message": "Olá, palavra-secreta!"},
    MAIL: {"to": ["alice@acme.test"], "subject": "palavra-secreta", "body": "Segue a palavra-secreta."},
    QUERY: {
        "table": "distribuidores",
        "columns": ["nome"],
        "filters": [{"column": "uf", "operator": "in", "value": ["SP", "palavra-secreta"]}],
        "order": [{"column": "nome", "descending": True}],
        "limit": 10,
    },
    NAMED: {"query": "meus_pedidos", "parameters": {}},
    SQL: {"sql": "SELECT nome FROM distribuidores WHERE uf IN ('SP', 'palavra-secreta')"},
    STATUS: {"status": "pending"},
    INTENT: {"intent": "compra", "confidence": 0.9},
    HUMAN: {"reason": "complaint"},
}
# What the schema lets through and the tool refuses, or what the schema refuses where there is no such thing.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    SEND: ({"message": "Já agendei a palavra-secreta para amanhã."}, "CLAIM_WITHOUT_RECEIPT"),
    MAIL: ({**GOOD[MAIL], "to": ["palavra-secreta@evil.example"]}, "RECIPIENT_NOT_ALLOWED"),
    QUERY: ({"table": "segredos"}, "TABLE_NOT_ALLOWED"),
    NAMED: ({"query": "palavra_secreta"}, "QUERY_NOT_FOUND"),
    SQL: ({"sql": "DELETE FROM pedidos WHERE item = 'palavra-secreta'"}, "SQL_NOT_ALLOWED"),
    STATUS: ({"status": "palavra-secreta"}, "INVALID_ARGUMENTS"),
    INTENT: ({"intent": "palavra-secreta"}, "INVALID_ARGUMENTS"),
    HUMAN: ({"reason": "palavra-secreta"}, "INVALID_ARGUMENTS"),
}
WRITING = {SEND: Integration.Type.WHATSAPP, MAIL: Integration.Type.EMAIL_SMTP}
READING = (QUERY, NAMED, SQL)
TALKING = (SEND, STATUS, INTENT, HUMAN)
BOUND = {
    "client",
    "client_id",
    "conversation",
    "conversation_id",
    "phone",
    "recipient",
    "run_id",
    "agent",
    "allowed_recipients",
    "cc",
    "bcc",
    "reply_to",
    "idempotency_key",
}
PORTUGUESE = re.compile(
    r"\b(?:de|do|da|dos|das|em|um|uma|para|ao|pelo|com|que|por|como|vazio|tabela)\b|[ãõçáéíóú]", re.IGNORECASE
)
IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

every_tool = pytest.mark.parametrize("name", TOOLS)


@pytest.fixture(scope="module", autouse=True)
def _tables() -> None:
    prepare_orders()


@pytest.fixture
def acme(committed_cast: Cast) -> Iterator[Client]:
    """Committed, since tools run in threads. Connected with everything there is."""
    client = committed_cast.acme
    factories.make_integration(client)
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    factories.make_named_query(client)
    factories.make_agent(client, answers_whatsapp=False)
    factories.make_agent(client, "tudo", data_access="sql", answers_whatsapp=True)
    with connected(client, sql_mode=True):
        yield client


@pytest.fixture
def talk(acme: Client) -> Conversation:
    return factories.make_conversation(acme, phone=MARINA)


def session_for(client: Client, conversation: Conversation | None) -> Session:
    """The session of somebody else's agent that may do everything."""
    agent = factories.make_agent(client, "tudo", data_access="sql")
    return session_elsewhere(client, agent, conversation)


def tool_for(session: Session, name: str) -> BoundTool:
    (tool,) = (one for one in tools_of(session) if one.name == name)
    assert isinstance(tool, BoundTool)
    return tool


def ask(tool: BoundTool, arguments: dict[str, Any]) -> str:
    """As a model calls it; the words that it is shown."""
    answer = tool.invoke({"type": "tool_call", "id": "1", "name": tool.name, "args": arguments})
    assert isinstance(answer, ToolMessage)
    return str(answer.content)


def ask_async(tool: BoundTool, arguments: dict[str, Any]) -> str:
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments}
    return str(asyncio.run(tool.ainvoke(call)).content)


def steps() -> list[tuple[str, str, str]]:
    with service_scope(reason="test"):
        rows = AgentStep.objects.order_by("created_at", "id")
        return list(rows.values_list("kind", "name", "outcome"))


def events(*kinds: Event.Kind) -> list[Event]:
    with service_scope(reason="test"):
        return list(Event.objects.filter(kind__in=kinds or Event.Kind).order_by("occurred_at", "id"))


def now_of(conversation: Conversation) -> Conversation:
    with service_scope(reason="test"):
        return Conversation.objects.get(id=conversation.id)


def done() -> list[Any]:
    """All that tools do, other than to be on record."""
    with service_scope(reason="test"):
        standing = list(
            Conversation.objects.order_by("id").values_list(
                "id", "status", "attention_reason", "agent_paused_until"
            )
        )
    return [len(outbox()), len(events()), standing, rows_of_database()]


# --- Every tool: what the model sees -----------------------------------------------------------------------


def test_every_tool_has_its_cases_here() -> None:
    assert set(TOOLS) == set(OPERATIONS) == set(GOOD) == set(REFUSED)
    assert {*TALKING, *WRITING, *READING} == set(TOOLS)


@every_tool
def test_the_tool_and_each_of_its_arguments_are_described_in_portuguese(
    acme: Client, talk: Conversation, name: str
) -> None:
    tool = tool_for(session_for(acme, talk), name)
    described = [tool.description, *_descriptions(tool.operation.arguments.model_json_schema())]
    assert all(
        one and PORTUGUESE.search(one) for one in described if one not in ("Valor.", "Coluna.", "Ordem.")
    )
    told = convert_to_openai_tool(tool)["function"]
    assert (told["name"], told["description"]) == (name, tool.description)
    assert all(one.get("description") for one in told["parameters"]["properties"].values())


def _descriptions(schema: dict[str, Any]) -> list[str]:
    parts = [schema, *schema.get("$defs", {}).values()]
    return [field.get("description", "") for part in parts for field in part.get("properties", {}).values()]


@every_tool
def test_i6_the_schema_has_no_place_for_what_is_bound_and_none_for_anything_else(name: str) -> None:
    schema = OPERATIONS[name].arguments.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert BOUND.isdisjoint(part["properties"])


@every_tool
@pytest.mark.parametrize("extra", ["client_id", "conversation_id", "phone", "self", "config", "run_manager"])
def test_i6_what_is_bound_cannot_be_named(acme: Client, talk: Conversation, name: str, extra: str) -> None:
    other = factories.make_conversation(acme, phone=JOSE)
    before = done()
    answer = json.loads(ask(tool_for(session_for(acme, talk), name), {**GOOD[name], extra: str(other.id)}))
    assert (answer["ok"], answer["error_code"]) == (False, "INVALID_ARGUMENTS")
    assert answer["details"] == {extra: ["campo desconhecido"]}
    assert done() == before


# --- Every tool: what it answers ----------------------------------------------------------------------------


@every_tool
def test_an_answer_is_compact_json_that_is_ok_and_a_step_on_record_without_words(
    acme: Client, talk: Conversation, name: str
) -> None:
    answer = ask(tool_for(session_for(acme, talk), name), GOOD[name])
    told = json.loads(answer)
    assert told["ok"] is True
    assert answer == json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    assert steps() == [("tool", name, "ok")]
    _assert_no_words_on_record()


@every_tool
def test_a_refusal_says_why_and_what_next_and_does_nothing(
    acme: Client, talk: Conversation, name: str
) -> None:
    arguments, code = REFUSED[name]
    before = done()
    answer = ask(tool_for(session_for(acme, talk), name), arguments)
    told = json.loads(answer)
    assert (told["ok"], told["error_code"]) == (False, code)
    assert set(told) - {"details"} == {"ok", "error_code", "error", "next"}
    assert all(told[part].strip() for part in ("error", "next"))
    assert answer == json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    assert "secreta" not in answer
    assert done() == before
    assert steps() == [("tool", name, code)]
    _assert_no_words_on_record()


def _assert_no_words_on_record() -> None:
    with service_scope(reason="test"):
        rows = [
            *AgentStep.objects.values(),
            *AgentRun.objects.defer("answer").values("agent", "model", "cause"),
        ]
        rows += [event.data for event in Event.objects.all()]
    assert "secreta" not in str(rows)


@every_tool
@pytest.mark.parametrize("which", ["good", "refused", "malformed"])
def test_sync_and_async_answer_the_same(acme: Client, name: str, which: str) -> None:
    arguments = {"good": GOOD[name], "refused": REFUSED[name][0], "malformed": {"x": 1}}[which]
    sessions = [session_for(acme, factories.make_conversation(acme, phone=one)) for one in (MARINA, JOSE)]
    called = [ask(tool_for(sessions[0], name), arguments), ask_async(tool_for(sessions[1], name), arguments)]
    if name == NAMED and which == "good":  # each sees their own
        assert [json.loads(one)["row_count"] for one in called] == [2, 1]
    else:
        assert IDENTIFIER.sub("…", called[0]) == IDENTIFIER.sub("…", called[1])
    with service_scope(reason="test"):
        recorded = [AgentStep.objects.get(run_id=session.run_id) for session in sessions]
    assert recorded[0].outcome == recorded[1].outcome
    assert [session.uses for session in sessions] == [1, 1]


@every_tool
def test_i5_no_transaction_of_ours_is_open_while_somebody_else_is_asked(
    acme: Client, talk: Conversation, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    reach = databases.reach

    def watched(*args: Any) -> Any:
        asked.append(connection.in_atomic_block)
        return reach(*args)

    monkeypatch.setattr(databases, "reach", watched)
    tool = tool_for(session_for(acme, talk), name)
    asked.clear()  # the tables were described to the model
    assert json.loads(ask(tool, GOOD[name]))["ok"]
    assert asked == ([False] if name in READING else []), "who sends is the dispatcher, later"


@every_tool
@pytest.mark.parametrize("which", ["good", "refused", "malformed"])
def test_a_thread_leaves_no_connection_open(acme: Client, talk: Conversation, name: str, which: str) -> None:
    arguments = {"good": GOOD[name], "refused": REFUSED[name][0], "malformed": {"x": 1}}[which]
    tool = tool_for(session_for(acme, talk), name)
    left: list[Any] = []

    def work() -> None:
        ask(tool, arguments)
        left.append(connection.connection)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert len(left) == 1
    assert left[0] is None or left[0].closed
    assert len(steps()) == 1


# --- Every tool: who has it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TALKING)
def test_what_needs_a_conversation_is_not_offered_without_one(acme: Client, name: str) -> None:
    session = session_for(acme, None)
    assert name not in {tool.name for tool in tools_of(session)}
    before = done()
    answer = json.loads(ask(TOOLS[name](session), GOOD[name]))
    assert (answer["ok"], answer["error_code"]) == (False, "TOOL_NOT_OFFERED")
    assert done() == before


@every_tool
def test_a_tool_that_the_agent_was_not_given_does_nothing(
    acme: Client, talk: Conversation, name: str
) -> None:
    others = [one for one in TOOLS if one != name]
    session = session_elsewhere(
        acme, factories.make_agent(acme, "tudo", tools=others, data_access="sql"), talk
    )
    assert {tool.name for tool in tools_of(session)} == set(others)
    before = done()
    answer = json.loads(ask(TOOLS[name](session), GOOD[name]))
    assert (answer["ok"], answer["error_code"]) == (False, "TOOL_NOT_OFFERED")
    assert done() == before


@pytest.mark.parametrize("name", [*WRITING, *READING])
@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda one: change_integration(one, {"enabled": False}, cause=Cause()), "INTEGRATION_DISABLED"),
        (lambda one: remove_integration(one, cause=Cause()), "INTEGRATION_NOT_FOUND"),
    ],
    ids=["disabled", "missing"],
)
def test_a_connection_that_is_disabled_or_missing_has_its_own_code(
    acme: Client, talk: Conversation, name: str, spoil: Callable[[Any], Any], code: str
) -> None:
    """Also if it went while the agent was at work, with the tool in hand."""
    tool = tool_for(session_for(acme, talk), name)
    with service_scope(reason="test"):
        spoil(Integration.objects.get(type=WRITING.get(name, Integration.Type.DATABASE)))
    before = done()
    answer = json.loads(ask(tool, GOOD[name]))
    assert (answer["ok"], answer["error_code"]) == (False, code)
    assert answer["next"] == "Diga que não é possível agora e chame uma pessoa."
    assert done() == before


@pytest.mark.parametrize("name", [*TALKING, NAMED])
def test_i6_another_client_s_conversation_is_refused(acme: Client, committed_cast: Cast, name: str) -> None:
    theirs = factories.make_conversation(committed_cast.globex)
    factories.make_integration(committed_cast.globex, api_token="globex")
    session = session_for(acme, theirs)
    before = done()
    answer = json.loads(ask(tool_for(session, name), GOOD[name]))
    assert (answer["ok"], answer["error_code"]) == (False, "CONVERSATION_NOT_FOUND")
    assert done() == before
    with service_scope(reason="test"):
        assert not AgentRun.objects.exists(), "no run of ours is in their conversation"


# --- Receipts -----------------------------------------------------------------------------------------------


def use(session: Session, name: str, **arguments: Any) -> dict[str, Any]:
    return use_tool(session, name, arguments or GOOD[name])


@pytest.mark.parametrize("name", WRITING)
def test_the_receipt_of_what_is_sent_names_the_message_and_its_state(
    acme: Client, talk: Conversation, name: str
) -> None:
    answer = use(session_for(acme, talk), name)
    (message,) = outbox()
    assert answer == {"ok": True, "message_id": str(message.id), "state": "queued"}


def test_rows_are_told_with_their_number(acme: Client) -> None:
    answer = use(session_for(acme, None), QUERY)
    assert answer == {
        "ok": True,
        "rows": [{"nome": "Atacado São Jorge"}],
        "row_count": 1,
        "truncated": False,
    }


def test_more_rows_than_were_asked_for_are_told_of(acme: Client) -> None:
    answer = use(session_for(acme, None), QUERY, table="distribuidores", columns=["nome"], limit=2)
    assert (answer["row_count"], len(answer["rows"]), answer["truncated"]) == (2, 2, True)


@pytest.mark.parametrize(
    ("name", "nothing", "closed"),
    [
        (
            QUERY,
            {"table": "distribuidores", "filters": [{"column": "uf", "operator": "eq", "value": "AC"}]},
            {"table": "segredos", "filters": [{"column": "id", "operator": "eq", "value": 99}]},
        ),
        (
            SQL,
            {"sql": "SELECT nome FROM distribuidores WHERE uf = 'AC'"},
            {"sql": "SELECT valor FROM segredos WHERE id = 99"},
        ),
    ],
)
def test_nothing_found_and_not_allowed_are_told_apart(
    acme: Client, name: str, nothing: dict[str, Any], closed: dict[str, Any]
) -> None:
    session = session_for(acme, None)
    empty = use_tool(session, name, nothing)
    assert (empty["ok"], empty["rows"], empty["row_count"], empty["truncated"]) == (True, [], 0, False)
    assert "Nada encontrado" in empty["note"]
    refused = use_tool(session, name, closed)
    assert (refused["ok"], refused["error_code"]) == (False, "TABLE_NOT_ALLOWED")
    assert "rows" not in refused and "note" not in refused
    assert "Não diga que não há dados" in refused["next"]


def test_a_change_of_status_tells_from_what_to_what(acme: Client, talk: Conversation) -> None:
    session = session_for(acme, talk)
    named = {"ok": True, "conversation_id": str(talk.id)}
    assert use(session, STATUS, status="pending") == {**named, "from": "open", "status": "pending"}
    assert use(session, STATUS, status="closed") == {**named, "from": "pending", "status": "closed"}
    assert use(session, STATUS, status="closed") == {**named, "from": "closed", "status": "closed"}
    changed = [event.data for event in events(Event.Kind.STATUS_CHANGED)]
    assert changed == [{"from": "open", "to": "pending"}, {"from": "pending", "to": "closed"}]
    assert now_of(talk).status == "closed"


def test_an_intent_is_an_event_with_its_cause_once(acme: Client, talk: Conversation) -> None:
    session = session_for(acme, talk)
    first, again = use(session, INTENT), use(session, INTENT)
    (event,) = events(Event.Kind.INTENT_DETECTED)
    assert first == again == {"ok": True, "event_id": str(event.id), "intent": "compra"}
    assert (event.conversation_id, event.data) == (talk.id, {"intent": "compra", "confidence": 0.9})
    assert event.cause == [f"agent_run:{session.run_id}"]
    use(session, INTENT, intent="duvida")
    assert [one.data["intent"] for one in events(Event.Kind.INTENT_DETECTED)] == ["compra", "duvida"]


def test_calling_a_person_marks_the_conversation_pauses_the_agent_and_is_seen_by_triggers(
    acme: Client, talk: Conversation
) -> None:
    trigger = factories.make_trigger(
        acme,
        trigger_type="event_based",
        trigger_config={"event": "attention_wanted"},
        action_type="change_status",
        action_config={"status": "pending"},
    )
    session = session_for(acme, talk)
    assert use(session, HUMAN, reason="customer_asked") == {
        "ok": True,
        "conversation_id": str(talk.id),
        "reason": "customer_asked",
    }
    marked = now_of(talk)
    assert marked.attention_reason == "HANDOVER_CUSTOMER_ASKED"
    assert marked.agent_paused_until is not None and marked.agent_paused_until > clock.now()
    assert {one.kind for one in events()} == {"attention_wanted", "agent_paused"}
    match_events(clock.now())
    run_matched(clock.now())
    (execution,) = executions()
    assert (execution.trigger_id, execution.state) == (trigger.id, "done")
    assert f"agent_run:{session.run_id}" in execution.cause
    assert now_of(talk).status == "pending"


# --- Once -----------------------------------------------------------------------------------------------------


def claim(moving_clock: MovableClock | None = None, **passed: float) -> Session:
    """A worker takes the run that is due, after that time; what it has in hand."""
    if moving_clock:
        moving_clock.advance(**passed)
    turn = runs.claim_next()
    assert turn is not None
    return session_of(turn)


def use_all(session: Session, words: str) -> None:
    """What a model does in a turn, in the words that it happens to choose."""
    for name, arguments in (
        (INTENT, {"intent": "compra"}),
        (MAIL, {"to": ["alice@acme.test"], "subject": "Pedido", "body": words}),
        (HUMAN, {"reason": "other"}),
        (STATUS, {"status": "pending"}),
        (SEND, {"message": words}),
    ):
        assert use_tool(session, name, arguments)["ok"], name


def test_i2_a_turn_that_is_begun_again_does_nothing_twice(
    acme: Client, talk: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_conversation_policy(acme, handover_minutes=0)  # a pause would keep it from coming back
    factories.make_agent_run(talk)
    use_all(claim(), "Olá!")
    before = done()
    use_all(claim(moving_clock, seconds=121), "Oi, em outras palavras!")  # its worker was lost
    assert done() == before
    assert texts_of("whatsapp") == ["Olá!"]
    assert texts_of("email") == ["Olá!"]
    assert [one.kind for one in events()].count("intent_detected") == 1
    assert [one.kind for one in events()].count("attention_wanted") == 1


def texts_of(channel: str) -> list[str]:
    return [one.body["text"] for one in outbox(channel=channel)]


@pytest.mark.parametrize(
    ("name", "refused", "good"),
    [
        (SEND, {"message": "Já agendei a visita."}, {"message": "Posso pedir que alguém agende?"}),
        (SEND, {"message": ""}, {"message": "Posso pedir que alguém agende?"}),
        (MAIL, REFUSED[MAIL][0], GOOD[MAIL]),
        (MAIL, {"to": []}, GOOD[MAIL]),
    ],
)
def test_i2_a_refusal_before_it_does_not_make_it_another_message(
    acme: Client,
    talk: Conversation,
    moving_clock: MovableClock,
    name: str,
    refused: dict[str, Any],
    good: dict[str, Any],
) -> None:
    """A model is refused, does better, and its worker is lost; the next time it does well at once."""
    factories.make_agent_run(talk)
    first = tool_for(claim(), name)
    assert not json.loads(ask(first, refused))["ok"]
    assert json.loads(ask(first, good))["ok"]
    again = json.loads(ask(tool_for(claim(moving_clock, seconds=121), name), good))
    assert again["ok"]
    (message,) = outbox()
    assert again["message_id"] == str(message.id)


def test_two_uses_of_one_turn_are_two_messages(acme: Client, talk: Conversation) -> None:
    factories.make_agent_run(talk)
    session = claim()
    assert use(session, SEND, message="Um.")["ok"]
    assert not use(session, SEND, message="Já agendei.")["ok"]
    assert use(session, SEND, message="Dois.")["ok"]
    assert sorted(texts()) == ["Dois.", "Um."]
    assert session.uses == 3


def test_i2_a_turn_that_newer_texts_supersede_sends_no_second_mail(
    acme: Client, talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Mande o orçamento por e-mail")
    first = claim(moving_clock, seconds=3)
    assert use(first, MAIL)["ok"] and use(first, INTENT)["ok"]
    hear(talk, "E o prazo?")
    assert use(first, SEND)["error_code"] == "SUPERSEDED"
    second = claim(moving_clock, seconds=3)
    assert second.run_id != first.run_id
    assert use(second, MAIL)["ok"] and use(second, INTENT)["ok"]
    assert use(second, SEND)["ok"]
    assert len(outbox(channel="email")) == 1
    assert len(outbox(channel="whatsapp")) == 1
    assert [one.kind for one in events()].count("intent_detected") == 1


def test_what_is_asked_at_the_same_moment_is_not_the_same(acme: Client, moving_clock: MovableClock) -> None:
    """Without a conversation nothing is taken over: each request is one of its own."""
    at = moving_clock.stop()
    with service_scope(reason="test"):
        for text in ("um", "dois"):
            run = AgentRun.objects.create(
                client=acme, agent="tudo", created_at=at, first_text_at=at, next_attempt_at=at
            )
            factories.make_run_input(run, text=text)
    receipts = [use(claim(), MAIL, **{**GOOD[MAIL], "body": body}) for body in ("Um.", "Dois.")]
    assert len({one["message_id"] for one in receipts}) == 2
    assert sorted(texts_of("email")) == ["Dois.", "Um."]


def test_a_paused_agent_of_others_does_not_write(acme: Client, talk: Conversation) -> None:
    with service_scope(reason="test"):
        Conversation.objects.update(agent_paused_until=clock.now() + timedelta(hours=1))
    answer = use(session_for(acme, talk), SEND)
    assert (answer["ok"], answer["error_code"]) == (False, "AGENT_PAUSED")
    assert outbox() == []
