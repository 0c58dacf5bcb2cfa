"""What becomes of a match: looked at again, acted on once, and written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from integrations.models import Integration
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.models import Event
from renum.security.crypto import DecryptionFailed
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers import actions, tasks
from triggers.engine.execution import FAILURES_TO_PAUSE, run_matched
from triggers.engine.matching import match_due
from triggers.models import Trigger, TriggerClock
from triggers.tests.helpers import (
    OPEN_ONLY,
    change,
    executions,
    fresh,
    idle_for,
    outbox,
    set_status,
    sweep,
    verdicts,
    write,
)


@pytest.fixture(autouse=True)
def _standing_still(moving_clock: MovableClock) -> None:
    moving_clock.stop()


@pytest.fixture
def acme(cast: Cast) -> Any:
    factories.make_integration(cast.acme)
    return cast.acme


class Act:
    """Stands in for the action `send_message`, to raise for some conversations."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = actions.REGISTRY["send_message"]
        self.raises: dict[Any, BaseException] = {}
        self._run = genuine.run
        monkeypatch.setitem(actions.REGISTRY, "send_message", replace(genuine, run=self))

    def __call__(self, config: Any, occasion: Any) -> dict[str, Any]:
        result = self._run(config, occasion)
        if error := self.raises.get(occasion.conversation.id):
            raise error
        return result


@pytest.fixture
def act(monkeypatch: pytest.MonkeyPatch) -> Act:
    return Act(monkeypatch)


def test_a_match_sends_one_message_of_low_priority(acme: Any) -> None:
    trigger = factories.make_trigger(acme)
    conversation = idle_for(acme, days=4)

    match_due(clock.now())
    assert outbox() == []
    assert run_matched(clock.now()) == 1

    (execution,), (message,) = executions(), outbox()
    assert (execution.state, execution.reason_code, execution.error_message) == ("done", "", None)
    assert execution.condition_met is True
    assert execution.action_executed is True
    assert execution.executed_at == clock.now()
    assert execution.execution_time_ms is not None
    assert execution.result == {"message_id": str(message.id)}
    assert (message.conversation_id, message.client_id) == (conversation.id, acme.id)
    assert message.body == {"text": "Ainda posso ajudar?"}
    assert (message.priority, message.state) == (2, "queued")
    assert message.idempotency_key == f"trigger:{execution.id}"
    with service_scope(reason="test"):
        noted = Message.objects.get()
    assert (noted.id, noted.author, noted.direction) == (message.id, "trigger", "outbound")
    assert fresh(trigger).execution_count == 1
    assert fresh(trigger).last_executed_at == clock.now()


def test_i9_the_cause_names_trigger_and_execution(acme: Any) -> None:
    trigger = factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    (execution,), (message,) = executions(), outbox()
    assert message.cause == [f"trigger:{trigger.id}", f"execution:{execution.id}"]
    with service_scope(reason="test"):
        assert Message.objects.get().cause == message.cause


def test_counts_every_execution_of_a_trigger(acme: Any, moving_clock: MovableClock) -> None:
    trigger = factories.make_trigger(acme)
    for _ in range(3):
        idle_for(acme, days=4)
    sweep()
    moving_clock.advance(hours=1)
    change(idle_for(acme, days=4), updated_at=clock.now())
    sweep()
    assert fresh(trigger).execution_count == 4
    assert fresh(trigger).last_executed_at == clock.now()


# --- looked at again -----------------------------------------------------------------------------------


def assert_skipped(reason: str, *, condition_met: bool, trigger: Any) -> None:
    (execution,) = executions()
    assert (execution.state, execution.reason_code) == ("skipped", reason)
    assert execution.condition_met is condition_met
    assert execution.action_executed is False
    assert execution.result is None
    assert execution.executed_at == clock.now()
    assert outbox() == []
    assert fresh(trigger).execution_count == 0
    assert fresh(trigger).last_executed_at is None


@pytest.mark.parametrize("author", [Message.Author.CONTACT, Message.Author.AGENT])
def test_i8_skips_who_wrote_in_the_meantime(acme: Any, author: Message.Author) -> None:
    trigger = factories.make_trigger(acme)
    conversation = idle_for(acme, days=4)
    match_due(clock.now())
    write(conversation, author)
    run_matched(clock.now())
    assert_skipped("NO_LONGER_IDLE", condition_met=False, trigger=trigger)


def test_i8_skips_what_no_longer_meets_the_condition(acme: Any) -> None:
    trigger = factories.make_trigger(acme, **OPEN_ONLY)
    conversation = idle_for(acme, days=4)
    match_due(clock.now())
    set_status(conversation, "closed")
    run_matched(clock.now())
    assert_skipped("CONDITION_NOT_MET", condition_met=False, trigger=trigger)


def test_i8_skips_what_a_switched_off_trigger_found(acme: Any) -> None:
    trigger = factories.make_trigger(acme)
    idle_for(acme, days=4)
    match_due(clock.now())
    change(trigger, active=False)
    run_matched(clock.now())
    assert_skipped("TRIGGER_INACTIVE", condition_met=True, trigger=trigger)


def test_what_was_skipped_is_carried_out_once_it_holds_again(acme: Any, moving_clock: MovableClock) -> None:
    factories.make_trigger(acme, **OPEN_ONLY)
    conversation = idle_for(acme, days=4)
    match_due(clock.now())
    set_status(conversation, "closed")
    run_matched(clock.now())

    moving_clock.advance(minutes=1)
    sweep()
    assert verdicts() == [("skipped", "CONDITION_NOT_MET")]
    set_status(conversation, "open")
    moving_clock.advance(minutes=1)
    sweep()
    sweep()

    assert verdicts() == [("done", "")]
    (execution,) = executions()
    assert (execution.condition_met, execution.action_executed) == (True, True)
    assert len(outbox()) == 1


def test_what_a_switched_off_trigger_skipped_is_carried_out_once_it_is_on_again(
    acme: Any, moving_clock: MovableClock
) -> None:
    trigger = factories.make_trigger(acme)
    idle_for(acme, days=4)
    match_due(clock.now())
    change(trigger, active=False)
    run_matched(clock.now())
    moving_clock.advance(days=1)
    change(trigger, active=True, rematch=True)  # as switching it on does
    sweep()
    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1


def test_two_triggers_that_found_the_same_idle_period_both_act(acme: Any) -> None:
    for _ in range(2):
        factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("done", ""), ("done", "")]
    assert len(outbox()) == 2


def test_whether_a_trigger_acts_does_not_hang_on_where_a_batch_ends(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The follow-up of one trigger is no reason for another's to be skipped, in the same batch or not."""
    monkeypatch.setattr("triggers.engine.execution.BATCH", 1)
    for _ in range(3):
        factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("done", "")] * 3
    assert len(outbox()) == 3


# --- what cannot be carried out --------------------------------------------------------------------------


def assert_failed(reason: str, **filters: Any) -> None:
    (execution,) = executions(**filters)
    assert (execution.state, execution.reason_code) == ("failed", reason)
    assert execution.action_executed is False
    assert execution.error_message
    assert execution.executed_at == clock.now()


def test_i8_skips_what_is_not_idle_for_long_enough_any_more_because_the_delay_was_raised(
    acme: Any, moving_clock: MovableClock
) -> None:
    trigger = factories.make_trigger(acme)
    idle_for(acme, days=4)
    now = moving_clock.stop()
    match_due(now)
    change(trigger, trigger_config={"delay_days": 30, "reference_field": "conversations.last_message_at"})
    run_matched(now)
    assert verdicts() == [("skipped", "NO_LONGER_IDLE")]
    assert outbox() == []


def test_i8_fails_without_an_integration(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    idle_for(cast.acme, days=4)
    sweep()
    assert_failed("INTEGRATION_NOT_FOUND")
    assert outbox() == []
    assert fresh(trigger).execution_count == 0


def test_i8_fails_with_a_disabled_integration(acme: Any) -> None:
    with service_scope(reason="test"):
        Integration.objects.update(enabled=False)
    factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    assert_failed("INTEGRATION_DISABLED")
    assert outbox() == []


def test_a_failed_execution_is_not_repeated(cast: Cast, moving_clock: MovableClock) -> None:
    factories.make_trigger(cast.acme)
    idle_for(cast.acme, days=4)
    sweep()
    factories.make_integration(cast.acme)
    moving_clock.advance(minutes=1)
    sweep()
    assert verdicts() == [("failed", "INTEGRATION_NOT_FOUND")]
    assert outbox() == []


def assert_paused(trigger: Trigger, reason: str) -> None:
    """It is switched off, and its client's log says why."""
    after = fresh(trigger)
    assert (after.active, after.paused_reason) == (False, reason)
    with service_scope(reason="test"):
        event = Event.objects.get(kind=Event.Kind.TRIGGER_PAUSED)
        assert event.data == {"trigger_id": str(trigger.id), "reason": reason}
        assert not TriggerClock.objects.filter(trigger=trigger).exists()


def test_a_trigger_that_keeps_failing_is_paused_and_says_so(cast: Cast, moving_clock: MovableClock) -> None:
    trigger = factories.make_trigger(cast.acme)  # and no number to send from
    for _ in range(FAILURES_TO_PAUSE - 1):
        idle_for(cast.acme, days=4)
        sweep()
        moving_clock.advance(minutes=1)
    assert fresh(trigger).active
    change(trigger, rematch=True)
    idle_for(cast.acme, days=4)
    sweep()
    assert_paused(trigger, "REPEATED_FAILURE")


@pytest.mark.parametrize(
    "stored",
    [
        {"action_config": {"channel": "whatsapp"}},
        {"action_config": {"channel": "pigeon", "message": "x"}},
        {"action_config": []},
        {"action_type": "abolished"},
        {"trigger_config": {"delay_days": 3, "reference_field": "abolished"}},
        {"condition_type": "always", "condition_config": {"leftover": 1}},
        {**OPEN_ONLY, "condition_config": {**OPEN_ONLY["condition_config"], "operator": "resembles"}},
    ],
    ids=["no message", "channel", "list", "action", "reference", "leftover", "operator"],
)
def test_i8_a_stored_config_that_is_no_longer_valid_pauses_and_stops_nobody_else(
    acme: Any, stored: dict[str, Any]
) -> None:
    broken, good = factories.make_trigger(acme), factories.make_trigger(acme)
    change(broken, **stored)
    idle_for(acme, days=4)
    sweep()
    assert_paused(broken, "INVALID_TRIGGER_CONFIG")
    assert executions(trigger_id=broken.id) == []
    assert verdicts(trigger_id=good.id) == [("done", "")]
    assert [message.cause[0] for message in outbox()] == [f"trigger:{good.id}"]


@pytest.mark.parametrize(
    "stored",
    [
        {"condition_type": "abolished", "condition_config": {}},
        {"condition_type": "field_equals", "condition_config": {"field": "abolished", "value": "x"}},
        {"condition_type": "field_equals", "condition_config": {}},
        {"condition_type": "field_equals", "condition_config": []},
    ],
    ids=["type", "field", "empty", "list"],
)
def test_i8_a_stored_condition_that_is_no_longer_valid_pauses_and_stops_nobody_else(
    acme: Any, stored: dict[str, Any]
) -> None:
    broken, good = factories.make_trigger(acme), factories.make_trigger(acme)
    change(broken, **stored)
    idle_for(acme, days=4)
    sweep()
    assert_paused(broken, "INVALID_TRIGGER_CONFIG")
    assert executions(trigger_id=broken.id) == []
    assert verdicts(trigger_id=good.id) == [("done", "")]
    assert len(outbox()) == 1


@pytest.mark.parametrize(
    "error", [RuntimeError("a mistake of ours"), DecryptionFailed("altered"), KeyError("x")]
)
def test_an_action_that_crashes_fails_alone(acme: Any, act: Act, error: Exception) -> None:
    """One execution that we cannot digest must not stop all clients' triggers, minute after minute."""
    factories.make_trigger(acme)
    bad, good = idle_for(acme, days=4), idle_for(acme, days=4)
    act.raises[bad.id] = error

    sweep()

    assert_failed("TRIGGER_EXECUTION_FAILED", conversation_id=bad.id)
    assert verdicts(conversation_id=good.id) == [("done", "")]
    assert [message.conversation_id for message in outbox()] == [good.id]


def test_a_contact_that_cannot_be_decrypted_fails_alone(acme: Any) -> None:
    factories.make_trigger(acme)
    bad, good = idle_for(acme, days=4), idle_for(acme, days=4)
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("UPDATE contacts SET phone = '\\x01' WHERE id = %s", [bad.contact_id])

    sweep()

    assert [state for state, _ in verdicts(conversation_id=bad.id)] == ["failed"]
    assert verdicts(conversation_id=good.id) == [("done", "")]
    assert len(outbox()) == 1


@pytest.mark.parametrize("death", [KeyboardInterrupt(), SystemExit()])
def test_a_worker_that_dies_leaves_matches_and_none_of_their_effects(
    committed_cast: Cast, act: Act, death: BaseException
) -> None:
    acme = committed_cast.acme
    factories.make_integration(acme)
    trigger = factories.make_trigger(acme)
    conversations = [idle_for(acme, days=4) for _ in range(4)]
    match_due(clock.now())
    act.raises[conversations[2].id] = death

    with pytest.raises(type(death)):
        run_matched(clock.now())

    assert verdicts() == [("matched", "")] * 4
    assert outbox() == []
    assert fresh(trigger).execution_count == 0
    assert {fresh(one).last_outbound_at for one in conversations} == {None}

    act.raises.clear()
    run_matched(clock.now())
    assert verdicts() == [("done", "")] * 4
    assert len(outbox()) == 4


def test_the_scheduler_task_matches_and_acts(acme: Any) -> None:
    factories.make_trigger(acme)
    idle_for(acme, days=4)
    tasks.trigger_scheduler()
    tasks.trigger_scheduler()
    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1
