"""What a simulation counts is what a sweep then does, after any history."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.models import Trigger
from triggers.simulation import Simulation, simulate
from triggers.tasks import match_events_now
from triggers.tests.helpers import change, executions, quiet_since, set_status, sweep, write

REFERENCES = (
    "conversations.last_message_at",
    "conversations.last_inbound_at",
    "conversations.unanswered_since",
    "conversations.created_at",
)
STATUSES = ("open", "pending", "closed")
AUTHORS = (Message.Author.CONTACT, Message.Author.AGENT, Message.Author.PERSON)
DATE = "contacts.attributes.consulta_em"


def a_trigger(dice: random.Random) -> dict[str, Any]:
    status = {"field": "conversations.status", "value": dice.choice(STATUSES)}
    condition: dict[str, Any] = {"condition_type": "field_equals", "condition_config": status}
    config: dict[str, Any] = {}
    if dice.random() < 0.5:
        config["reentry"] = {"times": dice.randint(1, 2), "days": dice.randint(1, 5)}
    kind = dice.choice(("moment", "date", "condition"))
    if kind == "condition":
        return {"trigger_type": "condition_based", "trigger_config": config, **condition}
    config |= {"delay_hours": dice.randint(1, 60), "reference_field": dice.choice(REFERENCES)}
    if kind == "date":
        config |= {"reference_field": DATE, "direction": dice.choice(("before", "after"))}
    if dice.random() < 0.3:
        config["include_existing"] = False
    return {"trigger_config": config, **(condition if dice.random() < 0.5 else {})}


def a_conversation(dice: random.Random, client: Client) -> Conversation:
    talk = quiet_since(
        client, clock.now() - timedelta(hours=dice.randint(1, 100)), status=dice.choice(STATUSES)
    )
    if dice.random() < 0.6:
        at = clock.now() + timedelta(hours=dice.randint(-60, 60))
        factories.make_contact_date(talk.contact, at=at)
    return talk


def live_on(dice: random.Random, talks: list[Conversation], moving_clock: MovableClock) -> None:
    """Something happens."""
    for talk in dice.sample(talks, 3):
        if dice.random() < 0.5:
            write(talk, dice.choice(AUTHORS))
        else:
            set_status(talk, dice.choice(STATUSES))
    moving_clock.advance(hours=dice.randint(1, 30), seconds=1)


def simulated(client: Client, trigger: Trigger | None, parts: Any) -> Simulation:
    with service_scope(reason="test"):
        return simulate(client, parts, clock.now(), trigger=trigger)


def done_by_a_sweep() -> int:
    before = {one.id: one.state for one in executions()}
    sweep()
    return sum(one.state == "done" and before.get(one.id) != "done" for one in executions())


@pytest.mark.parametrize("seed", range(24))
def test_a_simulation_counts_what_a_sweep_then_does(
    cast: Cast, moving_clock: MovableClock, seed: int
) -> None:
    dice = random.Random(seed)
    moving_clock.stop(clock.now())
    factories.make_integration(cast.acme)
    talks = [a_conversation(dice, cast.acme) for _ in range(8)]
    trigger = factories.make_trigger(cast.acme, **a_trigger(dice))
    draft = simulated(cast.acme, None, trigger.parts)
    assert draft.affected_conversations == done_by_a_sweep()
    for _ in range(4):
        live_on(dice, talks, moving_clock)
        change(trigger, rematch=True)  # as after an edit that changes nothing
        with service_scope(reason="test"):
            trigger = Trigger.objects.get(id=trigger.id)
        expected = simulated(cast.acme, trigger, trigger.parts)
        assert expected.affected_conversations == expected.estimated_messages == done_by_a_sweep()


INTENTS = ("cancelamento", "reclamacao", "agendamento")


@pytest.mark.parametrize("seed", range(12))
def test_what_is_counted_of_events_is_what_happens_to_them(
    cast: Cast, moving_clock: MovableClock, seed: int
) -> None:
    dice = random.Random(seed)
    factories.make_integration(cast.acme)
    config: dict[str, Any] = {"event": "intent_detected"}
    if dice.random() < 0.5:
        config["intent_values"] = dice.sample(INTENTS, 2)
    status = {"field": "conversations.status", "value": dice.choice(STATUSES)}
    condition: dict[str, Any] = {"condition_type": "field_equals", "condition_config": status}
    trigger = factories.make_trigger(
        cast.acme,
        trigger_type="event_based",
        trigger_config=config,
        **(condition if dice.random() < 0.6 else {}),
    )
    moving_clock.advance(seconds=1)
    talks = [a_conversation(dice, cast.acme) for _ in range(6)]
    for _ in range(dice.randint(5, 30)):
        cause = Cause((f"trigger:{trigger.id}",)) if dice.random() < 0.1 else Cause()
        talk = dice.choice([*talks, None])
        with service_scope(reason="test"):
            record_event(
                cast.acme.id,
                Event.Kind.INTENT_DETECTED,
                cause=cause,
                conversation_id=talk.id if talk else None,
                data={"intent": dice.choice(INTENTS)},
            )
        moving_clock.advance(seconds=1)
        if dice.random() < 0.1:
            match_events_now()
    with service_scope(reason="test"):
        simulation = simulate(cast.acme, trigger.parts, clock.now(), trigger=trigger)
    before = len(executions(state="done"))
    match_events_now()
    assert len(executions(state="done")) - before == simulation.estimated_messages
