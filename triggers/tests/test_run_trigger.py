"""Triggers that set off others."""

from __future__ import annotations

from typing import Any

import pytest

from renum import clock
from renum.accounts.models import Client
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.execution import run_matched
from triggers.models import Trigger, TriggerExecution
from triggers.tests.helpers import change, executions, fresh, idle_for, outbox, sweep, verdicts
from triggers.tests.thens import MAILS, TEXT, Written, bodies, refusals, then


@pytest.fixture(autouse=True)
def _standing_still(moving_clock: MovableClock) -> None:
    moving_clock.stop()


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    factories.make_integration(cast.acme, **MAILS)
    return cast.acme


def on_demand(client: Client, *actions: Written) -> Trigger:
    """A trigger that nothing but another one sets off within these tests."""
    event: dict[str, Any] = {"trigger_type": "event_based", "trigger_config": {"event": "intent_detected"}}
    return factories.make_trigger(client, **event, **then(*actions))


def runs(trigger: Trigger) -> Written:
    return ("run_trigger", {"trigger_id": str(trigger.id)})


def run_all() -> None:
    while run_matched(clock.now()):
        pass


def test_one_trigger_sets_off_another_for_the_same_conversation(acme: Client) -> None:
    second = on_demand(acme, TEXT)
    first = factories.make_trigger(acme, **then(runs(second)))
    conversation = idle_for(acme, days=4)
    sweep()
    run_all()
    (one,), (other,) = executions(trigger_id=first.id), executions(trigger_id=second.id)
    assert one.result == {"trigger_id": str(second.id)}
    assert (other.state, other.subject, other.conversation_id) == ("done", one.id, conversation.id)
    assert other.cause == [f"trigger:{first.id}", f"execution:{one.id}"]
    assert [message.cause for message in outbox()] == [
        [*other.cause, f"trigger:{second.id}", f"execution:{other.id}"]
    ]


def test_a_trigger_that_is_set_off_still_looks_at_its_own_condition(acme: Client) -> None:
    closed = {"field": "conversations.status", "value": "closed"}
    second = on_demand(acme, TEXT)
    change(second, condition_type="field_equals", condition_config=closed)
    factories.make_trigger(acme, **then(runs(second)))
    idle_for(acme, days=4)
    sweep()
    run_all()
    assert verdicts(trigger_id=second.id) == [("skipped", "CONDITION_NOT_MET")]
    assert outbox() == []


def test_the_event_that_began_a_chain_is_known_to_all_of_it(acme: Client) -> None:
    second = on_demand(acme, ("send_message", {"channel": "whatsapp", "message": "{{ evento.intent }}"}))
    first = on_demand(acme, runs(second))
    conversation = idle_for(acme, hours=1)
    event = factories.make_event(
        acme, conversation=conversation, kind="intent_detected", data={"intent": "cancelamento"}
    )
    execution = factories.make_execution(
        first, conversation, state=TriggerExecution.State.MATCHED, event_id=event.id
    )
    run_all()
    assert verdicts(trigger_id=first.id) == [("done", "")]
    assert bodies() == [{"text": "cancelamento"}]
    assert executions(trigger_id=second.id)[0].event_id == fresh(execution).event_id == event.id


def test_i9_a_chain_that_comes_back_stops(acme: Client) -> None:
    second = on_demand(acme, TEXT)
    first = factories.make_trigger(acme, **then(runs(second)))
    change(second, **then(TEXT, runs(first)))
    idle_for(acme, days=4)
    sweep()
    run_all()
    assert verdicts(trigger_id=first.id) == [("done", "")]
    assert verdicts(trigger_id=second.id) == [("failed", "CAUSE_LOOP")]
    assert len(outbox()) == 1


def test_i9_a_trigger_does_not_set_off_itself(acme: Client) -> None:
    trigger = factories.make_trigger(acme)
    change(trigger, **then(runs(trigger)))
    idle_for(acme, days=4)
    sweep()
    run_all()
    assert verdicts() == [("failed", "CAUSE_LOOP")]


def test_i9_a_chain_ends_at_its_depth(acme: Client) -> None:
    """Each trigger of a chain adds two links of sixteen."""
    last = on_demand(acme, TEXT)
    for _ in range(8):
        last = on_demand(acme, runs(last))
    factories.make_trigger(acme, **then(runs(last)))
    idle_for(acme, days=4)
    sweep()
    run_all()
    assert verdicts() == [("done", "")] * 7 + [("failed", "CAUSE_LOOP")]
    assert outbox() == []


def test_i6_another_client_s_trigger_is_none(cast: Cast) -> None:
    factories.make_integration(cast.acme)
    theirs = on_demand(cast.globex, TEXT)
    assert list(refusals(cast.acme, runs(theirs))) == ["action_config.trigger_id"]
    mine = factories.make_trigger(cast.acme)
    change(mine, **then(runs(theirs)))
    idle_for(cast.acme, days=4)
    sweep()
    assert verdicts(trigger_id=mine.id) == [("failed", "TRIGGER_NOT_FOUND")]
    assert executions(trigger_id=theirs.id) == []
