"""Every provider by one name each, as tests reach it: at a host and a port, in the clear or over TLS."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from integrations import providers
from integrations.delivery.outbox import enqueue_message
from integrations.models import Integration, OutboundMessage
from integrations.providers.sendgrid import client as sendgrid
from integrations.sandbox.sendgrid import KEY
from integrations.services import send_mail
from integrations.tests.databases import (
    DEMO_TABLES,
    OWN_TABLES,
    READER,
    READER_PASSWORD,
    SCHEMA,
    SECRET_KEY,
    owner_url,
)
from integrations.tests.helpers import GO_TOKEN, make_talk
from integrations.tests.mailing import ANA, SENDER
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Message
from renum.events.cause import Cause
from tests.factories import make_integration

WHATSAPP = ("uazapi-go", "uazapi-v1", "evolution")
SENDERS = (*WHATSAPP, "smtp", "sendgrid")
DATABASES = ("supabase", "postgres")
VENDORS = (*SENDERS, *DATABASES)
OVER_HTTP = (*WHATSAPP, "sendgrid", "supabase")

# Where each is mounted in the sandbox.
_MOUNTS = {
    "uazapi-go": "/uazapi",
    "uazapi-v1": "/uazapi/v1",
    "evolution": "/evolution",
    "sendgrid": "/sendgrid",
    "supabase": "/supabase",
}
_TYPED: dict[str, dict[str, Any]] = {
    "uazapi-go": {"api_token": GO_TOKEN, "phone_number": "+5511999990000", "dialect": "go"},
    "uazapi-v1": {"api_token": GO_TOKEN, "phone_number": "+5511999990000", "dialect": "v1"},
    "evolution": {"api_key": "demo-key", "instance": "demo", "phone_number": "+5511999990000"},
    "smtp": {"username": "demo", "password": "demo-password", "from_email": SENDER},
    "sendgrid": {"api_key": KEY, "from_email": SENDER},
    "supabase": {"supabase_key": SECRET_KEY, "allowed_tables": [*DEMO_TABLES, *OWN_TABLES, "fechada"]},
    "postgres": {
        "username": READER,
        "password": READER_PASSWORD,
        "schema_name": SCHEMA,
        "allowed_tables": [*DEMO_TABLES, *OWN_TABLES, "fechada", "ausente"],
    },
}
_ADDRESS_FIELDS = {"sendgrid": "api_host", "supabase": "supabase_url", "smtp": "host", "postgres": "host"}
_DOORS = {"whatsapp": "whatsapp", "email_smtp": "email", "email_sendgrid": "email", "database": "database"}


def kind_of(vendor: str) -> str:
    return vendor.partition("-")[0]


def configure_path(vendor: str) -> str:
    return f"/api/integrations/{_DOORS[providers.get(kind_of(vendor)).integration_type]}/configure"


def url_of(vendor: str, host: str, port: int, *, tls: bool = False) -> str:
    return f"{'https' if tls else 'http'}://{host}:{port}{_MOUNTS[vendor]}"


def address_field(vendor: str) -> str:
    return _ADDRESS_FIELDS.get(vendor, "api_url")


def typed(vendor: str, address: str, port: int, *, tls: bool = False) -> dict[str, Any]:
    """What a person types; `address` is a URL for those that are reached over HTTP, else a host."""
    body = {**_TYPED[vendor], address_field(vendor): address}
    if vendor == "smtp":
        body |= {"port": port, "security": "tls" if tls else "plain"}
    if vendor == "postgres":
        body |= {"port": port, "sslmode": "verify-full" if tls else "disable"}
        body["database"] = conninfo_to_dict(owner_url())["dbname"]
    return body


def connect(
    client: Client, vendor: str, monkeypatch: Any, *, host: str, port: int, tls: bool = False
) -> Integration:
    """A stored connection, which nobody has tested."""
    if vendor == "sendgrid":  # its host is no setting, but for this machine's
        monkeypatch.setitem(sendgrid.HOSTS, "global", url_of(vendor, host, port, tls=tls))
        body = _TYPED[vendor]
    else:
        address = url_of(vendor, host, port, tls=tls) if vendor in OVER_HTTP else host
        body = typed(vendor, address, port, tls=tls)
    spec = providers.get(kind_of(vendor))
    integration = make_integration(client, type=spec.integration_type, provider=spec.kind)
    with service_scope(reason="test rows"):
        integration.config = spec.settings.model_validate(body).model_dump()
        integration.save()
    return integration


def queue(integration: Integration, words: str) -> OutboundMessage:
    """Queue a message with these words, as an endpoint does."""
    scope: AbstractContextManager[None] = service_scope(reason="test")
    if integration.type == Integration.Type.WHATSAPP:
        talk = make_talk(integration.client)
        with scope:
            return enqueue_message(
                talk, words, idempotency_key="test", author=Message.Author.API, cause=Cause()
            )
    with scope:
        return send_mail(
            integration.client_id, [ANA], "Consulta", words, idempotency_key="test", cause=Cause()
        )
