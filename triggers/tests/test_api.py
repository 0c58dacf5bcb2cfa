"""`/api/triggers`: the brief's shapes, and everything that is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from renum import clock
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from triggers.models import Trigger
from triggers.tests.helpers import stored_triggers

Api = Callable[[Profile | None], APIClient]

BRIEF: dict[str, Any] = {
    "name": "Follow-up de Inatividade",
    "description": "Envia mensagem após 3 dias sem resposta",
    "trigger_type": "time_based",
    "trigger_config": {"delay_days": 3, "reference_field": "conversations.last_message_at"},
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "open"},
    "action_type": "send_message",
    "action_config": {"channel": "whatsapp", "message": "Olá! Posso ajudar em algo?"},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The brief's body with one member, named by a dotted path, set to another value."""
    body = copy.deepcopy(BRIEF)
    *parents, last = path.split(".")
    part = body
    for parent in parents:
        part = part[parent]
    part[last] = value
    return body


def without(path: str) -> dict[str, Any]:
    body = changed(path, None)
    *parents, last = path.split(".")
    part = body
    for parent in parents:
        part = part[parent]
    del part[last]
    return body


def create(client: APIClient, body: Any, query: str = "") -> Any:
    client.raise_request_exception = False
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(f"/api/triggers{query}", content, content_type="application/json")


def refused(response: Any) -> dict[str, Any]:
    body = response.json()
    assert set(body) == {"success", "error", "error_code", "details", "timestamp"}
    assert body["success"] is False
    assert stored_triggers() == 0
    return {**body, "status": response.status_code}


# --- create ------------------------------------------------------------------------------------------


def test_creates_the_brief_s_trigger(cast: Cast, api: Api) -> None:
    response = create(api(cast.alice), BRIEF)

    assert response.status_code == 201
    body = response.json()
    assert set(body) == {"success", "trigger"}
    assert body["success"] is True
    assert set(body["trigger"]) == {"id", "name", "active", "created_at"}
    assert (body["trigger"]["name"], body["trigger"]["active"]) == (BRIEF["name"], True)
    assert body["trigger"]["created_at"].endswith("Z")
    with service_scope(reason="test"):
        trigger = Trigger.objects.get()
    assert str(trigger.id) == body["trigger"]["id"]
    assert trigger.client_id == cast.acme.id
    with service_scope(reason="test"):
        assert [clock.seconds for clock in trigger.clocks.all()] == [3 * 86_400]
    assert {name: getattr(trigger, name) for name in BRIEF} == BRIEF


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({"delay_minutes": 1}, 60),
        ({"delay_hours": 1}, 3600),
        ({"delay_days": 1, "delay_hours": 2, "delay_minutes": 3}, 93_780),
        ({"delay_days": 366}, 366 * 86_400),
        ({"delay_minutes": 366 * 24 * 60}, 366 * 86_400),
    ],
)
def test_delays_from_a_minute_to_366_days(cast: Cast, api: Api, config: dict[str, int], seconds: int) -> None:
    body = changed("trigger_config", {**config, "reference_field": "conversations.last_message_at"})
    assert create(api(cast.alice), body).status_code == 201
    with service_scope(reason="test"):
        assert [clock.seconds for clock in Trigger.objects.get().clocks.all()] == [seconds]


@pytest.mark.parametrize(
    "body",
    [
        without("description"),
        changed("description", None),
        changed("description", ""),
        {**without("condition_type"), "condition_config": {}},
        {**changed("condition_type", "always"), "condition_config": None},
        {name: value for name, value in BRIEF.items() if not name.startswith("condition")},
        changed("condition_config.operator", "equals"),
        changed("action_config.template_id", "follow-up-1"),
        changed("action_config.message", "x" * 4096),
        changed("action_config.message", "😀" * 4096),
        changed("name", "n" * 255),
    ],
)
def test_what_may_be_left_out_or_long(cast: Cast, api: Api, body: dict[str, Any]) -> None:
    assert create(api(cast.alice), body).status_code == 201
    assert stored_triggers() == 1


# --- refuse ------------------------------------------------------------------------------------------

INVALID_CONFIG = {
    "unknown field": (changed("condition_config.field", "conversations.secret"), "condition_config.field"),
    "field of another table": (changed("condition_config.field", "clients.name"), "condition_config.field"),
    "sql as field": (changed("condition_config.field", "c.status) OR (1=1"), "condition_config.field"),
    "unknown operator": (changed("condition_config.operator", "contains"), "condition_config.operator"),
    "unknown value": (changed("condition_config.value", "aberta"), "condition_config.value"),
    "value of another field": (changed("condition_config.value", "whatsapp"), "condition_config.value"),
    "value is a number": (changed("condition_config.value", 1), "condition_config.value"),
    "value is a list": (changed("condition_config.value", ["open"]), "condition_config.value"),
    "no value": (without("condition_config.value"), "condition_config.value"),
    "no field": (without("condition_config.field"), "condition_config.field"),
    "extra in condition": (changed("condition_config.extra", 1), "condition_config.extra"),
    "always takes no condition": (
        {**changed("condition_type", "always"), "condition_config": {"field": "conversations.status"}},
        "condition_config.field",
    ),
    "unknown condition": (changed("condition_type", "field_magic"), "condition_type"),
    "no delay": (without("trigger_config.delay_days"), "trigger_config"),
    "zero delay": (changed("trigger_config.delay_days", 0), "trigger_config"),
    "negative delay": (changed("trigger_config.delay_days", -1), "trigger_config.delay_days"),
    "too long": (changed("trigger_config.delay_days", 367), "trigger_config.delay_days"),
    "a minute too long": (
        changed(
            "trigger_config",
            {"delay_days": 366, "delay_minutes": 1, "reference_field": "conversations.last_message_at"},
        ),
        "trigger_config",
    ),
    "endless delay": (changed("trigger_config.delay_days", 10**30), "trigger_config.delay_days"),
    "delay is text": (changed("trigger_config.delay_days", "3"), "trigger_config.delay_days"),
    "delay is a fraction": (changed("trigger_config.delay_days", 1.5), "trigger_config.delay_days"),
    "delay is true": (changed("trigger_config.delay_days", True), "trigger_config.delay_days"),
    "delay is null": (changed("trigger_config.delay_days", None), "trigger_config.delay_days"),
    "unknown reference": (
        changed("trigger_config.reference_field", "clients.created_at"),
        "trigger_config.reference_field",
    ),
    "no reference": (without("trigger_config.reference_field"), "trigger_config.reference_field"),
    "extra in trigger": (changed("trigger_config.cron", "* * * * *"), "trigger_config.cron"),
    "unknown action": (changed("action_type", "delete_everything"), "action_type"),
    "unknown channel": (changed("action_config.channel", "sms"), "action_config.channel"),
    "empty message": (changed("action_config.message", ""), "action_config.message"),
    "blank message": (changed("action_config.message", " \n\t "), "action_config.message"),
    "message too long": (changed("action_config.message", "x" * 4097), "action_config.message"),
    "message with nul": (changed("action_config.message", "a\x00b"), "action_config.message"),
    "message is a number": (changed("action_config.message", 7), "action_config.message"),
    "no message": (without("action_config.message"), "action_config.message"),
    "extra in action": (changed("action_config.phone", "+5511987650001"), "action_config.phone"),
    "template is a number": (changed("action_config.template_id", 7), "action_config.template_id"),
    "template with nul": (changed("action_config.template_id", "a\x00b"), "action_config.template_id"),
    "template too long": (changed("action_config.template_id", "x" * 101), "action_config.template_id"),
}


def test_a_type_and_its_config_must_go_together(cast: Cast, api: Api) -> None:
    answer = refused(create(api(cast.alice), changed("trigger_type", "event_based")))
    assert set(answer["details"]) == {
        "trigger_config.event",
        "trigger_config.delay_days",
        "trigger_config.reference_field",
    }


@pytest.mark.parametrize(("body", "path"), INVALID_CONFIG.values(), ids=INVALID_CONFIG.keys())
def test_refuses_an_invalid_config_and_says_where(
    cast: Cast, api: Api, body: dict[str, Any], path: str
) -> None:
    answer = refused(create(api(cast.alice), body))
    assert (answer["status"], answer["error_code"]) == (400, "INVALID_TRIGGER_CONFIG")
    assert list(answer["details"]) == [path]
    assert all(isinstance(words, str) and words for words in answer["details"][path])


INVALID_BODY = {
    "no name": (without("name"), "name"),
    "empty name": (changed("name", ""), "name"),
    "blank name": (changed("name", "   "), "name"),
    "long name": (changed("name", "n" * 256), "name"),
    "name is a number": (changed("name", 7), "name"),
    "name with nul": (changed("name", "a\x00b"), "name"),
    "description is a list": (changed("description", []), "description"),
    "long description": (changed("description", "x" * 5001), "description"),
    "no trigger type": (without("trigger_type"), "trigger_type"),
    "unknown trigger type": (changed("trigger_type", "magic"), "trigger_type"),
    "trigger type is a list": (changed("trigger_type", ["time_based"]), "trigger_type"),
    "no trigger config": (without("trigger_config"), "trigger_config"),
    "trigger config is null": (changed("trigger_config", None), "trigger_config"),
    "trigger config is a list": (changed("trigger_config", []), "trigger_config"),
    "trigger config is text": (changed("trigger_config", "{}"), "trigger_config"),
    "condition config is a list": (changed("condition_config", [1]), "condition_config"),
    "no action type": (without("action_type"), "action_type"),
    "long action type": (changed("action_type", "a" * 51), "action_type"),
    "action config is a number": (changed("action_config", 7), "action_config"),
    "unknown member": (changed("aktive", True), "aktive"),
    "active is not ours to say": (changed("active", False), "active"),
    "client is not theirs to say": (changed("client_id", "x"), "client_id"),
}


@pytest.mark.parametrize(("body", "path"), INVALID_BODY.values(), ids=INVALID_BODY.keys())
def test_refuses_an_invalid_body_and_says_where(
    cast: Cast, api: Api, body: dict[str, Any], path: str
) -> None:
    answer = refused(create(api(cast.alice), body))
    assert (answer["status"], answer["error_code"]) == (400, "VALIDATION_ERROR")
    assert list(answer["details"]) == [path]


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "description",
        "trigger_type",
        "action_type",
        "action_config.message",
        "action_config.template_id",
    ]
    + ["condition_config.value", "condition_config.\ud83d", "trigger_config.\ud83d", "\ud83d"],
)
def test_refuses_half_an_emoji_anywhere(cast: Cast, api: Api, path: str) -> None:
    answer = refused(create(api(cast.alice), changed(path, "Oi \ud83d")))
    assert answer["status"] == 400
    assert answer["error_code"] in {"INVALID_JSON", "VALIDATION_ERROR", "INVALID_TRIGGER_CONFIG"}


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"7", b"null", b"{", b'{"name": NaN}', b"\xff"])
def test_refuses_what_is_no_json_object(cast: Cast, api: Api, body: bytes) -> None:
    answer = refused(create(api(cast.alice), body))
    assert answer["status"] == 400
    assert answer["error_code"] in {"VALIDATION_ERROR", "INVALID_JSON"}


def test_names_every_invalid_part_at_once(cast: Cast, api: Api) -> None:
    body = copy.deepcopy(BRIEF)
    body["trigger_config"]["delay_days"] = -1
    body["condition_config"]["operator"] = "contains"
    body["action_config"]["message"] = ""
    answer = refused(create(api(cast.alice), body))
    assert set(answer["details"]) == {
        "trigger_config.delay_days",
        "condition_config.operator",
        "action_config.message",
    }


# --- read --------------------------------------------------------------------------------------------


def test_lists_in_the_brief_s_shape(cast: Cast, api: Api) -> None:
    ran_at = clock.now().replace(microsecond=0)
    trigger = factories.make_trigger(cast.acme)
    with service_scope(reason="test"):
        Trigger.objects.filter(id=trigger.id).update(execution_count=45, last_executed_at=ran_at)

    response = api(cast.alice).get("/api/triggers")

    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "triggers": [
            {
                "id": str(trigger.id),
                "name": trigger.name,
                "active": True,
                "execution_count": 45,
                "last_executed_at": clock.iso(ran_at),
            }
        ],
        "total": 1,
    }


def test_shows_one_in_the_brief_s_shape(cast: Cast, api: Api) -> None:
    client = api(cast.alice)
    created = create(client, BRIEF).json()["trigger"]

    response = client.get(f"/api/triggers/{created['id']}")
    with service_scope(reason="test"):
        trigger = Trigger.objects.get()

    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "trigger": {
            **BRIEF,
            "id": created["id"],
            "active": True,
            "execution_count": 0,
            "last_executed_at": None,
            "created_at": created["created_at"],
            "updated_at": clock.iso(trigger.updated_at),
            "active_since": clock.iso(trigger.active_since),
            "paused_reason": "",
        },
    }


def test_an_empty_list(cast: Cast, api: Api) -> None:
    assert api(cast.alice).get("/api/triggers").json() == {"success": True, "triggers": [], "total": 0}


@pytest.mark.parametrize(
    ("query", "names"), [("true", ["on"]), ("1", ["on"]), ("FALSE", ["off"]), ("0", ["off"])]
)
def test_filters_by_active(cast: Cast, api: Api, query: str, names: list[str]) -> None:
    factories.make_trigger(cast.acme, name="on")
    off = factories.make_trigger(cast.acme, name="off")
    with service_scope(reason="test"):
        Trigger.objects.filter(id=off.id).update(active=False)

    body = api(cast.alice).get("/api/triggers", {"active": query}).json()

    assert ([found["name"] for found in body["triggers"]], body["total"]) == (names, 1)


def test_pages_from_the_newest_and_counts_all(cast: Cast, api: Api) -> None:
    for number in range(5):
        trigger = factories.make_trigger(cast.acme, name=str(number))
        with service_scope(reason="test"):
            Trigger.objects.filter(id=trigger.id).update(created_at=clock.now() + timedelta(seconds=number))
    client = api(cast.alice)

    def page(**query: int) -> tuple[list[str], int]:
        body = client.get("/api/triggers", query).json()
        return [found["name"] for found in body["triggers"]], body["total"]

    assert page() == (["4", "3", "2", "1", "0"], 5)
    assert page(limit=2) == (["4", "3"], 5)
    assert page(limit=2, offset=2) == (["2", "1"], 5)
    assert page(limit=2, offset=4) == (["0"], 5)
    assert page(offset=5) == ([], 5)
    assert page(limit=0) == ([], 5)
    assert page(limit=999_999_999) == (["4", "3", "2", "1", "0"], 5)


@pytest.mark.parametrize(
    "query",
    [
        {"active": "talvez"},
        {"active": ""},
        {"limit": "-1"},
        {"limit": "x"},
        {"offset": "1.5"},
        {"offset": "٣"},
    ]
    + [{"limit": ""}, {"offset": "9" * 30}],
)
def test_refuses_a_query_that_it_would_have_to_guess(cast: Cast, api: Api, query: dict[str, str]) -> None:
    response = api(cast.alice).get("/api/triggers", query)
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")
    assert list(response.json()["details"]) == list(query)


# --- whose -------------------------------------------------------------------------------------------


def test_i6_another_client_s_triggers_are_not_there(cast: Cast, api: Api) -> None:
    trigger = factories.make_trigger(cast.globex)
    client = api(cast.alice)

    assert client.get("/api/triggers").json()["total"] == 0
    response = client.get(f"/api/triggers/{trigger.id}")
    assert (response.status_code, response.json()["error_code"]) == (404, "TRIGGER_NOT_FOUND")
    for query in (f"?client_id={cast.globex.id}",):
        assert client.get(f"/api/triggers{query}").status_code == 404
        assert client.get(f"/api/triggers/{trigger.id}{query}").status_code == 404
        assert create(client, BRIEF, query).status_code == 404
    assert client.get("/api/triggers", headers={"X-Client-Id": str(cast.globex.id)}).status_code == 404
    assert stored_triggers() == 1


def test_staff_name_the_client(cast: Cast, api: Api) -> None:
    factories.make_trigger(cast.globex, name="globex's")
    client = api(cast.sofia)

    assert create(client, BRIEF, f"?client_id={cast.acme.id}").status_code == 201
    ours = client.get("/api/triggers", {"client_id": str(cast.acme.id)}).json()
    theirs = client.get("/api/triggers", headers={"X-Client-Id": str(cast.globex.id)}).json()
    assert [found["name"] for found in ours["triggers"]] == [BRIEF["name"]]
    assert [found["name"] for found in theirs["triggers"]] == ["globex's"]
    unnamed = client.get("/api/triggers")
    assert (unnamed.status_code, unnamed.json()["error_code"]) == (400, "CLIENT_REQUIRED")
    assert create(client, BRIEF).status_code == 400
    assert stored_triggers() == 2


@pytest.mark.parametrize("path", ["/api/triggers", "/api/triggers/7c9e6679-7425-40de-944b-e07fc1f90ae7"])
def test_nobody_gets_in_without_a_token(cast: Cast, api: Api, path: str) -> None:
    client = api(None)
    assert client.get(path).status_code == 401
    assert refused(create(client, BRIEF))["status"] == 401


@pytest.mark.parametrize("name", ["not-a-uuid", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "%00"])
def test_a_trigger_that_is_not_there(cast: Cast, api: Api, name: str) -> None:
    response = api(cast.alice).get(f"/api/triggers/{name}")
    assert response.status_code == 404
    assert response.json()["error_code"] in {"TRIGGER_NOT_FOUND", "NOT_FOUND"}
