"""Encrypted fields on the real models: bound to their row, and refusing every way around them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db import connection, models, transaction
from pydantic import SecretStr

from renum.conversations.models import Contact, Conversation
from renum.security import fields
from renum.security.blind_index import blind_index
from renum.security.crypto import DecryptionFailed, Keyring
from renum.security.fields import Sealed, refuse_sealed_lookalikes
from tests import factories
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("as_service")

# The kernel imports no app but its own; these are where its fields are used.
Integration: Any = apps.get_model("integrations", "Integration")
OutboundMessage: Any = apps.get_model("integrations", "OutboundMessage")
InboundEvent: Any = apps.get_model("webhooks", "InboundEvent")
AgentRunInput: Any = apps.get_model("agent_tools", "AgentRunInput")

PHONE, NAME = "+5511987654321", "Márcia 🦜"
TOKEN, SECRET = "tok-3f9c1f6a77", "hook-secret-0123456789"


@pytest.fixture
def contact(cast: Cast) -> Contact:
    return _contact(cast.acme, PHONE, name=NAME)


def _contact(client: Any, phone: str, **values: Any) -> Contact:
    return Contact.objects.create(
        client=client, phone=phone, phone_index=blind_index(client.id, "phone", phone), **values
    )


@pytest.fixture
def integration(cast: Cast) -> Any:
    return _integration(cast.acme)


def _integration(client: Any, **config: Any) -> Any:
    return Integration.objects.create(
        client=client,
        type="whatsapp",
        provider="uazapi",
        name="WhatsApp",
        webhook_key=f"key-of-{client.name}",
        webhook_key_index=blind_index(None, "webhook_key", str(client.id)),
        config={
            "api_url": "https://free.uazapi.com",
            "api_token": SecretStr(TOKEN),
            "phone_number": SecretStr(PHONE),
            "dialect": "go",
            "webhook_secret": SecretStr(SECRET),
            **config,
        },
    )


def _raw(table: str, column: str, row: models.Model) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table} WHERE id = %s", [row.pk])
        value = cursor.fetchone()[0]
    return bytes(value) if isinstance(value, memoryview) else value


def _write_raw(table: str, column: str, row: models.Model, value: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, row.pk])
        assert cursor.rowcount == 1


# --- Round trips -----------------------------------------------------------------------------------


def test_i7_text_comes_back_from_the_database(contact: Contact) -> None:
    found = Contact.objects.get(id=contact.id)
    assert (found.phone, found.name, found.wa_id) == (PHONE, NAME, None)


@pytest.mark.parametrize("text", ["", " ", "x" * 100_000, "enc:AAAA", "a\x1fb", "linha\nlinha", "🦜"])
def test_i7_any_text_survives(contact: Contact, text: str) -> None:
    contact.name = text
    contact.save()
    assert Contact.objects.get(id=contact.id).name == text


@pytest.mark.parametrize(
    "value", [{"text": "olá 🦜"}, {}, [], [1, 2.5, None], "x", 0, False, {"a": {"b": []}}]
)
def test_i7_json_comes_back_from_the_database(cast: Cast, integration: Any, value: Any) -> None:
    event = InboundEvent.objects.create(
        client=cast.acme, integration=integration, kind="messages", dedup_key="1", payload=value
    )
    assert InboundEvent.objects.get(id=event.id).payload == value


def test_i7_erased_json_is_null_in_the_database(cast: Cast, integration: Any) -> None:
    event = InboundEvent.objects.create(
        client=cast.acme, integration=integration, kind="messages", dedup_key="1", payload={"text": "oi"}
    )
    InboundEvent.objects.filter(id=event.id).update(payload=None)
    assert _raw("inbound_events", "payload", event) is None
    assert InboundEvent.objects.get(id=event.id).payload is None


def test_i7_a_message_on_its_way_out_is_unreadable_in_the_database(cast: Cast, integration: Any) -> None:
    message = OutboundMessage.objects.create(
        client=cast.acme,
        integration=integration,
        channel="whatsapp",
        recipient="5511987654321",
        body={"text": "Sua consulta é amanhã"},
        idempotency_key="k",
    )
    stored = _raw("outbound_messages", "body", message) + _raw("outbound_messages", "recipient", message)
    assert b"consulta" not in stored
    assert b"987654321" not in stored
    found = OutboundMessage.objects.get(id=message.id)
    assert (found.recipient, found.body) == ("5511987654321", {"text": "Sua consulta é amanhã"})


def test_i7_a_value_changed_in_place_is_saved(cast: Cast, integration: Any) -> None:
    event = InboundEvent.objects.create(
        client=cast.acme, integration=integration, kind="messages", dedup_key="1", payload={"text": "oi"}
    )
    found = InboundEvent.objects.get(id=event.id)
    found.payload["text"] = "tchau"
    found.save(update_fields=["payload"])
    assert InboundEvent.objects.get(id=event.id).payload == {"text": "tchau"}


def test_i7_deferred_and_refreshed_fields_open_too(contact: Contact) -> None:
    deferred = Contact.objects.defer("phone").get(id=contact.id)
    assert "phone" not in deferred.__dict__
    assert deferred.phone == PHONE
    contact.phone = "+5511900000000"
    contact.refresh_from_db()
    assert contact.phone == PHONE
    assert Contact.objects.only("phone").get(id=contact.id).phone == PHONE


def test_i7_a_joined_row_opens_under_its_own_identity(contact: Contact) -> None:
    conversation = Conversation.objects.create(client_id=contact.client_id, contact=contact)
    found = Conversation.objects.select_related("contact").get(id=conversation.id)
    assert found.contact.phone == PHONE


# --- Nothing readable outside the instance ---------------------------------------------------------


def test_i7_raw_sql_shows_no_plaintext(contact: Contact) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(c)::text FROM contacts c WHERE id = %s", [contact.id])
        row = cursor.fetchone()[0]
    readable = row + bytes.fromhex("".join(json.loads(row)["phone"].split("\\x"))).decode("latin-1")
    for text in (PHONE, PHONE[1:], "987654321", "cia"):
        assert text not in readable


def test_i7_values_gives_opaque_objects(contact: Contact) -> None:
    found = Contact.objects.filter(id=contact.id).values("phone", "name", "wa_id").get()
    assert isinstance(found["phone"], Sealed)
    assert found["wa_id"] is None
    shown = f"{found!r} {found} {found['phone']}"
    assert PHONE not in shown
    assert repr(found["name"]) == "<sealed>"
    assert isinstance(Contact.objects.values_list("phone", flat=True).get(id=contact.id), Sealed)


def test_i7_an_instance_does_not_show_its_secrets(contact: Contact, integration: Any) -> None:
    shown = f"{contact!r} {contact} {integration!r} {integration} {integration.config!r} {integration.config}"
    shown += f"{integration.settings!r} {integration.settings}"
    for secret in (PHONE, NAME, TOKEN, SECRET):
        assert secret not in shown


def test_a_masked_phone_shows_country_area_and_two_digits(contact: Contact) -> None:
    assert contact.masked_phone == "+5511•••••••21"


# --- A ciphertext opens in one place only ----------------------------------------------------------


def test_i7_a_ciphertext_copied_to_another_row_does_not_open(cast: Cast, contact: Contact) -> None:
    other = _contact(cast.acme, "+5511911112222")
    _write_raw("contacts", "phone", other, _raw("contacts", "phone", contact))
    with pytest.raises(DecryptionFailed):
        _ = Contact.objects.get(id=other.id).phone


def test_i7_a_ciphertext_copied_to_another_clients_row_does_not_open(cast: Cast, contact: Contact) -> None:
    other = _contact(cast.globex, PHONE)
    _write_raw("contacts", "phone", other, _raw("contacts", "phone", contact))
    with pytest.raises(DecryptionFailed):
        _ = Contact.objects.get(id=other.id).phone


def test_i7_a_row_given_to_another_client_does_not_open(cast: Cast, contact: Contact) -> None:
    _write_raw("contacts", "client_id", contact, cast.globex.id)
    with pytest.raises(DecryptionFailed):
        _ = Contact.objects.get(id=contact.id).phone


def test_i7_a_ciphertext_copied_to_another_column_does_not_open(contact: Contact) -> None:
    _write_raw("contacts", "name", contact, _raw("contacts", "phone", contact))
    found = Contact.objects.get(id=contact.id)
    assert found.phone == PHONE
    with pytest.raises(DecryptionFailed):
        _ = found.name


def test_i7_a_ciphertext_copied_to_another_table_under_the_same_id_does_not_open(contact: Contact) -> None:
    asked = AgentRunInput.objects.create(
        id=contact.id,
        client_id=contact.client_id,
        run=factories.make_agent_run(factories.make_conversation(contact.client)),
        message_id=contact.id,
        position=2,
        length=0,
    )
    _write_raw("agent_run_inputs", "text", asked, _raw("contacts", "phone", contact))
    with pytest.raises(DecryptionFailed):
        _ = AgentRunInput.objects.get(id=asked.id).text


def test_i7_a_sealed_value_saved_under_a_new_id_does_not_open(contact: Contact) -> None:
    stranger = Contact.objects.get(id=contact.id)
    stranger.pk = Contact._meta.pk.get_default()
    stranger.phone_index = "another"
    stranger.save(force_insert=True)
    with pytest.raises(DecryptionFailed):
        _ = Contact.objects.get(pk=stranger.pk).phone


@pytest.mark.parametrize("garbage", [b"", b"\x01", b"plain text", b"\x00" * 64])
def test_i7_garbage_in_the_column_is_an_error_and_not_a_value(contact: Contact, garbage: bytes) -> None:
    _write_raw("contacts", "phone", contact, garbage)
    with pytest.raises(DecryptionFailed):
        _ = Contact.objects.get(id=contact.id).phone


# --- No way to write plaintext ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "write",
    [
        lambda found: found.update(phone="+5511911112222"),
        lambda found: found.update(phone=b"+5511911112222"),
        lambda found: found.bulk_update([_renamed(found.get())], ["name"]),
    ],
    ids=["update", "update with bytes", "bulk_update"],
)
def test_i7_plaintext_past_the_instance_is_refused(
    contact: Contact, write: Callable[[models.QuerySet[Contact]], Any]
) -> None:
    before = _raw("contacts", "phone", contact), _raw("contacts", "name", contact)
    with pytest.raises(FieldError), transaction.atomic():
        write(Contact.objects.filter(id=contact.id))
    assert (_raw("contacts", "phone", contact), _raw("contacts", "name", contact)) == before


def _renamed(contact: Contact) -> Contact:
    contact.name = "Outra"
    return contact


@pytest.mark.parametrize(
    "lookup", ["phone", "phone__contains", "phone__in", "phone__gt", "phone__startswith"]
)
def test_i7_an_encrypted_column_cannot_be_searched(contact: Contact, lookup: str) -> None:
    with pytest.raises(FieldError):
        Contact.objects.filter(**{lookup: [PHONE] if lookup.endswith("in") else PHONE}).exists()


def test_i7_bulk_create_seals_each_row_for_itself(cast: Cast) -> None:
    phones = [f"+55119{number:08d}" for number in range(30)]
    Contact.objects.bulk_create(
        [
            Contact(client=cast.acme, phone=phone, phone_index=blind_index(cast.acme.id, "phone", phone))
            for phone in phones
        ]
    )
    assert sorted(str(contact.phone) for contact in Contact.objects.all()) == phones


def test_i7_saving_another_field_keeps_the_ciphertext(contact: Contact) -> None:
    before = _raw("contacts", "phone", contact)
    found = Contact.objects.get(id=contact.id)
    assert found.phone == PHONE
    found.name = "Márcia Souza"
    found.save(update_fields=["name", "updated_at"])
    assert _raw("contacts", "phone", contact) == before
    assert Contact.objects.get(id=contact.id).name == "Márcia Souza"


def test_i7_saving_an_unopened_row_keeps_the_ciphertext(contact: Contact) -> None:
    before = _raw("contacts", "phone", contact)
    Contact.objects.get(id=contact.id).save()
    assert _raw("contacts", "phone", contact) == before


def test_i7_the_same_text_saved_twice_looks_different(contact: Contact) -> None:
    before = _raw("contacts", "phone", contact)
    found = Contact.objects.get(id=contact.id)
    found.phone = PHONE
    found.save()
    assert _raw("contacts", "phone", contact) != before


# --- Configurations: JSONB with sealed members -----------------------------------------------------


def test_i7_secret_members_are_sealed_in_place_and_the_others_are_readable(integration: Any) -> None:
    stored = json.loads(_raw("integrations", "config::text", integration))
    assert stored["api_url"] == "https://free.uazapi.com"
    assert stored["dialect"] == "go"
    for name in ("api_token", "phone_number", "webhook_secret"):
        assert stored[name].startswith("enc:")
        assert base64.b64decode(stored[name][4:], validate=True)
    for secret in (TOKEN, SECRET, PHONE[1:]):
        assert secret not in json.dumps(stored)


def test_i7_sealed_members_come_back_as_secrets(integration: Any) -> None:
    found = Integration.objects.get(id=integration.id)
    assert found.config["api_token"] == SecretStr(TOKEN)
    assert found.config["webhook_secret"] == SecretStr(SECRET)
    assert found.settings.phone_number.get_secret_value() == PHONE
    assert found.webhook_key == "key-of-Acme"


def test_i7_a_configuration_survives_being_saved_again(integration: Any) -> None:
    found = Integration.objects.get(id=integration.id)
    found.config = {**found.config, "dialect": "v1"}
    found.save()
    again = Integration.objects.get(id=integration.id)
    assert again.config["api_token"] == SecretStr(TOKEN)
    assert again.config["dialect"] == "v1"


def test_i7_saving_another_field_keeps_the_sealed_members(integration: Any) -> None:
    before = _raw("integrations", "config::text", integration)
    found = Integration.objects.get(id=integration.id)
    assert found.config["api_token"] == SecretStr(TOKEN)
    found.last_error = "x"
    found.save(update_fields=["last_error", "updated_at"])
    assert _raw("integrations", "config::text", integration) == before


def test_i7_sealed_members_cannot_be_swapped(integration: Any) -> None:
    stored = json.loads(_raw("integrations", "config::text", integration))
    stored["api_token"], stored["webhook_secret"] = stored["webhook_secret"], stored["api_token"]
    _write_raw("integrations", "config", integration, json.dumps(stored))
    with pytest.raises(DecryptionFailed):
        _ = Integration.objects.get(id=integration.id).config


def test_i7_a_configuration_copied_to_another_client_does_not_open(cast: Cast, integration: Any) -> None:
    other = _integration(cast.globex)
    _write_raw("integrations", "config", other, _raw("integrations", "config::text", integration))
    with pytest.raises(DecryptionFailed):
        _ = Integration.objects.get(id=other.id).config


@pytest.mark.parametrize("token", ["enc:", "enc:AAAA", "enc:não é base64", "enc:" + "A" * 80])
def test_i7_a_forged_member_is_an_error_and_not_a_value(integration: Any, token: str) -> None:
    stored = json.loads(_raw("integrations", "config::text", integration))
    _write_raw("integrations", "config", integration, json.dumps({**stored, "api_url": token}))
    with pytest.raises(DecryptionFailed):
        _ = Integration.objects.get(id=integration.id).config


def test_i7_a_typed_lookalike_of_a_sealed_member_is_refused(integration: Any) -> None:
    with pytest.raises(ValueError, match="api_url"):
        refuse_sealed_lookalikes({"api_url": "enc:AAAA", "api_token": SecretStr(TOKEN)})
    refuse_sealed_lookalikes({"api_url": "https://x", "api_token": SecretStr("enc:AAAA"), "port": 1})


def test_i7_a_lookalike_beside_a_secret_does_not_let_the_secret_through(integration: Any) -> None:
    before = _raw("integrations", "config::text", integration)
    integration.config = {"api_url": "enc:AAAA", "api_token": SecretStr(TOKEN)}
    with pytest.raises(FieldError), transaction.atomic():
        integration.save()
    assert _raw("integrations", "config::text", integration) == before


def test_i7_secrets_past_the_instance_are_refused(integration: Any) -> None:
    before = _raw("integrations", "config::text", integration)
    with pytest.raises(FieldError), transaction.atomic():
        Integration.objects.filter(id=integration.id).update(config={"api_token": SecretStr("new")})
    assert _raw("integrations", "config::text", integration) == before


# --- Keys change -----------------------------------------------------------------------------------


def test_i7_a_row_of_a_retired_key_reads_and_is_sealed_anew(
    contact: Contact, integration: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    rotated = Keyring([b"n" * 32, *settings.ENVIRONMENT.encryption_keys])
    monkeypatch.setattr(fields, "keyring", lambda: rotated)
    phone_field, config_field = Contact._meta.get_field("phone"), Integration._meta.get_field("config")
    assert Contact.objects.get(id=contact.id).phone == PHONE

    old = Sealed(_raw("contacts", "phone", contact))
    new = phone_field.reseal(contact, old)
    assert rotated.is_current(new.envelope)
    assert phone_field.open_sealed(contact, new) == PHONE
    assert phone_field.reseal(contact, new) is None

    stored = json.loads(_raw("integrations", "config::text", integration))
    resealed = config_field.reseal(integration, stored)
    assert {name for name in stored if stored[name] != resealed[name]} == {
        "api_token",
        "phone_number",
        "webhook_secret",
    }
    assert config_field.open_sealed(integration, resealed)["api_token"] == SecretStr(TOKEN)
    assert config_field.reseal(integration, resealed) is None


def test_i7_every_column_for_secrets_is_an_encrypted_field() -> None:
    names = {"phone", "wa_id", "recipient", "body", "payload", "text", "webhook_key", "api_token"}
    naked = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.name in names and not isinstance(field, fields.RowBoundField)
    ]
    assert naked == ["integrations.MessageTemplate.body"]  # written for everybody, about nobody
