"""The switch for all of a client's triggers, by the API and in the console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import add_url, console_of, list_url, page_url, text_of
from triggers.engine.matching import match_due
from triggers.models import AutomationPolicy, Trigger
from triggers.tests.helpers import executions, fresh, outbox, quiet_since, sweep, verdicts

Api = Callable[[Profile | None], APIClient]
URL = "/api/automation-policy"


def pause(client: APIClient, paused: Any) -> Any:
    return client.patch(URL, {"paused": paused}, format="json")


def changes() -> list[dict[str, Any]]:
    with service_scope(reason="test"):
        rows = Event.objects.filter(kind="automation_policy_changed").order_by("occurred_at")
        return [{**event.data, "cause": event.cause} for event in rows]


def test_automations_are_on_until_they_are_paused(cast: Cast, api: Api) -> None:
    client = api(cast.alice)
    assert client.get(URL).json() == {"success": True, "policy": {"paused": False, "updated_at": None}}
    for paused in (True, False):
        response = pause(client, paused)
        with service_scope(reason="test"):
            policy = AutomationPolicy.objects.get()
        shown = {"paused": paused, "updated_at": clock.iso(policy.updated_at)}
        assert (response.status_code, response.json()) == (200, {"success": True, "policy": shown})
        assert client.get(URL).json() == response.json()
        assert policy.client_id == cast.acme.id


def test_who_changed_it_is_on_record(cast: Cast, api: Api) -> None:
    pause(api(cast.alice), True)
    assert changes() == [{"fields": ["paused"], "paused": True, "cause": [f"profile:{cast.alice.id}"]}]


@pytest.mark.parametrize("body", [{}, {"paused": "true"}, {"paused": 1}, {"paused": None}, {"on": True}])
def test_takes_true_or_false_only(cast: Cast, api: Api, body: dict[str, Any]) -> None:
    response = api(cast.alice).patch(URL, body, format="json")
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert changes() == []
    with service_scope(reason="test"):
        assert not AutomationPolicy.objects.exists()


def test_what_became_due_during_a_pause_fires_once_afterwards(
    cast: Cast, api: Api, moving_clock: MovableClock
) -> None:
    factories.make_integration(cast.acme)
    trigger = factories.make_trigger(cast.acme)
    quiet_since(cast.acme, clock.now())
    client = api(cast.alice)
    pause(client, True)
    moving_clock.advance(days=4)
    sweep()
    assert executions() == []
    assert not fresh(trigger).rematch
    pause(client, False)
    sweep()
    sweep()
    assert verdicts() == [("done", "")]
    assert len(outbox()) == 1


def test_what_had_matched_before_a_pause_is_taken_up_after_it(
    cast: Cast, api: Api, moving_clock: MovableClock
) -> None:
    factories.make_integration(cast.acme)
    factories.make_trigger(cast.acme)
    quiet_since(cast.acme, clock.now())
    moving_clock.advance(days=4)
    match_due(clock.now())
    pause(api(cast.alice), True)
    sweep()
    assert verdicts() == [("skipped", "AUTOMATIONS_PAUSED")]
    pause(api(cast.alice), False)
    sweep()
    assert verdicts() == [("done", "")]


def test_only_a_pause_that_ends_has_triggers_look_again(cast: Cast, api: Api) -> None:
    active, off, theirs = (
        factories.make_trigger(client, name=name)
        for client, name in ((cast.acme, "on"), (cast.acme, "off"), (cast.globex, "theirs"))
    )
    with service_scope(reason="test"):
        Trigger.objects.update(rematch=False)
        Trigger.objects.filter(id=off.id).update(active=False)
    client = api(cast.alice)
    for paused, looks in ((False, False), (True, False), (True, False), (False, True)):
        before = fresh(active).updated_at
        pause(client, paused)
        assert fresh(active).rematch is looks
        assert (fresh(active).updated_at > before) is looks  # or a sweep under way would take it back
    assert not fresh(off).rematch
    assert not fresh(theirs).rematch


def test_i6_a_client_s_switch_is_its_own(cast: Cast, api: Api) -> None:
    pause(api(cast.bob), True)
    assert api(cast.alice).get(URL).json()["policy"]["paused"] is False
    assert api(cast.alice).get(f"{URL}?client_id={cast.globex.id}").status_code == 404
    assert api(cast.alice).patch(f"{URL}?client_id={cast.globex.id}", {"paused": False}).status_code == 404
    answer = api(cast.sofia).get(URL, {"client_id": str(cast.globex.id)}).json()
    assert answer["policy"]["paused"] is True


def test_staff_pause_and_resume_in_the_console(cast: Cast) -> None:
    trigger = factories.make_trigger(cast.acme)
    with service_scope(reason="test"):
        Trigger.objects.update(rematch=False)
    sofia = console_of(cast.sofia)
    added = sofia.post(add_url(AutomationPolicy), {"client": cast.acme.id, "paused": "on"})
    assert added.status_code == 302
    with service_scope(reason="test"):
        policy = AutomationPolicy.objects.get()
    assert policy.paused
    page = text_of(sofia.get(list_url(AutomationPolicy)))
    assert "Pausadas" in page and "Acme" in page
    assert sofia.post(page_url(policy), {}).status_code == 302  # a box that is not ticked
    assert not fresh(policy).paused
    assert fresh(trigger).rematch
    assert [change["paused"] for change in changes()] == [True, False]
    assert sofia.post(f"{page_url(policy)}../delete/", {"post": "yes"}).status_code == 403
