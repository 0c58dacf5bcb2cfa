"""The console's pages about the rules of sending: a client's, its templates, and the switch for everything."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Any

import pytest
from django.urls import reverse

from integrations.admin import policies
from integrations.models import DeliveryPolicy, MessageTemplate, OutboundMessage, SendingSwitch
from integrations.tests.test_admin_connections import is_due, log_of, onlooker
from renum import clock
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, text_of

LATER = timedelta(hours=3)
WRITE_QUERIES = 30
CONFIRM = "/admin/integrations/sendingswitch/switch/"


def held(cast: Cast, reason: str) -> OutboundMessage:
    return factories.make_outbound(
        factories.make_conversation(cast.acme), reason_code=reason, next_attempt_at=clock.now() + LATER
    )


def policy_of(cast: Cast) -> DeliveryPolicy:
    with service_scope(reason="test look"):
        return DeliveryPolicy.objects.get(client=cast.acme)


# --- A client's rules ------------------------------------------------------------------------------

RULES = {
    "quiet_start": "20:00",
    "quiet_end": "08:00",
    "quiet_channels": ["whatsapp", "email"],
    "national_holidays": "on",
    "holiday_state": "SP",
    "holidays": "2026-12-24, 2027-01-02",
    "contact_cap": "3",
    "contact_cap_hours": "48",
}


def test_rules_are_set_through_the_service_and_what_waits_is_judged_again(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    waiting = held(cast, "CONTACT_CAP")
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(WRITE_QUERIES):
        response = sofia.post(add_url(DeliveryPolicy), {"client": str(cast.acme.pk), **RULES})
    assert response.status_code == 302
    saved = policy_of(cast)
    assert (saved.quiet_start, saved.quiet_end) == (time(20), time(8))
    assert saved.quiet_channels == ["whatsapp", "email"]
    assert (saved.national_holidays, saved.holiday_state) == (True, "SP")
    assert saved.holidays == [date(2026, 12, 24), date(2027, 1, 2)]
    assert (saved.contact_cap, saved.contact_cap_hours, saved.paused) == (3, 48, False)
    assert is_due(waiting)
    assert [who for who, _what in log_of(saved)] == [cast.sofia.pk]
    page = text_of(sofia.get(list_url(DeliveryPolicy)))
    assert "20:00–08:00" in page
    assert "3 a cada 48 h" in page


def test_a_page_that_is_saved_as_it_is_shown_keeps_its_rules(cast: Cast) -> None:
    factories.make_policy(
        cast.acme,
        quiet_start=time(20),
        quiet_end=time(8),
        quiet_channels=["email"],
        holidays=[date(2026, 12, 24)],
        contact_cap=5,
        holiday_state="RJ",
    )
    before = policy_of(cast)
    sofia = console_of(cast.sofia)
    form = sofia.get(page_url(before)).context["adminform"].form
    shown = {name: form[name].value() for name in form.fields}
    shown["holidays"] = form["holidays"].field.prepare_value(shown["holidays"])
    posted = {name: value for name, value in shown.items() if value not in (None, False)}
    assert sofia.post(page_url(before), {**posted, "paused": "on"}).status_code == 302
    after = policy_of(cast)
    assert after.paused
    for name in (*RULES, "national_holidays"):
        assert getattr(after, name) == getattr(before, name), name
    (_who, what) = log_of(after)[0]
    assert "Envios pausados" in what
    assert "holidays" not in what.lower()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quiet_end": ""}, "Informe início e fim do silêncio"),
        ({"quiet_start": "08:00"}, "Informe início e fim do silêncio"),
        ({"quiet_channels": ["pigeon"]}, "pigeon"),
        ({"holidays": "24 de dezembro"}, "Informe uma data válida"),
        ({"holidays": ",".join(["2026-12-24"] * 367)}, "366"),
        ({"holiday_state": "XX"}, "XX"),
        ({"contact_cap": "0"}, "1"),
        ({"contact_cap_hours": "721"}, "720"),
    ],
)
def test_rules_that_cannot_be_are_refused(cast: Cast, changes: dict[str, Any], words: str) -> None:
    factories.make_policy(cast.acme)
    before = policy_of(cast)
    response = console_of(cast.sofia).post(page_url(before), {**RULES, **changes})
    assert response.status_code == 200
    problems = str(response.context["adminform"].form.errors)
    assert words in problems
    assert policy_of(cast).updated_at == before.updated_at


def test_a_client_has_one_set_of_rules_which_is_never_deleted(cast: Cast) -> None:
    factories.make_policy(cast.acme, paused=True)
    policy = policy_of(cast)
    sofia = console_of(cast.sofia)
    again = sofia.post(add_url(DeliveryPolicy), {"client": str(cast.acme.pk), **RULES})
    assert "já existe" in str(again.context["adminform"].form.errors)
    assert sofia.post(delete_url(policy), {"post": "yes"}).status_code == 403
    moved = sofia.post(page_url(policy), {"client": str(cast.globex.pk), **RULES})
    assert moved.status_code == 302
    assert policy_of(cast).client_id == cast.acme.pk


def test_staff_who_may_only_look_change_no_rules(cast: Cast) -> None:
    factories.make_policy(cast.acme)
    policy = policy_of(cast)
    browser = console_of(onlooker("view_deliverypolicy"))
    assert "Silêncio" in text_of(browser.get(page_url(policy)))
    assert browser.post(page_url(policy), {**RULES, "paused": "on"}).status_code == 403
    assert browser.post(add_url(DeliveryPolicy), {"client": str(cast.globex.pk)}).status_code == 403
    assert not policy_of(cast).paused


# --- Templates -------------------------------------------------------------------------------------


def template(**fields: str) -> dict[str, str]:
    return {
        "name": "Proposta",
        "channel": "email",
        "subject": "Olá, {{ nome }}",
        "body": "{{ texto }}",
        **fields,
    }


def templates_of(cast: Cast) -> list[MessageTemplate]:
    with service_scope(reason="test look"):
        return list(MessageTemplate.objects.filter(client=cast.acme))


def test_a_template_is_saved_and_shows_its_variables_and_a_preview(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(WRITE_QUERIES):
        response = sofia.post(add_url(MessageTemplate), {"client": str(cast.acme.pk), **template()})
    assert response.status_code == 302
    (saved,) = templates_of(cast)
    page = text_of(sofia.get(page_url(saved)))
    assert "<code>{{ nome }}</code> <code>{{ texto }}</code>" in page
    assert "Olá, ‹nome›" in page
    assert "<code>{{ nome }}</code>" in text_of(sofia.get(list_url(MessageTemplate)))
    changed = sofia.post(page_url(saved), template(body="Até {{ quando }}!", name="Proposta 2"))
    assert changed.status_code == 302
    assert [(one.name, one.body) for one in templates_of(cast)] == [("Proposta 2", "Até {{ quando }}!")]
    assert [who for who, _what in log_of(saved)] == [cast.sofia.pk] * 2


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"body": "{{ nome"}, "body", "Erro no modelo"),
        ({"body": "{{ nome | shout }}"}, "body", "Filtro desconhecido: shout"),
        ({"subject": "{% include 'x' %}"}, "subject", "Erro no modelo"),
        ({"subject": ""}, "subject", "Um e-mail precisa de um assunto"),
        ({"channel": "whatsapp"}, "subject", "Só e-mails têm assunto"),
        ({"name": "Ocupado"}, "name", "Já existe um modelo com este nome"),
        ({"body": "x" * 65_537}, "body", "65536"),
    ],
)
def test_a_template_that_cannot_be_is_refused(
    cast: Cast, changes: dict[str, str], field: str, words: str
) -> None:
    factories.make_template(cast.acme, name="Ocupado")
    existing = factories.make_template(cast.acme, name="Aberto")
    sofia = console_of(cast.sofia)
    new = sofia.post(add_url(MessageTemplate), {"client": str(cast.acme.pk), **template(**changes)})
    old = sofia.post(page_url(existing), template(**changes))
    for response in (new, old):
        assert words in str(response.context["adminform"].form.errors[field])
    assert sorted(one.name for one in templates_of(cast)) == ["Aberto", "Ocupado"]
    assert {one.body for one in templates_of(cast)} == {"Olá, {{ nome }}!"}


def test_another_client_may_use_the_same_name(cast: Cast) -> None:
    factories.make_template(cast.globex, name="Proposta")
    response = console_of(cast.sofia).post(
        add_url(MessageTemplate), {"client": str(cast.acme.pk), **template()}
    )
    assert response.status_code == 302
    assert [one.name for one in templates_of(cast)] == ["Proposta"]


@pytest.mark.parametrize(
    "body", ["{{ pedido.total }}", "{% for item in itens %}{{ item.nome }}{% endfor %}", "{{ a"]
)
def test_a_template_without_a_simple_preview_opens_all_the_same(cast: Cast, body: str) -> None:
    saved = factories.make_template(cast.acme, body=body)
    assert "Variáveis" in text_of(console_of(cast.sofia).get(page_url(saved)))


def test_what_a_template_says_is_shown_and_not_run(cast: Cast) -> None:
    saved = factories.make_template(cast.acme, name="<i>", body="<script>alert(1)</script>")
    sofia = console_of(cast.sofia)
    for url in (page_url(saved), list_url(MessageTemplate)):
        assert "<script>alert" not in text_of(sofia.get(url))


# --- The switch for everything ---------------------------------------------------------------------


@pytest.fixture
def switch(cast: Cast) -> SendingSwitch:
    with service_scope(reason="test rows"):
        return SendingSwitch.objects.update_or_create(id=1, defaults={"paused": False})[0]


def is_paused() -> bool:
    with service_scope(reason="test look"):
        return SendingSwitch.objects.filter(paused=True).exists()


def test_everything_is_paused_and_released_after_a_question(
    cast: Cast, switch: SendingSwitch, django_assert_max_num_queries: Any
) -> None:
    waiting = held(cast, "KILL_SWITCH_ALL")
    sofia = console_of(cast.sofia)
    with django_assert_max_num_queries(WRITE_QUERIES):
        page = text_of(sofia.get(list_url(SendingSwitch), follow=True))
    assert "Pausar todos os envios" in page
    question = text_of(sofia.get(CONFIRM, {"paused": "1"}))
    assert "Nenhuma mensagem de nenhum cliente" in question
    assert "na fila (1)" in question
    assert not is_paused()
    assert "Todos os envios pausados." in text_of(sofia.post(CONFIRM, {"paused": "1"}, follow=True))
    assert is_paused()
    assert not is_due(waiting)
    page = text_of(sofia.get(page_url(switch)))
    assert "Liberar os envios" in page
    assert "Pausar todos os envios" not in page
    assert "Envios liberados." in text_of(sofia.post(CONFIRM, {"paused": "0"}, follow=True))
    assert not is_paused()
    assert is_due(waiting)
    assert log_of(switch) == [
        (cast.sofia.pk, "Todos os envios pausados."),
        (cast.sofia.pk, "Envios liberados."),
    ]


def test_pressing_twice_changes_nothing_and_says_so(cast: Cast, switch: SendingSwitch) -> None:
    sofia = console_of(cast.sofia)
    sofia.post(CONFIRM, {"paused": "1"})
    assert "já estava assim" in text_of(sofia.post(CONFIRM, {"paused": "1"}, follow=True))
    assert is_paused()
    assert len(log_of(switch)) == 1


@pytest.mark.parametrize("paused", ["", "2", "true", None])
def test_the_switch_obeys_clear_words_only(cast: Cast, switch: SendingSwitch, paused: str | None) -> None:
    data = {} if paused is None else {"paused": paused}
    sofia = console_of(cast.sofia)
    assert sofia.get(CONFIRM, data).status_code == 302
    assert sofia.post(CONFIRM, data).status_code == 302
    assert not is_paused()
    assert log_of(switch) == []


def test_the_switch_is_for_staff_who_may_change_it(cast: Cast, switch: SendingSwitch) -> None:
    carla = console_of(onlooker("view_sendingswitch"))
    assert "Pausar todos os envios" not in text_of(carla.get(page_url(switch)))
    assert carla.get(CONFIRM, {"paused": "1"}).status_code == 403
    assert carla.post(CONFIRM, {"paused": "1"}).status_code == 403
    assert "/admin/login/" in console_of(cast.alice).post(CONFIRM, {"paused": "1"})["Location"]
    sofia = console_of(cast.sofia)
    assert sofia.get(add_url(SendingSwitch)).status_code == 403
    assert sofia.post(delete_url(switch), {"post": "yes"}).status_code == 403
    assert sofia.post(page_url(switch), {"paused": "on"}).status_code == 302
    assert not is_paused()
    assert log_of(switch)[1:] == []


def test_the_switch_has_its_row_even_after_the_table_was_emptied(cast: Cast, switch: SendingSwitch) -> None:
    with service_scope(reason="test damage"):
        SendingSwitch.objects.all().delete()
    sofia = console_of(cast.sofia)
    assert "Pausar todos os envios" in text_of(sofia.get(list_url(SendingSwitch), follow=True))


def test_the_question_counts_no_further_than_it_has_to(
    cast: Cast, switch: SendingSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "MAX_COUNTED", 2)
    for _number in range(4):
        held(cast, "PACE")
    page = text_of(console_of(cast.sofia).get(CONFIRM, {"paused": "1"}))
    assert "na fila (mais de 2)" in page


def test_the_address_of_the_question_is_not_that_of_a_row() -> None:
    assert reverse("admin:integrations_sendingswitch_switch") == CONFIRM
