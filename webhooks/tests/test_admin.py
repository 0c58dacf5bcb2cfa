from __future__ import annotations

from tests import factories
from tests.cast import Cast
from tests.console import console_of, list_url, page_url, text_of
from webhooks.models import InboundEvent


def test_an_ignored_event_says_why(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme)
    event = factories.make_inbound(
        integration,
        state=InboundEvent.State.IGNORED,
        reason_code="GROUP_MESSAGE",
        payload={"text": "palavras"},
    )
    sofia = console_of(cast.sofia)
    for url in (list_url(InboundEvent), page_url(event)):
        page = text_of(sofia.get(url))
        assert "Mensagens de grupos não são atendidas" in page
        assert page_url(integration) in page
        assert "palavras" not in page
    assert page_url(event) in text_of(sofia.get(page_url(integration)))


def test_events_are_filtered_by_state(cast: Cast) -> None:
    integration = factories.make_integration(cast.acme)
    failed = factories.make_inbound(integration, state=InboundEvent.State.FAILED)
    factories.make_inbound(integration)
    response = console_of(cast.sofia).get(list_url(InboundEvent), {"state__exact": "failed"})
    assert list(response.context["cl"].result_list) == [failed]
