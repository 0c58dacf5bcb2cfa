"""The three flows of agents, over HTTP only. The tests tell one story, in order."""

from __future__ import annotations

from typing import Any

import httpx

from tests.e2e.stack import Stack, eventually
from tests.e2e.story import alice, bob, stack
from tests.e2e.test_inbound import conversation_of

__all__ = ["alice", "bob", "stack"]

LEAD, UPSET = "+5511987654001", "+5511987654002"


def configure(client: httpx.Client, kind: str, body: dict[str, Any]) -> None:
    answer = client.post(f"/api/integrations/{kind}/configure", json=body)
    assert answer.status_code == 200, answer.text


def agents_of(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in client.get("/api/agents").json()["agents"]}


def ask(client: httpx.Client, agent: str, message: str, **headers: str) -> dict[str, Any]:
    """What came of asking an agent, with its steps."""
    path = f"/api/agents/{agents_of(client)[agent]['id']}/ask"
    asked = client.post(path, json={"message": message}, headers={"Prefer": "wait=8", **headers})
    assert asked.status_code in (200, 202), asked.text
    run_id = asked.json()["run_id"] if "run_id" in asked.json() else asked.json()["run"]["id"]

    def ended() -> dict[str, Any] | None:
        run: dict[str, Any] = client.get(f"/api/agents/runs/{run_id}").json()["run"]
        return run if run["state"] not in ("pending", "running") else None

    return eventually(ended)  # type: ignore[return-value]


def tools_used(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(step["name"], step["outcome"]) for step in run["steps"] if step["kind"] == "tool"]


def mails(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(
        f"{stack.sandbox}/_sandbox/journal", params={"provider": "smtp"}
    ).json()
    return [one["body"] for one in found]


def test_alice_connects_what_her_agents_inherit(stack: Stack, alice: httpx.Client) -> None:
    phone = {"api_token": "demo-token", "phone_number": "+5511999990001"}
    configure(alice, "whatsapp", {"api_url": f"{stack.sandbox}/uazapi", **phone})
    mail = {"provider": "smtp", "host": "127.0.0.1", "port": stack.smtp_port, "use_tls": False}
    configure(alice, "email", {**mail, "from_email": "contato@acme.example"})
    project = {"supabase_url": f"{stack.sandbox}/supabase", "supabase_key": "sb_secret_demo"}
    configure(alice, "database", {**project, "allowed_tables": ["distribuidores", "vendas"]})
    assert set(agents_of(alice)) == {"discovery", "isa", "renus"}


def test_flow_1_a_lead_is_answered_by_discovery_and_the_intent_is_on_record(
    stack: Stack, alice: httpx.Client
) -> None:
    trigger = {
        "name": "Alerta de cancelamento",
        "trigger_type": "event_based",
        "trigger_config": {"event": "intent_detected", "intent_values": ["cancelamento"]},
        "action_type": "send_email",
        "action_config": {"to": ["sucesso@acme.example"], "subject": "Cancelamento", "message": "Veja."},
    }
    created = alice.post("/api/triggers", json=trigger)
    assert created.status_code == 201, created.text
    stack.inbound(LEAD, "Quero cancelar o meu plano")
    (answer,) = eventually(lambda: stack.sent(to=LEAD))
    assert "cancelamento" in answer["text"]
    listed = alice.get("/api/agents/runs", params={"agent": "discovery"}).json()["runs"]
    run = alice.get(f"/api/agents/runs/{listed[0]['id']}").json()["run"]
    assert tools_used(run) == [("detect_intent", "ok"), ("send_whatsapp_message", "ok")]
    assert run["answer"] is None, "what a contact was answered is not kept"
    eventually(lambda: [one for one in mails(stack) if one["to"] == ["sucesso@acme.example"]])


def test_flow_2_isa_sends_a_report_by_mail_and_to_nobody_else(stack: Stack, alice: httpx.Client) -> None:
    outside = ask(alice, "isa", "Envie o relatório de distribuidores por e-mail para fora@evil.example")
    assert ("send_email", "RECIPIENT_NOT_ALLOWED") in tools_used(outside)
    request = "Envie o relatório de distribuidores por e-mail para alice@acme.example"
    run = ask(alice, "isa", request, **{"Idempotency-Key": "relatorio-1"})
    assert tools_used(run) == [("query_database", "ok"), ("send_email", "ok")]
    again = ask(alice, "isa", request, **{"Idempotency-Key": "relatorio-1"})
    assert again["id"] == run["id"]
    (mail,) = eventually(lambda: [one for one in mails(stack) if one["to"] == ["alice@acme.example"]])
    assert "Atacado São Jorge" in mail["text"]
    assert not [one for one in mails(stack) if "fora@evil.example" in one["to"]]


def test_flow_3_renus_answers_from_the_company_s_own_database(stack: Stack, alice: httpx.Client) -> None:
    run = ask(alice, "renus", "Liste os distribuidores com uf = SP")
    assert tools_used(run) == [("query_database", "ok")]
    assert "Atacado São Jorge" in run["answer"]
    assert "Horizonte" not in run["answer"]


def test_who_asks_for_a_person_gets_one(stack: Stack, alice: httpx.Client) -> None:
    stack.inbound(UPSET, "Quero falar com uma pessoa")
    eventually(lambda: stack.sent(to=UPSET))
    conversation = eventually(
        lambda: one if (one := conversation_of(alice, UPSET))["attention_reason"] else None
    )
    assert conversation["attention_reason"] == "HANDOVER_CUSTOMER_ASKED"
    assert conversation["agent_paused_until"]


def test_an_agent_elsewhere_has_the_same_tools_and_the_same_walls(
    stack: Stack, alice: httpx.Client, bob: httpx.Client
) -> None:
    conversation = conversation_of(alice, LEAD)
    bound = {"conversation_id": conversation["id"]}
    claim = {"arguments": {"message": "Já enviei o e-mail para você."}, **bound}
    refused = alice.post("/api/agent/tools/send_whatsapp_message", json=claim)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "CLAIM_WITHOUT_RECEIPT")
    message = {"arguments": {"message": "Aqui é o assistente da Acme."}, **bound}
    used = [
        alice.post("/api/agent/tools/send_whatsapp_message", json=message, headers={"Idempotency-Key": "a-1"})
        for _ in range(2)
    ]
    assert [one.status_code for one in used] == [200, 200], used[0].text
    eventually(lambda: stack.sent(to=LEAD, text="Aqui é o assistente"))
    assert len(stack.sent(to=LEAD, text="Aqui é o assistente")) == 1
    theirs = bob.post("/api/agent/tools/send_whatsapp_message", json=message)
    assert theirs.status_code == 404
    assert bob.get(f"/api/agents/runs/{used[0].json()['run_id']}").status_code == 404
