"""Rows go when a client's rules say so: in batches, the unfinished never, and nothing twice fires."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from agent_tools.models import AgentRun
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations import retention
from renum.conversations.models import Contact, Conversation, Message
from renum.conversations.retention import all_rules, apply_retention
from renum.conversations.tasks import apply_retention as task
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from triggers.models import TriggerExecution, TriggerOccurrence
from webhooks.models import InboundEvent

LEDGERS: tuple[Any, ...] = (
    Message,
    OutboundMessage,
    DeliveryAttempt,
    Event,
    TriggerExecution,
    AgentRun,
    InboundEvent,
)


def _fill(client: Client, at: datetime, *, finished: bool = True) -> Conversation:
    """A row of each ledger, of that age; the conversation goes on."""
    conversation = factories.make_conversation(client)
    factories.make_message(conversation, occurred_at=at)
    outbound = factories.make_outbound(
        conversation, queued_at=at, state=OutboundMessage.State("sent" if finished else "queued")
    )
    factories.make_attempt(outbound, started_at=at)
    factories.make_event(client, conversation=conversation, occurred_at=at)
    factories.make_execution(
        factories.make_trigger(client),
        conversation,
        occurrence=at,
        executed_at=at,
        state=TriggerExecution.State("done" if finished else "matched"),
    )
    factories.make_agent_run(
        conversation, created_at=at, state=AgentRun.State("done" if finished else "pending")
    )
    factories.make_inbound(
        outbound.integration, received_at=at, state=InboundEvent.State("done" if finished else "pending")
    )
    return conversation


def _left(client: Client) -> dict[str, int]:
    with service_scope(reason="test look"):
        counts = {model._meta.db_table: model.objects.filter(client=client).count() for model in LEDGERS}
    return {table: count for table, count in counts.items() if count}


def _ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days)


def test_each_ledger_is_kept_for_as_long_as_its_own_rule_says(cast: Cast) -> None:
    factories.make_conversation_policy(cast.acme, message_days=60, event_days=40, inbox_days=10)
    ages = {
        5: set(),
        20: {"inbound_events"},
        50: {"inbound_events", "events", "trigger_executions", "agent_runs"},
        70: {model._meta.db_table for model in LEDGERS},
    }
    for days in ages:
        _fill(cast.acme, _ago(days))
    assert apply_retention() is None
    expected = {
        model._meta.db_table: sum(model._meta.db_table not in gone for gone in ages.values())
        * (2 if model is Message else 1)  # a received one, and the one that was sent
        for model in LEDGERS
    }
    assert _left(cast.acme) == expected
    with service_scope(reason="test look"):
        assert (Contact.objects.count(), Conversation.objects.count()) == (4, 4)


def test_what_is_unfinished_stays_however_old(cast: Cast) -> None:
    conversation = _fill(cast.acme, _ago(4000), finished=False)
    for state in ("sending", "unknown"):
        factories.make_outbound(conversation, queued_at=_ago(4000), state=OutboundMessage.State(state))
    apply_retention()
    left = _left(cast.acme)
    assert left == {
        "messages": 3,  # of what is queued, sending and unknown
        "outbound_messages": 3,
        "delivery_attempts": 1,
        "trigger_executions": 1,
        "agent_runs": 1,
        "inbound_events": 1,
    }


def test_clients_have_rules_of_their_own(cast: Cast) -> None:
    factories.make_conversation_policy(cast.acme, message_days=30, event_days=30, inbox_days=7)
    for client in (cast.acme, cast.globex):
        _fill(client, _ago(35))
    apply_retention()
    assert _left(cast.acme) == {}
    assert len(_left(cast.globex)) == len(LEDGERS)  # the defaults are longer


def test_i2_that_it_matched_stays_known_while_it_keeps_its_trigger_from_acting_again(cast: Cast) -> None:
    long_ago = _ago(500)
    idle = factories.make_conversation(cast.acme, quiet_since=long_ago, last_message_at=long_ago)
    moved_on = factories.make_conversation(cast.acme)
    trigger = factories.make_trigger(cast.acme)
    then = {"occurrence": long_ago, "executed_at": long_ago, "created_at": long_ago}
    kept = factories.make_execution(trigger, idle, **then)
    factories.make_execution(trigger, moved_on, **then)
    apply_retention()
    with service_scope(reason="test look"):
        assert [one.execution_id for one in TriggerOccurrence.objects.all()] == [kept.id]


@pytest.mark.parametrize("moment", ["last_inbound_at", "unanswered_since", "created_at", "a date"])
def test_i2_so_does_one_that_is_for_any_other_moment_that_still_stands(cast: Cast, moment: str) -> None:
    long_ago = _ago(500)
    talk = factories.make_conversation(cast.acme)
    if moment == "a date":
        factories.make_contact_date(talk.contact, "consulta_em", long_ago)
    else:
        with service_scope(reason="test rows"):
            Conversation.objects.filter(id=talk.id).update(**{moment: long_ago})
    trigger = factories.make_trigger(cast.acme)
    then = {"executed_at": long_ago, "created_at": long_ago}
    kept = factories.make_execution(trigger, talk, occurrence=long_ago, **then)
    factories.make_execution(trigger, talk, occurrence=long_ago - timedelta(1), **then)
    apply_retention()
    with service_scope(reason="test look"):
        assert [one.execution_id for one in TriggerOccurrence.objects.all()] == [kept.id]


def test_it_stops_when_time_is_up_and_goes_on_where_it_was(cast: Cast) -> None:
    with service_scope(reason="test rows"):
        Event.objects.bulk_create(
            [
                Event(client=client, kind=Event.Kind.MESSAGE_SENT, occurred_at=_ago(400))
                for client in (cast.acme, cast.globex)
                for _ in range(retention.BATCH + 5)
            ]
        )
    runs, goes_on = 0, None
    while runs == 0 or goes_on is not None:
        before = _left(cast.acme).get("events", 0) + _left(cast.globex).get("events", 0)
        previous, goes_on = goes_on, apply_retention(beginning_with=goes_on, run_seconds=0)
        after = _left(cast.acme).get("events", 0) + _left(cast.globex).get("events", 0)
        assert before - after <= retention.BATCH + 5
        assert after < before or goes_on != previous  # each run gets further
        runs += 1
        assert runs < 10
    assert runs == 4  # a full batch and the rest, of each
    assert (_left(cast.acme), _left(cast.globex)) == ({}, {})


def test_the_task_applies_it_and_doing_so_again_changes_nothing(cast: Cast) -> None:
    _fill(cast.acme, _ago(4000))
    young = _fill(cast.acme, _ago(1))
    for _ in range(2):
        task()
        assert set(_left(cast.acme).values()) == {1, 2}
    with service_scope(reason="test look"):
        assert Message.objects.filter(conversation=young).count() == 2


def test_i10_what_is_old_is_found_by_an_index_of_the_client_s_rows() -> None:
    for rule in all_rules():
        fields = [index.fields for index in rule.model._meta.indexes if not index.condition]
        assert ["client", f"-{rule.at}"] in fields, rule.table
