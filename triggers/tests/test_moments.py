"""Time-based triggers count from several moments, from dates of the contact, and know what is theirs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.engine.execution import run_matched
from triggers.engine.matching import match_due
from triggers.models import AutomationPolicy, Trigger
from triggers.services import switch_triggers
from triggers.tests.helpers import change, executions, idle_for, outbox, quiet_since, sweep, verdicts, write

REMINDER = {"reference_field": "contacts.attributes.consulta_em", "delay_days": 1, "direction": "before"}


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


def after(client: Client, field: str, **config: Any) -> Trigger:
    config = {"reference_field": f"conversations.{field}", "delay_hours": 1, **config}
    return factories.make_trigger(client, trigger_config=config)


def date_of(talk: Conversation, at: Any) -> None:
    """The contact's appointment, as if it had been set now."""
    factories.make_contact_date(talk.contact, "consulta_em", at)
    change(talk, updated_at=clock.now())


@pytest.mark.parametrize(
    "field",
    ["last_message_at", "last_inbound_at", "last_outbound_at", "unanswered_since", "created_at"],
)
def test_each_moment_is_due_when_its_delay_has_passed_and_not_before(
    acme: Client, moving_clock: MovableClock, field: str
) -> None:
    talk = quiet_since(acme, clock.now())
    change(talk, **{field: clock.now()})
    after(acme, field)
    moving_clock.advance(minutes=59)
    sweep()
    assert executions() == []
    moving_clock.advance(minutes=1)
    sweep()
    sweep()
    assert verdicts() == [("done", "")]


@pytest.mark.parametrize("field", ["last_inbound_at", "last_outbound_at", "unanswered_since"])
def test_a_moment_that_never_was_is_not_due(acme: Client, field: str) -> None:
    talk = idle_for(acme, days=4)
    change(talk, last_inbound_at=None, last_outbound_at=None, unanswered_since=None)
    after(acme, field)
    sweep()
    assert executions() == []


def test_what_it_sent_itself_is_no_new_moment_to_count_from(acme: Client, moving_clock: MovableClock) -> None:
    talk = quiet_since(acme, clock.now(), last_outbound_at=clock.now())
    after(acme, "last_outbound_at")
    for _ in range(4):
        moving_clock.advance(hours=1)
        sweep()
    assert len(outbox()) == 1
    write(talk, Message.Author.CONTACT)  # a new period begins
    moving_clock.advance(hours=1)
    sweep()
    assert len(outbox()) == 2


def test_a_reminder_goes_out_a_day_before_the_date_once(acme: Client, moving_clock: MovableClock) -> None:
    talk = idle_for(acme, days=1)
    factories.make_trigger(acme, trigger_config=REMINDER)
    date_of(talk, clock.now() + timedelta(days=3))
    sweep()
    moving_clock.advance(days=1, hours=23)
    sweep()
    assert executions() == []
    moving_clock.advance(hours=1)
    sweep()
    moving_clock.advance(hours=5)
    sweep()
    assert verdicts() == [("done", "")]


def test_a_date_that_moves_is_another_occasion(acme: Client, moving_clock: MovableClock) -> None:
    talk = idle_for(acme, days=1)
    factories.make_trigger(acme, trigger_config=REMINDER)
    date_of(talk, clock.now() + timedelta(hours=20))
    sweep()
    with service_scope(reason="test"):
        talk.contact.dates.update(at=clock.now() + timedelta(days=10))
    moving_clock.advance(days=8, hours=23)
    sweep()
    assert len(executions()) == 1
    moving_clock.advance(hours=1)
    sweep()
    assert len(executions()) == 2


def test_a_date_that_was_taken_away_after_it_matched_is_let_go(acme: Client) -> None:

    talk = idle_for(acme, days=1)
    factories.make_trigger(acme, trigger_config=REMINDER)
    date_of(talk, clock.now() + timedelta(hours=20))
    match_due(clock.now())
    with service_scope(reason="test"):
        talk.contact.dates.all().delete()
    run_matched(clock.now())
    assert verdicts() == [("skipped", "NO_LONGER_IDLE")]


@pytest.mark.parametrize(("include", "fired"), [(True, 1), (False, 0)])
def test_what_was_idle_before_the_trigger_was_on_fires_once_or_never(
    acme: Client, moving_clock: MovableClock, include: bool, fired: int
) -> None:
    old = idle_for(acme, days=4)
    young = quiet_since(acme, clock.now() - timedelta(minutes=30))
    after(acme, "last_message_at", include_existing=include)
    sweep()
    change(
        old, status="pending", updated_at=clock.now()
    )  # a change is no reason to forget it was idle before
    sweep()
    assert len(executions(conversation_id=old.id)) == fired
    moving_clock.advance(minutes=30)
    sweep()
    assert len(executions(conversation_id=young.id)) == 1


def test_no_more_than_its_times_in_its_days_for_one_conversation(
    acme: Client, moving_clock: MovableClock
) -> None:
    talk = quiet_since(acme, clock.now())
    after(acme, "last_message_at", reentry={"times": 2, "days": 7})
    for _ in range(4):
        moving_clock.advance(hours=1)
        sweep()
        write(talk, Message.Author.CONTACT)
        moving_clock.advance(minutes=1)
    assert [code for _state, code in verdicts()] == ["", "", "REENTRY_LIMIT", "REENTRY_LIMIT"]
    moving_clock.advance(days=7)
    sweep()
    assert [state for state, _code in verdicts()].count("done") == 3


def test_what_became_due_while_automations_were_paused_fires_afterwards(
    acme: Client, moving_clock: MovableClock
) -> None:
    quiet_since(acme, clock.now())
    trigger = after(acme, "last_message_at")
    factories.make_automation_policy(acme, paused=True)
    moving_clock.advance(hours=3)
    sweep()
    assert executions() == []
    with service_scope(reason="test"):
        AutomationPolicy.objects.update(paused=False)
        Trigger.objects.filter(id=trigger.id).update(rematch=True)
    sweep()
    assert verdicts() == [("done", "")]


def test_an_inactive_trigger_has_no_clocks_and_an_active_one_has(acme: Client) -> None:
    trigger = after(acme, "created_at", delay_minutes=5)
    with service_scope(reason="test"):
        assert [clock.seconds for clock in trigger.clocks.all()] == [3900]
        switch_triggers([trigger], active=False)
        assert not trigger.clocks.exists()
        switch_triggers([trigger], active=True)
        assert [clock.field for clock in trigger.clocks.all()] == ["conversations.created_at"]
