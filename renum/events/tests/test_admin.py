from __future__ import annotations

from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of


def test_i9_each_link_of_a_cause_leads_to_its_page(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    message = factories.make_message(conversation)
    trigger = factories.make_trigger(cast.acme)
    execution = factories.make_execution(trigger, conversation)
    run = factories.make_agent_run(conversation)
    inbound = factories.make_inbound(factories.make_integration(cast.acme))
    rows = {
        "inbound": inbound,
        "message": message,
        "agent_run": run,
        "trigger": trigger,
        "execution": execution,
        "profile": cast.sofia,
    }
    chain = [f"{kind}:{row.pk}" for kind, row in rows.items()]
    event = factories.make_event(cast.acme, cause=[*chain, "task:not-a-uuid", f"elsewhere:{cast.acme.pk}"])
    sofia = console_of(cast.sofia)
    for page in (text_of(sofia.get(page_url(event))), text_of(sofia.get(list_url(Event)))):
        for row in rows.values():
            assert f'href="{page_url(row)}"' in page, row
        assert "task:not-a-uuid" in page
        assert f"elsewhere:{cast.acme.pk}" in page


def test_the_log_says_what_happened_where(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    factories.make_event(
        cast.acme, conversation=conversation, kind=Event.Kind.MESSAGE_FAILED, data={"reason_code": "EXPIRED"}
    )
    page = text_of(console_of(cast.sofia).get(list_url(Event)))
    assert "Mensagem não enviada" in page
    assert "EXPIRED" in page
    assert page_url(conversation) in page
    assert page_url(cast.acme) in page
