"""E-mail, the company's own database, a second WhatsApp provider, and the rules of sending, over HTTP only."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.e2e.stack import Stack, eventually
from tests.e2e.story import alice, bob, stack

__all__ = ["alice", "bob", "stack"]

MAIL = {
    "to": ["ana@cliente.example"],
    "subject": "Relatório de Leads",
    "body": "<h1>Relatório</h1><p>Conteúdo aqui...</p>",
    "cc": ["admin@renum.example"],
}


def journal(stack: Stack, provider: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(
        f"{stack.sandbox}/_sandbox/journal", params={"provider": provider}
    ).json()
    return found


def send_mail(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/api/integrations/email/send", json=MAIL, headers={"Prefer": "wait=8", **headers})


def message_of(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/messages/{answer.json()['message_id']}").json()["message"]
    return found


def test_alice_sends_a_mail_by_smtp_once_for_one_idempotency_key(stack: Stack, alice: httpx.Client) -> None:
    answer = alice.post(
        "/api/integrations/email/configure",
        json={
            "provider": "smtp",
            "host": "127.0.0.1",
            "port": stack.smtp_port,
            "use_tls": False,
            "from_email": "contato@acme.example",
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["integration"]["type"] == "email_smtp"
    first = send_mail(alice, **{"Idempotency-Key": '"relatorio-1"'})
    assert (first.status_code, first.json()["status"]) == (200, "sent"), first.text
    again = send_mail(alice, **{"Idempotency-Key": '"relatorio-1"'})
    assert again.json()["message_id"] == first.json()["message_id"]
    (mail,) = journal(stack, "smtp")
    assert mail["body"]["to"] == ["ana@cliente.example", "admin@renum.example"]
    assert "Conteúdo aqui..." in mail["body"]["text"]


def test_when_smtp_fails_for_the_moment_sendgrid_delivers_it_and_says_so(
    stack: Stack, alice: httpx.Client
) -> None:
    answer = alice.post(
        "/api/integrations/email/configure",
        json={
            "provider": "sendgrid",
            "api_key": "SG.demo-key",
            "from_email": "noreply@acme.example",
            "from_name": "Acme",
            "api_host": f"{stack.sandbox}/sendgrid",
        },
    )
    assert answer.status_code == 200, answer.text
    stack.script_faults({"kind": "smtp_reply", "stage": "rcpt", "code": 451, "text": "4.3.0 later"})
    sent = send_mail(alice)
    assert (sent.status_code, sent.json()["status"]) == (200, "sent"), sent.text
    attempts = message_of(alice, sent)["attempts"]
    assert [(one["provider"], one["outcome"]) for one in attempts] == [
        ("smtp", "retry"),
        ("sendgrid", "sent"),
    ]
    # SendGrid's signed event comes back through our webhook.
    eventually(lambda: message_of(alice, sent)["delivered_at"])
    status = alice.get("/api/integrations/email/status").json()
    assert (status["provider"], status["fallback"]) == ("smtp", "sendgrid")


def test_rows_of_the_company_s_own_database_can_be_read_and_no_others(
    stack: Stack, alice: httpx.Client
) -> None:
    answer = alice.post(
        "/api/integrations/database/configure",
        json={
            "supabase_url": f"{stack.sandbox}/supabase",
            "supabase_key": "sb_secret_demo",
            "read_only": True,
            "allowed_tables": ["distribuidores", "vendas"],
        },
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["integration"]["read_only"] is True
    tested = alice.post("/api/integrations/database/test").json()
    assert {"distribuidores", "vendas"} <= set(tested["tables_found"])
    found = alice.post(
        "/api/integrations/database/query", json={"table": "distribuidores", "limit": 2}
    ).json()
    assert (found["row_count"], found["truncated"]) == (2, True)
    refused = alice.post("/api/integrations/database/query", json={"table": "produtos"})
    assert (refused.status_code, refused.json()["error_code"]) == (403, "TABLE_NOT_ALLOWED")


def test_a_pause_holds_what_is_sent_and_says_why_until_it_is_over(stack: Stack, alice: httpx.Client) -> None:
    assert alice.patch("/api/delivery-policy", json={"paused": True}).status_code == 200
    held = alice.post("/api/integrations/email/send", json=MAIL)
    assert held.status_code == 202
    eventually(lambda: message_of(alice, held)["reason_code"] == "KILL_SWITCH_CLIENT")
    assert message_of(alice, held)["waiting"]["reason_code"] == "KILL_SWITCH_CLIENT"
    assert alice.patch("/api/delivery-policy", json={"paused": False}).status_code == 200
    eventually(lambda: message_of(alice, held)["status"] == "sent")


def test_a_company_on_evolution_is_answered_like_one_on_uazapi(stack: Stack, bob: httpx.Client) -> None:
    answer = bob.post(
        "/api/integrations/whatsapp/configure",
        json={
            "provider": "evolution",
            "api_url": f"{stack.sandbox}/evolution",
            "api_key": "demo-key",
            "instance": "demo",
            "phone_number": "+5511999990002",
        },
    )
    assert answer.status_code == 200, answer.text
    body = {"phone": "+5511987652001", "message": "Olá! Como posso ajudar?"}
    sent = bob.post("/api/integrations/whatsapp/send", json=body, headers={"Prefer": "wait=8"})
    assert (sent.status_code, sent.json()["status"]) == (200, "sent"), sent.text
    stack.inbound("+5511987652001", "Oi, quero marcar um horário", dialect="evolution")

    def replies() -> list[Any]:
        return [one for one in journal(stack, "evolution") if "/message/sendText/" in one["path"]]

    eventually(lambda: len(replies()) == 2)
    time.sleep(1)  # room for a wrong second answer
    assert len(replies()) == 2


def test_monitors_see_how_many_are_connected(stack: Stack) -> None:
    found = httpx.get(f"{stack.web}/health/integrations").json()
    assert found["email"]["connected"] == found["database"]["connected"] == 1
    assert found["whatsapp"] == {"configured_clients": 1, "connected": 1, "errors": 0}
