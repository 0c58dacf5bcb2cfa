"""The console's pages about runs: what happened, why, what to do, and never what was said."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from agent_tools.admin.reasons import advice_on
from agent_tools.models import AgentRun
from agent_tools.reasons import Attention, Reason
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.admin.conversations import ATTENTION_REASONS
from renum.conversations.models import Conversation
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of

PAGE_QUERIES = 14


def test_a_failed_run_says_what_to_do_and_where(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    message = factories.make_message(conversation)
    run = factories.make_agent_run(
        conversation,
        message_id=message.id,
        state=AgentRun.State.FAILED,
        reason_code="AGENT_FAILED",
        text="Meu CPF é 123",
    )
    sofia = console_of(cast.sofia)
    for url in (list_url(AgentRun), page_url(run)):
        page = text_of(sofia.get(url))
        assert "ficou sem resposta" in page
        assert "AGENT_FAILED" in page
        assert page_url(conversation) in page
        assert "Meu CPF" not in page
    assert page_url(message) in text_of(sofia.get(page_url(run)))
    assert page_url(run) in text_of(sofia.get(page_url(message)))


def test_recent_runs_are_filtered_by_state(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    failed = factories.make_agent_run(conversation, state=AgentRun.State.FAILED)
    factories.make_agent_run(conversation)
    response = console_of(cast.sofia).get(list_url(AgentRun), {"recent_state": "failed"})
    assert list(response.context["cl"].result_list) == [failed]


def test_each_way_to_end_or_wait_says_what_to_do(cast: Cast) -> None:
    unanswered, harmless = "O contato ficou sem resposta", "Nada: "
    expected = {
        ("pending", "AGENT_PAUSED"): "uma pessoa assumiu a conversa até",
        ("pending", "OUTSIDE_HOURS"): "o agente volta a atender em",
        ("superseded", "SUPERSEDED"): harmless,
        ("superseded", "TAKEN_OVER"): harmless,
        ("skipped", "TAKEN_OVER"): harmless,
        ("skipped", "ANSWERED_BY_PERSON"): harmless,
        ("skipped", "AGENT_DISABLED"): unanswered,
        ("skipped", "AGENT_DELETED"): unanswered,
        ("skipped", "AGENT_LOOP"): "Parece conversa entre robôs",
        ("failed", "WORKER_LOST"): unanswered,
        ("failed", "TEXT_UNREADABLE"): unanswered,
        ("failed", "AGENT_FAILED"): unanswered,
        ("failed", "AGENT_TIMED_OUT"): unanswered,
        ("failed", "MODEL_UNAVAILABLE"): unanswered,
        ("done", "INTEGRATION_DISABLED"): unanswered,
        ("done", "VALIDATION_ERROR"): unanswered,
    }
    assert {reason for _, reason in expected} >= set(Reason)
    for state, reason in expected:
        factories.make_agent_run(
            factories.make_conversation(cast.acme), state=state, reason_code=reason, dropped_count=3
        )
    page = text_of(console_of(cast.sofia).get(list_url(AgentRun)))
    found = {words: page.count(words) for words in expected.values()}
    assert found == {words: list(expected.values()).count(words) for words in expected.values()}
    assert page.count("1 (3 deixados de fora: limite)") == len(expected)


# What a run may end with beside its reasons: errors of the model, of the guards and of the tools.
CODES = (
    "AGENT_TIMED_OUT", "ANSWER_LEAKS", "CLAIM_WITHOUT_RECEIPT", "INVALID_ARGUMENTS", "MODEL_CALL_LIMIT",
    "MODEL_UNAVAILABLE", "QUERY_NOT_FOUND", "RECIPIENT_NOT_ALLOWED", "SENDER_UNKNOWN", "SQL_NOT_ALLOWED",
    "TABLE_NOT_ALLOWED", "TOOL_NOT_OFFERED",
)  # fmt: skip


def test_each_reason_and_each_refusal_has_an_advice_of_its_own() -> None:
    told = [advice_on(code, 3) for code in (*Reason, *CODES)]
    assert all(told)
    assert len(set(told)) == len(told)
    assert advice_on("NEVER_HEARD_OF", 3) == ""
    assert "3 vezes" in advice_on("AGENT_FAILED", 3)


def test_who_was_answered_is_not_said_to_wait(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    factories.make_agent_run(
        conversation, state="done", reason_code="MODEL_CALL_LIMIT", answer_ids=[uuid.uuid4()]
    )
    page = text_of(console_of(cast.sofia).get(list_url(AgentRun)))
    assert "nas chamadas que pode fazer" in page
    assert "ficou sem resposta" not in page


# --- Without a conversation -----------------------------------------------------------------------------


def asked(cast: Cast, **fields: Any) -> AgentRun:
    """A run that somebody of the client asked for."""
    with service_scope(reason="test rows"):
        values = {"agent": "renus", "state": AgentRun.State.DONE, "answer": "O total é secreto", **fields}
        return AgentRun.objects.create(client=cast.acme, **values)


def test_what_was_asked_has_no_conversation_and_its_answer_is_not_shown(cast: Cast) -> None:
    run = asked(cast)
    sofia = console_of(cast.sofia)
    for url in (list_url(AgentRun), page_url(run)):
        page = text_of(sofia.get(url))
        assert "Pedido" in page
        assert "/admin/conversations/conversation/None" not in page
        assert "secreto" not in page
        assert "sem resposta" not in page


def test_what_was_asked_and_failed_is_to_be_asked_again(cast: Cast) -> None:
    asked(cast, state="failed", reason_code="AGENT_TIMED_OUT", answer=None)
    asked(cast, reason_code="CLAIM_WITHOUT_RECEIPT")  # it was answered that nothing is certain
    page = text_of(console_of(cast.sofia).get(list_url(AgentRun)))
    assert page.count("O pedido ficou sem resposta") == 1
    assert "O contato ficou sem resposta" not in page
    assert "Passou do tempo limite" in page


# --- Steps ----------------------------------------------------------------------------------------------


def test_a_run_shows_its_steps_in_order_with_tokens_and_outcomes(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    run = factories.make_agent_run(
        factories.make_conversation(cast.acme), input_tokens=1234, output_tokens=56, state="done"
    )
    start = clock.now()
    factories.make_step(
        run, kind="model", name="modelo-de-teste", latency_ms=345, input_tokens=78, output_tokens=9,
        created_at=start,
    )  # fmt: skip
    later = start + timedelta(seconds=1)
    factories.make_step(run, name="query_database", outcome="TABLE_NOT_ALLOWED", created_at=later)
    last = start + timedelta(seconds=2)
    factories.make_step(run, kind="guard", name="answer", outcome="CLAIM_WITHOUT_RECEIPT", created_at=last)
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page = text_of(sofia.get(page_url(run)))
    panel = page[page.index("Últimos passos") :]
    words = ("modelo-de-teste", "345", "78 + 9", "query_database", "TABLE_NOT_ALLOWED", "Proteção", "answer")
    places = [panel.index(word) for word in words]
    assert places == sorted(places)
    for url in (list_url(AgentRun), page_url(run)):
        assert "1234 + 56" in text_of(sofia.get(url))


def test_of_many_steps_the_last_are_shown(cast: Cast) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))
    start = clock.now()
    for number in range(25):
        at = start + timedelta(seconds=number)
        factories.make_step(run, name=f"passo-{number:02}", created_at=at)
    page = text_of(console_of(cast.sofia).get(page_url(run)))
    assert [f"passo-{number:02}" in page for number in range(25)] == [False] * 5 + [True] * 20
    assert page.index("passo-05") < page.index("passo-24")


# --- A person is wanted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", list(Attention))
def test_that_a_person_was_asked_for_is_said_in_words(cast: Cast, reason: Attention) -> None:
    waiting = factories.make_conversation(cast.acme, attention_reason=reason.value, attention_at=clock.now())
    other = factories.make_conversation(
        cast.acme, attention_reason="OPT_OUT_UNCLEAR", attention_at=clock.now()
    )
    sofia = console_of(cast.sofia)
    words = str(ATTENTION_REASONS[reason.value])
    assert words.startswith("O agente chamou uma pessoa")
    for url in (page_url(waiting), reverse("admin:index")):
        page = text_of(sofia.get(url))
        assert words in page
        assert reason.value not in page
    found = sofia.get(list_url(Conversation), {"attention": reason.value})
    assert list(found.context["cl"].result_list) == [waiting]
    assert words in text_of(found)
    both = sofia.get(list_url(Conversation), {"attention": "yes"}).context["cl"].result_list
    assert set(both) == {waiting, other}
