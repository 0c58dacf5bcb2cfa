"""What a trigger would do: the live engine's judgement, and nothing done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.models import Integration
from renum import clock
from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers import simulation
from triggers.models import TriggerExecution
from triggers.services import switch_triggers
from triggers.tests.helpers import (
    OPEN_ONLY,
    change,
    executions,
    idle_for,
    set_status,
    sweep,
    write,
)
from triggers.tests.simulations import DAILY, EVENT, PENDING, ask, codes, draft, numbers
from triggers.tests.test_api import BRIEF
from triggers.tests.test_events import happen, react

Api = Callable[[Profile | None], APIClient]


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.fixture
def alice(cast: Cast, api: Api) -> APIClient:
    return api(cast.alice)


# --- The brief's answer -------------------------------------------------------------------------------


def test_answers_in_the_brief_s_shape_and_with_what_would_be_said(acme: Client, alice: APIClient) -> None:
    talks = [idle_for(acme, days=4) for _ in range(3)]
    idle_for(acme, days=2)
    factories.make_conversation(acme, status="closed", last_message_at=clock.now() - timedelta(days=9))
    trigger = factories.make_trigger(acme, **BRIEF)

    answer = ask(alice, trigger)

    sample = answer.pop("sample")
    assert answer == {
        "condition_met": True,
        "action_would_execute": True,
        "affected_conversations": 3,
        "estimated_messages": 3,
        "more": False,
        "next_slot_at": None,
        "reasons": [],
    }
    assert {one["conversation_id"] for one in sample} == {str(talk.id) for talk in talks}
    assert sample[0]["steps"] == [
        {
            "number": 0,
            "action_type": "send_message",
            "texts": {"message": BRIEF["action_config"]["message"]},
            "reason_code": "",
            "problem": "",
        }
    ]


def test_shows_five_at_most_and_why_a_text_cannot_be_said(acme: Client, alice: APIClient) -> None:
    for name in ("Marina", None, "", "Davi", "Eva", "Rui", "Lia"):
        factories.make_conversation(acme, name=name, last_message_at=clock.now() - timedelta(days=4))
    message = {"channel": "whatsapp", "message": "Oi, {{ contato.nome }}"}
    answer = draft(alice, action_config=message)
    assert numbers(answer) == (True, True, 7, 7)
    steps = [one["steps"][0] for one in answer["sample"]]
    assert len(steps) == 5
    for step in steps:
        is_said = step["texts"].get("message", "").startswith("Oi, ")
        assert is_said or step["reason_code"] == "TEMPLATE_VARIABLE_MISSING"
        assert is_said == (step["problem"] == "")


def test_nothing_holds(acme: Client, alice: APIClient) -> None:
    idle_for(acme, days=1)
    answer = draft(alice)
    assert (numbers(answer), codes(answer), answer["sample"]) == ((False, False, 0, 0), [], [])


def test_counts_every_message_of_several_actions(acme: Client, alice: APIClient) -> None:
    idle_for(acme, days=4)
    say = {"action_type": "send_message", "action_config": {"channel": "whatsapp", "message": "Oi"}}
    close = {"action_type": "change_status", "action_config": {"status": "closed"}}
    steps = {"action_type": "sequence", "action_config": {"actions": [say, close, say]}}
    answer = draft(alice, **steps)
    assert numbers(answer) == (True, True, 1, 2)
    assert [step["action_type"] for step in answer["sample"][0]["steps"]] == [
        "send_message",
        "change_status",
        "send_message",
    ]


def test_counts_up_to_a_bound_and_says_that_there_are_more(
    acme: Client, alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        idle_for(acme, days=4)
    monkeypatch.setattr(simulation, "MAX_COUNTED", 3)
    answer = draft(alice)
    assert (numbers(answer), answer["more"]) == ((True, True, 3, 3), True)
    monkeypatch.setattr(simulation, "MAX_COUNTED", 4)
    answer = draft(alice)
    assert (numbers(answer), answer["more"]) == ((True, True, 4, 4), False)


# --- What is in the way -------------------------------------------------------------------------------


def test_says_everything_that_is_in_the_way_and_counts_all_the_same(cast: Cast, alice: APIClient) -> None:
    idle_for(cast.acme, days=4)
    trigger = factories.make_trigger(cast.acme, **BRIEF)
    assert codes(ask(alice, trigger)) == ["INTEGRATION_NOT_FOUND"]
    integration = factories.make_integration(cast.acme)
    assert codes(ask(alice, trigger)) == []
    with service_scope(reason="test"):
        Integration.objects.filter(id=integration.id).update(enabled=False)
        switch_triggers([trigger], active=False)
    factories.make_automation_policy(cast.acme, paused=True)
    answer = ask(alice, trigger)
    assert codes(answer) == ["TRIGGER_INACTIVE", "AUTOMATIONS_PAUSED", "INTEGRATION_DISABLED"]
    assert numbers(answer) == (True, False, 1, 1)


def test_an_action_that_sends_nothing_needs_no_integration(cast: Cast, alice: APIClient) -> None:
    idle_for(cast.acme, days=4)
    answer = draft(alice, action_type="change_status", action_config={"status": "closed"})
    assert (numbers(answer), codes(answer)) == ((True, True, 1, 0), [])


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"trigger_config": {"delay_days": -1}}, "trigger_config.delay_days"),
        ({"condition_config": {"field": "conversations.secret", "value": 1}}, "condition_config.field"),
        ({"action_config": {"channel": "whatsapp", "template_id": "x"}}, "action_config.template_id"),
        ({"action_type": "delete_everything"}, "action_type"),
    ],
)
def test_a_draft_is_refused_as_it_would_be_when_saved(
    acme: Client, alice: APIClient, parts: dict[str, Any], path: str
) -> None:
    response = alice.post("/api/triggers/simulate", {**BRIEF, **parts}, format="json")
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_TRIGGER_CONFIG")
    assert path in response.json()["details"]


def test_a_stored_trigger_that_is_not_valid_any_more_is_refused(acme: Client, alice: APIClient) -> None:
    trigger = factories.make_trigger(acme, **BRIEF)
    change(trigger, condition_config={"field": "gone", "value": 1})
    response = alice.post(f"/api/triggers/{trigger.id}/test")
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_TRIGGER_CONFIG")


# --- What was done already ----------------------------------------------------------------------------


def test_what_it_did_already_does_not_count(
    acme: Client, alice: APIClient, moving_clock: MovableClock
) -> None:
    trigger = factories.make_trigger(acme, **BRIEF)
    done, new = idle_for(acme, days=4), idle_for(acme, days=2.5)
    sweep()
    moving_clock.advance(days=1)
    answer = ask(alice, trigger)
    assert numbers(answer) == (True, True, 1, 1)
    assert [one["conversation_id"] for one in answer["sample"]] == [str(new.id)]
    sweep()
    assert numbers(ask(alice, trigger)) == (False, False, 0, 0)
    moving_clock.advance(days=4)  # after its own message, which begins no new idle period
    answer = ask(alice, trigger)
    assert (numbers(answer), codes(answer)) == ((True, False, 0, 0), ["ALREADY_EXECUTED"])
    write(done, Message.Author.CONTACT)  # a new idle period
    moving_clock.advance(days=4)
    assert ask(alice, trigger)["affected_conversations"] == 1


def test_what_was_let_go_counts(acme: Client, alice: APIClient) -> None:
    trigger = factories.make_trigger(acme, **BRIEF)
    talk = idle_for(acme, days=4)
    skipped = TriggerExecution.State.SKIPPED
    factories.make_execution(trigger, talk, state=skipped, occurrence=talk.quiet_since)
    assert ask(alice, trigger)["affected_conversations"] == 1
    change(executions()[0], state=TriggerExecution.State.FAILED)
    assert ask(alice, trigger)["affected_conversations"] == 0


def test_what_may_not_be_repeated_yet_does_not_count(acme: Client, alice: APIClient) -> None:
    config = {**BRIEF["trigger_config"], "reentry": {"times": 2, "days": 7}}
    trigger = factories.make_trigger(acme, **{**BRIEF, "trigger_config": config})
    talk = idle_for(acme, days=4)
    factories.make_execution(trigger, talk, executed_at=clock.now() - timedelta(days=3))
    factories.make_execution(trigger, talk, executed_at=clock.now() - timedelta(days=8))
    assert ask(alice, trigger)["affected_conversations"] == 1
    factories.make_execution(trigger, talk, executed_at=clock.now() - timedelta(days=1))
    assert ask(alice, trigger)["affected_conversations"] == 0


def test_a_date_that_was_reminded_of_does_not_count(acme: Client, alice: APIClient) -> None:
    config = {"reference_field": "contacts.attributes.consulta_em", "delay_days": 1, "direction": "before"}
    talk = factories.make_conversation(acme)
    date = factories.make_contact_date(talk.contact, at=clock.now() + timedelta(hours=5))
    trigger = factories.make_trigger(acme, trigger_config=config)
    assert ask(alice, trigger)["affected_conversations"] == 1
    sweep()
    assert ask(alice, trigger)["affected_conversations"] == 0
    change(date, at=clock.now() + timedelta(hours=6))
    assert ask(alice, trigger)["affected_conversations"] == 1


# --- Conditions, events, the calendar -----------------------------------------------------------------


def test_a_condition_that_held_already_does_not_count(acme: Client, alice: APIClient) -> None:
    trigger = factories.make_trigger(acme, **PENDING)
    old = factories.make_conversation(acme, status="pending")
    factories.make_conversation(acme)
    assert numbers(ask(alice, trigger)) == (True, True, 1, 1)
    sweep()
    assert numbers(ask(alice, trigger)) == (True, False, 0, 0)
    factories.make_conversation(acme, status="pending")
    assert numbers(ask(alice, trigger)) == (True, True, 1, 1)
    set_status(old, "open")
    sweep()
    assert numbers(ask(alice, trigger)) == (True, False, 0, 0)


@pytest.mark.parametrize(("include", "affected"), [(True, 1), (False, 0)])
def test_what_holds_already_counts_only_if_it_is_included(
    acme: Client, alice: APIClient, include: bool, affected: int
) -> None:
    factories.make_conversation(acme, status="pending", last_message_at=clock.now() - timedelta(days=4))
    by_condition = draft(alice, **{**PENDING, "trigger_config": {"include_existing": include}})
    assert by_condition["affected_conversations"] == affected
    assert codes(by_condition) == ([] if include else ["EXISTING_NOT_INCLUDED"])
    config = {**BRIEF["trigger_config"], "include_existing": include}
    by_time = draft(alice, trigger_config=config, condition_type="always", condition_config={})
    assert by_time["affected_conversations"] == affected


def test_events_of_the_last_30_days_are_judged(acme: Client, alice: APIClient) -> None:
    talk, closed = factories.make_conversation(acme), factories.make_conversation(acme, status="closed")
    for conversation, intent in (
        (talk, "cancelamento"),
        (talk, "cancelamento"),
        (talk, "outra"),
        (closed, "x"),
    ):
        happen(acme, conversation=conversation, intent=intent)
    happen(acme, intent="cancelamento")  # in no conversation
    old = happen(acme, conversation=talk, intent="cancelamento")
    with service_scope(reason="test"):
        Event.objects.filter(id=old).update(occurred_at=clock.now() - timedelta(days=31))
    always = {"condition_type": "always", "condition_config": {}}
    assert numbers(draft(alice, **EVENT, **always)) == (True, True, 2, 4)
    assert numbers(draft(alice, **EVENT, **OPEN_ONLY)) == (True, True, 1, 3)
    meant = {"event": "intent_detected", "intent_values": ["cancelamento"]}
    answer = draft(alice, **{**EVENT, **always, "trigger_config": meant})
    assert numbers(answer) == (True, True, 1, 2)
    assert {one["conversation_id"] for one in answer["sample"]} == {str(talk.id)}
    assert all(one["event_id"] for one in answer["sample"])
    once = {**meant, "reentry": {"times": 1, "days": 7}}
    assert numbers(draft(alice, **{**EVENT, **always, "trigger_config": once})) == (True, True, 1, 1)


def test_an_event_in_no_conversation_needs_an_action_that_does_without(
    acme: Client, alice: APIClient
) -> None:
    happen(acme, "integration_disconnected")
    parts = {"trigger_type": "event_based", "trigger_config": {"event": "integration_disconnected"}}
    always = {"condition_type": "always", "condition_config": {}}
    answer = draft(alice, **parts, **always)
    assert (numbers(answer), codes(answer)) == ((True, False, 0, 0), ["NO_CONVERSATION"])
    to = {"channel": "whatsapp", "to": "+5511987654321", "message": "Caiu"}
    assert numbers(draft(alice, **parts, **always, action_config=to)) == (True, True, 0, 1)


def test_events_that_it_acted_on_or_caused_do_not_count(acme: Client, alice: APIClient) -> None:
    trigger = factories.make_trigger(acme, **EVENT)
    talk = factories.make_conversation(acme)
    happen(acme, conversation=talk, intent="x")
    react()
    answer = ask(alice, trigger)
    assert (numbers(answer), codes(answer)) == ((True, False, 0, 0), ["ALREADY_EXECUTED"])
    happen(acme, conversation=talk, cause=Cause((f"trigger:{trigger.id}",)), intent="x")
    answer = ask(alice, trigger)
    assert (numbers(answer), codes(answer)) == ((True, False, 0, 0), ["CAUSE_LOOP"])


def test_a_calendar_names_its_next_slot(acme: Client, alice: APIClient, moving_clock: MovableClock) -> None:
    moving_clock.stop(clock.now().replace(hour=11, minute=30, second=0, microsecond=0))
    answer = draft(alice, **DAILY)
    assert numbers(answer) == (True, True, 0, 1)
    assert answer["next_slot_at"] == clock.iso(clock.now().replace(hour=12, minute=0))  # 9 in São Paulo
    assert answer["sample"][0]["conversation_id"] is None
    assert answer["sample"][0]["steps"][0]["texts"] == {"message": "Bom dia"}
    past = {"schedule": {"once": "2020-01-01T09:00:00"}}
    answer = draft(alice, **{**DAILY, "trigger_config": past})
    assert (numbers(answer), codes(answer)) == ((True, False, 0, 0), ["NO_SLOT_AHEAD"])
