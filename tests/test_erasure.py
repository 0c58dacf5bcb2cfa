"""What the LGPD asks, over all apps: a copy of everything, and nothing left; whoever opted out stays out."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import connection, models, transaction

from agent_tools import memory
from agent_tools.models import AgentRun
from integrations.models import DeliveryAttempt, OutboundMessage
from integrations.tests.helpers import wait_until
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import assert_envelope
from renum.conversations import privacy
from renum.conversations.errors import ContactInUse, ContactNotFound
from renum.conversations.holdings import all_holdings, indexes_of
from renum.conversations.identity import Person, alias_index, find_or_create_contact
from renum.conversations.models import (
    Contact,
    ContactAlias,
    Conversation,
    IdentityDoubt,
    Message,
    Suppression,
)
from renum.conversations.retention import all_rules
from renum.conversations.services import open_conversation, record_message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.security.blind_index import blind_index
from renum.security.fields import RowBoundField
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together
from triggers.models import TriggerExecution
from webhooks import services as inbox
from webhooks.models import InboundEvent
from webhooks.tests.helpers import PHONE, connect, go, post, text

LID = "90000000000077"
ANYBODY = Person(phone=f"+{PHONE}", wa_id=PHONE, lid=LID, name="Marina Prado")

# --- No table is forgotten ---------------------------------------------------------------------------

NOT_ABOUT_CONTACTS = {
    "integrations": "the client's own credentials and address",
    "agents": "the key of the client's model, and whom the client lets an agent write to",
}
KEPT_WITH_THE_CONTACT = {
    "contacts",
    "contact_aliases",
    "contact_dates",
    "identity_doubts",
    "conversations",
    "suppressions",
    "trigger_edges",
}
GO_WITH_THEIR_PARENT = {
    "delivery_attempts": "outbound_messages",
    "agent_run_inputs": "agent_runs",
    "agent_steps": "agent_runs",
    "agent_receipts": "agent_runs",
}


def _leads_to_contacts(model: type[models.Model], seen: frozenset[Any] = frozenset()) -> bool:
    if model in (Contact, Conversation):
        return True
    fields = model._meta.local_fields
    if any(field.name in ("contact_id", "conversation_id") for field in fields):
        return True
    targets = {field.related_model for field in fields if field.related_model} - seen - {model}
    return any(_leads_to_contacts(target, seen | {model}) for target in targets)


def test_every_table_about_contacts_is_held_by_somebody() -> None:
    held = {table for holding in all_holdings() for table in holding.tables}
    found = {
        model._meta.db_table
        for model in apps.get_models()
        if _leads_to_contacts(model)
        or any(isinstance(field, RowBoundField) for field in model._meta.local_fields)
    }
    assert {"messages", "delivery_attempts", "inbound_events", "agent_runs", "integrations"} <= found
    assert found - set(NOT_ABOUT_CONTACTS) == held - {"suppressions"}


def test_every_table_that_grows_grows_old_too() -> None:
    held = {table for holding in all_holdings() for table in holding.tables}
    ruled = {rule.table for rule in all_rules()}
    assert ruled == held - KEPT_WITH_THE_CONTACT - set(GO_WITH_THEIR_PARENT)
    assert set(GO_WITH_THEIR_PARENT.values()) <= ruled


# --- Somebody of whom everything is held ---------------------------------------------------------------


def _person(acme: Client) -> Contact:
    """A contact with a row in every table, some of it still pending."""
    integration = connect(acme)
    with service_scope(reason="test rows"):
        conversation = open_conversation(acme.id, ANYBODY, cause=Cause(), at=clock.now())
    contact = conversation.contact
    factories.make_doubt(contact)
    factories.make_message(conversation, provider_message_id="3EB0HELD")
    State = OutboundMessage.State
    queued = factories.make_outbound(conversation, text="Seu exame", idempotency_key=f"key:{PHONE}")
    sent = factories.make_outbound(conversation, state=State.SENT, error_message=f"to {PHONE}")
    unknown = factories.make_outbound(conversation, state=State.UNKNOWN, idempotency_key="trigger:1")
    for message in (queued, sent, unknown):
        factories.make_attempt(message, error_message=f"{PHONE} is busy")
    trigger = factories.make_trigger(acme)
    factories.make_execution(trigger, conversation)
    factories.make_edge(trigger, conversation)
    factories.make_contact_date(contact)
    run = factories.make_agent_run(conversation, text="Tenho diabetes")
    memory.remember(acme.id, conversation.id, memory.Exchange(run.id, "Tenho asma", "Anotado"))
    factories.make_event(acme, conversation=conversation)
    for chat in (PHONE, f"{LID}@lid"):
        index = blind_index(acme.id, "chat", chat)
        factories.make_inbound(integration, chat_index=index, payload={"text": f"segredo de {chat}"})
    factories.make_suppression(acme, address_index=contact.phone_index, reason="OPTED_OUT")
    return contact


def _rows(model: Any, **filters: Any) -> list[Any]:
    with service_scope(reason="test look"):
        return list(model.objects.filter(**filters))


def _address(contact: Contact, view: str = "") -> str:
    return f"/api/contacts/{contact.id}{view}"


def test_an_export_holds_everything_of_them_and_of_nobody_else(cast: Cast, api: Any) -> None:
    contact = _person(cast.acme)
    stranger = factories.make_conversation(cast.acme, name="Bruno Alheio")
    factories.make_outbound(stranger, text="Texto alheio")
    answer = api(cast.alice).get(_address(contact, "/export"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer["Content-Disposition"] == f'attachment; filename="contato-{contact.id}.json"'
    document = json.loads(answer.content)
    held = document["held"]
    assert (document["success"], document["contact_id"]) == (True, str(contact.id))
    assert {name: len(rows) for name, rows in held.items() if not rows} == {}
    assert set(held) == {holding.name for holding in all_holdings()}
    assert held["contact"][0] | {"phone": f"+{PHONE}", "name": "Marina Prado"} == held["contact"][0]
    assert {(one["kind"], one["value"]) for one in held["aliases"]} >= {("lid", LID), ("wa_id", PHONE)}
    pending = next(one for one in held["outbound_messages"] if one["state"] == "queued")
    assert (pending["body"], pending["recipient"]) == ({"text": "Seu exame"}, PHONE)
    assert pending["attempts"][0]["outcome"] == "sent"
    assert held["agent_runs"][0]["inputs"][0]["text"] == "Tenho diabetes"
    assert held["agent_memory"][0]["exchanges"][0]["said"] == "Tenho asma"
    assert {one["payload"]["text"] for one in held["inbound_events"]} == {
        f"segredo de {PHONE}",
        f"segredo de {LID}@lid",
    }
    assert len(held["messages"]) == 4
    assert [one["reason"] for one in held["suppressions"]] == ["OPTED_OUT"]
    assert "alhei" not in answer.content.decode().lower()
    assert str(stranger.id) not in answer.content.decode()
    (event,) = _rows(Event, kind=Event.Kind.CONTACT_EXPORTED)
    assert (event.cause, event.data) == ([f"profile:{cast.alice.id}"], {"contact_id": str(contact.id)})


def _traces(contact: Contact, conversation_ids: list[str], indexes: set[str]) -> dict[str, list[str]]:
    """Which tables still name the person, by whatever is not encrypted."""
    names = {str(contact.id), *conversation_ids, *indexes, PHONE, LID}
    names |= {blind_index(contact.client_id, "chat", chat) for chat in (PHONE, f"{LID}@lid")}
    found: dict[str, list[str]] = {}
    with service_scope(reason="test look"), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # names from the catalogue
            texts = [row[0] for row in cursor.fetchall()]
            hits = [name for name in names if any(name in text for text in texts)]
            if hits:
                found[table] = hits
    return found


def test_an_erasure_leaves_no_trace_but_counts_and_the_bar(cast: Cast, api: Any) -> None:
    contact = _person(cast.acme)
    with service_scope(reason="test look"):
        indexes = indexes_of(contact)
        lid_index = alias_index(cast.acme.id, ContactAlias.Kind.LID, LID)
        talks = [
            str(one) for one in Conversation.objects.filter(contact=contact).values_list("id", flat=True)
        ]
    before = _traces(contact, talks, indexes)
    assert {"contacts", "messages", "outbound_messages", "delivery_attempts", "inbound_events"} <= set(before)
    stranger = factories.make_outbound(factories.make_conversation(cast.acme), text="Fica")

    answer = api(cast.alice).delete(_address(contact))
    assert answer.status_code == 200, answer.json()
    erased = answer.json()["erased"]
    assert erased == {
        "inbound_events": 2,
        "trigger_executions": 1,
        "trigger_edges": 1,
        "trigger_occurrences": 1,
        "agent_runs": 1,
        "agent_memory": 1,
        "outbound_messages": 3,
        "suppressions": 0,
        "events": 2,  # the conversation was opened, and one more
        "messages": 4,
        "conversations": 1,
        "doubts": 1,
        "aliases": 4,
        "dates": 1,
        "contact": 1,
    }
    left = _traces(contact, talks, indexes)
    # The log says that it was done, and to whose row; the bars are keyed hashes, now under all names.
    assert left.pop("events") == [str(contact.id)]
    assert set(left) == {"suppressions"} and lid_index in left["suppressions"]
    assert {bar.address_index for bar in _rows(Suppression)} == indexes
    (event,) = _rows(Event, kind=Event.Kind.CONTACT_ERASED)
    assert event.cause == [f"profile:{cast.alice.id}"]
    assert event.data == {"contact_id": str(contact.id), "erased": erased}

    outbound = {row.id: row for row in _rows(OutboundMessage)}
    assert outbound.pop(stranger.id).body == {"text": "Fica"}
    assert {(row.state, row.reason_code) for row in outbound.values()} == {
        ("failed", "ERASED"),
        ("sent", ""),
        ("unknown", ""),
    }
    assert {(row.body, row.recipient, row.conversation_id) for row in outbound.values()} == {
        (None, None, None)
    }
    assert len(_rows(DeliveryAttempt)) == 3
    assert {(row.state, row.reason_code, row.payload) for row in _rows(InboundEvent)} == {
        ("ignored", "ERASED", None)
    }
    assert_envelope(api(cast.alice).delete(_address(contact)), 404, "CONTACT_NOT_FOUND")


def test_who_opted_out_is_still_barred_when_they_come_back_under_another_name(cast: Cast, api: Any) -> None:
    contact = _person(cast.acme)
    assert api(cast.alice).delete(_address(contact)).status_code == 200
    with service_scope(reason="test"):
        again = find_or_create_contact(cast.acme.id, Person(lid=LID))
    assert again.id != contact.id
    assert api(cast.alice).get(_address(again)).json()["contact"]["opted_out"] is True


def test_a_replay_does_not_bring_back_who_was_erased(cast: Cast, api: Any) -> None:
    connect(cast.acme)
    done, waiting = (go(text(message_id=f"3EB0{number}")) for number in (1, 2))
    assert post(done).status_code == 200
    inbox.process_inbox()
    assert post(waiting).status_code == 200
    (contact,) = _rows(Contact)
    assert len(_rows(InboundEvent)) == 2
    assert api(cast.alice).delete(_address(contact)).json()["erased"]["inbound_events"] == 1
    for envelope in (done, waiting):
        assert post(envelope).status_code == 200
    inbox.process_inbox()
    assert (_rows(Contact), _rows(Conversation), _rows(Message), _rows(AgentRun)) == ([], [], [], [])
    assert {(event.state, event.chat_index, event.payload) for event in _rows(InboundEvent)} == {
        ("done", "", None),
        ("ignored", "", None),
    }


def test_nothing_is_erased_while_a_message_is_leaving(cast: Cast, api: Any) -> None:
    contact = _person(cast.acme)
    (conversation,) = _rows(Conversation, contact=contact)
    factories.make_outbound(conversation, state=OutboundMessage.State.SENDING)
    refused = api(cast.alice).delete(_address(contact))
    assert_envelope(refused, 409, "CONTACT_IN_USE")
    assert refused["Retry-After"] == "5"
    assert len(_rows(OutboundMessage, state="queued")) == 1  # it is as it was
    assert len(_rows(InboundEvent, state="pending")) == 2
    assert (len(_rows(IdentityDoubt)), len(_rows(TriggerExecution))) == (1, 1)
    assert _rows(Event, kind=Event.Kind.CONTACT_ERASED) == []


def test_i6_staff_erase_for_the_client_that_they_name(cast: Cast, api: Any) -> None:
    contact = _person(cast.acme)
    assert_envelope(api(cast.bob).delete(_address(contact)), 404, "CONTACT_NOT_FOUND")
    assert_envelope(api(cast.bob).get(_address(contact, "/export")), 404, "CONTACT_NOT_FOUND")
    assert [one.id for one in _rows(Contact, id=contact.id)] == [contact.id]
    assert api(cast.sofia).delete(f"{_address(contact)}?client_id={cast.acme.id}").status_code == 200
    (event,) = _rows(Event, kind=Event.Kind.CONTACT_ERASED)
    assert event.cause == [f"profile:{cast.sofia.id}"]


# --- Others work on the same person meanwhile ------------------------------------------------------------


def _in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def _writes(client: Client) -> Conversation:
    conversation = open_conversation(client.id, ANYBODY, cause=Cause(), at=clock.now())
    record_message(
        conversation,
        direction=Message.Direction.INBOUND,
        author=Message.Author.CONTACT,
        state=Message.State.RECEIVED,
        length=3,
        cause=Cause(),
        occurred_at=clock.now(),
    )
    return conversation


def _erase(client: Client, contact: Contact) -> dict[str, int]:
    with service_scope(reason="test"):
        return privacy.erase_contact(client.id, contact.id, cause=Cause())


def test_an_erasure_waits_for_the_event_that_is_being_processed(committed_cast: Cast) -> None:
    acme = committed_cast.acme
    contact = _person(acme)
    with service_scope(reason="test: an event is being processed"):
        _writes(acme)
        thread, results = _in_thread(lambda: _erase(acme, contact))
        wait_until(_somebody_waits)
    thread.join(10)
    assert results[0]["messages"] == 5  # the new one too
    assert (_rows(Contact, id=contact.id), _rows(Conversation), _rows(Message)) == ([], [], [])


def test_an_event_that_meets_an_erasure_makes_a_new_contact(committed_cast: Cast) -> None:
    acme = committed_cast.acme
    contact = _person(acme)
    with service_scope(reason="test: an erasure is under way"):
        privacy.erase_contact(acme.id, contact.id, cause=Cause())

        def process() -> Any:
            with service_scope(reason="test: an event is being processed"):
                return _writes(acme).contact_id

        thread, results = _in_thread(process)
        wait_until(_somebody_waits)
    thread.join(10)
    (conversation,) = _rows(Conversation)
    assert conversation.contact_id == results[0] != contact.id
    assert [message.conversation_id for message in _rows(Message)] == [conversation.id]
    assert len(_rows(ContactAlias, contact_id=results[0])) == 4


def test_whatever_happens_at_once_nobody_is_left_in_half(committed_cast: Cast) -> None:
    """Events, receipts' locks and two erasures of one person; whoever loses is told, or begins anew."""
    acme = committed_cast.acme
    contact = _person(acme)
    for number in range(5):
        assert post(go(text(message_id=f"3EB0{number}"))).status_code == 200

    def work(number: int) -> Any:
        if number < 2:
            return _erase(acme, contact)
        if number < 4:
            return inbox.process_inbox()
        with service_scope(reason="test: an event is being processed"):
            return _writes(acme)

    results = run_together(work, 6)
    failures = [one for one in results if isinstance(one, Exception)]
    assert [one for one in failures if not isinstance(one, ContactInUse | ContactNotFound)] == []
    assert sum(isinstance(one, dict) for one in results) == 1, results
    assert _rows(Contact, id=contact.id) == []
    for message in _rows(Message):
        assert message.conversation_id in {one.id for one in _rows(Conversation)}
    with transaction.atomic():
        connection.check_constraints()
    assert len(_rows(Conversation)) <= 1


def test_a_contact_of_many_messages_is_exported_and_erased(cast: Cast, api: Any) -> None:
    conversation = factories.make_conversation(cast.acme)
    with service_scope(reason="test rows"):
        Message.objects.bulk_create(
            [
                Message(
                    client=cast.acme,
                    conversation=conversation,
                    direction=Message.Direction.INBOUND,
                    author=Message.Author.CONTACT,
                    state=Message.State.RECEIVED,
                )
                for _ in range(2500)  # more than is read at a time
            ]
        )
    address = f"/api/contacts/{conversation.contact_id}"
    assert len(api(cast.alice).get(f"{address}/export").json()["held"]["messages"]) == 2500
    assert api(cast.alice).delete(address).json()["erased"]["messages"] == 2500
