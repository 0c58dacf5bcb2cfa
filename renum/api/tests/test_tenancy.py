"""Who may ask about whom: every endpoint, anonymous, another tenant and staff."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from renum.api.tests.envelopes import INSTANT, assert_envelope
from tests import factories
from tests.cast import Cast
from tests.tenants import fill_tenant

PUBLIC = {"api/auth/login", "api/auth/refresh", "api/schema", "api/docs"}
METHODS = ("get", "post", "put", "patch", "delete")

# How to name an object of the address, and a body that its endpoint accepts.
OBJECTS = {
    "contact_id": "contacts",
    "conversation_id": "conversations",
    "message_id": "outbound_messages",
    "trigger_id": "triggers",
    "integration_id": "integrations",
    "template_id": "message_templates",
    "execution_id": "trigger_executions",
    "agent_id": "agents",
    "run_id": "agent_runs",
}
TOOL = "change_status"  # what stands for a name of the address, which is no object of a client
BODIES: dict[tuple[str, str], Any] = {
    ("patch", "api/contacts/<uuid:contact_id>"): {"attributes": {"vip": True}},
    ("patch", "api/conversations/<uuid:conversation_id>"): {"status": "closed"},
    ("patch", "api/integrations/<uuid:integration_id>"): {"daily_limit": 7},
    ("patch", "api/templates/<uuid:template_id>"): {"body": "Oi"},
    ("put", "api/templates/<uuid:template_id>"): {"name": "Boas-vindas", "body": "Oi"},
    ("put", "api/triggers/<uuid:trigger_id>"): {"name": "Outro"},
    ("patch", "api/triggers/<uuid:trigger_id>/toggle"): {"active": False},
    ("patch", "api/agents/<uuid:agent_id>"): {"enabled": False},
    ("post", "api/agents/<uuid:agent_id>/ask"): {"message": "Ajuda"},
}
# What an owner is answered who names an object of their own, where it is not 200.
ANSWERS = {
    ("post", "api/integrations/<uuid:integration_id>/restore"): 409,  # there is nothing to restore
    ("post", "api/executions/<uuid:execution_id>/retry"): 409,  # it did not fail
    ("get", "api/conversations/<uuid:conversation_id>/why"): 400,  # it does not say which trigger
    ("delete", "api/agents/<uuid:agent_id>"): 409,  # every client has this one
    ("post", "api/agents/<uuid:agent_id>/ask"): 202,
}


def _walk(patterns: Any, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern


def endpoints() -> list[tuple[str, str]]:
    """Every (method, route) under /api/ that needs a log-in."""
    return [
        (method, route)
        for route, pattern in _walk(get_resolver().url_patterns)
        if route.startswith("api/") and route not in PUBLIC
        for method in METHODS
        if hasattr(pattern.callback.view_class, method)
    ]


ENDPOINTS = endpoints()
DETAILS = [(method, route) for method, route in ENDPOINTS if "<uuid:" in route]


def _address(route: str, ids: dict[str, uuid.UUID]) -> str:
    path = f"/{route}".replace("<slug:tool>", TOOL)
    for name, table in OBJECTS.items():
        path = path.replace(f"<uuid:{name}>", str(ids.get(table, uuid.UUID(int=7))))
    assert "<" not in path, f"teach OBJECTS how to fill in {route}"
    return path


def _call(client: APIClient, method: str, route: str, ids: dict[str, uuid.UUID] | None = None) -> Any:
    return getattr(client, method)(_address(route, ids or {}), BODIES.get((method, route)), format="json")


def test_the_walk_found_the_endpoints() -> None:
    assert {
        ("get", "api/conversations"),
        ("patch", "api/conversations/<uuid:conversation_id>"),
        ("post", "api/integrations/whatsapp/send"),
        ("post", "api/triggers"),
    } <= set(ENDPOINTS)
    assert len(DETAILS) >= 4


def test_i6_every_endpoint_refuses_the_anonymous(committed: None, subtests: pytest.Subtests) -> None:
    for method, route in ENDPOINTS:
        with subtests.test(method=method, route=route):
            response = _call(APIClient(), method, route)
            assert_envelope(response, 401, "NOT_AUTHENTICATED")
            assert response["WWW-Authenticate"].startswith("Bearer")


def test_i6_every_endpoint_refuses_the_anonymous_whatever_the_method(
    committed: None, subtests: pytest.Subtests
) -> None:
    for route in sorted({route for _, route in ENDPOINTS}):
        for method in ("put", "delete", "options", "head"):
            with subtests.test(method=method, route=route):
                assert _call(APIClient(), method, route).status_code == 401


def test_i6_every_endpoint_refuses_a_forged_token(committed: None, subtests: pytest.Subtests) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.")
    for method, route in ENDPOINTS:
        with subtests.test(method=method, route=route):
            assert_envelope(_call(client, method, route), 401, "INVALID_TOKEN")


@pytest.fixture
def ids_of_acme(committed_cast: Cast) -> dict[str, uuid.UUID]:
    fill_tenant(committed_cast.globex)
    return {table: row.pk for table, row in fill_tenant(committed_cast.acme).items()}


@pytest.mark.parametrize(("method", "route"), DETAILS)
def test_i6_an_object_of_another_tenant_is_not_found(
    committed_cast: Cast, api: Any, ids_of_acme: dict[str, uuid.UUID], method: str, route: str
) -> None:
    body = assert_envelope(_call(api(committed_cast.bob), method, route, ids_of_acme), 404)
    nowhere = assert_envelope(_call(api(committed_cast.bob), method, route), 404)
    del body["timestamp"], nowhere["timestamp"]
    assert body == nowhere
    answer = _call(api(committed_cast.alice), method, route, ids_of_acme)
    assert answer.status_code == ANSWERS.get((method, route), 200), answer.json()


@pytest.mark.parametrize(("method", "route"), DETAILS)
def test_i6_staff_that_named_one_client_do_not_find_the_objects_of_another(
    committed_cast: Cast, api: Any, ids_of_acme: dict[str, uuid.UUID], method: str, route: str
) -> None:
    client = api(committed_cast.sofia)
    address = _address(route, ids_of_acme)
    body = BODIES.get((method, route))
    wrong, right = (
        f"{address}?client_id={owner.id}" for owner in (committed_cast.globex, committed_cast.acme)
    )
    assert_envelope(getattr(client, method)(wrong, body, format="json"), 404)
    answer = getattr(client, method)(right, body, format="json")
    assert answer.status_code == ANSWERS.get((method, route), 200), answer.json()


def test_i6_staff_name_the_client_whose_things_they_mean(
    committed_cast: Cast, api: Any, subtests: pytest.Subtests
) -> None:
    client = api(committed_cast.sofia)
    for method, route in ENDPOINTS:
        with subtests.test(method=method, route=route):
            assert_envelope(_call(client, method, route), 400, "CLIENT_REQUIRED")


def test_i6_naming_another_client_is_not_found(
    committed_cast: Cast, api: Any, subtests: pytest.Subtests
) -> None:
    client = api(committed_cast.alice)
    for method, route in ENDPOINTS:
        address = _address(route, {})
        for stranger in (committed_cast.globex.id, uuid.uuid4()):
            with subtests.test(method=method, route=route, stranger=str(stranger)):
                by_query = getattr(client, method)(f"{address}?client_id={stranger}", {}, format="json")
                named = {"HTTP_X_CLIENT_ID": str(stranger)}
                by_header = getattr(client, method)(address, {}, format="json", **named)
                for response in (by_query, by_header):
                    assert_envelope(response, 404, "CLIENT_NOT_FOUND")


def test_i6_staff_see_the_client_that_they_name(cast: Cast, api: Any) -> None:
    acme, globex = (factories.make_conversation(client) for client in (cast.acme, cast.globex))
    client = api(cast.sofia)
    for owner, conversation in ((cast.acme, acme), (cast.globex, globex)):
        for response in (
            client.get(f"/api/conversations?client_id={owner.id}"),
            client.get("/api/conversations", HTTP_X_CLIENT_ID=str(owner.id)),
            client.get("/api/conversations", HTTP_X_CLIENT_ID=owner.id.hex.upper()),
        ):
            assert response.status_code == 200
            assert [one["id"] for one in response.json()["conversations"]] == [str(conversation.id)]


@pytest.mark.parametrize("named", ["x", "1", "' OR 1=1", "00000000-0000-0000-0000-00000000000g", "é"])
def test_a_client_that_is_no_uuid_is_refused(cast: Cast, api: Any, named: str) -> None:
    response = api(cast.sofia).get("/api/conversations", {"client_id": named})
    assert "client_id" in assert_envelope(response, 400, "VALIDATION_ERROR")["details"]


def test_a_client_may_name_itself(cast: Cast, api: Any) -> None:
    assert api(cast.alice).get(f"/api/conversations?client_id={cast.acme.id}").status_code == 200


def test_instants_are_shown_in_utc(cast: Cast, api: Any) -> None:
    at = datetime(2026, 3, 1, 21, 30, 5, 999_999, tzinfo=timezone(timedelta(hours=-3)))
    conversation = factories.make_conversation(cast.acme, last_message_at=at, last_inbound_at=at)
    factories.make_message(conversation, occurred_at=at)
    listed = api(cast.alice).get("/api/conversations").json()["conversations"][0]
    assert listed["last_message_at"] == listed["last_inbound_at"] == "2026-03-02T00:30:05Z"
    assert listed["last_outbound_at"] is None
    assert INSTANT.fullmatch(listed["created_at"]) and INSTANT.fullmatch(listed["updated_at"])
    created = datetime.strptime(listed["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    message = api(cast.alice).get(f"/api/conversations/{conversation.id}/messages").json()["messages"][0]
    assert message["occurred_at"] == "2026-03-02T00:30:05Z"


def test_instants_are_shown_in_utc_after_staff_used_the_console(cast: Cast, api: Any) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    factories.make_conversation(cast.acme, last_message_at=at)
    browser = APIClient()
    form = {"username": "sofia@renum.test", "password": "sofia-password-1"}
    assert browser.post("/admin/login/?next=/admin/", form, format=None).status_code == 302
    assert browser.get("/admin/").status_code == 200
    listed = api(cast.alice).get("/api/conversations").json()["conversations"][0]
    assert listed["last_message_at"] == "2026-03-01T12:00:00Z"
