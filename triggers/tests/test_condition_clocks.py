"""What time alone makes true, and what a client comes to know of a contact, is noticed by the next sweep."""

from __future__ import annotations

from typing import Any

import pytest

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.attributes import set_attributes
from renum.conversations.models import Contact, Conversation
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.models import TriggerClock
from triggers.tests.helpers import executions, idle_for, sweep

QUIET = {"field": "conversations.last_message_at"}
DATED = {"field": "contacts.attributes.consulta_em"}


@pytest.fixture
def acme(cast: Cast) -> Client:
    factories.make_integration(cast.acme)
    return cast.acme


def watch(client: Client, condition_type: str, config: dict[str, Any]) -> None:
    factories.make_trigger(
        client,
        trigger_type="condition_based",
        trigger_config={},
        condition_type=condition_type,
        condition_config=config,
    )
    sweep()
    assert executions() == []


def fired_after(moving_clock: MovableClock, minutes: int) -> int:
    moving_clock.advance(minutes=minutes)
    sweep()
    return len(executions())


def know(conversation: Conversation, **attributes: Any) -> None:
    with service_scope(reason="test"):
        set_attributes(Contact.objects.get(id=conversation.contact_id), attributes)


@pytest.mark.parametrize("is_deep", [False, True])
def test_more_than_so_long_after_a_moment(acme: Client, moving_clock: MovableClock, is_deep: bool) -> None:
    idle_for(acme, hours=1)
    kind, config = "time_elapsed", {**QUIET, "delay_hours": 2}
    if is_deep:
        inner = {"condition_type": kind, "condition_config": {**config, "operator": "less_than"}}
        kind, config = "not", {"condition": inner}
    watch(acme, kind, config)
    assert [fired_after(moving_clock, minutes) for minutes in (58, 3, 30)] == [0, 1, 1]


def test_less_than_so_long_after_a_date_that_lay_ahead(acme: Client, moving_clock: MovableClock) -> None:
    conversation = idle_for(acme, hours=1)
    know(conversation, consulta_em=(moving_clock.now().replace(microsecond=0)).isoformat())
    moving_clock.advance(minutes=-30)
    watch(acme, "time_elapsed", {**DATED, "operator": "less_than", "delay_hours": 1})
    assert [fired_after(moving_clock, minutes) for minutes in (28, 4, 90)] == [0, 1, 1]


def test_an_attribute_that_is_set(acme: Client, moving_clock: MovableClock) -> None:
    conversation = idle_for(acme, hours=1)
    watch(acme, "field_equals", {"field": "contacts.attributes.vip", "value": True})
    know(conversation, vip=1)
    assert fired_after(moving_clock, 1) == 0
    know(conversation, vip=True)
    assert fired_after(moving_clock, 1) == 1


def test_a_trigger_has_a_clock_for_each_moment_in_its_tree(acme: Client) -> None:
    elapsed = {"condition_type": "time_elapsed", "condition_config": {**QUIET, "delay_minutes": 5}}
    dated = {"condition_type": "time_elapsed", "condition_config": {**DATED, "delay_days": 1}}
    watch(
        acme,
        "any",
        {"conditions": [elapsed, {"condition_type": "not", "condition_config": {"condition": dated}}]},
    )
    with service_scope(reason="test look"):
        clocks = set(TriggerClock.objects.values_list("field", "seconds", "is_when"))
    assert clocks == {(QUIET["field"], 300, False), (DATED["field"], 86400, False)}
