"""Evolution's side of the line: what one instance posts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse

from integrations.models import Integration
from integrations.providers.evolution.config import EvolutionSettings
from integrations.sandbox import evolution_webhooks as vendor
from integrations.services import webhook_key_index
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from webhooks.tests.helpers import PHONE, browser, encode

KEY = "the-secret-part-of-the-address"
SECRET = "a-secret-in-a-header"
HOOK = f"https://renum.example/webhooks/evolution/{KEY}"


def connect(client: Client, *, key: str = KEY, secret: str | None = SECRET, **settings: Any) -> Integration:
    """An Evolution integration whose address ends in `key`, and whose webhooks carry `secret`."""
    config = EvolutionSettings.model_validate(
        {
            "api_url": "http://127.0.0.1:9",
            "api_key": vendor.API_KEY,
            "instance": vendor.INSTANCE,
            "phone_number": "+5511999990000",
            "webhook_secret": secret,
            **settings,
        }
    )
    with service_scope(reason="test rows"):
        return Integration.objects.create(
            client=client,
            type=Integration.Type.WHATSAPP,
            provider="evolution",
            name="Evolution",
            config=config.model_dump(),
            webhook_key=key,
            webhook_key_index=webhook_key_index(key),
        )


def envelope(event: str, data: Any) -> dict[str, Any]:
    return vendor.envelope(vendor.Webhook(HOOK, True, (), {}), event, data, "https://evolution.test")


def upsert(
    words: str = "Olá, quero agendar",
    *,
    phone: str = PHONE,
    message_id: str | None = None,
    sent_at: datetime | None = None,
    name: str = "Marina",
    key: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The envelope of a person's message; `key` and `changes` replace members of its `data`."""
    data = vendor.received_message(
        phone, message_id or vendor.new_id(), words, name, sent_at or datetime.now(UTC)
    )
    return envelope("messages.upsert", {**data, "key": {**data["key"], **(key or {})}, **changes})


def update(message_id: str, status: Any = "DELIVERY_ACK", **changes: Any) -> dict[str, Any]:
    """The envelope of a receipt."""
    sent = vendor.sent_message(PHONE, "conversation", {"conversation": "Olá"})
    data = vendor.delivered_update({**sent, "key": {**sent["key"], "id": message_id}})
    return envelope("messages.update", {**data, "status": status, **changes})


def batch(*envelopes: dict[str, Any]) -> dict[str, Any]:
    """One request with the `data` of several, as some builds post."""
    return {**envelopes[0], "data": [one["data"] for one in envelopes]}


def post(payload: Any, *, key: str = KEY, secret: str | None = SECRET, **headers: str) -> HttpResponse:
    """Post JSON, or bytes as they are. A crash of the view is its 500."""
    if secret is not None:
        headers["X-Webhook-Secret"] = secret
    return browser().post(
        f"/webhooks/evolution/{key}", encode(payload), content_type="application/json", headers=headers
    )
