"""`GET /health/integrations`: counts over clients, for monitors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.tests.contracts import accepted, make_connection, uazapi_body
from integrations.tests.helpers import make_clients
from renum.accounts.models import Client
from tests.cast import Cast

HEALTH = "/health/integrations"
SMTP = {"host": "localhost", "port": 25, "security": "plain", "from_email": "contato@acme.example"}
SENDGRID = {"api_key": "SG.x", "from_email": "contato@acme.example"}
SUPABASE = {"supabase_url": "http://127.0.0.1:9", "supabase_key": "sb_secret_x"}


def health() -> dict[str, Any]:
    response = Browser().get(HEALTH)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    counts: dict[str, Any] = response.json()
    return counts


def counted(configured: int, connected: int, errors: int) -> dict[str, int]:
    return {"configured_clients": configured, "connected": connected, "errors": errors}


def whatsapp(client: Client, **fields: Any) -> None:
    make_connection(client, "uazapi", uazapi_body("http://127.0.0.1:9"), **fields)


def test_with_nothing_configured_all_is_zero(db: None) -> None:
    nothing = counted(0, 0, 0)
    assert health() == {"whatsapp": nothing, "email": nothing, "database": nothing}


def test_counts_as_the_brief_shows(db: None) -> None:
    clients = make_clients(5)
    for number, client in enumerate(clients):
        whatsapp(client, status="error" if number == 0 else "connected")
    for client in clients[:3]:
        make_connection(client, "smtp", SMTP)
    make_connection(clients[4], "supabase", SUPABASE, status="disconnected")
    assert health() == {
        "whatsapp": counted(5, 4, 1),
        "email": counted(3, 3, 0),
        "database": counted(1, 0, 0),
    }


def test_a_client_with_two_ways_to_send_mail_is_one_client(cast: Cast) -> None:
    make_connection(cast.acme, "smtp", SMTP)
    make_connection(cast.acme, "sendgrid", SENDGRID)
    assert health()["email"] == counted(1, 1, 0)
    make_connection(cast.globex, "smtp", SMTP, status="error")
    make_connection(cast.globex, "sendgrid", SENDGRID)
    assert health()["email"] == counted(2, 2, 1)


def test_a_connection_that_was_removed_counts_no_more(cast: Cast, api: Callable[..., APIClient]) -> None:
    whatsapp(cast.acme)
    alice = api(cast.alice)
    (one,) = accepted(alice.get("/api/integrations"))["integrations"]
    accepted(alice.delete(f"/api/integrations/{one['id']}"))
    assert health()["whatsapp"] == counted(0, 0, 0)
    whatsapp(cast.acme)
    assert health()["whatsapp"] == counted(1, 1, 0)


def test_i10_costs_the_same_however_many_clients_there_are(db: None) -> None:
    costs = []
    for more in (1, 10):
        for client in make_clients(more):
            whatsapp(client)
        with CaptureQueriesContext(connection) as captured:
            health()
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 12


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_can_only_be_looked_at(db: None, method: str) -> None:
    assert getattr(Browser(), method)(HEALTH).status_code == 405


def test_i7_names_nobody(cast: Cast) -> None:
    whatsapp(cast.acme, last_error="segredo")
    whole = Browser().get(HEALTH).content.decode()
    for hidden in (str(cast.acme.id), "Acme", "segredo", "987654321"):
        assert hidden not in whole
