"""The product as its users meet it, over HTTP only. The tests tell one story, in order."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.console import Console
from tests.e2e.stack import Stack, descendants, eventually, running_stack

FOLLOW_UP = "Olá! Notamos que faz 3 dias desde nossa última conversa. Posso ajudar em algo?"
GO_LEAD, V1_LEAD, IDLE_LEAD = "+5511987651001", "+5521987651002", "+5531987651003"


def configure(client: httpx.Client, stack: Stack, **more: Any) -> httpx.Response:
    return client.post(
        "/api/integrations/whatsapp/configure",
        json={
            "api_url": f"{stack.sandbox}/uazapi",
            "api_token": "demo-token",
            "phone_number": "+5511999990001",
            **more,
        },
    )


def conversation_with(client: httpx.Client, phone: str) -> dict[str, Any] | None:
    found = client.get("/api/conversations", params={"limit": 200}).json()["conversations"]
    return next((one for one in found if one["contact"]["phone"] == phone), None)


def messages_of(client: httpx.Client, conversation: dict[str, Any]) -> list[dict[str, Any]]:
    return client.get(f"/api/conversations/{conversation['id']}/messages").json()["messages"]


def test_everything_is_healthy(stack: Stack) -> None:
    answer = httpx.get(f"{stack.web}/health")
    assert answer.status_code == 200
    assert answer.json()["services"] == {"database": "up", "redis": "up", "celery": "up"}


def test_alice_configures_whatsapp_and_a_wrong_token_changes_nothing(
    stack: Stack, alice: httpx.Client
) -> None:
    refused = configure(alice, stack, api_token="wrong-token")
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_CREDENTIALS")
    assert alice.get("/api/integrations/whatsapp/status").status_code == 404

    answer = configure(alice, stack)
    assert answer.status_code == 200, answer.text
    integration = answer.json()["integration"]
    assert (integration["type"], integration["status"]) == ("whatsapp", "connected")
    status = alice.get("/api/integrations/whatsapp/status").json()
    assert (status["status"], status["phone_number"]) == ("connected", "+5511999990001")
    tested = alice.post("/api/integrations/whatsapp/test").json()
    assert tested["message"] == "Connection successful"
    assert tested["latency_ms"] >= 0


def test_a_lead_is_answered_once_though_the_webhook_came_three_times(
    stack: Stack, alice: httpx.Client
) -> None:
    delivered = stack.inbound(GO_LEAD, "Oi, quero marcar um horário", dialect="go", times=3)
    assert [one["status"] for one in delivered["deliveries"]] == [200, 200, 200]
    (reply,) = eventually(lambda: stack.sent(to=GO_LEAD))
    assert reply["text"].startswith("Olá!")
    assert "agendamento" in reply["text"]
    conversation = eventually(lambda: conversation_with(alice, GO_LEAD))
    eventually(lambda: [m["state"] for m in messages_of(alice, conversation)] == ["delivered", "received"])


def test_the_other_dialect_works_the_same(stack: Stack, alice: httpx.Client) -> None:
    assert configure(alice, stack, api_url=f"{stack.sandbox}/uazapi/v1").status_code == 200
    delivered = stack.inbound(V1_LEAD, "Quanto custa o plano?", dialect="v1", times=3)
    assert [one["status"] for one in delivered["deliveries"]] == [200, 200, 200]
    (reply,) = eventually(lambda: stack.sent(to=V1_LEAD))
    assert reply["path"].endswith("/messages/send")
    assert "orçamento" in reply["text"]
    assert configure(alice, stack).status_code == 200
    time.sleep(3)  # room for a wrong second answer
    assert len(stack.sent(to=GO_LEAD)) == len(stack.sent(to=V1_LEAD)) == 1


def run_sweep(console: Console) -> None:
    task = console.periodic_task("trigger_scheduler")
    console.run_action("/admin/django_celery_beat/periodictask/", "run_tasks", task)


def test_an_idle_conversation_is_followed_up_once_over_three_sweeps(
    stack: Stack, alice: httpx.Client, console: Console
) -> None:
    def make_idle(phone: str) -> None:
        stack.inbound(phone, "oi")
        eventually(lambda: stack.sent(to=phone))
        conversation = eventually(lambda: conversation_with(alice, phone))
        eventually(lambda: len(messages_of(alice, conversation)) == 2)
        console.move_conversation(conversation["id"], datetime.now(UTC) - timedelta(days=4))

    make_idle(IDLE_LEAD)
    created = alice.post(
        "/api/triggers",
        json={
            "name": "Follow-up de Inatividade",
            "trigger_type": "time_based",
            "trigger_config": {"delay_days": 3, "reference_field": "conversations.last_message_at"},
            "condition_type": "field_equals",
            "condition_config": {"field": "conversations.status", "value": "open"},
            "action_type": "send_message",
            "action_config": {"channel": "whatsapp", "message": FOLLOW_UP},
        },
    )
    assert created.status_code == 201, created.text
    run_sweep(console)
    eventually(lambda: stack.sent(to=IDLE_LEAD, text=FOLLOW_UP))
    # The demo's two quiet conversations of Acme are followed up as well; Globex's is not Acme's.
    eventually(lambda: len(stack.sent(text=FOLLOW_UP)) == 3)
    # Each further sweep is known to be over by another conversation that it follows up.
    for number, canary in enumerate(["+5541987651004", "+5551987651005"], start=4):
        make_idle(canary)
        run_sweep(console)
        eventually(lambda canary=canary: stack.sent(to=canary, text=FOLLOW_UP))
        eventually(lambda number=number: len(stack.sent(text=FOLLOW_UP)) == number)
    assert len(stack.sent(to=IDLE_LEAD, text=FOLLOW_UP)) == 1
    (trigger,) = alice.get("/api/triggers").json()["triggers"]
    assert trigger["execution_count"] == 5


def send(client: httpx.Client, phone: str, text: str) -> str:
    answer = client.post("/api/integrations/whatsapp/send", json={"phone": phone, "message": text})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["sent_at"]) == ("queued", None)
    return answer.json()["message_id"]


@pytest.mark.parametrize("dialect", ["go", "v1"])
def test_no_message_is_lost_or_doubled_when_the_worker_dies_and_valkey_is_flushed(
    stack: Stack, alice: httpx.Client, dialect: str
) -> None:
    suffix = "" if dialect == "go" else "/v1"
    assert configure(alice, stack, api_url=f"{stack.sandbox}/uazapi{suffix}").status_code == 200
    stack.script_faults({"kind": "accept-then-hang"})
    texts = [f"Aviso {dialect} {number}" for number in range(6)]
    ids = [send(alice, f"+55119876520{number:02}", text) for number, text in enumerate(texts)]
    # The provider holds one request that it has accepted: claimed, not recorded.
    eventually(lambda: any(stack.sent(text=text) for text in texts))
    dead = stack.kill_worker()
    stack.flush_valkey()
    eventually(lambda: stack.pid("worker") not in (None, dead), 60)

    def final_states() -> list[str] | None:
        states = [alice.get(f"/api/messages/{one}").json()["message"]["status"] for one in ids]
        return states if all(state in ("sent", "unknown", "failed") for state in states) else None

    states = eventually(final_states, 60)
    arrived = [len(stack.sent(text=text)) for text in texts]
    assert max(arrived) == 1, "nothing is sent twice"
    for state, count in zip(states, arrived, strict=True):
        assert (state, count) in {("sent", 1), ("unknown", 1), ("unknown", 0)}
    # uazapiGO's echo settles what the dead worker left open; v1 has none, and honesty remains.
    assert states.count("unknown") == (0 if dialect == "go" else 1)


def test_work_resumes_within_ten_seconds_of_a_flush(stack: Stack, alice: httpx.Client) -> None:
    stack.flush_valkey()
    identifier = send(alice, "+5511987653000", "depois do flush")
    eventually(
        lambda: alice.get(f"/api/messages/{identifier}").json()["message"]["status"] == "sent", seconds=10
    )
    waited = alice.post(
        "/api/integrations/whatsapp/send",
        json={"phone": "+5511987653001", "message": "com espera"},
        headers={"Prefer": "wait=10"},
    )
    assert (waited.status_code, waited.json()["status"]) == (200, "sent")
    assert waited.json()["sent_at"].endswith("Z")


def test_bob_sees_none_of_it(stack: Stack, alice: httpx.Client, bob: httpx.Client) -> None:
    theirs = conversation_with(alice, GO_LEAD)
    message = alice.get("/api/messages").json()["messages"][0]["message_id"]
    trigger = alice.get("/api/triggers").json()["triggers"][0]["id"]
    company = {"client_id": "00000000-0000-4000-8000-000000000000"}
    for path in (
        f"/api/conversations/{theirs['id']}/messages",
        f"/api/messages/{message}",
        f"/api/triggers/{trigger}",
        "/api/integrations/whatsapp/status",
    ):
        answer = bob.get(path)
        assert (answer.status_code, answer.json()["success"]) == (404, False), path
    assert bob.patch(f"/api/conversations/{theirs['id']}", json={"status": "closed"}).status_code == 404
    assert bob.get("/api/conversations", params=company).status_code == 404
    assert len(bob.get("/api/conversations").json()["conversations"]) == 1  # the demo's
    assert bob.get("/api/messages").json()["messages"] == []
    assert bob.get("/api/triggers").json() == {"success": True, "triggers": [], "total": 0}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("integrations/whatsapp/send", {"phone": "12", "message": "oi"}, 400, "INVALID_PHONE"),
        ("integrations/whatsapp/send", {"phone": "+5511987653001", "message": ""}, 400, "VALIDATION_ERROR"),
        (
            "integrations/whatsapp/send",
            {"phone": "+5511987653001", "message": "x" * 4097},
            400,
            "VALIDATION_ERROR",
        ),
        (
            "integrations/whatsapp/send",
            {"phone": "+5511987653001", "message": "oi", "extra": 1},
            400,
            "VALIDATION_ERROR",
        ),
        ("integrations/whatsapp/send", {"phone": 5511987653001, "message": "oi"}, 400, "VALIDATION_ERROR"),
        ("integrations/whatsapp/send", b"{not json", 400, "INVALID_JSON"),
        (
            "integrations/whatsapp/send",
            b'{"phone": "' + b"1" * (1024 * 1024) + b'"}',
            413,
            "PAYLOAD_TOO_LARGE",
        ),
        ("triggers", {"name": "x"}, 400, "VALIDATION_ERROR"),
    ],
)
def test_bad_input_gets_the_envelope_and_changes_nothing(
    alice: httpx.Client, path: str, body: Any, status: int, code: str
) -> None:
    before = alice.get("/api/messages").json(), alice.get("/api/triggers").json()
    content = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = alice.post(f"/api/{path}", headers={"Content-Type": "application/json"}, **content)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert set(answer.json()) == {"success", "error", "error_code", "details", "timestamp"}
    assert (alice.get("/api/messages").json(), alice.get("/api/triggers").json()) == before


def test_forged_tokens_and_webhooks_are_refused(stack: Stack, alice: httpx.Client) -> None:
    forged = alice.headers["Authorization"][:-4] + "AAAA"
    assert httpx.get(f"{stack.web}/api/triggers", headers={"Authorization": forged}).status_code == 401
    answer = httpx.post(f"{stack.web}/webhooks/uazapi/not-a-key", json={"EventType": "messages"})
    assert (answer.status_code, answer.json()["error_code"]) == (401, "INVALID_SIGNATURE")


def test_stopping_leaves_nothing_behind_and_starting_again_goes_on(
    stack: Stack, alice: httpx.Client, data_dir: Any
) -> None:
    known = len(alice.get("/api/conversations", params={"limit": 200}).json()["conversations"])
    children = descendants(stack.process.pid)
    stack.process.terminate()
    assert stack.process.wait(40) == 0
    _gone, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    with running_stack(data_dir) as again, again.login("alice@acme.example") as client:
        found = client.get("/api/conversations", params={"limit": 200}).json()["conversations"]
        assert len(found) == known
