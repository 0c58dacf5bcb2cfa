"""A contact's wish takes effect at the gate: the confirmation leaves, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations.delivery import outcomes
from integrations.delivery.outbox import enqueue_message
from integrations.delivery.outcomes import Result
from integrations.models import Integration, OutboundMessage
from integrations.services.consent import heed_wish
from integrations.tests.helpers import (
    HIGH,
    LOW,
    NORMAL,
    Vendor,
    claim_due,
    connect_vendor,
    dispatch,
    events_about,
    noted,
    reread,
)
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.consent import OPTED_OUT, suppress_contact
from renum.conversations.identity import Person
from renum.conversations.models import Contact, Conversation, ConversationPolicy, Message, Suppression
from renum.conversations.services import open_conversation
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast

WA_ID, LID = "5585987654321", "200000000000002"
CAUSE = Cause().then("inbound", "1")
STAFF = "a pedido do jurídico"


def talk(cast: Cast, **person: Any) -> Conversation:
    with service_scope(reason="test"):
        return open_conversation(
            cast.acme.id, Person(**(person or {"wa_id": WA_ID})), cause=CAUSE, at=clock.now()
        )


def hear(conversation: Conversation, text: str, **fields: Any) -> bool:
    """The contact writes this."""
    message = factories.make_message(conversation, **fields)
    with service_scope(reason="test"):
        return heed_wish(conversation, message, text, cause=CAUSE.then("message", message.id))


def queue(conversation: Conversation, key: str, **how: Any) -> OutboundMessage:
    how = {"author": Message.Author.API, "cause": CAUSE, **how}
    with service_scope(reason="test"):
        return enqueue_message(conversation, f"Olá, {key}", idempotency_key=key, **how)


def events(kind: Event.Kind) -> list[Event]:
    with service_scope(reason="test"):
        return list(Event.objects.filter(kind=kind).order_by("occurred_at"))


def all_outbound() -> list[OutboundMessage]:
    with service_scope(reason="test"):
        return list(OutboundMessage.objects.order_by("queued_at"))


def leaves(*messages: OutboundMessage) -> set[Any]:
    """What the gate lets go, over all lanes, until nothing is left; of `messages` it refuses the others."""
    gone: set[Any] = set()
    while claimed := [one for lane in (HIGH, NORMAL, LOW) for one in claim_due(lane, 100)]:
        gone |= {one.message_id for one in claimed}
        outcomes.record_results([Result(one, f"vendor-{one.message_id}", None, 1) for one in claimed])
    for message in messages:
        if message.id not in gone:
            assert (reread(message).state, reread(message).reason_code) == ("failed", "OPTED_OUT")
    return gone


@pytest.fixture
def acme(cast: Cast) -> Integration:
    return factories.make_integration(cast.acme)


# --- opting out -------------------------------------------------------------------------------------------


def test_only_the_confirmation_reaches_who_opted_out(committed_cast: Cast, sandbox: Vendor) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    conversation = talk(committed_cast)
    before = [queue(conversation, f"before-{lane}", priority=lane) for lane in (HIGH, NORMAL, LOW)]
    assert hear(conversation, "PARAR") is True
    after = [queue(conversation, f"after-{lane}", priority=lane) for lane in (HIGH, NORMAL, LOW)]
    for lane in (HIGH, NORMAL, LOW):
        while dispatch(lane):
            pass
    assert [entry["body"]["text"] for entry in sandbox.sends()] == [ConversationPolicy.DEFAULT_OPT_OUT_TEXT]
    for message in before + after:
        assert (reread(message).state, reread(message).reason_code) == ("failed", "OPTED_OUT")
        assert noted(message).state == "failed"
        assert [event.data["reason_code"] for event in events_about(message)] == ["OPTED_OUT"]


def test_an_opt_out_is_noted_and_confirmed_once(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    said = factories.make_message(conversation)
    with service_scope(reason="test"):
        Conversation.objects.update(unanswered_since=said.occurred_at)
        assert heed_wish(conversation, said, "Parar, por favor 🙏", cause=CAUSE) is True
    for again in ("PARAR", "não quero mais receber mensagens"):
        assert hear(conversation, again) is True
    (confirmation,) = all_outbound()
    assert confirmation.confirms_opt_out and confirmation.priority == HIGH
    assert confirmation.idempotency_key == f"opt-out:{said.id}"
    assert noted(confirmation).author == Message.Author.SYSTEM
    (event,) = events(Event.Kind.CONTACT_OPTED_OUT)
    assert (event.conversation_id, event.cause) == (conversation.id, CAUSE.as_list())
    assert event.data == {"channel": "whatsapp", "message_id": str(said.id), "confirmation": "QUEUED"}
    assert event.occurred_at == said.occurred_at
    with service_scope(reason="test"):
        conversation.refresh_from_db()
    assert (conversation.status, conversation.unanswered_since) == ("open", None)
    assert conversation.attention_at is None
    # who opted out is left alone by what may be another wish, and answered as ever by agents
    assert hear(conversation, "cansei disso") is False
    assert events(Event.Kind.ATTENTION_WANTED) == []


def test_what_was_asked_before_an_opt_out_still_waits_for_an_answer(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    asked_at = clock.now() - timedelta(hours=1)
    with service_scope(reason="test"):
        Conversation.objects.update(unanswered_since=asked_at)
    assert hear(conversation, "PARAR")
    with service_scope(reason="test"):
        conversation.refresh_from_db()
    assert conversation.unanswered_since == asked_at


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda cast: None, "INTEGRATION_NOT_FOUND"),
        (lambda cast: factories.make_integration(cast.acme, enabled=False), "INTEGRATION_DISABLED"),
        (
            lambda cast: (
                factories.make_integration(cast.acme),
                factories.make_conversation_policy(cast.acme, opt_out_text=" ", opt_in_text=""),
            ),
            "NO_TEXT",
        ),
    ],
    ids=["none", "disabled", "no text"],
)
def test_a_wish_holds_without_its_confirmation(cast: Cast, prepare: Any, code: str) -> None:
    prepare(cast)
    conversation = talk(cast)
    assert hear(conversation, "PARAR") is True
    assert all_outbound() == []
    (out,) = events(Event.Kind.CONTACT_OPTED_OUT)
    with service_scope(reason="test"):
        assert Suppression.objects.filter(reason=OPTED_OUT).count() == 2  # phone and WhatsApp's digits
    assert hear(conversation, "VOLTAR") is True
    (back,) = events(Event.Kind.CONTACT_OPTED_IN)
    assert out.data["confirmation"] == back.data["confirmation"] == code
    with service_scope(reason="test"):
        assert not Suppression.objects.exists()
    assert all_outbound() == []


def test_who_is_barred_by_staff_gets_no_confirmation_and_stays_barred(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    with service_scope(reason="test"):
        suppress_contact(conversation.contact, STAFF)
    assert hear(conversation, "VOLTAR") is False, "nothing of theirs to take back"
    for word, kind in (
        ("PARAR", Event.Kind.CONTACT_OPTED_OUT),
        ("VOLTAR", Event.Kind.CONTACT_OPTED_IN),
    ):
        assert hear(conversation, word) is True
        (event,) = events(kind)
        assert event.data["confirmation"] == "BARRED"
    assert all_outbound() == []
    message = queue(conversation, "later")
    assert leaves(message) == set()


# --- opting in ----------------------------------------------------------------------------------------------


def test_opting_in_again_is_confirmed_once_and_opens_the_way(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    assert hear(conversation, "quero voltar a receber") is False, "an agent answers who never opted out"
    hear(conversation, "PARAR")
    goodbye = all_outbound()[0]
    refused = queue(conversation, "meanwhile")
    assert leaves(goodbye, refused) == {goodbye.id}

    assert hear(conversation, "Quero voltar a receber as mensagens") is True
    assert hear(conversation, "VOLTAR") is False
    (event,) = events(Event.Kind.CONTACT_OPTED_IN)
    assert event.data["confirmation"] == "QUEUED"
    assert event.conversation_id == conversation.id
    with service_scope(reason="test"):
        assert not Suppression.objects.exists()
    welcome = next(one for one in all_outbound() if one.idempotency_key.startswith("opt-in:"))
    assert not welcome.confirms_opt_out
    assert leaves(welcome) == {welcome.id}
    # and out again: a new opt-out, with a confirmation of its own
    assert hear(conversation, "sair") is True
    assert len(events(Event.Kind.CONTACT_OPTED_OUT)) == 2
    assert sum(one.confirms_opt_out for one in all_outbound()) == 2


def test_an_opt_in_that_comes_late_does_not_undo_a_later_opt_out(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    hear(conversation, "PARAR")
    assert hear(conversation, "VOLTAR", occurred_at=clock.now() - timedelta(minutes=5)) is True
    assert events(Event.Kind.CONTACT_OPTED_IN) == []
    assert len(all_outbound()) == 1
    message = queue(conversation, "later")
    assert message.id not in leaves(message)


def test_what_may_be_an_opt_out_is_shown_to_a_person_and_answered(cast: Cast, acme: Integration) -> None:
    conversation = talk(cast)
    for text in ("cansei disso", "me deixa em paz"):
        assert hear(conversation, text) is False
    (event,) = events(Event.Kind.ATTENTION_WANTED)
    assert event.data == {"reason_code": "OPT_OUT_UNCLEAR"}
    for text in ("tem como parar a dor?", "quero cancelar minha consulta", "👍"):
        assert hear(talk(cast, wa_id="5585987654322"), text) is False
    assert len(events(Event.Kind.ATTENTION_WANTED)) == 1
    message = queue(conversation, "later")
    assert leaves(message) == {message.id}
    with service_scope(reason="test"):
        assert not Suppression.objects.exists()


# --- under every name ---------------------------------------------------------------------------------------


def test_no_other_name_is_a_way_round_an_opt_out(cast: Cast, acme: Integration) -> None:
    assert hear(talk(cast, wa_id="558587654321"), "PARAR")  # without the ninth digit
    (confirmation,) = all_outbound()
    both = talk(cast, wa_id=WA_ID, lid=LID)
    messages = [
        queue(both, "both"),
        queue(talk(cast, lid=LID), "lid"),
        queue(talk(cast, phone=f"+{WA_ID}"), "phone"),
    ]
    assert leaves(*messages) == {confirmation.id}

    with service_scope(reason="test"):
        Contact.objects.all().delete()
    for number, person in enumerate(({"lid": LID}, {"phone": f"+{WA_ID}"}, {"wa_id": "558587654321"})):
        again = queue(talk(cast, **person), f"imported {number}")
        assert leaves(again) == set(), person
        with service_scope(reason="test"):
            Contact.objects.all().delete()


def test_a_conversation_by_lid_is_barred_when_its_contact_s_phone_opts_out(
    cast: Cast, acme: Integration
) -> None:
    """The two turn out to be one person; the older conversation still goes to the LID."""
    by_lid, by_phone = talk(cast, lid=LID), talk(cast, wa_id=WA_ID)
    assert talk(cast, wa_id=WA_ID, lid=LID) == by_phone
    assert hear(by_phone, "PARAR")
    (confirmation,) = all_outbound()
    assert leaves(queue(by_lid, "lid"), queue(by_phone, "phone")) == {confirmation.id}


def test_who_opts_out_by_lid_alone_is_barred_by_the_phone_that_is_learned(
    cast: Cast, acme: Integration
) -> None:
    assert hear(talk(cast, lid=LID), "sair")
    (confirmation,) = all_outbound()
    assert confirmation.recipient == f"{LID}@lid"
    message = queue(talk(cast, lid=LID, wa_id=WA_ID), "learned")
    assert leaves(message) == {confirmation.id}
    with service_scope(reason="test"):
        Contact.objects.all().delete()
    assert leaves(queue(talk(cast, phone=f"+{WA_ID}"), "imported")) == set()
