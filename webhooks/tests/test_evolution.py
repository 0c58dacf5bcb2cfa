"""`POST /webhooks/evolution/<key>`: who is let in, what is kept, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser
from pydantic import SecretStr

from agent_tools.models import AgentRun, AgentRunInput
from integrations import providers
from integrations.models import Integration
from integrations.providers.base import TextMessage
from integrations.providers.evolution.client import WEBHOOK_HEADER
from integrations.sandbox.testing import sandbox_in_thread
from integrations.tests.helpers import http_answer, wait_until
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from renum.events.models import Event
from renum.security.http import open_client
from renum.security.tests.peers import closing, listening
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.signatures import EVOLUTION_SECRET
from webhooks.tests.evolution_helpers import KEY, SECRET, batch, connect, envelope, post, update, upsert
from webhooks.tests.helpers import PHONE, go, inbox, outcomes, refusal
from webhooks.tests.helpers import connect as connect_uazapi
from webhooks.tests.helpers import post as post_uazapi

LID = "100000000000001@lid"
UNAUTHORIZED = {
    "success": False,
    "error": "Assinatura inválida.",
    "error_code": "INVALID_SIGNATURE",
    "details": {},
    "status": 401,
}


def receive(*payloads: Any, **more: Any) -> None:
    """Post what is accepted, and process it."""
    for payload in payloads:
        assert post(payload, **more).status_code == 200
    services.process_inbox()


def rows(model: Any, **filters: Any) -> list[Any]:
    with service_scope(reason="test"):
        return list(model.objects.filter(**filters))


def only(model: Any, **filters: Any) -> Any:
    (row,) = rows(model, **filters)
    return row


def assert_nothing_happened() -> None:
    for model in (Contact, Conversation, Message, Event, AgentRun):
        assert rows(model) == [], model


def sent_message(client: Client, identifier: str = "3EB0S", state: str = "sent") -> Message:
    return factories.make_message(
        factories.make_conversation(client),
        direction=Message.Direction.OUTBOUND,
        author=Message.Author.AGENT,
        state=Message.State(state),
        provider_message_id=identifier,
    )


# --- who is let in --------------------------------------------------------------------------------


def test_stores_what_carries_the_secret(cast: Cast) -> None:
    integration = connect(cast.acme)
    response = post(upsert(message_id="3EB0A"))
    assert response.status_code == 200
    assert set(response.json()) == {"success", "processed_at"}
    (event,) = inbox()
    assert (event.client_id, event.integration_id) == (cast.acme.id, integration.id)
    assert (event.state, event.kind, event.dedup_key) == ("pending", "message", "message:3EB0A")
    assert event.chat_index != ""


@pytest.mark.parametrize(
    "secret",
    [None, "", "wrong", SECRET[:-1], SECRET + "x", SECRET.upper(), "ção", "demo-key"],
    ids=["missing", "empty", "wrong", "shorter", "longer", "case", "non-ascii", "the-instance-s-key"],
)
def test_refuses_another_secret(cast: Cast, secret: str | None) -> None:
    connect(cast.acme)
    assert refusal(post(upsert(), secret=secret)) == UNAUTHORIZED
    assert inbox() == []
    assert post(upsert()).status_code == 200  # while ours is let in


def test_refuses_the_secret_in_any_other_place(cast: Cast) -> None:
    connect(cast.acme)
    elsewhere = {"apikey": SECRET, "Authorization": f"Bearer {SECRET}", "X-API-Key": KEY}
    assert refusal(post({**upsert(), "secret": SECRET}, secret=None, **elsewhere)) == UNAUTHORIZED
    assert inbox() == []


def test_refuses_an_unknown_key_alike_whatever_it_brings(cast: Cast) -> None:
    connect(cast.acme)
    for body in (upsert(), b"no json"):
        for secret in (SECRET, "wrong", None):
            assert refusal(post(body, key="no-such-key", secret=secret)) == UNAUTHORIZED
        assert refusal(post(body, secret="wrong")) == UNAUTHORIZED
    assert inbox() == []


def test_refuses_the_secret_of_another_client(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key", secret="the-secret-of-globex")
    assert refusal(post(upsert(), secret="the-secret-of-globex")) == UNAUTHORIZED
    assert refusal(post(upsert(), key="globex-key")) == UNAUTHORIZED
    assert inbox() == []
    assert post(upsert(), key="globex-key", secret="the-secret-of-globex").status_code == 200
    assert [event.client_id for event in inbox()] == [cast.globex.id]


def test_an_integration_without_a_secret_is_known_by_its_address(cast: Cast) -> None:
    connect(cast.acme, secret=None)
    assert post(upsert(), secret=None).status_code == post(upsert(), secret="any").status_code == 200
    assert len(inbox()) == 2


def test_the_addresses_of_two_providers_are_not_the_same(cast: Cast) -> None:
    connect(cast.acme)
    connect_uazapi(cast.globex, key="uazapi-key")
    assert refusal(post(upsert(), key="uazapi-key")) == UNAUTHORIZED
    assert refusal(post_uazapi(go(), key=KEY)) == UNAUTHORIZED
    assert inbox() == []


def test_a_removed_integration_and_a_suspended_client_are_not_there(cast: Cast) -> None:
    removed = connect(cast.acme)
    connect(cast.globex, key="globex-key")
    with service_scope(reason="test rows"):
        Integration.objects.filter(id=removed.id).update(removed_at=clock.now())
        Client.objects.filter(id=cast.globex.id).update(status=Client.Status.SUSPENDED)
    assert refusal(post(upsert())) == UNAUTHORIZED
    assert refusal(post(upsert(), key="globex-key")) == UNAUTHORIZED
    assert inbox() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[NaN]", b"[" * 5000, b'{"a":1,"a":2}'],
    ids=["empty", "cut", "not-utf-8", "nan", "deep", "twice"],
)
def test_a_body_that_is_no_json_is_400_and_stores_nothing(cast: Cast, body: bytes) -> None:
    connect(cast.acme)
    assert refusal(post(body))["status"] == 400
    assert refusal(post(body))["error_code"] == "INVALID_PAYLOAD"
    assert inbox() == []


def test_a_body_over_the_cap_is_413_and_another_method_405(cast: Cast) -> None:
    connect(cast.acme)
    assert refusal(post(b"{" + b" " * 1024 * 1024 + b"}"))["error_code"] == "PAYLOAD_TOO_LARGE"
    got = Browser().get(f"/webhooks/evolution/{KEY}")
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    assert Browser().post("/webhooks/evolution").status_code == 404
    assert inbox() == []


def test_i1_answers_503_while_the_database_is_down_and_takes_the_retry(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evolution tries again on a 5xx, and never on a 400 or 401."""
    connect(cast.acme)
    event = upsert()

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr("webhooks.receiving._insert", fail)
        assert refusal(post(event))["status"] == 503
    assert inbox() == []
    receive(event)
    assert outcomes() == [("done", "")]


def test_settings_that_cannot_be_read_are_ours_to_mend(cast: Cast) -> None:
    integration = connect(cast.acme)
    with service_scope(reason="test rows"):
        integration.config = {"api_url": "http://127.0.0.1:9"}
        integration.save(update_fields=["config"])
    answer = refusal(post(upsert()))
    assert (answer["status"], answer["error_code"]) == (503, "PROCESSING_FAILED")
    assert inbox() == []


# --- a person writes ------------------------------------------------------------------------------


def test_a_text_opens_a_conversation_and_asks_the_agent(cast: Cast) -> None:
    connect(cast.acme)
    sent_at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)

    receive(upsert("Quero agendar", message_id="3EB0A", sent_at=sent_at))

    (event,) = inbox()
    contact, conversation, message, run, asked = (
        only(model) for model in (Contact, Conversation, Message, AgentRun, AgentRunInput)
    )
    assert {row.client_id for row in (contact, conversation, message, run)} == {cast.acme.id}
    assert (contact.phone, contact.wa_id, contact.name) == (f"+{PHONE}", PHONE, "Marina")
    assert (conversation.status, conversation.last_inbound_at) == ("open", sent_at)
    assert (message.direction, message.state, message.kind) == ("inbound", "received", "text")
    assert (message.provider_message_id, message.occurred_at) == ("3EB0A", sent_at)
    assert (run.state, asked.text, asked.message_id) == ("pending", "Quero agendar", message.id)
    assert run.cause == [f"inbound:{event.id}", f"message:{message.id}"]
    assert (event.state, event.payload) == ("done", None)


def test_media_without_a_caption_is_noted_without_an_agent(cast: Cast) -> None:
    connect(cast.acme)
    receive(upsert(message={"imageMessage": {"caption": ""}}, messageType="imageMessage"))
    assert (only(Message).kind, outcomes()) == ("image", [("done", "")])
    assert rows(AgentRun) == []
    receive(upsert(message={"imageMessage": {"caption": "Olá"}}, messageType="imageMessage"))
    assert only(AgentRunInput).text == "Olá"


def test_a_person_without_a_phone_is_talked_to_under_their_lid(cast: Cast) -> None:
    connect(cast.acme)
    receive(upsert(key={"remoteJid": LID, "remoteJidAlt": None}))
    contact = only(Contact)
    assert (contact.phone, contact.wa_id, only(AgentRunInput).text) == (None, LID, "Olá, quero agendar")


def test_what_the_phone_sent_is_a_person_s_and_pauses_the_agent(cast: Cast) -> None:
    connect(cast.acme)
    receive(upsert("Já te ligo", message_id="3EB0A", key={"fromMe": True}))
    message = only(Message)
    assert (message.direction, message.author, message.length) == ("outbound", "person", 10)
    assert only(Conversation).agent_paused_until is not None
    assert only(Contact).name is None, "the name beside it is the client's own"
    assert rows(AgentRun) == []


def test_what_we_sent_ourselves_is_known_by_its_id(cast: Cast) -> None:
    connect(cast.acme)
    sent_message(cast.acme, "3EB0S")
    receive(upsert("Olá", message_id="3EB0S", key={"fromMe": True}))
    assert outcomes() == [("ignored", "DUPLICATE_MESSAGE")]
    assert only(Conversation).agent_paused_until is None


def test_the_session_s_status_follows_what_is_told(cast: Cast) -> None:
    integration = connect(cast.acme)
    seen = []
    for state in ("open", "close", "close", "connecting", "open", "close", "open"):
        receive({**envelope("connection.update", {"state": state, "statusReason": 401}), "date_time": ""})
        seen.append(only(Integration, id=integration.id).status)
    off, on = "disconnected", "connected"
    assert seen == [on, off, off, off, on, off, on]
    assert len(rows(Event, kind="integration_disconnected")) == 2


def test_a_person_behind_a_lid_is_the_person_of_the_phone(cast: Cast) -> None:
    connect(cast.acme)
    for payload in (
        upsert(key={"remoteJid": LID, "senderPn": f"{PHONE}@s.whatsapp.net"}),
        upsert(key={"remoteJid": LID, "remoteJidAlt": f"{PHONE}@s.whatsapp.net"}),
        upsert(),
    ):
        assert post(payload).status_code == 200
    (chat,) = {event.chat_index for event in inbox()}
    assert chat != ""
    services.process_inbox()
    assert (only(Contact).phone, len(rows(Message)), len(rows(Conversation))) == (f"+{PHONE}", 3, 1)
    assert {event.chat_index for event in inbox()} == {""}  # once it is dealt with, it tells no chat


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (upsert(key={"remoteJid": "status@broadcast"}), "NOT_A_PERSON"),
        (upsert(key={"remoteJid": "1203630@newsletter"}), "NOT_A_PERSON"),
        (upsert(key={"remoteJid": "1203630@g.us"}), "GROUP_MESSAGE"),
        (upsert(phone="5511", key={"remoteJidAlt": None}), "INVALID_PHONE"),
        (envelope("send.message", {"key": {"id": "3EB0A", "fromMe": True}}), "ECHO_NOT_OURS"),
        (envelope("connection.update", {"state": "connecting"}), "CONNECTING"),
        (envelope("connection.update", {"state": "waiting"}), "UNKNOWN_SHAPE"),
        (envelope("messages.set", [{"message": {"conversation": "ontem"}}]), "HISTORY"),
        (envelope("qrcode.updated", {"qrcode": {"base64": "data:…"}}), "EVENT_NOT_HANDLED"),
        (update("unknown", "READ"), "RECEIPT_UNKNOWN"),
        (update("unknown", "PENDING"), "RECEIPT_NOT_HANDLED"),
        ({"what": "ever"}, "UNKNOWN_SHAPE"),
        (["what", "ever"], "UNKNOWN_SHAPE"),
        (None, "UNKNOWN_SHAPE"),
    ],
    ids=["status", "newsletter", "group", "no-phone", "echo", "connecting", "waiting", "history"]
    + ["qr", "unknown-receipt", "pending", "object", "list", "null"],
)
def test_i8_what_is_not_for_us_is_ignored_with_a_reason(cast: Cast, payload: Any, reason: str) -> None:
    connect(cast.acme)
    receive(payload)
    assert outcomes() == [("ignored", reason)]
    assert inbox()[0].payload is None
    assert_nothing_happened()


def test_a_list_of_messages_is_a_message_each(cast: Cast) -> None:
    connect(cast.acme)
    receive(batch(upsert("Um"), upsert("Dois"), upsert("Três", phone="5511987650002")))
    assert sorted(asked.text for asked in rows(AgentRunInput)) == ["Dois", "Três", "Um"]
    assert (len(rows(Conversation)), outcomes()) == (2, [("done", "")] * 3)


# --- once -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("process_between", [False, True])
def test_i2_the_same_event_three_times_counts_once(cast: Cast, process_between: bool) -> None:
    connect(cast.acme)
    event = upsert("Quero agendar", message_id="3EB0A")
    # As a redelivery, as another build spells it, and as one of a list.
    for again in (event, {**event, "event": "MESSAGES_UPSERT", "date_time": "later"}, batch(event, event)):
        assert post(again).status_code == 200
        if process_between:
            services.process_inbox()
    services.process_inbox()

    assert [len(rows(model)) for model in (Contact, Conversation, Message, AgentRun)] == [1] * 4
    assert outcomes() == [("done", "")]
    assert services.process_inbox() == 0


def test_i2_twenty_deliveries_of_one_event_at_once_count_once(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    event = upsert()
    assert run_together(lambda _: post(event).status_code, 20) == [200] * 20
    services.process_inbox()
    assert outcomes() == [("done", "")]
    assert len(rows(AgentRun)) == 1


def test_i2_the_same_event_at_two_integrations_is_two(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key")
    event = upsert()
    assert post(event).status_code == post(event, key="globex-key").status_code == 200
    services.process_inbox()
    assert {row.client_id for row in rows(Message)} == {cast.acme.id, cast.globex.id}


# --- receipts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "final"),
    [
        (["SERVER_ACK"], "sent"),
        (["DELIVERY_ACK"], "delivered"),
        (["READ"], "read"),
        (["PLAYED"], "read"),
        (["ERROR"], "failed"),
        (["READ", "DELIVERY_ACK", "SERVER_ACK", "ERROR"], "read"),
        (["DELIVERY_ACK", "ERROR"], "delivered"),
        (["DELIVERY_ACK", "DELIVERY_ACK", "READ"], "read"),
        (["PENDING", "DELETED"], "sent"),
    ],
)
def test_receipts_only_move_a_message_forward(cast: Cast, statuses: list[str], final: str) -> None:
    connect(cast.acme)
    sent_message(cast.acme)
    receive(*(update("3EB0S", status) for status in statuses))
    assert only(Message).state == final
    assert all(state != "failed" for state, _ in outcomes())


def test_a_list_of_receipts_moves_each_message(cast: Cast) -> None:
    connect(cast.acme)
    first, second = sent_message(cast.acme, "A"), sent_message(cast.acme, "B")
    receive(batch(update("A", "READ"), update("B", "DELIVERY_ACK"), update("C", "READ")))
    assert (only(Message, id=first.id).state, only(Message, id=second.id).state) == ("read", "delivered")
    assert sorted(outcomes()) == [("done", ""), ("done", ""), ("ignored", "RECEIPT_UNKNOWN")]


def test_i6_a_receipt_moves_nothing_of_another_client(cast: Cast) -> None:
    connect(cast.acme)
    sent_message(cast.globex)
    receive(update("3EB0S", "READ"))
    assert only(Message).state == "sent"
    assert outcomes() == [("ignored", "RECEIPT_UNKNOWN")]


def test_that_we_read_what_a_person_wrote_changes_nothing(cast: Cast) -> None:
    connect(cast.acme)
    receive(upsert(message_id="3EB0IN"), update("3EB0IN", "READ", fromMe=False))
    assert only(Message).state == "received"


# --- what is kept, and the whole way --------------------------------------------------------------


def test_i7_no_credential_is_stored_and_the_payload_is_encrypted(cast: Cast) -> None:
    connect(cast.acme)
    assert post(upsert("Zebra de quartzo")).status_code == 200
    stored = json.dumps(inbox()[0].payload)
    for secret in ("demo-key", KEY, SECRET):
        assert secret not in stored
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM inbound_events t")
        (row,) = cursor.fetchone()
    for plain in ("Zebra", PHONE, "Marina", "demo-key"):
        assert plain not in row and plain.encode().hex() not in row
    services.process_inbox()
    assert rows(InboundEvent, payload__isnull=False) == []


def test_the_header_is_the_one_that_registration_asks_for() -> None:
    assert EVOLUTION_SECRET == WEBHOOK_HEADER


def test_i3_the_whole_way_from_registering_to_delivered(cast: Cast) -> None:
    """Against the vendor's stand-in: it learns our address, takes a text, and posts what we take in."""
    integration = connect(cast.acme)

    async def register_and_send(config: Any, url: str) -> str | None:
        async with open_client() as http:
            provider = providers.get("evolution").open(config, http)
            await provider.register_webhook(url, SecretStr(SECRET))
            return (await provider.send_text(TextMessage(PHONE, "Olá", "our-reference"))).provider_message_id

    with (
        listening(closing(http_answer({"success": True}))) as peer,
        sandbox_in_thread() as addresses,
    ):
        config = integration.settings.model_copy(update={"api_url": f"{addresses.url}/evolution"})
        identifier = asyncio.run(register_and_send(config, peer.url(f"/webhooks/evolution/{KEY}")))
        wait_until(lambda: len(peer.heard) == 2)
        person = {"phone": PHONE, "text": "Oi", "dialect": "evolution"}
        assert httpx.post(f"{addresses.url}/_sandbox/inbound", json=person).status_code == 200
        heard = list(peer.heard)
    assert identifier
    message = sent_message(cast.acme, identifier)

    for letter in heard:
        head, _, body = letter.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        headers = dict(one.split(": ", 1) for one in lines)
        assert line.split(" ")[:2] == ["POST", f"/webhooks/evolution/{KEY}"]
        assert post(body, secret=headers["X-Webhook-Secret"]).status_code == 200
    services.process_inbox()

    assert outcomes() == [("ignored", "ECHO_NOT_OURS"), ("done", ""), ("done", "")]
    assert only(Message, id=message.id).state == "delivered"
    assert only(AgentRunInput).text == "Oi"
