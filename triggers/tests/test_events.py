"""Event triggers: each event once, of those that are meant, with its cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from triggers import tasks
from triggers.engine.events import BATCH, match_events
from triggers.engine.execution import run_matched
from triggers.models import AutomationPolicy, Trigger
from triggers.tests.helpers import change, executions, fresh, outbox, verdicts

CANCEL = {"event": "intent_detected", "intent_values": ["cancelamento", "reclamacao"]}


def on(client: Client, event: str = "intent_detected", **parts: Any) -> Trigger:
    config = parts.pop("trigger_config", {"event": event})
    return factories.make_trigger(client, trigger_type="event_based", trigger_config=config, **parts)


def happen(
    client: Client,
    kind: str = "intent_detected",
    *,
    conversation: Conversation | None = None,
    cause: Cause | None = None,
    **data: Any,
) -> UUID:
    with service_scope(reason="test"):
        event = record_event(
            client.id,
            Event.Kind(kind),
            cause=cause or Cause(),
            conversation_id=conversation.id if conversation else None,
            data=data,
        )
    return event.id


def react() -> None:
    now = clock.now()
    match_events(now)
    run_matched(now)


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.fixture
def talk(acme: Client) -> Conversation:
    return factories.make_conversation(acme)


def test_i2_an_event_fires_once_however_often_it_is_looked_at(acme: Client, talk: Conversation) -> None:
    trigger = on(acme)
    event_id = happen(acme, conversation=talk, intent="cancelamento")
    react()
    react()
    with service_scope(reason="test"):
        Event.objects.update(is_considered=False)  # as after a restore
    react()
    (execution,) = executions()
    assert (execution.state, execution.subject, execution.event_id) == ("done", event_id, event_id)
    assert execution.conversation_id == talk.id
    assert len(outbox()) == 1
    assert fresh(trigger).execution_count == 1


def test_i9_the_cause_leads_from_the_event_over_the_trigger_to_the_message(
    acme: Client, talk: Conversation
) -> None:
    trigger = on(acme)
    event_id = happen(acme, conversation=talk, cause=Cause(("message:1",)), intent="x")
    react()
    (message,) = outbox()
    (execution,) = executions()
    assert message.cause == [
        "message:1",
        f"event:{event_id}",
        f"trigger:{trigger.id}",
        f"execution:{execution.id}",
    ]


def test_i9_a_trigger_is_not_run_by_what_it_caused(acme: Client, talk: Conversation) -> None:
    trigger = on(acme, "message_received")
    happen(acme, "message_received", conversation=talk, cause=Cause((f"trigger:{trigger.id}",)))
    react()
    assert verdicts() == [("skipped", "CAUSE_LOOP")]
    assert outbox() == []


@pytest.mark.parametrize(
    ("intent", "fires"), [("cancelamento", 1), ("reclamacao", 1), ("agendamento", 0), (None, 0)]
)
def test_only_the_intents_that_are_named_fire(
    acme: Client, talk: Conversation, intent: str | None, fires: int
) -> None:
    on(acme, trigger_config=CANCEL)
    happen(acme, conversation=talk, intent=intent)
    react()
    assert len(executions()) == fires


@pytest.mark.parametrize("kind", ["message_received", "conversation_opened", "status_changed"])
def test_a_trigger_waits_for_its_kind_of_event_only(acme: Client, talk: Conversation, kind: str) -> None:
    on(acme, "contact_opted_out")
    wanted = on(acme, kind)
    happen(acme, kind, conversation=talk)
    react()
    assert [execution.trigger_id for execution in executions()] == [wanted.id]


def test_i6_an_event_of_another_client_fires_nothing(acme: Client, cast: Cast) -> None:
    on(acme)
    happen(cast.globex, conversation=factories.make_conversation(cast.globex), intent="x")
    react()
    assert executions() == []


def test_i8_an_event_whose_condition_is_not_met_is_on_record(acme: Client, talk: Conversation) -> None:
    on(
        acme,
        condition_type="field_equals",
        condition_config={"field": "conversations.status", "value": "closed"},
    )
    happen(acme, conversation=talk, intent="x")
    react()
    (execution,) = executions()
    assert (execution.state, execution.reason_code) == ("skipped", "CONDITION_NOT_MET")
    assert not execution.condition_met
    assert execution.values_seen == {"conversations.status": "open"}


def test_what_happened_before_the_trigger_was_on_is_over(
    acme: Client, talk: Conversation, moving_clock: MovableClock
) -> None:
    happen(acme, conversation=talk, intent="x")
    moving_clock.advance(seconds=1)
    trigger = on(acme)
    react()
    change(trigger, active=False)
    happen(acme, conversation=talk, intent="x")
    react()
    change(trigger, active=True, active_since=clock.now() + timedelta(seconds=1))
    react()
    assert executions() == []


def test_an_event_without_a_conversation_skips_an_action_that_needs_one(acme: Client) -> None:
    on(acme, "integration_disconnected")
    happen(acme, "integration_disconnected")
    react()
    assert verdicts() == [("skipped", "NO_CONVERSATION")]


def test_nothing_matches_while_the_client_s_automations_are_paused(acme: Client, talk: Conversation) -> None:
    on(acme)
    factories.make_automation_policy(acme, paused=True)
    happen(acme, conversation=talk, intent="x")
    react()
    assert executions() == []
    with service_scope(reason="test"):
        assert not Event.objects.filter(is_considered=False).exists()


def test_what_had_matched_is_let_go_when_automations_are_paused(acme: Client, talk: Conversation) -> None:
    on(acme)
    happen(acme, conversation=talk, intent="x")
    match_events(clock.now())
    with service_scope(reason="test"):
        AutomationPolicy.objects.create(client=acme, paused=True)
    run_matched(clock.now())
    assert verdicts() == [("skipped", "AUTOMATIONS_PAUSED")]
    assert outbox() == []


def test_more_events_than_a_batch_are_all_considered(acme: Client, talk: Conversation) -> None:
    on(acme)
    with service_scope(reason="test"):
        Event.objects.bulk_create(
            Event(client_id=acme.id, kind="intent_detected", conversation_id=talk.id, data={"intent": "x"})
            for _ in range(BATCH + 3)
        )
    assert match_events(clock.now()) == BATCH + 3


def test_i2_workers_that_match_at_once_share_the_events(committed_cast: Cast) -> None:
    factories.make_integration(committed_cast.acme)
    talk = factories.make_conversation(committed_cast.acme)
    on(committed_cast.acme)
    for _ in range(40):
        happen(committed_cast.acme, conversation=talk, intent="x")
    now = clock.now()
    assert sum(run_together(lambda _: match_events(now), 4)) == 40
    assert len(executions()) == 40


def test_the_task_that_events_wake_matches_and_carries_out(acme: Client, talk: Conversation) -> None:
    on(acme)
    happen(acme, conversation=talk, intent="x")
    tasks.match_events_now()
    assert verdicts() == [("done", "")]
