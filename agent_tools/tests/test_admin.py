from __future__ import annotations

from agent_tools.models import AgentRun
from agent_tools.reasons import Reason
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of


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
        ("superseded", "SUPERSEDED"): harmless,
        ("superseded", "TAKEN_OVER"): harmless,
        ("skipped", "TAKEN_OVER"): harmless,
        ("skipped", "ANSWERED_BY_PERSON"): harmless,
        ("failed", "WORKER_LOST"): unanswered,
        ("failed", "TEXT_UNREADABLE"): unanswered,
        ("failed", "AGENT_FAILED"): unanswered,
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
