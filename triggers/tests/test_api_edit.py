"""Edit, switch and delete triggers by the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django_celery_beat.models import PeriodicTask
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import profile_scope, service_scope
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from triggers.models import Trigger, TriggerClock, TriggerExecution, TriggerSchedule
from triggers.tests.helpers import change, fresh, idle_for, outbox, sweep
from triggers.tests.test_api import BRIEF

Api = Callable[[Profile | None], APIClient]
SCHEDULE = {"trigger_type": "time_based", "trigger_config": {"schedule": {"crontab": "0 9 * * *"}}}
MAIL = {
    "action_type": "send_email",
    "action_config": {"to": ["equipe@acme.test"], "subject": "Bom dia", "body": "Olá"},
}


def put(client: APIClient, trigger_id: Any, body: Any) -> Any:
    return client.put(f"/api/triggers/{trigger_id}", body, format="json")


def toggle(client: APIClient, trigger_id: Any, active: Any) -> Any:
    return client.patch(f"/api/triggers/{trigger_id}/toggle", {"active": active}, format="json")


def stored(trigger: Trigger) -> dict[str, Any]:
    return {name: getattr(fresh(trigger), name) for name in BRIEF}


@pytest.fixture
def trigger(cast: Cast) -> Trigger:
    return factories.make_trigger(cast.acme, **BRIEF)


# --- PUT ----------------------------------------------------------------------------------------------


def test_changes_what_is_named_and_leaves_the_rest(cast: Cast, api: Api, trigger: Trigger) -> None:
    body = {
        "name": "Follow-up de Inatividade (Atualizado)",
        "active": True,
        "action_config": {"channel": "whatsapp", "message": "Nova mensagem de follow-up"},
    }
    response = put(api(cast.alice), trigger.id, body)

    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "trigger": {
            "id": str(trigger.id),
            "name": body["name"],
            "updated_at": clock.iso(fresh(trigger).updated_at),
        },
    }
    assert stored(trigger) == {**BRIEF, "name": body["name"], "action_config": body["action_config"]}
    assert fresh(trigger).active


def test_an_edit_moves_the_moments_that_the_sweep_looks_for(cast: Cast, api: Api, trigger: Trigger) -> None:
    config = {"delay_hours": 2, "reference_field": "conversations.created_at"}
    assert put(api(cast.alice), trigger.id, {"trigger_config": config}).status_code == 200
    with service_scope(reason="test"):
        clocks = TriggerClock.objects.filter(trigger=trigger, is_when=True)
        assert list(clocks.values_list("field", "seconds")) == [("conversations.created_at", 7200)]


def test_an_edit_holds_for_what_is_swept_next(cast: Cast, api: Api, trigger: Trigger) -> None:
    factories.make_integration(cast.acme)
    idle_for(cast.acme, hours=5)
    sweep()
    assert outbox() == []
    config = {"delay_hours": 4, "reference_field": "conversations.last_message_at"}
    assert put(api(cast.alice), trigger.id, {"trigger_config": config}).status_code == 200
    sweep()
    assert len(outbox()) == 1


@pytest.mark.parametrize("value", [None, "", "Outra"])
def test_a_description_can_be_emptied(cast: Cast, api: Api, trigger: Trigger, value: str | None) -> None:
    assert put(api(cast.alice), trigger.id, {"description": value}).status_code == 200
    assert fresh(trigger).description == value


def test_can_switch_off_in_the_same_edit(cast: Cast, api: Api, trigger: Trigger) -> None:
    assert put(api(cast.alice), trigger.id, {"active": False, "name": "Parado"}).status_code == 200
    assert (fresh(trigger).name, fresh(trigger).active) == ("Parado", False)


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({}, "VALIDATION_ERROR", "non_field_errors"),
        ({"active": "true"}, "VALIDATION_ERROR", "active"),
        ({"active": 1}, "VALIDATION_ERROR", "active"),
        ({"name": ""}, "VALIDATION_ERROR", "name"),
        ({"name": 7}, "VALIDATION_ERROR", "name"),
        ({"execution_count": 0}, "VALIDATION_ERROR", "execution_count"),
        ({"paused_reason": ""}, "VALIDATION_ERROR", "paused_reason"),
        ({"trigger_type": "sometimes"}, "VALIDATION_ERROR", "trigger_type"),
        ({"trigger_type": "condition_based"}, "INVALID_TRIGGER_CONFIG", "trigger_config.delay_days"),
        ({"condition_config": {}}, "INVALID_TRIGGER_CONFIG", "condition_config.field"),
        ({"condition_config": None}, "INVALID_TRIGGER_CONFIG", "condition_config.field"),
        ({"action_config": {"channel": "x"}}, "INVALID_TRIGGER_CONFIG", "action_config.channel"),
        (
            {"action_config": {"channel": "whatsapp", "template_id": "nenhum"}},
            "INVALID_TRIGGER_CONFIG",
            "action_config.template_id",
        ),
    ],
)
def test_a_refused_edit_says_where_and_changes_nothing(
    cast: Cast, api: Api, trigger: Trigger, body: dict[str, Any], code: str, path: str
) -> None:
    before = fresh(trigger).updated_at
    response = put(
        api(cast.alice), trigger.id, {**body, **({"name": "Novo"} if body and path != "name" else {})}
    )
    assert (response.status_code, response.json()["error_code"]) == (400, code)
    assert path in response.json()["details"]
    assert stored(trigger) == BRIEF
    assert fresh(trigger).updated_at == before


def test_edits_at_once_lose_none_of_their_changes(committed_cast: Cast, api: Api) -> None:
    trigger = factories.make_trigger(committed_cast.acme, **BRIEF)
    bodies: list[dict[str, Any]] = [
        {"name": "Novo nome"},
        {"description": "Nova descrição"},
        {"condition_config": {"field": "conversations.status", "value": "pending"}},
        {"action_config": {"channel": "whatsapp", "message": "Outra"}},
    ]
    answers = run_together(lambda number: put(api(committed_cast.alice), trigger.id, bodies[number]), 4)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert stored(trigger) == {**BRIEF, **{name: value for body in bodies for name, value in body.items()}}


# --- PATCH toggle -------------------------------------------------------------------------------------


def test_switches_off_and_on(cast: Cast, api: Api, trigger: Trigger) -> None:
    client = api(cast.alice)
    for active in (False, False, True, True):
        response = toggle(client, trigger.id, active)
        assert response.status_code == 200
        assert response.json() == {"success": True, "trigger": {"id": str(trigger.id), "active": active}}
        assert fresh(trigger).active is active


def test_switching_on_again_clears_why_it_was_paused(cast: Cast, api: Api, trigger: Trigger) -> None:
    long_ago = clock.now() - timedelta(days=9)
    change(
        trigger, active=False, paused_reason="REPEATED_FAILURE", failures_in_a_row=5, active_since=long_ago
    )
    client = api(cast.alice)
    shown = client.get(f"/api/triggers/{trigger.id}").json()["trigger"]
    assert (shown["paused_reason"], shown["active_since"]) == ("REPEATED_FAILURE", clock.iso(long_ago))
    assert toggle(client, trigger.id, True).status_code == 200
    shown = client.get(f"/api/triggers/{trigger.id}").json()["trigger"]
    assert shown["paused_reason"] == ""
    assert shown["active_since"] > str(clock.iso(long_ago))


def test_what_is_not_valid_any_more_stays_off(cast: Cast, api: Api, trigger: Trigger) -> None:
    change(trigger, active=False, action_config={"channel": "fax"})
    response = toggle(api(cast.alice), trigger.id, True)
    assert (response.status_code, response.json()["error_code"]) == (400, "INVALID_TRIGGER_CONFIG")
    assert not fresh(trigger).active


@pytest.mark.parametrize("active", ["true", "false", 1, 0, None, "", [], {}])
def test_a_switch_takes_true_or_false_only(cast: Cast, api: Api, trigger: Trigger, active: Any) -> None:
    response = toggle(api(cast.alice), trigger.id, active)
    assert (response.status_code, list(response.json()["details"])) == (400, ["active"])
    assert fresh(trigger).active


def test_a_switch_takes_nothing_else(cast: Cast, api: Api, trigger: Trigger) -> None:
    client, url = api(cast.alice), f"/api/triggers/{trigger.id}/toggle"
    assert client.patch(url, {}, format="json").status_code == 400
    assert client.patch(url, {"active": False, "name": "x"}, format="json").status_code == 400
    assert fresh(trigger).active


# --- DELETE -------------------------------------------------------------------------------------------


def test_deletes_a_trigger_with_its_executions(cast: Cast, api: Api, trigger: Trigger) -> None:
    factories.make_integration(cast.acme)
    idle_for(cast.acme, days=4)
    sweep()
    client = api(cast.alice)

    response = client.delete(f"/api/triggers/{trigger.id}")

    assert response.status_code == 200
    assert response.json() == {"success": True, "message": "Trigger deleted successfully"}
    assert client.get(f"/api/triggers/{trigger.id}").status_code == 404
    assert client.delete(f"/api/triggers/{trigger.id}").status_code == 404
    with service_scope(reason="test"):
        assert not TriggerExecution.objects.exists()
    assert len(outbox()) == 1  # what it sent stays


def test_i6_deleting_leaves_another_client_s_executions(cast: Cast, api: Api, trigger: Trigger) -> None:
    theirs = factories.make_trigger(cast.globex)
    factories.make_execution(theirs, factories.make_conversation(cast.globex))
    factories.make_execution(trigger, factories.make_conversation(cast.acme))
    assert api(cast.alice).delete(f"/api/triggers/{trigger.id}").status_code == 200
    with service_scope(reason="test"):
        assert [one.trigger_id for one in TriggerExecution.objects.all()] == [theirs.id]


# --- By the calendar ----------------------------------------------------------------------------------


def test_a_trigger_by_the_calendar_is_edited_switched_and_deleted(committed_cast: Cast, api: Api) -> None:
    client = api(committed_cast.alice)
    made = client.post("/api/triggers", {"name": "Bom dia", **SCHEDULE, **MAIL}, format="json").json()
    trigger_id = UUID(made["trigger"]["id"])

    def task() -> PeriodicTask | None:
        with service_scope(reason="test"):
            row = TriggerSchedule.objects.filter(trigger_id=trigger_id).first()
            return row.periodic_task if row else None

    def rings() -> tuple[str, bool]:
        found = task()
        assert found is not None
        return str(found.crontab.hour), found.enabled

    assert rings() == ("9", True)
    edit = {"trigger_config": {"schedule": {"crontab": "0 18 * * *"}}}
    assert put(client, trigger_id, edit).status_code == 200
    assert rings() == ("18", True)
    assert toggle(client, trigger_id, False).status_code == 200
    assert rings() == ("18", False)
    assert toggle(client, trigger_id, True).status_code == 200
    assert rings() == ("18", True)
    assert client.delete(f"/api/triggers/{trigger_id}").status_code == 200
    assert task() is None
    with service_scope(reason="test"):
        assert not PeriodicTask.objects.filter(name=f"Gatilho {trigger_id}").exists()


# --- Whose --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_i6_another_client_s_trigger_is_not_there_and_not_touched(cast: Cast, api: Api, method: str) -> None:
    theirs = factories.make_trigger(cast.globex, **BRIEF)
    client = api(cast.alice)

    def ask(trigger_id: UUID) -> Any:
        if method == "put":
            return put(client, trigger_id, {"name": "x"})
        if method == "patch":
            return toggle(client, trigger_id, False)
        return client.delete(f"/api/triggers/{trigger_id}")

    for trigger_id in (theirs.id, uuid4()):
        response = ask(trigger_id)
        assert (response.status_code, response.json()["error_code"]) == (404, "TRIGGER_NOT_FOUND")
    assert stored(theirs) == BRIEF
    assert fresh(theirs).active


def test_i6_a_client_cannot_reach_another_s_executions_in_the_database(cast: Cast) -> None:
    factories.make_execution(factories.make_trigger(cast.globex), factories.make_conversation(cast.globex))
    with profile_scope(cast.alice.id):
        assert not TriggerExecution.objects.exists()
