from __future__ import annotations

from agent_tools.models import AgentRun
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of


def test_a_failed_run_says_what_to_do_and_where(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    message = factories.make_message(conversation)
    run = factories.make_agent_run(
        conversation,
        inbound_message_id=message.id,
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
