"""A condition that cannot be judged is its own trigger's trouble, and nobody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db.models import Q

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from tests import factories
from tests.cast import Cast
from triggers import conditions, tasks
from triggers.engine.matching import match_due
from triggers.tests.helpers import OPEN_ONLY, fresh, idle_for, sweep, verdicts


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever compares a field is out of order."""

    def crash(*_: Any) -> bool:
        raise ZeroDivisionError

    kind = replace(conditions.REGISTRY["field_equals"], matches=crash)
    monkeypatch.setitem(conditions.REGISTRY, "field_equals", kind)


def test_an_execution_says_that_its_condition_could_not_be_judged(acme: Client, broken: None) -> None:
    factories.make_trigger(acme, **OPEN_ONLY)
    good = factories.make_trigger(acme)
    idle_for(acme, days=4)
    sweep()
    assert verdicts() == [("done", ""), ("failed", "CONDITION_EVALUATION_ERROR")]
    assert verdicts(trigger_id=good.id) == [("done", "")]


def test_so_does_one_of_an_event(acme: Client, broken: None) -> None:
    for parts in (OPEN_ONLY, {}):
        factories.make_trigger(
            acme, trigger_type="event_based", trigger_config={"event": "message_received"}, **parts
        )
    talk = factories.make_conversation(acme)
    with service_scope(reason="test"):
        record_event(acme.id, Event.Kind.MESSAGE_RECEIVED, cause=Cause(), conversation_id=talk.id)
    tasks.match_events_now()
    assert verdicts() == [("done", ""), ("failed", "CONDITION_EVALUATION_ERROR")]


def test_a_filter_that_the_database_refuses_pauses_its_trigger_and_the_sweep_goes_on(
    acme: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = factories.make_trigger(acme, **OPEN_ONLY), factories.make_trigger(acme)
    idle_for(acme, days=4)
    impossible = replace(
        conditions.REGISTRY["field_equals"], filter=lambda *_: Q(contact__attributes__n__lt=float("nan"))
    )
    monkeypatch.setitem(conditions.REGISTRY, "field_equals", impossible)
    assert match_due(clock.now()) == 1
    assert (fresh(bad).active, fresh(bad).paused_reason) == (False, "CONDITION_EVALUATION_ERROR")
    assert fresh(good).active
