"""The console's first page: what wants a person, and nothing when nothing does."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from integrations.models import Integration
from renum import clock
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.console import console_of, text_of

PAGE_QUERIES = 15


def front_page(cast: Cast) -> str:
    return text_of(console_of(cast.sofia).get(reverse("admin:index")))


def test_the_first_page_is_quiet_when_all_is_well(cast: Cast) -> None:
    factories.make_integration(cast.acme, status=Integration.Status.CONNECTED)
    factories.make_outbound(factories.make_conversation(cast.acme), state="sent")
    assert "Pede atenção" not in front_page(cast)


def test_the_first_page_shows_lost_connections_uncertain_sends_and_who_waits_for_a_person(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        client = cast.acme if number % 2 else cast.globex
        factories.make_outbound(factories.make_conversation(client), state="unknown")
    factories.make_integration(
        cast.acme, type="email_smtp", status=Integration.Status.DISCONNECTED, last_error="Sem resposta"
    )
    factories.make_conversation(
        cast.globex, attention_reason="OPT_OUT_UNCLEAR", attention_at=clock.now(), name="Rui"
    )
    trigger = factories.make_trigger(cast.acme, name="Aviso de exame")
    with service_scope(reason="test rows"):
        type(trigger).objects.update(active=False, paused_reason="REPEATED_FAILURE")
    browser = console_of(cast.sofia)
    with django_assert_max_num_queries(PAGE_QUERIES):
        page = text_of(browser.get(reverse("admin:index")))
    for words in (
        "Pede atenção",
        "Conexões que não funcionam",
        "Sem resposta",
        "Envios incertos",
        "Rui",
        "Gatilhos que se desligaram",
        "Aviso de exame",
    ):
        assert words in page


def test_a_connection_that_is_switched_off_wants_nobody(cast: Cast) -> None:
    factories.make_integration(cast.acme, status=Integration.Status.ERROR, enabled=False)
    assert "Conexões que não funcionam" not in front_page(cast)
