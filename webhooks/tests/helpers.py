"""Uazapi's side of the line: what it posts, and what we made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.test import Client as Browser
from django.test.client import ClientHandler
from pydantic import SecretStr

from integrations.models import Integration
from integrations.sandbox import payloads
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests import factories
from webhooks.models import InboundEvent
from webhooks.signatures import sign_body

KEY = "the-secret-part-of-the-address"
TOKEN = payloads.TOKEN
SECRET = "a-webhook-secret"
PHONE = "5511987650001"
_HANDLER = ClientHandler(enforce_csrf_checks=False)  # one for all: each would set up the middleware anew


def connect(client: Client, *, key: str = KEY, token: str = TOKEN, secret: str | None = None) -> Integration:
    """A WhatsApp integration whose address ends in `key`; `secret` signs its v1 webhooks."""
    integration = factories.make_integration(client, webhook_key=key, api_token=token)
    if secret:
        with service_scope(reason="test rows"):
            integration.config = {**integration.config, "webhook_secret": SecretStr(secret)}
            integration.save(update_fields=["config"])
    return integration


def text(
    words: str = "Olá, quero agendar",
    *,
    phone: str = PHONE,
    message_id: str | None = None,
    sent_at: datetime | None = None,
    track_id: str = "",
    name: str = "Marina",
) -> payloads.Text:
    return payloads.Text(
        message_id or payloads.new_go_id(), phone, words, sent_at or datetime.now(UTC), name, track_id
    )


def go(message: payloads.Text | None = None, **changes: Any) -> dict[str, Any]:
    """The envelope of a person's message; `changes` replace members of its `message`."""
    event = payloads.message_event(message or text(), "https://free.uazapi.test", from_api=False)
    event["message"].update(changes)
    return event


def echo(reference: str, message_id: str = "3EB0ECHO", **changes: Any) -> dict[str, Any]:
    """The envelope in which our own send comes back."""
    message = text(message_id=message_id, track_id=reference)
    event = payloads.message_event(message, "https://free.uazapi.test", from_api=True)
    event["message"].update(changes)
    return event


def receipt(ids: list[str], state: str) -> dict[str, Any]:
    event = payloads.delivered_event(text(), "https://free.uazapi.test")
    event["state"] = state
    event["event"]["MessageIDs"] = ids
    return event


def v1(
    message: payloads.Text | None = None, *, secret: str = SECRET, at: str | None = None
) -> dict[str, Any]:
    """The brief's payload, signed in the body."""
    message = message or text()
    return payloads.v1_event(message, message.sent_at.isoformat() if at is None else at, secret)


def encode(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()


def browser() -> Browser:
    """One that takes a crash of a view for its 500."""
    made = Browser(raise_request_exception=False)
    made.handler = _HANDLER
    return made


def post(
    payload: Any, *, key: str | None = KEY, api_key: str | None = None, signature: str | None = None
) -> Any:
    """Post JSON, or bytes as they are. A crash of the view is its 500."""
    headers = {"X-API-Key": api_key, "X-Webhook-Signature": signature}
    return browser().post(
        f"/webhooks/uazapi/{key}" if key else "/webhooks/uazapi",
        encode(payload),
        content_type="application/json",
        headers={name: value for name, value in headers.items() if value is not None},
    )


def header_for(body: bytes, secret: str = SECRET) -> str:
    return f"sha256={sign_body(secret, body)}"


def inbox() -> list[InboundEvent]:
    """Everything in the inbox, the oldest first."""
    with service_scope(reason="test"):
        return list(InboundEvent.objects.order_by("received_at", "id"))


def outcomes() -> list[tuple[str, str]]:
    """State and reason of everything in the inbox."""
    return [(event.state, event.reason_code) for event in inbox()]


def refusal(response: Any) -> dict[str, Any]:
    """The envelope of a refusal without its timestamp, with its status."""
    body = response.json()
    assert set(body) == {"success", "error", "error_code", "details", "timestamp"}
    assert body["success"] is False
    del body["timestamp"]
    return {**body, "status": response.status_code}
