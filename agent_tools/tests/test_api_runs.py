"""`/api/agents/runs` and `/api/agents/{id}/ask`: the ledger of agents, and asking one for something."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from agent_tools import bursts, runs
from agent_tools.agents import runner
from agent_tools.models import AgentRun, AgentRunInput
from agent_tools.runs import Ended, Turn
from agent_tools.tests.helpers import fresh, kept, outbox, say
from integrations.delivery import limits
from integrations.tests.contracts import accepted, post, refused
from integrations.tests.helpers import Written, idle_in_transaction, in_background, wait_until
from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.errors import Unavailable
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together

Api = Callable[[Profile | None], APIClient]

RUNS = "/api/agents/runs"
BODY = {"message": "Quantos pedidos há?"}
WORDS = "Há três pedidos-secretos."
LISTED = {
    "id",
    "conversation_id",
    "agent",
    "state",
    "reason_code",
    "model",
    "tool_calls",
    "input_tokens",
    "output_tokens",
    "latency_ms",
    "answer_ids",
    "created_at",
    "finished_at",
}


def asked_runs() -> list[AgentRun]:
    with service_scope(reason="test"):
        return list(AgentRun.objects.order_by("created_at", "id"))


def ask_url(cast: Cast, agent: str = "renus", **fields: Any) -> str:
    return f"/api/agents/{factories.make_agent(cast.acme, agent, **fields).id}/ask"


@contextmanager
def worker_running(perform: Callable[[Turn], Ended] = runner.perform) -> Iterator[None]:
    """A worker that carries out what is asked as long as the block runs."""
    stop = Event()

    def work() -> None:
        while not stop.wait(0.02):
            runs.run_pending(perform)

    with in_background(work):
        try:
            yield
        finally:
            stop.set()


# --- The ledger -----------------------------------------------------------------------------------------


def test_a_run_is_shown_with_its_steps(cast: Cast, api: Api) -> None:
    conversation = factories.make_conversation(cast.acme)
    message_id = uuid.uuid4()
    run = factories.make_agent_run(
        conversation,
        state="done",
        model="local",
        tool_calls=1,
        input_tokens=90,
        output_tokens=7,
        latency_ms=480,
        answer_ids=[message_id],
        finished_at=clock.now(),
    )
    at = clock.now()
    tool = {"outcome": "RATE_LIMIT_EXCEEDED", "created_at": at}
    factories.make_step(run, **tool)
    model = {"kind": "model", "name": "local", "input_tokens": 90, "output_tokens": 7}
    factories.make_step(run, **model, created_at=at - timedelta(seconds=1))
    (listed,) = accepted(api(cast.alice).get(RUNS))["runs"]
    assert set(listed) == LISTED
    assert (listed["id"], listed["conversation_id"]) == (str(run.id), str(conversation.id))
    assert (listed["agent"], listed["state"], listed["model"]) == ("discovery", "done", "local")
    assert (listed["input_tokens"], listed["output_tokens"], listed["latency_ms"]) == (90, 7, 480)
    assert (listed["tool_calls"], listed["answer_ids"]) == (1, [str(message_id)])
    shown = accepted(api(cast.alice).get(f"{RUNS}/{run.id}"))["run"]
    steps = shown.pop("steps")
    assert shown == {**listed, "answer": None}
    assert [(step["kind"], step["name"], step["outcome"]) for step in steps] == [
        ("model", "local", "ok"),
        ("tool", "send_whatsapp_message", "RATE_LIMIT_EXCEEDED"),
    ]
    assert {"kind", "name", "outcome", "latency_ms", "input_tokens", "output_tokens", "created_at"} == set(
        steps[0]
    )
    assert (steps[0]["input_tokens"], steps[1]["latency_ms"]) == (90, 12)


def test_runs_are_chosen_by_agent_and_state(cast: Cast, api: Api) -> None:
    rows = {
        (agent, state): str(
            factories.make_agent_run(factories.make_conversation(cast.acme), agent=agent, state=state).id
        )
        for agent in ("discovery", "vendas")
        for state in ("done", "failed")
    }

    def found(query: str) -> set[str]:
        return {run["id"] for run in accepted(api(cast.alice).get(f"{RUNS}?{query}"))["runs"]}

    assert found("") == set(rows.values())
    assert found("agent=vendas") == {rows["vendas", "done"], rows["vendas", "failed"]}
    assert found("agent=vendas&state=failed") == {rows["vendas", "failed"]}
    assert found("agent=nobody") == set()


@pytest.mark.parametrize(
    "query", ["state=over", "state=", "agent=", f"agent={'a' * 41}", "agent=%00", "cursor=x"]
)
def test_a_strange_question_is_refused(cast: Cast, api: Api, query: str) -> None:
    refused(api(cast.alice).get(f"{RUNS}?{query}"), 400, "VALIDATION_ERROR")


def test_runs_are_read_in_pages_the_latest_first(cast: Cast, api: Api) -> None:
    at = clock.now()
    rows = [
        factories.make_agent_run(
            factories.make_conversation(cast.acme), state="done", created_at=at - timedelta(seconds=n // 2)
        )
        for n in range(7)
    ]
    alice, seen, cursor = api(cast.alice), [], ""
    for _ in range(4):
        page = accepted(alice.get(f"{RUNS}?limit=3{cursor and f'&cursor={cursor}'}"))
        assert set(page) == {"success", "runs", "next_cursor"}
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 7
    assert set(seen) == {str(row.id) for row in rows}
    assert seen[-1] == str(rows[-1].id)


def test_a_long_page_costs_the_queries_of_a_short_one(cast: Cast, api: Api) -> None:
    for _ in range(12):
        factories.make_step(factories.make_agent_run(factories.make_conversation(cast.acme), state="done"))
    alice = api(cast.alice)
    alice.get(RUNS)  # what is done once a process
    costs = []
    for limit in (2, 12):
        with CaptureQueriesContext(connection) as captured:
            assert len(alice.get(f"{RUNS}?limit={limit}").json()["runs"]) == limit
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 10


def test_i6_another_client_s_runs_are_not_found(cast: Cast, api: Api) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))
    bob = api(cast.bob)
    assert accepted(bob.get(RUNS))["runs"] == []
    refused(bob.get(f"{RUNS}/{run.id}"), 404, "AGENT_RUN_NOT_FOUND")
    refused(bob.get(f"{RUNS}/{uuid.uuid4()}"), 404, "AGENT_RUN_NOT_FOUND")
    assert accepted(api(cast.sofia).get(f"{RUNS}?client_id={cast.acme.id}"))["runs"]


def test_i7_the_ledger_holds_no_words(cast: Cast, api: Api) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme), text="palavras-do-contato")
    for path in (RUNS, f"{RUNS}/{run.id}"):
        assert "palavras-do-contato" not in api(cast.alice).get(path).content.decode()


def test_the_ledger_is_read_only(cast: Cast, api: Api) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))
    alice = api(cast.alice)
    for method in (alice.post, alice.put, alice.patch, alice.delete):
        for path in (RUNS, f"{RUNS}/{run.id}"):
            refused(method(path, {}, format="json"), 405, "METHOD_NOT_ALLOWED")
    assert fresh(run).state == "pending"


# --- Asking ---------------------------------------------------------------------------------------------


def test_a_request_is_put_on_record_and_answered_later(
    committed_cast: Cast, api: Api, script: Any, moving_clock: MovableClock
) -> None:
    alice = api(committed_cast.alice)
    body = accepted(post(alice, ask_url(committed_cast), BODY), 202)
    (run,) = asked_runs()
    assert body == {"success": True, "run_id": str(run.id), "status": "pending"}
    assert (run.client_id, run.agent, run.conversation_id) == (committed_cast.acme.id, "renus", None)
    assert run.cause == [f"profile:{committed_cast.alice.id}"]
    assert kept(run) == [BODY["message"]]
    shown = accepted(alice.get(f"{RUNS}/{run.id}"))["run"]
    assert (shown["state"], shown["answer"], shown["finished_at"]) == ("pending", None, None)

    model = script(say(WORDS))
    assert runs.run_pending(runner.perform) == 1
    assert model.seen[0][-1].content == BODY["message"]
    shown = accepted(alice.get(f"{RUNS}/{run.id}"))["run"]
    assert (shown["state"], shown["reason_code"], shown["answer"]) == ("done", "", WORDS)
    assert [step["kind"] for step in shown["steps"]] == ["model"]
    assert WORDS not in alice.get(RUNS).content.decode()

    moving_clock.advance(minutes=61)
    bursts.erase_unneeded_texts()
    assert accepted(alice.get(f"{RUNS}/{run.id}"))["run"]["answer"] is None


def test_who_waits_is_given_the_answer(committed_cast: Cast, api: Api, script: Any) -> None:
    script(say(WORDS))
    alice = api(committed_cast.alice)
    with worker_running():
        body = accepted(post(alice, ask_url(committed_cast), BODY, Prefer="wait=8"))
    (run,) = asked_runs()
    assert set(body) == {"success", "run_id", "status", "run"}
    assert (body["run_id"], body["status"]) == (str(run.id), "done")
    assert (body["run"]["answer"], body["run"]["state"]) == (WORDS, "done")
    assert accepted(alice.get(f"{RUNS}/{run.id}"))["run"] == body["run"]


def test_who_waits_is_told_that_it_failed(committed_cast: Cast, api: Api) -> None:
    def fail(turn: Turn) -> Ended:
        raise Unavailable("fora do ar", code="MODEL_UNAVAILABLE")

    with worker_running(fail):
        body = accepted(post(api(committed_cast.alice), ask_url(committed_cast), BODY, Prefer="wait=8"))
    assert (body["status"], body["run"]["state"]) == ("failed", "failed")
    assert (body["run"]["reason_code"], body["run"]["answer"]) == ("MODEL_UNAVAILABLE", None)


def test_a_wait_that_ends_before_the_answer_is_202(committed_cast: Cast, api: Api) -> None:
    started = time.monotonic()
    body = accepted(post(api(committed_cast.alice), ask_url(committed_cast), BODY, Prefer="wait=1"), 202)
    assert 1 <= time.monotonic() - started < 3
    assert body["status"] == "pending"


def test_i5_a_caller_who_waits_holds_no_transaction(committed_cast: Cast, api: Api) -> None:
    alice, url = api(committed_cast.alice), ask_url(committed_cast)
    with in_background(lambda: post(alice, url, BODY, Prefer="wait=1")) as response:
        wait_until(asked_runs)
        looks = [idle_in_transaction() for _ in range(15)]
    assert looks.count(0) > len(looks) / 2
    assert response.result().status_code == 202


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": "  \n"},
        {"message": "a" * 8001},
        {"message": 7},
        {"message": None},
        {"message": ["Oi"]},
        {"message": "a\x00b"},
        {**BODY, "agent": "isa"},
        [],
    ],
    ids=lambda body: str(body)[:30],
)
def test_a_malformed_request_asks_for_nothing(committed_cast: Cast, api: Api, body: Any) -> None:
    url = ask_url(committed_cast)
    refused(api(committed_cast.alice).post(url, body, format="json"), 400, "VALIDATION_ERROR")
    assert asked_runs() == []


def test_the_longest_request_is_taken(committed_cast: Cast, api: Api) -> None:
    accepted(post(api(committed_cast.alice), ask_url(committed_cast), {"message": "é" * 8000}), 202)
    assert [len(text) for text in kept(asked_runs()[0])] == [8000]


def test_an_agent_that_is_switched_off_is_not_asked(committed_cast: Cast, api: Api) -> None:
    refused(
        post(api(committed_cast.alice), ask_url(committed_cast, enabled=False), BODY), 409, "AGENT_DISABLED"
    )
    assert asked_runs() == []


def test_i6_another_client_s_agent_is_not_asked(committed_cast: Cast, api: Api) -> None:
    url = ask_url(committed_cast)
    refused(post(api(committed_cast.bob), url, BODY, Prefer="wait=5"), 404, "AGENT_NOT_FOUND")
    refused(post(api(committed_cast.bob), f"/api/agents/{uuid.uuid4()}/ask", BODY), 404, "AGENT_NOT_FOUND")
    named = f"{url}?client_id={committed_cast.globex.id}"
    refused(post(api(committed_cast.sofia), named, BODY), 404, "AGENT_NOT_FOUND")
    assert asked_runs() == []


def test_i6_staff_ask_for_the_client_that_they_name(committed_cast: Cast, api: Api) -> None:
    url = f"{ask_url(committed_cast)}?client_id={committed_cast.acme.id}"
    accepted(post(api(committed_cast.sofia), url, BODY), 202)
    (run,) = asked_runs()
    assert (run.client_id, run.cause) == (committed_cast.acme.id, [f"profile:{committed_cast.sofia.id}"])


def test_a_client_asks_so_often_and_no_more(
    committed_cast: Cast, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.RATES["ask"] == "60/minute"
    monkeypatch.setitem(limits.RATES, "ask", "2/minute")
    alice, url = api(committed_cast.alice), ask_url(committed_cast)
    for _ in range(2):
        accepted(post(alice, url, BODY), 202)
    response = post(alice, url, BODY)
    refused(response, 429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert len(asked_runs()) == 2
    theirs = factories.make_agent(committed_cast.globex, "renus")
    accepted(post(api(committed_cast.bob), f"/api/agents/{theirs.id}/ask", BODY), 202)


def test_i7_the_log_holds_neither_the_request_nor_the_answer(
    committed_cast: Cast, api: Api, script: Any, logged: Written
) -> None:
    script(say(WORDS))
    accepted(post(api(committed_cast.alice), ask_url(committed_cast), {"message": "pedido-secreto"}), 202)
    runs.run_pending(runner.perform)
    assert "agent_run_ended" in logged.getvalue()
    assert "secreto" not in logged.getvalue()


# --- Once -----------------------------------------------------------------------------------------------


def test_i2_the_same_request_twice_is_asked_once(committed_cast: Cast, api: Api, script: Any) -> None:
    alice, url = api(committed_cast.alice), ask_url(committed_cast)
    key = {"Idempotency-Key": '"k-1"'}
    first = accepted(post(alice, url, BODY, **key), 202)
    assert accepted(post(alice, url, BODY, **key), 202) == first
    refused(post(alice, url, {"message": "Outra coisa"}, **key), 422, "IDEMPOTENCY_KEY_REUSED")
    other = ask_url(committed_cast, "isa")
    refused(post(alice, other, BODY, **key), 422, "IDEMPOTENCY_KEY_REUSED")
    model = script(say(WORDS))
    runs.run_pending(runner.perform)
    after = accepted(post(alice, url, BODY, **key))
    assert (after["run_id"], after["run"]["answer"]) == (first["run_id"], WORDS)
    assert runs.run_pending(runner.perform) == 0
    assert len(asked_runs()) == len(model.seen) == 1


def test_i2_without_a_key_nothing_is_the_same(committed_cast: Cast, api: Api) -> None:
    alice, url = api(committed_cast.alice), ask_url(committed_cast)
    assert len({accepted(post(alice, url, BODY), 202)["run_id"] for _ in range(3)}) == 3


def test_i2_a_key_belongs_to_a_client(committed_cast: Cast, api: Api) -> None:
    theirs = factories.make_agent(committed_cast.globex, "renus")
    urls = {committed_cast.alice: ask_url(committed_cast), committed_cast.bob: f"/api/agents/{theirs.id}/ask"}
    key = {"Idempotency-Key": "k-1"}
    ids = {accepted(post(api(who), url, BODY, **key), 202)["run_id"] for who, url in urls.items()}
    assert len(ids) == len(asked_runs()) == 2


def test_i2_a_malformed_key_asks_for_nothing(committed_cast: Cast, api: Api) -> None:
    url = ask_url(committed_cast)
    for key in ("", '"', "chave-ç", "x" * 191):
        response = post(api(committed_cast.alice), url, BODY, **{"Idempotency-Key": key})
        refused(response, 400, "INVALID_IDEMPOTENCY_KEY")
    assert asked_runs() == []


def test_i2_twenty_at_once_are_asked_once(committed_cast: Cast, api: Api) -> None:
    clients = [api(committed_cast.alice) for _ in range(20)]
    url, key = ask_url(committed_cast), {"Idempotency-Key": "k-1"}
    answers = run_together(lambda number: post(clients[number], url, BODY, **key), 20)
    codes = {answer.status_code for answer in answers}
    assert 202 in codes <= {202, 409}
    (run,) = asked_runs()
    assert {one.json()["run_id"] for one in answers if one.status_code == 202} == {str(run.id)}
    with service_scope(reason="test"):
        assert AgentRunInput.objects.count() == 1
    assert outbox() == []
