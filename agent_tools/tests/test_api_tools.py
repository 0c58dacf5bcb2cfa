"""`/api/agent/tools`: agents outside of this process use the same tools, with the same checks."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from rest_framework.test import APIClient

from agent_tools.defaults import ALL_TOOLS
from agent_tools.models import AgentRun
from agent_tools.services import open_session
from agent_tools.tests.databases import MARINA, SCHEMA, connected, prepare_orders
from agent_tools.tests.helpers import outbox, texts
from agent_tools.using import use_tool
from integrations.delivery import limits
from integrations.tests import databases as samples
from integrations.tests.contracts import accepted, post, refused
from integrations.tests.helpers import Written, idle_in_transaction, in_background
from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import profile_scope, service_scope
from renum.conversations.models import Conversation
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together

Api = Callable[[Profile | None], APIClient]

TOOLS = "/api/agent/tools"
SEND, MAIL, QUERY, INTENT = "send_whatsapp_message", "send_email", "query_database", "detect_intent"
NOBODY = "00000000-0000-4000-8000-000000000000"
HELLO = {"message": "Olá! Posso ajudar?"}
ORDERS = {"table": "pedidos", "columns": ["item"], "filters": [{"column": "telefone", "value": MARINA}]}


@pytest.fixture
def talk(committed_cast: Cast) -> Conversation:
    factories.make_integration(committed_cast.acme)
    return factories.make_conversation(committed_cast.acme, phone=MARINA)


@pytest.fixture
def alice(committed_cast: Cast, api: Api) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture
def database(committed_cast: Cast) -> Iterator[None]:
    prepare_orders()
    with connected(committed_cast.acme):
        yield


def use(
    client: APIClient, tool: str, arguments: Any = None, *, key: str = "", query: str = "", **body: Any
) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    values = {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in body.items()}
    return post(client, f"{TOOLS}/{tool}{query}", {"arguments": arguments or {}, **values}, **headers)


def recorded() -> list[AgentRun]:
    with service_scope(reason="test"):
        return list(AgentRun.objects.order_by("created_at", "id").prefetch_related("steps"))


def steps() -> list[tuple[str, str, str]]:
    """Kind, name and outcome of all that was done, in order."""
    with service_scope(reason="test"):
        rows = AgentRun.objects.exclude(steps=None).order_by("steps__created_at")
        return list(rows.values_list("steps__kind", "steps__name", "steps__outcome"))


def events(kind: Event.Kind) -> list[Event]:
    with service_scope(reason="test"):
        return list(Event.objects.filter(kind=kind))


# --- What is offered ------------------------------------------------------------------------------------


def offered(client: APIClient, query: str = "") -> dict[str, dict[str, Any]]:
    body = accepted(client.get(f"{TOOLS}{query}"))
    assert set(body) == {"success", "tools"}
    assert all(set(tool) == {"name", "description", "parameters"} for tool in body["tools"])
    return {tool["name"]: tool for tool in body["tools"]}


def test_without_a_conversation_and_a_database_there_is_mail(alice: APIClient) -> None:
    tools = offered(alice)
    assert set(tools) == {MAIL}
    schema = tools[MAIL]["parameters"]
    assert set(schema["properties"]) == {"to", "subject", "body"} == set(schema["required"])
    assert schema["additionalProperties"] is False
    assert recorded() == []


def test_what_is_offered_follows_from_conversation_database_and_agent(
    committed_cast: Cast, alice: APIClient, talk: Conversation, database: None
) -> None:
    factories.make_named_query(committed_cast.acme)
    factories.make_agent(committed_cast.acme, "isa", tools=[MAIL, SEND, QUERY])
    talking = {SEND, "change_status", INTENT, "request_human"}
    assert set(offered(alice)) == {MAIL, QUERY, "run_named_query"}
    here = offered(alice, f"?conversation_id={talk.id}")
    assert set(here) == {*talking, MAIL, "run_named_query"}, "rows of a whole table are not for a contact"
    assert set(offered(alice, "?agent=isa")) == {MAIL, QUERY}
    assert set(offered(alice, f"?agent=isa&conversation_id={talk.id}")) == {MAIL, SEND, QUERY}
    assert "pedidos(" in offered(alice)[QUERY]["description"]
    assert "meus_pedidos" in here["run_named_query"]["description"]
    assert recorded() == []


def test_no_schema_names_what_is_bound_here(
    committed_cast: Cast, alice: APIClient, talk: Conversation, database: None
) -> None:
    factories.make_named_query(committed_cast.acme)
    for tool in offered(alice, f"?conversation_id={talk.id}").values():
        bound = {"client_id", "conversation_id", "phone", "recipient", "run_id", "agent"}
        assert bound.isdisjoint(tool["parameters"]["properties"]), tool["name"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?conversation_id=x", 400, "VALIDATION_ERROR"),
        ("?conversation_id=", 400, "VALIDATION_ERROR"),
        ("?agent=", 400, "VALIDATION_ERROR"),
        (f"?conversation_id={NOBODY}", 404, "CONVERSATION_NOT_FOUND"),
        ("?agent=nobody", 404, "AGENT_NOT_FOUND"),
        ("?agent=renus", 409, "AGENT_DISABLED"),
    ],
)
def test_a_session_that_cannot_be_is_refused(
    committed_cast: Cast, alice: APIClient, query: str, status: int, code: str
) -> None:
    factories.make_agent(committed_cast.acme, "renus", enabled=False)
    refused(alice.get(f"{TOOLS}{query}"), status, code)


# --- Using one -------------------------------------------------------------------------------------------


def test_a_message_is_queued_for_the_contact_of_the_conversation(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    body = accepted(use(alice, SEND, HELLO, conversation_id=talk.id))
    (message,) = outbox()
    (run,) = recorded()
    assert body == {
        "success": True,
        "run_id": str(run.id),
        "result": {"message_id": str(message.id), "state": "queued"},
    }
    assert (message.body, message.conversation_id) == ({"text": HELLO["message"]}, talk.id)
    assert message.cause == [f"profile:{committed_cast.alice.id}", f"agent_run:{run.id}"]
    assert (run.client_id, run.conversation_id, run.agent) == (committed_cast.acme.id, talk.id, "external")
    assert (run.model, run.state) == ("external", "done")
    assert steps() == [("tool", SEND, "ok")]
    shown = accepted(alice.get(f"/api/agents/runs/{run.id}"))["run"]
    assert [step["name"] for step in shown["steps"]] == [SEND]


def test_rows_are_read_and_none_is_another_answer_than_not_allowed(alice: APIClient, database: None) -> None:
    found = accepted(use(alice, QUERY, ORDERS))["result"]
    assert [row["item"] for row in found["rows"]] == ["cadeira", "mesa"]
    assert (found["row_count"], found["truncated"]) == (2, False)
    nothing = {**ORDERS, "filters": [{"column": "telefone", "value": "+550"}]}
    empty = accepted(use(alice, QUERY, nothing))["result"]
    assert (empty["rows"], empty["row_count"]) == ([], 0)
    assert "Nada encontrado" in empty["note"]
    body = refused(use(alice, QUERY, {"table": "segredos"}), 403, "TABLE_NOT_ALLOWED")
    assert "não pode ser lida" in body["details"]["next"]


def test_every_kind_of_value_in_a_row_can_be_told(committed_cast: Cast, alice: APIClient) -> None:
    samples.prepare_tables()
    reader = {"username": samples.READER, "password": samples.READER_PASSWORD}
    with connected(committed_cast.acme, schema_name=samples.SCHEMA, allowed_tables=["provas"], **reader):
        rows = accepted(use(alice, QUERY, {"table": "provas"}))["result"]["rows"]
    assert len(rows) == 5


def test_a_conversation_is_marked_parked_and_named_an_intent(alice: APIClient, talk: Conversation) -> None:
    accepted(use(alice, INTENT, {"intent": "compra", "confidence": 0.9}, conversation_id=talk.id))
    changed = accepted(use(alice, "change_status", {"status": "pending"}, conversation_id=talk.id))
    assert changed["result"] == {"conversation_id": str(talk.id), "from": "open", "status": "pending"}
    accepted(use(alice, "request_human", {"reason": "complaint"}, conversation_id=talk.id))
    with service_scope(reason="test"):
        after = Conversation.objects.get(id=talk.id)
    assert (after.status, after.attention_reason) == ("pending", "HANDOVER_COMPLAINT")
    assert after.agent_paused_until is not None
    assert [event.data["intent"] for event in events(Event.Kind.INTENT_DETECTED)] == ["compra"]


def test_the_limits_of_the_agent_that_is_named_hold(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    client = committed_cast.acme
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    factories.make_agent(client, "isa", allowed_recipients="@parceiro.example")
    mail = {"to": ["ana@parceiro.example"], "subject": "Relatório", "body": "Segue o resumo."}
    assert refused(use(alice, MAIL, mail), 403, "RECIPIENT_NOT_ALLOWED")["details"]["next"]
    assert outbox() == []
    accepted(use(alice, MAIL, mail, agent="isa"))
    (queued,) = outbox()
    assert queued.body["to"] == mail["to"]
    refused(use(alice, SEND, HELLO, agent="isa", conversation_id=talk.id), 404, "TOOL_NOT_OFFERED")
    assert len(outbox()) == 1
    assert [run.agent for run in recorded()] == ["external", "isa", "isa"]


# --- Refused ----------------------------------------------------------------------------------------------


def test_a_tool_that_refuses_says_what_may_be_done_next(alice: APIClient, talk: Conversation) -> None:
    body = refused(use(alice, SEND, {}, conversation_id=talk.id), 400, "INVALID_ARGUMENTS")
    (run,) = recorded()
    assert body["details"] == {
        "message": ["campo obrigatório"],
        "next": "Corrija os argumentos e tente mais uma vez.",
        "run_id": str(run.id),
    }
    assert steps() == [("tool", SEND, "INVALID_ARGUMENTS")]
    assert outbox() == []


@pytest.mark.parametrize("tool", ["sudo", "Send_Email", "send-email", "x" * 200])
def test_an_unknown_tool_is_not_found(alice: APIClient, tool: str) -> None:
    body = refused(use(alice, tool, HELLO), 404, "TOOL_NOT_OFFERED")
    assert set(body["details"]) == {"next", "run_id"}
    assert steps() == [("tool", tool[:100], "TOOL_NOT_OFFERED")]


@pytest.mark.parametrize("tool", ["a b", "a/b", "é", "a%00b", "", "../x"])
def test_what_cannot_be_a_tool_s_name_is_no_address(alice: APIClient, tool: str) -> None:
    refused(use(alice, tool, HELLO), 404, "NOT_FOUND")
    assert recorded() == []


@pytest.mark.parametrize("tool", [SEND, "change_status", INTENT, "request_human"])
def test_without_a_conversation_what_needs_one_is_not_offered(alice: APIClient, tool: str) -> None:
    refused(use(alice, tool, {}), 404, "TOOL_NOT_OFFERED")


def test_without_a_connection_nothing_is_sent_and_it_is_on_record(
    committed_cast: Cast, alice: APIClient
) -> None:
    talk = factories.make_conversation(committed_cast.acme)
    body = refused(use(alice, SEND, HELLO, conversation_id=talk.id), 404, "INTEGRATION_NOT_FOUND")
    assert steps() == [("tool", SEND, "INTEGRATION_NOT_FOUND")]
    assert body["details"]["run_id"] == str(recorded()[0].id)
    assert outbox() == []


def test_i8_what_a_refusal_rolls_back_does_not_take_the_run_along(committed_cast: Cast) -> None:
    """In this process too, where the run begins with the first tool."""
    client = committed_cast.acme
    talk = factories.make_conversation(client)
    with profile_scope(client.profile_id):
        session = open_session(client, conversation_id=talk.id)
    assert use_tool(session, SEND, HELLO)["error_code"] == "INTEGRATION_NOT_FOUND"
    factories.make_integration(client)
    assert use_tool(session, SEND, HELLO)["ok"] is True
    (run,) = recorded()
    assert run.id == session.run_id
    assert steps() == [("tool", SEND, "INTEGRATION_NOT_FOUND"), ("tool", SEND, "ok")]


def test_a_client_uses_a_tool_so_often_and_no_more(
    alice: APIClient, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(limits.RATES, "send", "1/minute")
    accepted(use(alice, SEND, HELLO, conversation_id=talk.id))
    response = use(alice, SEND, HELLO, conversation_id=talk.id)
    body = refused(response, 429, "RATE_LIMIT_EXCEEDED")
    assert body["details"]["next"] == "Encerre sem tentar de novo."
    assert 1 <= int(response["Retry-After"]) <= 60
    assert len(outbox()) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("arguments", one) for one in ("x", [], 7, None)),
        *(("conversation_id", one) for one in ("x", 7, True, [], "")),
        *(("run_id", one) for one in ("x", 7, "")),
        *(("agent", one) for one in (7, [], "", "a" * 41, "a\x00")),
        ("client_id", "x"),
        ("tool", "x"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_malformed_request_is_refused_and_nothing_is_on_record(
    alice: APIClient, field: str, value: Any
) -> None:
    body = refused(post(alice, f"{TOOLS}/{MAIL}", {"arguments": {}, field: value}), 400, "VALIDATION_ERROR")
    assert list(body["details"]) == [field]
    assert recorded() == []


HOSTILE = [
    "\x00",
    "a\x00b",
    "'; DROP TABLE agents; --",
    "{{7*7}}",
    "\u202e",
    "x" * 9000,
    -1,
    10**400,
    1e308,
    True,
    None,
    [],
    {},
]
FIELDS = {
    SEND: {"message": "Olá"},
    MAIL: {"to": ["alice@acme.test"], "subject": "Oi", "body": "Olá"},
    QUERY: {"table": "pedidos", "columns": ["item"], "limit": 1},
    "run_named_query": {"query": "meus_pedidos", "parameters": {}},
    "query_sql": {"sql": "SELECT 1"},
    "change_status": {"status": "open"},
    INTENT: {"intent": "compra", "confidence": 0.5},
    "request_human": {"reason": "other"},
}


@pytest.mark.parametrize("tool", ALL_TOOLS)
def test_whatever_the_arguments_are_it_is_no_mistake_of_ours(
    committed_cast: Cast, alice: APIClient, talk: Conversation, database: None, tool: str
) -> None:
    client = committed_cast.acme
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    factories.make_named_query(client)
    factories.make_agent(client, "tudo", data_access="sql")
    for field, value in FIELDS[tool].items():
        for bad in HOSTILE:
            inside = [bad] if isinstance(value, list) else {"x": bad} if isinstance(value, dict) else bad
            for written in (bad, inside):
                arguments = {**FIELDS[tool], field: written}
                answer = use(alice, tool, arguments, agent="tudo", conversation_id=talk.id)
                assert answer.status_code < 500, (field, written, answer.json())


# --- Going on with a run ----------------------------------------------------------------------------------


def test_a_run_goes_on_and_its_receipts_prove_what_is_claimed(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    client = committed_cast.acme
    factories.make_integration(client, type="email_smtp", provider="smtp", name="SMTP")
    claim = {"message": "Já enviei o e-mail com a proposta para você."}
    mail = {"to": [committed_cast.alice.email], "subject": "Proposta", "body": "Segue a proposta."}
    first = accepted(use(alice, MAIL, mail, conversation_id=talk.id))
    refused(use(alice, SEND, claim, conversation_id=talk.id), 409, "CLAIM_WITHOUT_RECEIPT")
    told = use(alice, SEND, claim, conversation_id=talk.id, run_id=first["run_id"])
    assert accepted(told)["run_id"] == first["run_id"]
    assert [message.channel for message in outbox()].count("whatsapp") == 1
    (run,) = (one for one in recorded() if str(one.id) == first["run_id"])
    assert [step.name for step in run.steps.all()] == [MAIL, SEND]


def test_a_run_of_something_else_is_not_gone_on_with(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    client = committed_cast.acme
    other = factories.make_conversation(client)
    factories.make_agent(client, "tudo")
    ours = accepted(use(alice, SEND, HELLO, conversation_id=other.id))["run_id"]
    named = accepted(use(alice, SEND, HELLO, conversation_id=talk.id, agent="tudo"))["run_id"]
    alone = refused(use(alice, MAIL, {}), 400, "INVALID_ARGUMENTS")["details"]["run_id"]
    inside = factories.make_agent_run(talk, agent="external", state="done", model="local")
    before = (len(recorded()), len(outbox()), steps())
    for run_id in (ours, named, alone, inside.id, uuid.uuid4()):
        again = use(alice, SEND, HELLO, conversation_id=talk.id, run_id=run_id)
        assert refused(again, 404, "AGENT_RUN_NOT_FOUND")["details"] == {}
    assert (len(recorded()), len(outbox()), steps()) == before


# --- Once -------------------------------------------------------------------------------------------------


def test_i2_the_same_request_twice_is_one_message(alice: APIClient, talk: Conversation) -> None:
    first = accepted(use(alice, SEND, HELLO, key='"k-1"', conversation_id=talk.id))
    assert accepted(use(alice, SEND, HELLO, key="k-1", conversation_id=talk.id)) == first
    going_on = use(alice, SEND, HELLO, key="k-1", conversation_id=talk.id, run_id=first["run_id"])
    assert accepted(going_on) == first
    assert texts() == [HELLO["message"]]
    assert len(recorded()) == 1


def test_i2_a_key_is_for_one_request(committed_cast: Cast, alice: APIClient, talk: Conversation) -> None:
    client = committed_cast.acme
    factories.make_agent(client, "tudo")
    other = factories.make_conversation(client)
    accepted(use(alice, SEND, HELLO, key="k-1", conversation_id=talk.id))
    for again in (
        use(alice, SEND, {"message": "Outra coisa"}, key="k-1", conversation_id=talk.id),
        use(alice, SEND, HELLO, key="k-1", conversation_id=other.id),
        use(alice, SEND, HELLO, key="k-1", conversation_id=talk.id, agent="tudo"),
        use(alice, "request_human", {"reason": "other"}, key="k-1", conversation_id=talk.id),
    ):
        refused(again, 422, "IDEMPOTENCY_KEY_REUSED")
    assert texts() == [HELLO["message"]]
    assert events(Event.Kind.ATTENTION_WANTED) == []


def test_i2_an_intent_that_is_told_twice_is_one_event(alice: APIClient, talk: Conversation) -> None:
    answers = [
        accepted(use(alice, INTENT, {"intent": "compra"}, key="k-1", conversation_id=talk.id))
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert len(events(Event.Kind.INTENT_DETECTED)) == 1


def test_i2_without_a_key_nothing_is_the_same(alice: APIClient, talk: Conversation) -> None:
    answers = [accepted(use(alice, SEND, HELLO, conversation_id=talk.id)) for _ in range(2)]
    assert len({one["run_id"] for one in answers}) == len(outbox()) == 2


def test_i2_a_refusal_does_not_use_its_key_up(alice: APIClient, talk: Conversation) -> None:
    refused(use(alice, SEND, {"message": ""}, key="k-1", conversation_id=talk.id), 400, "INVALID_ARGUMENTS")
    accepted(use(alice, SEND, HELLO, key="k-1", conversation_id=talk.id))
    assert texts() == [HELLO["message"]]


def test_i2_a_malformed_key_does_nothing(alice: APIClient, talk: Conversation) -> None:
    for key in ('"', "chave-ç", "x" * 191):
        refused(use(alice, SEND, HELLO, key=key, conversation_id=talk.id), 400, "INVALID_IDEMPOTENCY_KEY")
    assert (outbox(), recorded()) == ([], [])


def test_i2_the_longest_key_is_a_key(alice: APIClient, talk: Conversation) -> None:
    for _ in range(2):
        accepted(use(alice, SEND, HELLO, key="x" * 190, conversation_id=talk.id))
    assert len(outbox()) == 1


def test_i2_twenty_at_once_are_one_message(committed_cast: Cast, api: Api, talk: Conversation) -> None:
    clients = [api(committed_cast.alice) for _ in range(20)]
    answers = run_together(
        lambda number: use(clients[number], SEND, HELLO, key="k-1", conversation_id=talk.id), 20
    )
    bodies = [accepted(answer) for answer in answers]
    assert len({body["run_id"] for body in bodies}) == len(recorded()) == 1
    assert {body["result"]["message_id"] for body in bodies} == {str(message.id) for message in outbox()}
    assert len(outbox()) == 1


# --- Whose ------------------------------------------------------------------------------------------------


def test_i6_nothing_of_another_client_can_be_used(
    committed_cast: Cast, api: Api, alice: APIClient, talk: Conversation
) -> None:
    factories.make_agent(committed_cast.acme, "tudo")
    factories.make_integration(committed_cast.globex)
    theirs = factories.make_conversation(committed_cast.globex)
    run_id = accepted(use(alice, SEND, HELLO, conversation_id=talk.id, key="k-1"))["run_id"]
    mailed = refused(use(alice, MAIL, {}), 400, "INVALID_ARGUMENTS")["details"]["run_id"]
    before = (len(recorded()), len(outbox()), steps())
    bob = api(committed_cast.bob)
    for tool, arguments in ((SEND, HELLO), ("change_status", {"status": "closed"}), ("request_human", {})):
        again = use(bob, tool, arguments, conversation_id=talk.id)
        refused(again, 404, "CONVERSATION_NOT_FOUND")
    refused(use(bob, SEND, HELLO, conversation_id=theirs.id, agent="tudo"), 404, "AGENT_NOT_FOUND")
    refused(use(bob, SEND, HELLO, conversation_id=theirs.id, run_id=run_id), 404, "AGENT_RUN_NOT_FOUND")
    refused(use(bob, MAIL, {}, run_id=mailed), 404, "AGENT_RUN_NOT_FOUND")
    refused(bob.get(f"{TOOLS}?conversation_id={talk.id}"), 404, "CONVERSATION_NOT_FOUND")
    refused(bob.get(f"{TOOLS}?agent=tudo"), 404, "AGENT_NOT_FOUND")
    named = f"?client_id={committed_cast.acme.id}"
    refused(use(bob, SEND, HELLO, conversation_id=talk.id, query=named), 404, "CLIENT_NOT_FOUND")
    assert (len(recorded()), len(outbox()), steps()) == before
    with service_scope(reason="test"):
        assert Conversation.objects.get(id=talk.id).status == "open"
    assert accepted(use(bob, SEND, HELLO, conversation_id=theirs.id, key="k-1"))["run_id"] != run_id


def test_i6_staff_act_for_the_client_that_they_name(
    committed_cast: Cast, api: Api, talk: Conversation, database: None
) -> None:
    sofia, named = api(committed_cast.sofia), f"?client_id={committed_cast.acme.id}"
    assert QUERY in offered(sofia, named)
    accepted(use(sofia, SEND, HELLO, conversation_id=talk.id, query=named))
    (message,) = outbox()
    assert message.cause[0] == f"profile:{committed_cast.sofia.id}"
    accepted(use(sofia, QUERY, ORDERS, query=named))
    other = f"?client_id={committed_cast.globex.id}"
    refused(use(sofia, SEND, HELLO, conversation_id=talk.id, query=other), 404, "CONVERSATION_NOT_FOUND")
    assert len(outbox()) == 1


def test_i7_no_words_are_told_back_or_logged(alice: APIClient, talk: Conversation, logged: Written) -> None:
    said = {"message": "palavras-secretas"}
    claimed = {"message": "Já agendei as palavras-secretas para amanhã."}
    answers = [
        use(alice, SEND, said, conversation_id=talk.id),
        use(alice, SEND, claimed, conversation_id=talk.id),
        use(alice, SEND, {"message": ["palavras-secretas"]}, conversation_id=talk.id),
        use(alice, SEND, {"palavras": "palavras-secretas"}, conversation_id=talk.id),
    ]
    assert [one.status_code for one in answers] == [200, 409, 400, 400]
    assert texts() == ["palavras-secretas"]
    told = "".join(one.content.decode() for one in answers)
    for word in ("palavras-secretas", MARINA):
        assert word not in told
        assert word not in logged.getvalue()


def test_i5_no_transaction_is_open_while_the_database_is_asked(
    committed_cast: Cast, alice: APIClient
) -> None:
    prepare_orders()
    looks = []
    with connected(committed_cast.acme), psycopg.connect(samples.owner_url()) as owner:
        owner.execute(f"LOCK TABLE {SCHEMA}.pedidos IN ACCESS EXCLUSIVE MODE")
        with in_background(lambda: use(alice, QUERY, {"table": "pedidos"})) as response:
            while not response.done():
                looks.append(idle_in_transaction())
    assert refused(response.result(), 502, "CONNECTION_FAILED")["details"]["next"]
    assert looks.count(0) > len(looks) / 2


def test_an_agent_elsewhere_keeps_out_while_a_person_has_taken_over(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    with service_scope(reason="test"):
        Conversation.objects.filter(id=talk.id).update(agent_paused_until=clock.now() + timedelta(hours=1))
    answer = use(alice, SEND, {"message": "Olá!"}, conversation_id=talk.id)
    refused(answer, 409, "AGENT_PAUSED")
    assert texts() == []


def test_an_agent_elsewhere_that_called_a_person_may_still_say_so(
    committed_cast: Cast, alice: APIClient, talk: Conversation
) -> None:
    called = use(alice, "request_human", {"reason": "customer_asked"}, conversation_id=talk.id)
    run_id = called.json()["run_id"]
    words = {"message": "Uma pessoa da equipe vai continuar por aqui."}
    assert use(alice, SEND, words, conversation_id=talk.id, run_id=run_id).status_code == 200
    refused(use(alice, SEND, words, conversation_id=talk.id), 409, "AGENT_PAUSED")
    assert texts() == [words["message"]]
