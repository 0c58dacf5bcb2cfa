"""Automations of a client, over HTTP only. The tests tell one story, in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.e2e.stack import Stack, eventually
from tests.e2e.story import alice, bob, stack
from tests.e2e.test_inbound import contact_of, conversation_of

__all__ = ["alice", "bob", "stack"]

LEAD = "+5511987653001"
WELCOME = {
    "name": "Boas-vindas",
    "trigger_type": "event_based",
    "trigger_config": {"event": "conversation_opened"},
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.channel", "value": "whatsapp"},
    "action_type": "send_message",
    "action_config": {"channel": "whatsapp", "message": "Bem-vindo à {{ cliente.nome }}!"},
}
VIP = {
    "name": "Cliente VIP espera",
    "trigger_type": "condition_based",
    "trigger_config": {},
    "condition_type": "all",
    "condition_config": {
        "conditions": [
            {
                "condition_type": "field_equals",
                "condition_config": {"field": "contacts.attributes.vip", "value": True},
            },
            {
                "condition_type": "not",
                "condition_config": {
                    "condition": {
                        "condition_type": "field_equals",
                        "condition_config": {"field": "conversations.status", "value": "closed"},
                    }
                },
            },
        ]
    },
    "action_type": "sequence",
    "action_config": {
        "actions": [
            {"action_type": "change_status", "action_config": {"status": "pending"}},
            {
                "action_type": "send_message",
                "action_config": {"channel": "whatsapp", "message": "Uma pessoa já vai falar com você."},
            },
        ]
    },
}


def create(client: httpx.Client, body: dict[str, Any]) -> str:
    answer = client.post("/api/triggers", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["trigger"]["id"])


def executions(client: httpx.Client, trigger_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/triggers/{trigger_id}/executions").json()["executions"]
    return found


def done(client: httpx.Client, trigger_id: str) -> dict[str, Any]:
    return eventually(  # type: ignore[no-any-return]
        lambda: next((one for one in executions(client, trigger_id) if one["state"] == "done"), None), 75
    )


def test_a_first_message_is_welcomed_once_within_seconds(stack: Stack, alice: httpx.Client) -> None:
    answer = alice.post(
        "/api/integrations/whatsapp/configure",
        json={
            "api_url": f"{stack.sandbox}/uazapi",
            "api_token": "demo-token",
            "phone_number": "+5511999990001",
        },
    )
    assert answer.status_code == 200, answer.text
    simulated = alice.post("/api/triggers/simulate", json=WELCOME)
    assert simulated.status_code == 200, simulated.text
    trigger_id = create(alice, WELCOME)
    httpx.post(f"{stack.sandbox}/_sandbox/inbound", json={"phone": LEAD, "text": "Oi"}).raise_for_status()
    execution = done(alice, trigger_id)
    assert execution["values_seen"] == {"conversations.channel": "whatsapp"}
    message_id = execution["result"]["message_id"]
    eventually(
        lambda: alice.get(f"/api/messages/{message_id}").json()["message"]["status"] in ("sent", "delivered")
    )
    assert len(executions(alice, trigger_id)) == 1


def test_an_attribute_that_is_set_starts_an_automation_of_several_steps(
    stack: Stack, alice: httpx.Client
) -> None:
    trigger_id = create(alice, VIP)
    contact = contact_of(alice, LEAD)
    assert contact is not None
    answer = alice.patch(f"/api/contacts/{contact['id']}", json={"attributes": {"vip": True}})
    assert answer.status_code == 200, answer.text
    execution = done(alice, trigger_id)
    assert [step["action_type"] for step in execution["steps"]] == ["change_status", "send_message"]
    assert conversation_of(alice, LEAD)["status"] == "pending"


def test_why_says_in_portuguese_what_happened(stack: Stack, alice: httpx.Client, bob: httpx.Client) -> None:
    triggers = alice.get("/api/triggers").json()["triggers"]
    trigger_id = next(one["id"] for one in triggers if one["name"] == VIP["name"])
    path = f"/api/conversations/{conversation_of(alice, LEAD)['id']}/why"
    answer = alice.get(path, params={"trigger": trigger_id})
    assert answer.status_code == 200, answer.text
    assert bob.get(path, params={"trigger": trigger_id}).status_code == 404


def test_a_switched_off_trigger_fires_no_more_and_a_deleted_one_is_gone(
    stack: Stack, alice: httpx.Client
) -> None:
    trigger_id = create(alice, {**WELCOME, "name": "Outra"})
    off = alice.patch(f"/api/triggers/{trigger_id}/toggle", json={"active": False})
    assert off.json()["trigger"] == {"id": trigger_id, "active": False}
    httpx.post(
        f"{stack.sandbox}/_sandbox/inbound", json={"phone": "+5511987653002", "text": "Oi"}
    ).raise_for_status()
    eventually(lambda: contact_of(alice, "+5511987653002"))
    assert executions(alice, trigger_id) == []
    assert alice.delete(f"/api/triggers/{trigger_id}").json()["success"]
    assert alice.get(f"/api/triggers/{trigger_id}").status_code == 404


def test_a_moment_of_the_calendar_is_carried_out(stack: Stack, alice: httpx.Client) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    trigger_id = create(
        alice,
        {
            "name": "Bom dia",
            "trigger_type": "time_based",
            "trigger_config": {"schedule": {"once": at.isoformat()}},
            "action_type": "send_message",
            "action_config": {"channel": "whatsapp", "message": "Bom dia!", "to": LEAD},
        },
    )
    execution = done(alice, trigger_id)
    assert datetime.fromisoformat(execution["occurrence"]) == at
    assert len(executions(alice, trigger_id)) == 1
