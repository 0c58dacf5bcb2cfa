from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.console import add_url, console_of, delete_url, list_url, page_url, run_action, text_of
from triggers.models import Trigger, TriggerExecution


def _again(trigger: Trigger) -> Trigger:
    with service_scope(reason="test look"):
        return Trigger.objects.get(pk=trigger.pk)


def _swept(trigger: Trigger) -> None:
    with service_scope(reason="test rows"):
        Trigger.objects.filter(pk=trigger.pk).update(rematch=False)


def _form(**changes: Any) -> dict[str, Any]:
    parts = {
        "trigger_config": {"delay_hours": 2, "reference_field": "conversations.last_message_at"},
        "condition_config": {"field": "conversations.status", "operator": "equals", "value": "open"},
        "action_config": {"channel": "whatsapp", "message": "Olá de novo"},
    }
    parts |= {name: changes.pop(name) for name in list(changes) if name in parts}
    return {
        "name": "Voltar",
        "description": "",
        "active": "on",
        "trigger_type": "time_based",
        "condition_type": "field_equals",
        "action_type": "send_message",
        **{name: part if isinstance(part, str) else json.dumps(part) for name, part in parts.items()},
        **changes,
    }


def test_a_trigger_is_added_for_a_client(cast: Cast) -> None:
    response = console_of(cast.sofia).post(add_url(Trigger), _form(client=str(cast.acme.pk)))
    assert response.status_code == 302, response.content.decode()
    with service_scope(reason="test look"):
        trigger = Trigger.objects.get()
        entry = LogEntry.objects.get(object_id=str(trigger.pk))
        assert [clock.seconds for clock in trigger.clocks.all()] == [7200]
    assert (trigger.client_id, trigger.name) == (cast.acme.pk, "Voltar")
    assert trigger.active
    assert trigger.rematch
    assert entry.is_addition()


def test_a_trigger_may_be_added_switched_off_and_without_a_condition(cast: Cast) -> None:
    values = _form(client=str(cast.acme.pk), condition_type="always", condition_config="")
    del values["active"]
    assert console_of(cast.sofia).post(add_url(Trigger), values).status_code == 302
    with service_scope(reason="test look"):
        trigger = Trigger.objects.get()
    assert not trigger.active
    assert trigger.condition_config == {}


def test_a_trigger_with_several_actions_may_be_added(cast: Cast) -> None:
    steps = [
        {"action_type": "send_message", "action_config": {"channel": "whatsapp", "message": "Tchau!"}},
        {"action_type": "change_status", "action_config": {"status": "closed"}},
    ]
    values = _form(client=str(cast.acme.pk), action_type="sequence", action_config={"actions": steps})
    response = console_of(cast.sofia).post(add_url(Trigger), values)
    assert response.status_code == 302, response.content.decode()
    with service_scope(reason="test look"):
        assert len(Trigger.objects.get().parts.steps) == 2


def test_a_moment_that_is_past_is_refused_beside_its_field(cast: Cast) -> None:
    form = _form(
        client=str(cast.acme.pk),
        trigger_config={"schedule": {"once": "2020-01-01T09:00:00"}},
        condition_type="always",
        condition_config={},
        action_config={"channel": "whatsapp", "message": "Oi", "to": "+5511987654321"},
    )
    response = console_of(cast.sofia).post(add_url(Trigger), form)
    assert response.status_code == 200
    assert "Este momento já passou." in response.content.decode()


def test_a_trigger_that_is_switched_on_in_its_form_counts_from_then(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    with service_scope(reason="test rows"):
        Trigger.objects.filter(pk=trigger.pk).update(active=False)
    before = _again(trigger).active_since
    response = console_of(cast.sofia).post(page_url(trigger), _form(client=str(cast.acme.pk)))
    assert response.status_code == 302, response.content.decode()
    assert _again(trigger).active_since > before


def test_a_trigger_that_paused_itself_says_why(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    with service_scope(reason="test rows"):
        Trigger.objects.update(active=False, paused_reason="REPEATED_FAILURE")
    sofia = console_of(cast.sofia)
    for url in (page_url(trigger), list_url(Trigger)):
        assert "desligado depois de falhar várias vezes" in sofia.get(url).content.decode()


def test_an_edited_trigger_looks_at_everything_again(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    _swept(trigger)
    with service_scope(reason="test rows"):
        Trigger.objects.filter(pk=trigger.pk).update(execution_count=7)
    response = console_of(cast.sofia).post(page_url(trigger), _form(client=str(cast.globex.pk)))
    assert response.status_code == 302, response.content.decode()
    after = _again(trigger)
    assert (after.name, after.rematch) == ("Voltar", True)
    with service_scope(reason="test look"):
        assert [clock.seconds for clock in after.clocks.all()] == [7200]
    assert after.condition_config["value"] == "open"
    assert (after.client_id, after.execution_count) == (cast.acme.pk, 7)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trigger_config": {"delay_days": 1}}, "reference_field: campo obrigatório"),
        (
            {"trigger_config": {"delay_days": "um", "reference_field": "conversations.last_message_at"}},
            "delay_days: deve ser um número inteiro",
        ),
        (
            {"trigger_config": {"reference_field": "conversations.last_message_at"}},
            "o atraso deve ser de 1 minuto a 366 dias",
        ),
        ({"condition_config": {"field": "conversations.secret", "value": "x"}}, "use um de"),
        ({"action_config": {"channel": "whatsapp", "message": "x", "to": "y"}}, "to: Telefone inválido"),
        ({"action_config": {"channel": "fax", "message": "x"}}, "channel: use um de"),
        (
            {"action_config": {"channel": "whatsapp", "message": "{{ x }}"}},
            "message: Variável desconhecida: x",
        ),
        ({"action_config": {"channel": "whatsapp", "template_id": "x"}}, "template_id: Não há um modelo"),
        ({"action_config": "{not json"}, "JSON"),
        ({"trigger_type": "moon_based"}, "moon_based"),
    ],
)
def test_an_invalid_config_is_explained_beside_its_field(
    cast: Cast, changes: dict[str, Any], told: str
) -> None:
    trigger = factories.make_trigger(cast.acme)
    response = console_of(cast.sofia).post(page_url(trigger), _form(**changes))
    assert told in text_of(response)
    assert list(response.context["adminform"].form.errors) == list(changes)
    assert _again(trigger).name == trigger.name


def test_triggers_are_switched_off_and_on_and_counted(cast: Cast) -> None:
    one, other = factories.make_trigger(cast.acme), factories.make_trigger(cast.globex)
    _swept(one)
    _swept(other)
    sofia = console_of(cast.sofia)
    assert "1 gatilho desativado" in text_of(run_action(sofia, "switch_off", one))
    assert not _again(one).active
    assert not _again(one).rematch
    assert "1 gatilho ativado" in text_of(run_action(sofia, "switch_on", one, other))
    assert _again(one).rematch, "it is to look at what became idle meanwhile"
    assert not _again(other).rematch
    with service_scope(reason="test look"):
        assert LogEntry.objects.filter(object_id=str(one.pk)).count() == 2
        assert not LogEntry.objects.filter(object_id=str(other.pk)).exists()


def test_a_trigger_is_deleted_with_its_executions(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    factories.make_execution(trigger, factories.make_conversation(cast.acme))
    response = console_of(cast.sofia).post(delete_url(trigger), {"post": "yes"})
    assert response.status_code == 302, response.content.decode()[-2000:]
    with service_scope(reason="test look"):
        assert not Trigger.objects.exists()


def test_the_list_says_what_a_trigger_does_and_how_it_last_failed(cast: Cast) -> None:
    trigger = factories.make_trigger(
        cast.acme,
        condition_type="field_equals",
        condition_config={"field": "conversations.status", "value": "open"},
    )
    conversation = factories.make_conversation(cast.acme)
    failed = TriggerExecution.State.FAILED
    factories.make_execution(trigger, conversation, state=failed, reason_code="INTEGRATION_DISABLED")
    factories.make_execution(trigger, conversation)
    page = text_of(console_of(cast.sofia).get(list_url(Trigger)))
    for words in (
        "3 dias após: última mensagem",
        "situação da conversa = open",
        "enviar pelo whatsapp: “Ainda posso ajudar?”",
        "INTEGRATION_DISABLED",
    ):
        assert words in page, words


def test_a_trigger_that_is_not_valid_any_more_is_still_listed(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    with service_scope(reason="test damage"):
        Trigger.objects.filter(pk=trigger.pk).update(
            trigger_type="lunar", trigger_config=[1], condition_config={}, action_config={"nothing": 1}
        )
    sofia = console_of(cast.sofia)
    assert "lunar [1]" in text_of(sofia.get(list_url(Trigger)))
    assert "nothing" in text_of(sofia.get(page_url(trigger)))


def test_an_execution_says_why_it_did_nothing(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    conversation = factories.make_conversation(cast.acme)
    execution = factories.make_execution(
        trigger, conversation, state=TriggerExecution.State.SKIPPED, reason_code="CONDITION_NOT_MET"
    )
    sofia = console_of(cast.sofia)
    for url in (list_url(TriggerExecution), page_url(execution)):
        page = text_of(sofia.get(url))
        assert "A condição não vale" in page
        assert page_url(trigger) in page
        assert page_url(conversation) in page
    assert page_url(execution) in text_of(sofia.get(page_url(trigger)))
