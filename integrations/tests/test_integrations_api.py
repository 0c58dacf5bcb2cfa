"""`/api/integrations` and `/api/integrations/{id}`: looking at connections, changing and removing them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from pydantic import SecretStr
from rest_framework.test import APIClient

from integrations import providers
from integrations.errors import IntegrationUnreadable
from integrations.models import Integration
from integrations.tests.contracts import (
    accepted,
    events,
    integrations_of,
    make_connection,
    patch,
    post,
    refused,
    stored,
    uazapi_body,
)
from integrations.tests.helpers import (
    LOW,
    NORMAL,
    Vendor,
    attempts_of,
    change,
    connect_vendor,
    dispatch,
    reread,
    reread_integration,
)
from renum import clock
from tests.cast import Cast
from tests.factories import (
    make_attempt,
    make_conversation,
    make_delivery_state,
    make_integration,
    make_outbound,
)

LIST = "/api/integrations"
SHOWN = {
    "id",
    "type",
    "provider",
    "name",
    "status",
    "enabled",
    "paused",
    "daily_limit",
    "pace_seconds",
    "settings",
    "can_restore",
    "last_tested_at",
    "last_error",
    "created_at",
    "updated_at",
}
PHONE = "+5511955554444"
# Settings of every kind of provider, in which each secret says that it is one.
PLANTED: dict[str, dict[str, Any]] = {
    "uazapi": {
        "api_url": "http://127.0.0.1:9",
        "api_token": "planted-{}-token",
        "phone_number": PHONE,
        "webhook_secret": "planted-{}-webhook-secret",
    },
    "evolution": {
        "api_url": "http://127.0.0.1:9",
        "api_key": "planted-{}-key",
        "instance": "acme",
        "phone_number": PHONE,
        "webhook_secret": "planted-{}-webhook-secret",
    },
    "smtp": {
        "host": "localhost",
        "port": 25,
        "security": "plain",
        "username": "demo",
        "password": "planted-{}-password",
        "from_email": "contato@acme.example",
    },
    "sendgrid": {"api_key": "planted-{}-key", "from_email": "contato@acme.example"},
    "supabase": {"supabase_url": "http://127.0.0.1:9", "supabase_key": "planted-{}-key"},
    "postgres": {
        "host": "127.0.0.1",
        "database": "erp",
        "username": "leitor",
        "password": "planted-{}-password",
        "sslmode": "disable",
    },
}


def planted(kind: str, slot: str) -> dict[str, Any]:
    values = {
        name: value.format(slot) if isinstance(value, str) else value for name, value in PLANTED[kind].items()
    }
    config: dict[str, Any] = providers.get(kind).settings.model_validate(values).model_dump()
    return config


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


# --- looking --------------------------------------------------------------------------------------


def test_every_provider_is_planted() -> None:
    assert set(PLANTED) == set(providers.REGISTRY)
    for kind, values in PLANTED.items():
        fields = providers.get(kind).settings.model_fields
        secret = {name for name, field in fields.items() if "SecretStr" in str(field)}
        assert secret == {
            name for name, value in values.items() if "planted" in str(value) or name == "phone_number"
        }


@pytest.mark.parametrize("kind", PLANTED)
def test_i7_no_answer_shows_a_secret_of_any_slot(committed_cast: Cast, alice: APIClient, kind: str) -> None:
    integration = make_connection(
        committed_cast.acme,
        kind,
        {
            name: value.format("used") if isinstance(value, str) else value
            for name, value in PLANTED[kind].items()
        },
        candidate_config={"provider": kind, "attempt": "planted-attempt", **planted(kind, "candidate")},
        previous_config={"provider": kind, **planted(kind, "previous")},
    )
    item = f"{LIST}/{integration.id}"
    answers = [
        alice.get(LIST),
        alice.get(item),
        patch(alice, item, {"name": "Outra"}),
        post(alice, f"{item}/disable"),
        post(alice, f"{item}/enable"),
        post(alice, f"{item}/restore"),  # nobody is there to accept what it would return to
        alice.delete(item),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 200, 502, 200]
    for answer in answers:
        whole = answer.content.decode() + str(dict(answer.items()))
        hidden = ("planted", PHONE, PHONE[-8:], integration.webhook_key, integration.webhook_key_index)
        assert not [one for one in hidden if one in whole], whole
    shown = accepted(answers[1])["integration"]
    assert set(shown) == SHOWN
    assert shown["can_restore"] is True
    for name, value in PLANTED[kind].items():
        is_secret = "planted" in str(value) or value == PHONE
        assert shown["settings"][name] == (True if is_secret else value)
    assert accepted(answers[0])["integrations"] == [shown]


def test_lists_a_client_s_connections_by_type(cast: Cast, api: Callable[..., APIClient]) -> None:
    alice = api(cast.alice)
    assert accepted(alice.get(LIST)) == {"success": True, "integrations": [], "total": 0}
    for kind in ("supabase", "sendgrid", "uazapi", "smtp"):
        make_connection(cast.acme, kind, PLANTED[kind])
    make_connection(cast.globex, "uazapi", PLANTED["uazapi"])
    listed = accepted(alice.get(LIST))
    types = [one["type"] for one in listed["integrations"]]
    assert types == ["database", "email_sendgrid", "email_smtp", "whatsapp"]
    assert listed["total"] == 4


def test_i6_another_client_s_connection_is_not_found(
    committed_cast: Cast, api: Callable[..., APIClient]
) -> None:
    integration = make_integration(committed_cast.acme)
    bob, item = api(committed_cast.bob), f"{LIST}/{integration.id}"
    for answer in (
        bob.get(item),
        patch(bob, item, {"enabled": False}),
        bob.delete(item),
        *(post(bob, f"{item}/{verb}") for verb in ("enable", "disable", "restore")),
    ):
        refused(answer, 404, "INTEGRATION_NOT_FOUND")
    assert accepted(bob.get(LIST))["total"] == 0
    after = reread_integration(integration)
    assert after.enabled and after.removed_at is None and after.updated_at == integration.updated_at
    for method in ("get", "patch", "delete"):
        refused(getattr(api(None), method)(item), 401, "NOT_AUTHENTICATED")
    path = f"{item}?client_id={committed_cast.acme.id}"
    assert accepted(api(committed_cast.sofia).get(path))["integration"]["id"] == str(integration.id)


# --- changing -------------------------------------------------------------------------------------


def test_patch_changes_what_it_names_and_records_who_did(committed_cast: Cast, alice: APIClient) -> None:
    integration = make_integration(committed_cast.acme)
    changes = {"name": "Recepção", "daily_limit": 0, "pace_seconds": 2.5, "paused": True, "enabled": False}
    shown = accepted(patch(alice, f"{LIST}/{integration.id}", changes))["integration"]
    assert {name: shown[name] for name in changes} == changes
    after = reread_integration(integration)
    assert {name: getattr(after, name) for name in changes} == changes
    assert after.settings == integration.settings
    (event,) = events(committed_cast.acme, "integration_changed")
    assert event.cause == [f"profile:{committed_cast.alice.id}"]
    assert event.data["fields"] == sorted(changes)
    accepted(patch(alice, f"{LIST}/{integration.id}", changes))
    assert len(events(committed_cast.acme, "integration_changed")) == 1  # nothing was changed
    accepted(patch(alice, f"{LIST}/{integration.id}", {"pace_seconds": None}))
    assert reread_integration(integration).pace_seconds is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": 7}, "name"),
        ({"daily_limit": -1}, "daily_limit"),
        ({"daily_limit": 1_000_001}, "daily_limit"),
        ({"daily_limit": 1.5}, "daily_limit"),
        ({"daily_limit": None}, "daily_limit"),
        ({"pace_seconds": -0.1}, "pace_seconds"),
        ({"pace_seconds": 3600.1}, "pace_seconds"),
        ({"pace_seconds": "nan"}, "pace_seconds"),
        ({"pace_seconds": "inf"}, "pace_seconds"),
        ({"enabled": None}, "enabled"),
        ({"enabled": "talvez"}, "enabled"),
        ({"paused": []}, "paused"),
        ({"status": "connected"}, "status"),
        ({"provider": "evolution"}, "provider"),
        ({"type": "database"}, "type"),
        ({"client_id": "x"}, "client_id"),
        ({"config": {"api_token": "x"}}, "config"),
        ({"api_token": "x"}, "api_token"),
        ({"previous_config": {}}, "previous_config"),
        ({"webhook_key": "x"}, "webhook_key"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_patch_refuses_what_is_out_of_bounds_or_not_its_to_change(
    cast: Cast, api: Callable[..., APIClient], change: dict[str, Any], field: str
) -> None:
    integration = make_integration(cast.acme)
    answer = refused(
        patch(api(cast.alice), f"{LIST}/{integration.id}", {"daily_limit": 7, **change}),
        400,
        "VALIDATION_ERROR",
    )
    assert list(answer["details"]) == [field]
    assert reread_integration(integration).daily_limit == 1000


@pytest.mark.parametrize("limit", [0, 1_000_000])
def test_patch_takes_the_bounds_themselves(cast: Cast, api: Callable[..., APIClient], limit: int) -> None:
    path = f"{LIST}/{make_integration(cast.acme).id}"
    changes = {"daily_limit": limit, "pace_seconds": 3600 if limit else 0}
    shown = accepted(patch(api(cast.alice), path, changes))["integration"]
    assert (shown["daily_limit"], shown["pace_seconds"]) == (limit, changes["pace_seconds"])


def test_disable_and_enable_decide_what_can_be_queued(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox)
    item, send = f"{LIST}/{integration.id}", f"{LIST}/whatsapp/send"
    body = {"phone": "+5511987654321", "message": "Olá"}
    assert accepted(post(alice, f"{item}/disable"))["integration"]["enabled"] is False
    refused(post(alice, send, body), 409, "INTEGRATION_DISABLED")
    refused(post(alice, f"{LIST}/whatsapp/test"), 409, "INTEGRATION_DISABLED")
    assert accepted(post(alice, f"{item}/enable"))["integration"]["enabled"] is True
    accepted(post(alice, send, body), 202)
    assert dispatch() == 1
    assert [event.data["fields"] for event in events(committed_cast.acme, "integration_changed")] == [
        ["enabled"],
        ["enabled"],
    ]


@pytest.mark.parametrize("verb", ["disable", "delete"])
@pytest.mark.parametrize("waits", ["due", "held", "bulk", "after a breaker"])
def test_what_is_queued_for_a_connection_that_is_gone_ends_refused_with_the_reason(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, verb: str, waits: str
) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox)
    lane = LOW if waits == "bulk" else NORMAL
    message = make_outbound(
        make_conversation(committed_cast.acme),
        integration=integration,
        priority=lane,
    )
    if waits == "held":
        change(message, reason_code="QUIET_HOURS", next_attempt_at=clock.now() + timedelta(hours=9))
    if waits == "after a breaker":
        make_delivery_state(integration, failures=5, open_until=clock.now() - timedelta(seconds=1))
    item = f"{LIST}/{integration.id}"
    accepted(post(alice, f"{item}/disable") if verb == "disable" else alice.delete(item))
    assert dispatch(lane) == 0
    after = reread(message)
    assert (after.state, after.reason_code) == ("failed", "INTEGRATION_DISABLED")
    assert [getattr(after, name) for name in ("body", "recipient")] == [None, None]
    assert attempts_of(message) == []
    assert sandbox.sends() == []
    told = accepted(alice.get(f"/api/messages/{message.id}"))["message"]
    assert (told["status"], told["reason_code"], told["waiting"]) == ("failed", "INTEGRATION_DISABLED", None)


# --- removing -------------------------------------------------------------------------------------


def test_delete_erases_every_secret_and_keeps_the_ledger(
    committed_cast: Cast, alice: APIClient, api: Callable[..., APIClient]
) -> None:
    integration = make_connection(
        committed_cast.acme,
        "uazapi",
        uazapi_body("http://127.0.0.1:9", api_token="planted-used-token"),
        candidate_config={"provider": "uazapi", "attempt": "x", **planted("uazapi", "candidate")},
        previous_config={"provider": "uazapi", **planted("uazapi", "previous")},
    )
    old_key = integration.webhook_key
    sent = make_outbound(
        make_conversation(committed_cast.acme), integration=integration, state="sent", sent_at=clock.now()
    )
    make_attempt(sent)
    answer = accepted(alice.delete(f"{LIST}/{integration.id}"))
    assert answer == {"success": True, "message": "Integration deleted successfully"}

    after = reread_integration(integration)
    assert (after.config, after.candidate_config, after.previous_config) == ({}, None, None)
    assert after.webhook_key != old_key and after.webhook_key_index != integration.webhook_key_index
    assert (after.token_index, after.enabled, after.status) == ("", False, "disconnected")
    assert "enc:" not in stored(integration)

    refused(alice.get(f"{LIST}/{integration.id}"), 404, "INTEGRATION_NOT_FOUND")
    refused(alice.delete(f"{LIST}/{integration.id}"), 404, "INTEGRATION_NOT_FOUND")
    refused(post(alice, f"{LIST}/{integration.id}/enable"), 404, "INTEGRATION_NOT_FOUND")
    refused(alice.get(f"{LIST}/whatsapp/status"), 404, "INTEGRATION_NOT_FOUND")
    assert accepted(alice.get(LIST))["total"] == 0
    hook = api(None).post(f"/webhooks/uazapi/{old_key}", {"EventType": "messages"}, format="json")
    assert hook.status_code in (401, 404)

    (entry,) = accepted(alice.get("/api/messages"))["messages"]
    assert entry["message_id"] == str(sent.id)
    assert [attempt["outcome"] for attempt in entry["attempts"]] == ["sent"]
    (event,) = events(committed_cast.acme, "integration_removed")
    assert event.cause == [f"profile:{committed_cast.alice.id}"]
    assert "planted" not in json.dumps(event.data)


def test_a_removed_type_can_be_configured_anew(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    removed = connect_vendor(committed_cast.acme, sandbox)
    accepted(alice.delete(f"{LIST}/{removed.id}"))
    body = uazapi_body(sandbox.api_url(), api_token="demo-token")
    accepted(post(alice, f"{LIST}/whatsapp/configure", body))
    old, new = integrations_of(committed_cast.acme)
    assert (old.id, old.config) == (removed.id, {})
    assert new.enabled and new.removed_at is None and new.webhook_key != old.webhook_key
    assert [one["id"] for one in accepted(alice.get(LIST))["integrations"]] == [str(new.id)]
    message = make_outbound(make_conversation(committed_cast.acme), integration=new)
    assert dispatch() == 1
    assert reread(message).state == "sent"


def test_a_stored_secret_is_bound_to_its_slot(cast: Cast, as_service: None) -> None:
    """A candidate's ciphertext that is copied to where it would be used does not open."""
    integration = make_connection(
        cast.acme,
        "uazapi",
        uazapi_body("http://127.0.0.1:9"),
        candidate_config={"provider": "uazapi", "api_token": SecretStr("planted")},
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations SET config = config || jsonb_build_object('api_token',"
            " candidate_config -> 'api_token') WHERE id = %s",
            [integration.id],
        )
    with pytest.raises(IntegrationUnreadable):
        _ = Integration.objects.get(id=integration.id).settings
