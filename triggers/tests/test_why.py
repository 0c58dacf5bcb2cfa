"""Why a trigger did or did not fire for a conversation, in Portuguese, and what would change that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.matching import match_due
from triggers.models import Trigger, TriggerExecution
from triggers.services import switch_triggers
from triggers.tests.helpers import (
    OPEN_ONLY,
    change,
    idle_for,
    quiet_since,
    set_status,
    sweep,
    write,
)
from triggers.tests.test_events import CANCEL, happen, on, react

Api = Callable[[Profile | None], APIClient]
Why = Callable[[Trigger, Conversation], dict[str, Any]]
State = TriggerExecution.State
PENDING = {
    "trigger_type": "condition_based",
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "pending"},
}


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.fixture
def why(cast: Cast, api: Api) -> Why:
    def ask(trigger: Trigger, talk: Conversation) -> dict[str, Any]:
        response = api(cast.alice).get(f"/api/conversations/{talk.id}/why", {"trigger": str(trigger.id)})
        assert response.status_code == 200, response.json()
        found = dict(response.json()["why"])
        assert found["fired"] == (found["reason_code"] == "")
        return found

    return ask


# --- A moment -----------------------------------------------------------------------------------------


def test_not_due_yet_says_when(acme: Client, why: Why, moving_clock: MovableClock) -> None:
    now = moving_clock.stop(datetime(2026, 12, 4, 15, tzinfo=UTC))
    trigger, talk = factories.make_trigger(acme), quiet_since(acme, now - timedelta(days=1))
    assert why(trigger, talk) == {
        "fired": False,
        "answer": "Ainda não é a hora. Será em 06/12/2026 12:00.",
        "reason_code": "NOT_DUE_YET",
        "due": {
            "field": "conversations.last_message_at",
            "moment": "2026-12-03T15:00:00Z",
            "due_at": "2026-12-06T15:00:00Z",
            "is_due": False,
        },
        "condition": {
            "type": "always",
            "text": "sempre",
            "met": True,
            "field": None,
            "expected": None,
            "seen": None,
            "parts": [],
        },
        "what_would_change": ["Esperar até a hora, sem que o momento mude."],
        "executions": [],
    }


def test_fired_and_when_it_would_again(acme: Client, why: Why, moving_clock: MovableClock) -> None:
    moving_clock.stop(datetime(2026, 12, 4, 15, tzinfo=UTC))
    trigger, talk = factories.make_trigger(acme), idle_for(acme, days=4)
    waiting = why(trigger, talk)
    assert (waiting["reason_code"], waiting["due"]["is_due"]) == ("WAITING", True)
    match_due(clock.now())
    assert why(trigger, talk)["reason_code"] == "WAITING"
    sweep()
    found = why(trigger, talk)
    assert found["fired"]
    assert found["answer"] == "Sim: o gatilho agiu em 04/12/2026 12:00."
    assert found["what_would_change"] == [
        "Age de novo numa nova ocorrência do momento: 3 dias após: última mensagem."
    ]
    assert [one["state"] for one in found["executions"]] == ["done"]
    moving_clock.advance(hours=1)
    write(talk, Message.Author.CONTACT)
    found = why(trigger, talk)
    assert (found["fired"], found["reason_code"]) == (False, "NOT_DUE_YET")
    assert found["answer"].endswith("A última vez que agiu nesta conversa foi em 04/12/2026 12:00.")


def test_a_moment_that_the_conversation_has_not(acme: Client, why: Why) -> None:
    config = {"delay_hours": 1, "reference_field": "conversations.unanswered_since"}
    talk = idle_for(acme, days=4)
    found = why(factories.make_trigger(acme, trigger_config=config), talk)
    assert found["reason_code"] == "NO_MOMENT"
    assert found["answer"] == (
        "A conversa não tem o momento de que o gatilho conta. O gatilho age 1 hora após: mensagem sem resposta."
    )
    assert found["due"]["moment"] is None
    assert found["what_would_change"] == ["A conversa passar a ter este momento."]
    by_date = {"delay_days": 1, "direction": "before", "reference_field": "contacts.attributes.consulta_em"}
    found = why(factories.make_trigger(acme, trigger_config=by_date), talk)
    assert found["what_would_change"] == ["Preencher no contato a data do atributo consulta_em."]


def test_what_held_already_and_is_not_included(acme: Client, why: Why) -> None:
    config = {"delay_days": 3, "reference_field": "conversations.last_message_at", "include_existing": False}
    trigger, talk = factories.make_trigger(acme, trigger_config=config), idle_for(acme, days=4)
    sweep()
    assert why(trigger, talk)["reason_code"] == "EXISTING_NOT_INCLUDED"


# --- What stands in the way ---------------------------------------------------------------------------


def test_switched_off_and_why(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme, **OPEN_ONLY), idle_for(acme, days=4)
    with service_scope(reason="test"):
        switch_triggers([trigger], active=False)
    change(trigger, paused_reason="REPEATED_FAILURE")
    set_status(talk, "closed")
    found = why(trigger, talk)
    assert found["reason_code"] == "TRIGGER_INACTIVE"
    assert found["answer"] == (
        "O gatilho está desligado. O gatilho foi desligado depois de falhar várias vezes seguidas."
    )
    assert found["what_would_change"] == [
        "Ligue o gatilho.",
        "Passar a valer: situação da conversa = open (agora: closed).",
    ]


def test_paused(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme), idle_for(acme, days=4)
    match_due(clock.now())
    factories.make_automation_policy(acme, paused=True)
    sweep()
    found = why(trigger, talk)
    assert found["reason_code"] == "AUTOMATIONS_PAUSED"
    assert [one["reason"] for one in found["executions"]] == ["As automações estão pausadas."]


def test_stored_and_not_valid_any_more(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme), idle_for(acme, days=4)
    change(trigger, condition_type="gone")
    found = why(trigger, talk)
    assert (found["reason_code"], found["condition"]) == ("INVALID_TRIGGER_CONFIG", None)
    assert found["what_would_change"] == ["Corrija o gatilho."]


def test_failed_and_how_to_go_on(cast: Cast, why: Why) -> None:
    trigger, talk = factories.make_trigger(cast.acme), idle_for(cast.acme, days=4)
    sweep()
    found = why(trigger, talk)
    assert found["reason_code"] == "INTEGRATION_NOT_FOUND"
    assert found["answer"].startswith("A integração deste canal não está configurada.")
    assert found["what_would_change"] == [
        "Configure a integração.",
        "Depois de corrigir a causa, repita a execução.",
    ]


def test_let_go_by_a_limit_that_holds_still(acme: Client, why: Why, moving_clock: MovableClock) -> None:
    config = {
        "delay_hours": 1,
        "reference_field": "conversations.last_message_at",
        "reentry": {"times": 1, "days": 7},
    }
    trigger, talk = factories.make_trigger(acme, trigger_config=config), idle_for(acme, hours=2)
    sweep()
    moving_clock.advance(hours=1)
    write(talk, Message.Author.CONTACT)
    moving_clock.advance(hours=2)
    sweep()
    found = why(trigger, talk)
    assert found["reason_code"] == "REENTRY_LIMIT"
    assert "A última vez que agiu nesta conversa foi em" in found["answer"]
    assert found["what_would_change"] == [
        "Esperar passar o período do limite, ou aumentá-lo no gatilho (reentry)."
    ]


def test_let_go_for_a_condition_that_holds_again(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme, **OPEN_ONLY), idle_for(acme, days=4)
    match_due(clock.now())
    set_status(talk, "closed")
    sweep()
    assert why(trigger, talk)["reason_code"] == "CONDITION_NOT_MET"
    set_status(talk, "open")
    found = why(trigger, talk)
    assert found["reason_code"] == "WAITING"
    assert "foi dispensado: A condição não vale." in found["answer"]
    sweep()
    assert why(trigger, talk)["fired"]


def test_an_execution_that_is_not_kept_any_more(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme), idle_for(acme, days=4)
    occurrence = talk.quiet_since
    execution = factories.make_execution(trigger, talk, occurrence=occurrence)
    with service_scope(reason="test"):
        TriggerExecution.objects.filter(id=execution.id).delete()
    assert why(trigger, talk)["reason_code"] == "ALREADY_EXECUTED"


# --- Conditions ---------------------------------------------------------------------------------------


def compare(field: str, value: Any, operator: str = "equals") -> dict[str, Any]:
    config = {"field": field, "operator": operator, "value": value}
    return {"condition_type": "field_equals", "condition_config": config}


def test_a_tree_shows_what_was_wanted_and_seen(acme: Client, why: Why) -> None:
    vip = compare("contacts.attributes.plano", "ouro")
    inner = {
        "condition_type": "any",
        "condition_config": {"conditions": [vip, compare("messages.length", 5)]},
    }
    negated = {
        "condition_type": "not",
        "condition_config": {"condition": compare("conversations.channel", "whatsapp")},
    }
    conditions = [compare("conversations.status", "open"), inner, negated]
    trigger = factories.make_trigger(acme, condition_type="all", condition_config={"conditions": conditions})
    talk = idle_for(acme, days=4)
    change(talk.contact, attributes={"plano": "prata"})

    found = why(trigger, talk)

    assert found["reason_code"] == "CONDITION_NOT_MET"
    tree = found["condition"]
    assert (tree["type"], tree["met"], tree["field"]) == ("all", False, None)
    status, either, not_whatsapp = tree["parts"]
    assert status == {
        "type": "field_equals",
        "text": "situação da conversa = open",
        "met": True,
        "field": "conversations.status",
        "expected": {"operator": "equals", "value": "open"},
        "seen": "open",
        "parts": [],
    }
    assert [(part["field"], part["seen"], part["met"]) for part in either["parts"]] == [
        ("contacts.attributes.plano", "p•••", False),
        ("messages.length", None, False),
    ]
    assert (not_whatsapp["type"], not_whatsapp["met"], not_whatsapp["parts"][0]["met"]) == (
        "not",
        False,
        True,
    )
    assert found["what_would_change"] == [
        "Passar a valer: plano = ouro (agora: p•••) ou Passar a valer: messages.length = 5 (agora: sem valor).",
        "Deixar de valer: canal da conversa = whatsapp (agora: whatsapp).",
    ]


def test_i7_what_is_personal_is_masked(acme: Client, why: Why) -> None:
    trigger = factories.make_trigger(acme, **compare("contacts.attributes.cpf", "x"))
    talk = idle_for(acme, days=4)
    change(talk.contact, attributes={"cpf": "52998224725"})
    assert "52998224725" not in str(why(trigger, talk))


def test_an_edge_waits_fires_and_fires_again_only_after_it_fell(
    acme: Client, why: Why, moving_clock: MovableClock
) -> None:
    trigger, talk = factories.make_trigger(acme, trigger_config={}, **PENDING), idle_for(acme, days=1)
    assert why(trigger, talk)["reason_code"] == "CONDITION_NOT_MET"
    set_status(talk, "pending")
    assert why(trigger, talk)["reason_code"] == "WAITING"
    moving_clock.advance(minutes=1)
    sweep()
    found = why(trigger, talk)
    assert found["fired"]
    assert found["due"]["is_due"]
    assert found["what_would_change"] == [
        "Age de novo depois que a condição deixar de valer e voltar a valer."
    ]
    set_status(talk, "open")
    moving_clock.advance(minutes=1)
    sweep()
    found = why(trigger, talk)
    assert (found["fired"], found["reason_code"]) == (False, "CONDITION_NOT_MET")
    assert "A última vez que agiu" in found["answer"]


def test_an_edge_that_was_there_before(acme: Client, why: Why) -> None:
    talk = quiet_since(acme, clock.now() - timedelta(days=1), status="pending")
    trigger = factories.make_trigger(acme, trigger_config={"include_existing": False}, **PENDING)
    sweep()
    assert why(trigger, talk)["reason_code"] == "EXISTING_NOT_INCLUDED"


# --- Events, the calendar -----------------------------------------------------------------------------


def test_events(acme: Client, why: Why, moving_clock: MovableClock) -> None:
    talk = factories.make_conversation(acme)
    happen(acme, conversation=talk, intent="cancelamento")
    moving_clock.advance(minutes=1)
    trigger = on(acme, trigger_config=CANCEL)
    assert why(trigger, talk)["reason_code"] == "EVENT_PASSED_OVER"
    moving_clock.advance(minutes=1)
    happen(acme, conversation=talk, intent="cancelamento")
    found = why(trigger, talk)
    assert (found["reason_code"], found["due"]["field"]) == ("WAITING", "intent_detected")
    react()
    found = why(trigger, talk)
    assert (found["fired"], found["what_would_change"]) == (True, ["Age de novo no próximo evento."])


def test_events_that_are_not_meant_or_never_were(acme: Client, why: Why) -> None:
    talk, silent = factories.make_conversation(acme), factories.make_conversation(acme)
    trigger = on(acme, trigger_config=CANCEL)
    happen(acme, conversation=talk, intent="agendamento")
    assert why(trigger, talk)["reason_code"] == "EVENT_NOT_MEANT"
    found = why(trigger, silent)
    assert found["reason_code"] == "NO_EVENT"
    assert found["answer"].startswith("O evento não aconteceu nesta conversa. O gatilho age a cada evento:")


def test_an_event_whose_condition_did_not_hold_then(acme: Client, why: Why) -> None:
    talk = factories.make_conversation(acme, status="closed")
    trigger = on(acme, **OPEN_ONLY)
    happen(acme, conversation=talk, intent="x")
    react()
    set_status(talk, "open")  # too late for that event
    found = why(trigger, talk)
    assert (found["reason_code"], found["condition"]["met"]) == ("CONDITION_NOT_MET", True)


def test_a_calendar_is_about_no_conversation(acme: Client, why: Why) -> None:
    to = {"channel": "whatsapp", "to": "+5511987654321", "message": "Bom dia"}
    config = {"schedule": {"crontab": "0 9 * * *"}}
    trigger = factories.make_trigger(acme, trigger_config=config, action_config=to)
    assert why(trigger, factories.make_conversation(acme))["reason_code"] == "NOT_ABOUT_CONVERSATIONS"


# --- The endpoint -------------------------------------------------------------------------------------


def test_shows_the_last_five_executions(acme: Client, why: Why) -> None:
    trigger, talk = factories.make_trigger(acme), idle_for(acme, days=1)
    made = [
        factories.make_execution(trigger, talk, executed_at=clock.now() - timedelta(days=number)).id
        for number in range(7)
    ]
    factories.make_execution(factories.make_trigger(acme), talk)
    factories.make_execution(trigger, factories.make_conversation(acme))
    assert [one["id"] for one in why(trigger, talk)["executions"]] == [str(one) for one in made[:5]]


@pytest.mark.parametrize("query", [{}, {"trigger": ""}, {"trigger": "x"}])
def test_must_be_told_which_trigger(acme: Client, cast: Cast, api: Api, query: dict[str, str]) -> None:
    talk = factories.make_conversation(acme)
    response = api(cast.alice).get(f"/api/conversations/{talk.id}/why", query)
    assert (response.status_code, list(response.json()["details"])) == (400, ["trigger"])


def test_i6_neither_may_be_another_client_s(acme: Client, cast: Cast, api: Api) -> None:
    ours, talk = factories.make_trigger(acme), factories.make_conversation(acme)
    theirs, their_talk = factories.make_trigger(cast.globex), factories.make_conversation(cast.globex)
    client = api(cast.alice)

    def ask(conversation_id: Any, trigger_id: Any) -> tuple[int, str]:
        response = client.get(f"/api/conversations/{conversation_id}/why", {"trigger": str(trigger_id)})
        return response.status_code, response.json()["error_code"]

    for trigger_id in (theirs.id, uuid4()):
        assert ask(talk.id, trigger_id) == (404, "TRIGGER_NOT_FOUND")
    for conversation_id in (their_talk.id, uuid4()):
        assert ask(conversation_id, ours.id) == (404, "CONVERSATION_NOT_FOUND")
