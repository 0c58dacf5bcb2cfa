"""What people do on WhatsApp, and what becomes of it, over HTTP only. The tests tell one story, in order."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.e2e.console import Console
from tests.e2e.stack import Stack, eventually
from tests.e2e.story import alice, bob, stack

__all__ = ["alice", "bob", "stack"]

LEAD, BUSY, LEAVING = "+5511987652001", "+5521987652002", "+5585987652003"
OLD_SPELLING = "558587652003"  # LEAVING without the ninth digit


def contact_of(client: httpx.Client, phone: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = client.get("/api/contacts", params={"phone": phone}).json()["contacts"]
    return found[0] if found else None


def conversation_of(client: httpx.Client, phone: str) -> dict[str, Any]:
    listed = client.get("/api/conversations", params={"limit": 200}).json()["conversations"]
    found: dict[str, Any] = next(one for one in listed if one["contact"]["phone"] == phone)
    return client.get(f"/api/conversations/{found['id']}").json()["conversation"]  # type: ignore[no-any-return]


def send(client: httpx.Client, phone: str, key: str) -> dict[str, Any]:
    """Ask for a message, and wait for what becomes of it."""
    answer = client.post(
        "/api/integrations/whatsapp/send",
        json={"phone": phone, "message": "Sua proposta está pronta."},
        headers={"Idempotency-Key": key},
    )
    assert answer.status_code == 202, answer.text
    path = f"/api/messages/{answer.json()['message_id']}"

    def ended() -> dict[str, Any] | None:
        message: dict[str, Any] = client.get(path).json()["message"]
        return message if message["status"] not in ("queued", "sending") else None

    return eventually(ended)  # type: ignore[return-value]


def test_alice_connects_whatsapp(stack: Stack, alice: httpx.Client) -> None:
    answer = alice.post(
        "/api/integrations/whatsapp/configure",
        json={
            "api_url": f"{stack.sandbox}/uazapi",
            "api_token": "demo-token",
            "phone_number": "+5511999990001",
        },
    )
    assert answer.status_code == 200, answer.text


def test_four_quick_messages_get_one_answer_to_all_of_them(stack: Stack, alice: httpx.Client) -> None:
    for text in ("Oi", "tudo bem?", "eu queria", "marcar um horário"):
        stack.inbound(LEAD, text, dialect="go")
    (answer,) = eventually(lambda: stack.sent(to=LEAD))
    assert "agendamento" in answer["text"]
    time.sleep(3)  # room for a second answer
    assert len(stack.sent(to=LEAD)) == 1
    conversation = conversation_of(alice, LEAD)
    assert conversation["unanswered_since"] is None
    assert conversation["last_inbound_at"] <= conversation["last_outbound_at"]


def test_the_agent_keeps_out_while_a_person_answers_from_the_phone(stack: Stack, alice: httpx.Client) -> None:
    stack.inbound(BUSY, "Oi", dialect="go")
    eventually(lambda: stack.sent(to=BUSY))
    stack.inbound(BUSY, "Deixa que eu atendo, Ana aqui.", dialect="go", by="phone")
    conversation = eventually(
        lambda: one if (one := conversation_of(alice, BUSY))["agent_paused_until"] else None
    )
    stack.inbound(BUSY, "Quanto custa o plano?", dialect="go")
    eventually(lambda: conversation_of(alice, BUSY)["unanswered_since"])
    time.sleep(4)  # longer than the agent waits for more messages
    assert len(stack.sent(to=BUSY)) == 1

    path = f"/api/conversations/{conversation['id']}"
    assert alice.patch(path, json={"agent_paused": False}).status_code == 200
    answers = eventually(lambda: found if len(found := stack.sent(to=BUSY)) == 2 else None)
    assert "orçamento" in answers[-1]["text"]


def test_who_asks_to_be_left_alone_is(stack: Stack, alice: httpx.Client) -> None:
    stack.inbound(LEAVING, "Oi", dialect="go")
    eventually(lambda: stack.sent(to=OLD_SPELLING) or stack.sent(to=LEAVING))
    stack.inbound(LEAVING, "PARAR", dialect="go")
    stack.inbound(OLD_SPELLING, "parem de me mandar mensagem", dialect="go")
    eventually(lambda: stack.sent(text="não receberá mais"))
    refused = send(alice, LEAVING, "after-opt-out")
    assert (refused["status"], refused["reason_code"]) == ("failed", "OPTED_OUT")
    assert len(stack.sent(text="não receberá mais")) == 1

    stack.inbound(LEAVING, "VOLTAR", dialect="go")
    eventually(lambda: stack.sent(text="voltará a receber"))
    assert send(alice, LEAVING, "after-opt-in")["status"] == "sent"


def test_the_connection_s_state_follows_the_phone(stack: Stack, alice: httpx.Client) -> None:
    def status() -> str:
        return str(alice.get("/api/integrations/whatsapp/status").json()["status"])

    console = Console(stack.web)
    try:
        for told, shown in (("disconnected", True), ("connected", False)):
            change = {"status": told, "reason": "401: logged out"}
            httpx.post(f"{stack.sandbox}/_sandbox/connection", json=change).raise_for_status()
            eventually(lambda told=told: status() == told)
            assert ("Conexões que não funcionam" in console.http.get("/admin/").text) is shown
    finally:
        console.http.close()


def test_who_is_erased_is_gone_and_an_opt_out_stays(
    stack: Stack, alice: httpx.Client, bob: httpx.Client
) -> None:
    stack.inbound(LEAVING, "PARAR", dialect="go")
    eventually(lambda: len(stack.sent(text="não receberá mais")) == 2)
    contact = contact_of(alice, LEAVING)
    assert contact
    path = f"/api/contacts/{contact['id']}"
    assert bob.get(path).status_code == bob.delete(path).status_code == 404
    export = alice.get(f"{path}/export")
    assert LEAVING in export.text
    assert alice.delete(path).status_code == 200

    assert alice.get(path).status_code == 404
    assert contact_of(alice, LEAVING) is None
    refused = send(alice, OLD_SPELLING, "after-erasure")
    assert (refused["status"], refused["reason_code"]) == ("failed", "OPTED_OUT")
