"""SendGrid's side of the line: what it signs and posts, and the mails it tells of."""

from __future__ import annotations

import itertools
import uuid
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client as Browser

from integrations.models import Integration, OutboundMessage
from integrations.providers.sendgrid.config import SendGridSettings
from integrations.sandbox.sendgrid_mail import complete
from integrations.sandbox.sendgrid_webhooks import SIGNATURE, TIMESTAMP, Account, Webhook, encode
from integrations.services import webhook_key_index
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.emails import email_index
from renum.conversations.models import Suppression

KEY = "the-secret-part-of-the-address"
ADDRESS = "Ana@example.com"
VENDOR = Account()
SIGNED = Webhook("id", "https://renum.example", is_signed=True)

_numbers = itertools.count(1)


def connect(client: Client, *, key: str = KEY, vendor: Account | None = VENDOR, **fields: Any) -> Integration:
    """A SendGrid integration whose address ends in `key`; `vendor` None: it knows no key yet."""
    config = SendGridSettings.model_validate(
        {
            "api_key": "SG.demo-key",
            "from_email": "contato@clinica.example",
            "webhook_public_key": vendor.public_key if vendor else None,
        }
    )
    with service_scope(reason="test rows"):
        return Integration.objects.create(
            client=client,
            type=Integration.Type.EMAIL_SENDGRID,
            provider="sendgrid",
            name="SendGrid",
            config=config.model_dump(),
            webhook_key=key,
            webhook_key_index=webhook_key_index(key),
            **fields,
        )


def event(name: str, **fields: Any) -> dict[str, Any]:
    """One event as SendGrid posts it; a field that is None is left out."""
    whole = complete({"event": name, "email": ADDRESS, **fields}, "queued-id")
    return {field: value for field, value in whole.items() if value is not None}


def post(
    body: Any,
    *,
    key: str = KEY,
    vendor: Account = VENDOR,
    at: int | None = None,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Post a batch, or bytes as they are, signed by `vendor` at `at` unless `headers` are given."""
    raw = body if isinstance(body, bytes) else encode(body)
    timestamp = str(int(clock.now().timestamp()) if at is None else at)
    return Browser(raise_request_exception=False).post(
        f"/webhooks/sendgrid/{key}",
        raw,
        content_type="application/json",
        headers=vendor.sign(SIGNED, raw, timestamp) if headers is None else headers,
    )


def signed(body: bytes, *, vendor: Account = VENDOR, **changes: str | None) -> dict[str, str]:
    """The headers for a body; `signature` and `timestamp` replace theirs afterwards, None drops them."""
    whole: dict[str, str | None] = dict(vendor.sign(SIGNED, body, str(int(clock.now().timestamp()))))
    for name, header in (("signature", SIGNATURE), ("timestamp", TIMESTAMP)):
        whole[header] = changes.get(name, whole[header])
    return {name: value for name, value in whole.items() if value is not None}


def make_mail(integration: Integration, state: str = "sent", **fields: Any) -> OutboundMessage:
    """A mail of the client's in the outbox, sent a minute ago unless `state` says otherwise."""
    now = clock.now()
    values: dict[str, Any] = {
        "id": uuid.uuid4(),
        "sent_at": now - timedelta(minutes=1) if state == "sent" else None,
        "provider_message_id": "queued-id" if state == "sent" else None,
        **fields,
    }
    with service_scope(reason="test rows"):
        return OutboundMessage.objects.create(
            client_id=integration.client_id,
            integration=integration,
            channel="email",
            kind=OutboundMessage.Kind.MAIL,
            recipient_index=email_index(integration.client_id, ADDRESS),
            idempotency_key=f"mail:{next(_numbers)}",
            fingerprint="0" * 64,
            state=state,
            **values,
        )


def reread(message: OutboundMessage) -> OutboundMessage:
    with service_scope(reason="test"):
        return OutboundMessage.objects.get(id=message.id)


def barred(client: Client, address: str = ADDRESS) -> list[tuple[str, str]]:
    """Channel and reason of the bars on an address of the client's."""
    with service_scope(reason="test"):
        rows = Suppression.objects.filter(client=client, address_index=email_index(client.id, address))
        return [(row.channel, row.reason) for row in rows]
