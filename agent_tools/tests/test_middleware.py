"""What stands around a model: limits, a deadline, retries, and a record without a word of what was said."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage

from agent_tools.agents import middleware, runner
from agent_tools.agents.middleware import is_transient
from agent_tools.models import AgentStep
from agent_tools.tests.helpers import call, fresh, outbox, say, send, take_turn, texts
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from tests import factories


class Overloaded(Exception):
    """As the clients of hosted models raise it."""

    status_code = 529


class Refused(Exception):
    status_code = 401


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "RETRY_SECONDS", 0.0)


def steps_of(run: Any) -> list[AgentStep]:
    with service_scope(reason="test"):
        return list(AgentStep.objects.filter(run=run).order_by("created_at", "id"))


# --- On record ------------------------------------------------------------------------------------------


def test_each_step_is_on_record_with_its_tokens_and_time(conversation: Conversation, script: Any) -> None:
    run = factories.make_agent_run(conversation)
    first = send("Olá!").model_copy(
        update={"usage_metadata": {"input_tokens": 40, "output_tokens": 9, "total_tokens": 49}}
    )
    last = AIMessage(content="", usage_metadata={"input_tokens": 60, "output_tokens": 1, "total_tokens": 61})
    script(first, last)
    take_turn()
    steps = [
        (step.kind, step.name, step.outcome, step.input_tokens, step.output_tokens) for step in steps_of(run)
    ]
    assert steps == [
        ("model", "local", "ok", 40, 9),
        ("tool", "send_whatsapp_message", "ok", 0, 0),
        ("model", "local", "ok", 60, 1),
    ]
    done = fresh(run)
    assert (done.input_tokens, done.output_tokens, done.tool_calls) == (100, 10, 1)


def test_no_step_holds_a_word_of_what_was_said(conversation: Conversation, script: Any) -> None:
    run = factories.make_agent_run(conversation, text="segredo-do-contato")
    script(call({"message": "segredo-do-agente", "cpf": "segredo-extra"}), send("segredo-do-agente"), say(""))
    take_turn()
    assert texts() == ["segredo-do-agente"]
    with service_scope(reason="test"):
        rows = list(AgentStep.objects.filter(run=run).values())
    assert len(rows) == 5
    assert "segredo" not in str(rows)


# --- Limits ---------------------------------------------------------------------------------------------


def test_a_model_that_goes_on_for_ever_is_stopped_and_a_person_is_called(
    conversation: Conversation, script: Any
) -> None:
    factories.make_agent(conversation.client, model_calls=3)
    run = factories.make_agent_run(conversation)
    model = script(call({"intent": "duvida"}, name="detect_intent"))
    take_turn()
    assert len(model.seen) == 3
    assert texts() == [runner.HANDED_OVER]
    assert fresh(run).state == "done"
    with service_scope(reason="test"):
        assert Conversation.objects.get().attention_reason == "HANDOVER_CANNOT_HELP"


def test_tools_are_limited_by_the_agent_s_own_limit(conversation: Conversation, script: Any) -> None:
    factories.make_agent(conversation.client, tool_calls=2, model_calls=10)
    run = factories.make_agent_run(conversation)
    intents = ("duvida", "compra", "elogio", "suporte")
    script(*(call({"intent": one}, name="detect_intent") for one in intents), say("Em que posso ajudar?"))
    take_turn()
    used = [step.name for step in steps_of(run) if step.kind == "tool"]
    assert used[:2] == ["detect_intent", "detect_intent"]
    assert "detect_intent" not in used[2:]
    assert texts() == ["Em que posso ajudar?"]


def test_a_turn_that_takes_too_long_ends_before_the_model_is_asked_again(
    conversation: Conversation, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.make_agent(conversation.client, timeout_seconds=5)
    run = factories.make_agent_run(conversation)
    passed = [0.0]

    def think_long(_: Any) -> AIMessage:
        passed[0] += 6
        return call({"intent": "duvida"}, name="detect_intent")

    model = script(think_long)
    genuine = middleware.Deadline
    monkeypatch.setattr(middleware, "Deadline", lambda seconds: genuine(seconds, clock=lambda: passed[0]))
    take_turn()
    assert len(model.seen) == 1
    assert (fresh(run).state, fresh(run).reason_code) == ("failed", "AGENT_TIMED_OUT")
    assert outbox() == []


# --- Retries --------------------------------------------------------------------------------------------


def test_a_model_that_is_overloaded_is_asked_again_at_once(conversation: Conversation, script: Any) -> None:
    run = factories.make_agent_run(conversation)
    script(Overloaded(), Overloaded(), send("Olá!"), say(""))
    take_turn()
    assert texts() == ["Olá!"]
    assert (fresh(run).state, fresh(run).attempts) == ("done", 1)
    models = [step.outcome for step in steps_of(run) if step.kind == "model"]
    assert models == ["MODEL_FAILED", "MODEL_FAILED", "ok", "ok"]


def test_a_model_that_stays_overloaded_has_the_run_tried_later(
    conversation: Conversation, script: Any
) -> None:
    run = factories.make_agent_run(conversation)
    model = script(Overloaded())
    take_turn()
    assert len(model.seen) == 1 + middleware.RETRIES
    assert (fresh(run).state, fresh(run).attempts) == ("pending", 1)
    assert outbox() == []


def test_a_refused_key_is_not_tried_again_at_once(conversation: Conversation, script: Any) -> None:
    factories.make_agent_run(conversation)
    model = script(Refused())
    take_turn()
    assert len(model.seen) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (httpx.ConnectTimeout("x"), True),
        (Overloaded(), True),
        (Refused(), False),
        (ValueError("x"), False),
    ],
)
def test_what_may_work_a_moment_later(error: Exception, expected: bool) -> None:
    assert is_transient(error) is expected
