"""Ask what triggers would do."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from triggers.models import Trigger
from triggers.tests.test_api import BRIEF

EVENT = {"trigger_type": "event_based", "trigger_config": {"event": "intent_detected"}}
PENDING = {
    "trigger_type": "condition_based",
    "trigger_config": {},
    "condition_type": "field_equals",
    "condition_config": {"field": "conversations.status", "value": "pending"},
}
DAILY = {
    "trigger_type": "time_based",
    "trigger_config": {"schedule": {"crontab": "0 9 * * *"}},
    "condition_type": "always",
    "condition_config": {},
    "action_type": "send_message",
    "action_config": {"channel": "whatsapp", "to": "+5511987654321", "message": "Bom dia"},
}
EVERY_KIND: dict[str, dict[str, Any]] = {
    "moment": BRIEF,
    "condition": {**BRIEF, **PENDING},
    "event": {**BRIEF, **EVENT, "condition_config": {"field": "event.intent", "value": "x"}},
    "calendar": DAILY,
}


def ask(client: APIClient, trigger: Trigger) -> dict[str, Any]:
    response = client.post(f"/api/triggers/{trigger.id}/test")
    assert response.status_code == 200, response.json()
    return dict(response.json()["simulation"])


def draft(client: APIClient, **parts: Any) -> dict[str, Any]:
    body = {name: value for name, value in BRIEF.items() if name not in ("name", "description")}
    response = client.post("/api/triggers/simulate", {**body, **parts}, format="json")
    assert response.status_code == 200, response.json()
    return dict(response.json()["simulation"])


def numbers(answer: dict[str, Any]) -> tuple[bool, bool, int, int]:
    return (
        answer["condition_met"],
        answer["action_would_execute"],
        answer["affected_conversations"],
        answer["estimated_messages"],
    )


def codes(answer: dict[str, Any]) -> list[str]:
    assert all(reason["reason"].endswith(".") for reason in answer["reasons"])
    return [reason["code"] for reason in answer["reasons"]]
