from __future__ import annotations

import base64
import os
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pydantic import SecretStr

from integrations.models import Integration
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact
from renum.security import fields
from renum.security.crypto import Keyring
from renum.security.rotation import encrypted_fields

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture
def use_keys(monkeypatch):
    def use(*keys: bytes) -> None:
        monkeypatch.setattr(fields, "keyring", lambda: Keyring(list(keys)))

    return use


@pytest.fixture
def rows(cast, use_keys):
    use_keys(OLD)
    with service_scope(reason="test"):
        contact = Contact.objects.create(client=cast.acme, phone="+5511987654321", phone_index="a" * 64)
        integration = Integration.objects.create(
            client=cast.acme,
            type="whatsapp",
            provider="uazapi",
            config={"api_url": "https://x", "api_token": SecretStr("old-secret")},
            webhook_key="k",
            webhook_key_index="b" * 64,
        )
    return contact, integration


def _read(contact: Contact, integration: Integration) -> tuple[str, str, str | None]:
    with service_scope(reason="test"):
        fresh = Contact.objects.get(id=contact.id)
        token = Integration.objects.get(id=integration.id).config["api_token"]
        return fresh.phone, token.get_secret_value(), fresh.name


def test_rotation_brings_every_value_under_the_new_key(rows, use_keys):
    use_keys(NEW, OLD)
    out = StringIO()
    call_command("rotate_encryption", stdout=out)
    assert "contacts.phone: 1 rows seen, 1 re-encrypted" in out.getvalue()
    assert "integrations.config: 1 rows seen, 1 re-encrypted" in out.getvalue()
    use_keys(NEW)
    assert _read(*rows) == ("+5511987654321", "old-secret", None)


def test_rotating_twice_changes_nothing_the_second_time(rows, use_keys):
    use_keys(NEW, OLD)
    call_command("rotate_encryption", stdout=StringIO())
    out = StringIO()
    call_command("rotate_encryption", stdout=out)
    assert "1 rows seen, 0 re-encrypted" in out.getvalue()
    assert "1 re-encrypted" not in out.getvalue().replace("1 rows seen", "")


def test_a_lost_key_is_said_and_changes_nothing(rows, use_keys):
    use_keys(NEW)
    with pytest.raises(CommandError, match="ENCRYPTION_KEYS_RETIRED"):
        call_command("rotate_encryption", stdout=StringIO())
    use_keys(OLD)
    assert _read(*rows)[0] == "+5511987654321"


def test_every_encrypted_column_is_known_to_the_rotation():
    names = {f"{model._meta.db_table}.{field.column}" for model, field in encrypted_fields()}
    assert names == {
        "contacts.phone",
        "contacts.wa_id",
        "contacts.name",
        "contact_aliases.value",
        "integrations.candidate_config",
        "integrations.config",
        "integrations.previous_config",
        "integrations.webhook_key",
        "outbound_messages.recipient",
        "outbound_messages.body",
        "inbound_events.payload",
        "agent_run_inputs.text",
        "agent_runs.answer",
        "agents.allowed_recipients",
        "agents.model_key",
    }


def test_retired_keys_are_read_from_the_environment(monkeypatch):
    from renum.environment import Environment

    monkeypatch.setenv("ENCRYPTION_KEY", base64.b64encode(NEW).decode())
    monkeypatch.setenv("ENCRYPTION_KEYS_RETIRED", f"{base64.b64encode(OLD).decode()}, ")
    assert Environment().encryption_keys == [NEW, OLD]
