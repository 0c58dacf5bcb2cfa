"""What the tests of the HTTP API share: how answers are read, and connections of every kind."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Mapping
from typing import Any

from django.db import connection
from rest_framework.test import APIClient

from integrations import providers
from integrations.models import Integration
from integrations.services import token_index, webhook_key_index
from integrations.tests.helpers import http_answer
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.models import Event
from renum.security.tests.peers import Behaviour, Peer, read_request
from tests.factories import next_phone

ENVELOPE = {"success", "error", "error_code", "details", "timestamp"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
CONNECTED = {"instance": {}, "status": {"connected": True, "loggedIn": True, "jid": None}}


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """The body of an error that is in the envelope of the contract."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body.get("error_code")) == (status, code), body
    assert set(body) == ENVELOPE
    assert body["success"] is False
    assert body["error"] and isinstance(body["error"], str)
    assert isinstance(body["details"], dict)
    assert INSTANT.fullmatch(body["timestamp"])
    return body


def accepted(response: Any, status: int = 200) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body.get("success")) == (status, True), body
    return body


def post(client: APIClient, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(path, {} if body is None else body, format="json", headers=headers)


def patch(client: APIClient, path: str, body: Any) -> Any:
    return client.patch(path, body, format="json")


def make_connection(client: Client, kind: str, values: Mapping[str, Any], **fields: Any) -> Integration:
    """A connected integration of any kind, with these settings."""
    spec = providers.get(kind)
    config = spec.settings.model_validate(dict(values))
    token = spec.webhook_token(config)
    key = f"contracts-key-{next_phone()}"
    defaults: dict[str, Any] = {
        "type": spec.integration_type,
        "provider": kind,
        "name": spec.title,
        "status": Integration.Status.CONNECTED,
        "pace_seconds": 0.0,
    }
    with service_scope(reason="test rows"):
        return Integration.objects.create(
            client=client,
            config=config.model_dump(),
            webhook_key=key,
            webhook_key_index=webhook_key_index(key),
            token_index=token_index(token) if token else "",
            **{**defaults, **fields},
        )


def integrations_of(client: Client) -> list[Integration]:
    """All of a client's integrations, the removed ones too, in the order of their making."""
    with service_scope(reason="test"):
        return list(Integration.objects.filter(client=client).order_by("created_at"))


def stored(integration: Integration) -> str:
    """The row as the database has it, on a connection of the caller's own."""
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT i::text FROM integrations i WHERE id = %s", [integration.id])
        return str(cursor.fetchone()[0])


def events(client: Client, kind: str) -> list[Event]:
    with service_scope(reason="test"):
        return list(Event.objects.filter(client=client, kind=kind).order_by("occurred_at"))


def held_back(release: threading.Event, answer: bytes = http_answer(CONNECTED)) -> Behaviour:
    """Read the request, and answer it once `release` is set."""

    def behave(caller: socket.socket, peer: Peer, over: threading.Event) -> None:
        peer.heard.append(read_request(caller))
        release.wait(10)
        caller.sendall(answer)

    return behave


def uazapi_body(url: str, **more: Any) -> dict[str, Any]:
    """What configures a Uazapi connection at an address, without probing for its dialect."""
    return {
        "api_url": url,
        "api_token": "some-token",
        "phone_number": "+5511987654321",
        "dialect": "go",
        **more,
    }
