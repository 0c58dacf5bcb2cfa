from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from redis import Redis
from redis.exceptions import ConnectionError as RedisDown

from integrations.delivery import outbox
from integrations.delivery.contents import MAX_TEXT_LENGTH
from integrations.delivery.outbox import enqueue_message
from integrations.errors import IdempotencyMismatch, IntegrationDisabled, IntegrationNotFound
from integrations.models import OutboundMessage
from integrations.services import send_whatsapp_text
from integrations.tests.helpers import HIGH, LOW, NORMAL, Clock, all_outbound, closed_port, noted, reread
from renum import clock, wakeups
from renum.accounts.scope import profile_scope, service_scope
from renum.conversations.errors import InvalidPhone
from renum.conversations.models import Contact, Conversation, Message
from renum.errors import InvalidInput
from renum.events.cause import Cause
from renum.security.crypto import DecryptionFailed
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_contact, make_conversation, make_integration

TEXT = "Olá! Sua consulta é amanhã às 15h. 🙂"


def enqueue(
    conversation: Conversation, text: str = TEXT, *, key: str = "one", **more: Any
) -> OutboundMessage:
    with service_scope(reason="test"):
        return enqueue_message(
            conversation,
            text,
            idempotency_key=key,
            author=more.pop("author", Message.Author.AGENT),
            cause=more.pop("cause", Cause(("inbound:1", "agent_run:2"))),
            **more,
        )


@pytest.fixture
def talk(cast: Cast) -> Conversation:
    make_integration(cast.acme)
    return make_conversation(cast.acme)


def nothing_queued(cast: Cast) -> bool:
    with service_scope(reason="test"):
        return not OutboundMessage.objects.exists() and not Message.objects.exists()


def test_i1_writes_a_row_that_says_all_that_is_needed_to_send_it(
    talk: Conversation, clock_stands: Clock
) -> None:
    until = clock_stands.now() + timedelta(hours=2)
    row = reread(enqueue(talk, priority=HIGH, not_after=until))
    assert (row.client_id, row.conversation_id, row.channel) == (talk.client_id, talk.id, "whatsapp")
    assert (row.state, row.priority, row.attempts, row.reason_code) == ("queued", HIGH, 0, "")
    assert (row.queued_at, row.next_attempt_at, row.not_after) == (clock_stands.at, clock_stands.at, until)
    assert row.body == {"text": TEXT}
    assert row.recipient == str(talk.contact.phone).removeprefix("+")
    assert row.cause == ["inbound:1", "agent_run:2"]
    assert row.lease_token is None and row.sent_at is None and row.finished_at is None


def test_notes_the_message_in_its_conversation_without_the_words(
    talk: Conversation, clock_stands: Clock
) -> None:
    row = enqueue(talk)
    message = noted(row)
    assert (message.id, message.conversation_id, message.client_id) == (row.id, talk.id, talk.client_id)
    assert (message.direction, message.author, message.state) == ("outbound", "agent", "queued")
    assert message.length == len(TEXT)
    assert message.cause == row.cause
    with service_scope(reason="test"):
        talk.refresh_from_db()
    assert talk.last_message_at == talk.last_outbound_at == talk.quiet_since == clock_stands.at
    assert talk.last_inbound_at is None


def test_sends_to_the_digits_that_whatsapp_knows_the_person_by(cast: Cast) -> None:
    make_integration(cast.acme)
    contact = make_contact(cast.acme, phone="+5511987654321", wa_id="551187654321")
    talk = make_conversation(cast.acme, phone=str(contact.phone))
    assert reread(enqueue(talk)).recipient == "551187654321"


def test_i2_a_second_call_with_the_same_key_returns_the_first_ones_row(talk: Conversation) -> None:
    first = enqueue(talk)
    again = enqueue(talk, priority=LOW, author=Message.Author.API)
    assert again.id == first.id
    assert len(all_outbound(talk.client)) == 1
    with service_scope(reason="test"):
        assert Message.objects.count() == 1


@pytest.mark.parametrize("state", ["sent", "failed", "unknown"])
def test_i2_a_key_is_remembered_whatever_became_of_its_message(talk: Conversation, state: str) -> None:
    first = enqueue(talk)
    with service_scope(reason="test"):
        OutboundMessage.objects.filter(id=first.id).update(state=state, body=None, recipient=None)
    assert enqueue(talk).id == first.id
    assert [row.state for row in all_outbound(talk.client)] == [state]


def test_i2_a_key_is_remembered_when_the_integration_was_switched_off_since(talk: Conversation) -> None:
    first = enqueue(talk)
    with service_scope(reason="test"):
        first.integration.enabled = False
        first.integration.save(update_fields=["enabled"])
    assert enqueue(talk).id == first.id


def test_refuses_a_key_that_was_used_for_another_text(talk: Conversation) -> None:
    enqueue(talk)
    with pytest.raises(IdempotencyMismatch):
        enqueue(talk, TEXT + " ")
    assert len(all_outbound(talk.client)) == 1


def test_refuses_a_key_that_was_used_for_another_person(talk: Conversation) -> None:
    enqueue(talk)
    with pytest.raises(IdempotencyMismatch):
        enqueue(make_conversation(talk.client))
    assert len(all_outbound(talk.client)) == 1


def test_a_key_belongs_to_its_client(talk: Conversation, cast: Cast) -> None:
    make_integration(cast.globex)
    first = enqueue(talk)
    other = enqueue(make_conversation(cast.globex), "Outro texto")
    assert other.id != first.id
    assert len(all_outbound(cast.acme)) == len(all_outbound(cast.globex)) == 1


def test_i2_twenty_callers_with_one_key_queue_one_message(committed_cast: Cast) -> None:
    make_integration(committed_cast.acme)
    phone = "+5511987654321"

    def send(_: int) -> uuid.UUID:
        with service_scope(reason="test"):
            return send_whatsapp_text(
                committed_cast.acme.id,
                phone,
                TEXT,
                idempotency_key="one",
                author=Message.Author.API,
                cause=Cause(),
            ).id

    ids = run_together(send, 20)
    (row,) = all_outbound(committed_cast.acme)
    assert ids == [row.id] * 20
    with service_scope(reason="test"):
        assert Message.objects.count() == Conversation.objects.count() == Contact.objects.count() == 1


def test_i2_of_callers_with_one_key_and_different_texts_one_is_heard_and_the_others_are_told(
    committed_cast: Cast,
) -> None:
    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    answers = run_together(lambda number: enqueue(talk, f"Texto {number}").id, 8)
    (row,) = all_outbound(committed_cast.acme)
    assert [answer for answer in answers if not isinstance(answer, IdempotencyMismatch)] == [row.id]


def raw(message: OutboundMessage, column: str) -> bytes:
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM outbound_messages WHERE id = %s", [message.id])
        return bytes(cursor.fetchone()[0])


def test_i7_text_and_recipient_are_ciphertexts_in_the_database(talk: Conversation) -> None:
    row = enqueue(talk)
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM outbound_messages m WHERE id = %s", [row.id])
        whole = cursor.fetchone()[0]
    digits = str(talk.contact.phone).removeprefix("+")
    for plain in ("consulta", digits, digits[-8:]):
        assert plain not in whole
        for column in ("body", "recipient"):
            assert plain.encode() not in raw(row, column)
            assert plain.encode().hex() not in whole


@pytest.mark.parametrize("column", ["body", "recipient"])
def test_i7_a_ciphertext_opens_in_its_own_row_only(talk: Conversation, column: str) -> None:
    one, two = enqueue(talk, key="one"), enqueue(talk, key="two")
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE outbound_messages SET {column} = "
            f"(SELECT {column} FROM outbound_messages WHERE id = %s) WHERE id = %s",
            [one.id, two.id],
        )
    assert getattr(reread(one), column)
    with pytest.raises(DecryptionFailed):
        getattr(reread(two), column)


@pytest.mark.parametrize("text", ["x", "x" * MAX_TEXT_LENGTH, "🙂" * MAX_TEXT_LENGTH, " a "])
def test_takes_texts_up_to_the_limit_as_they_are(talk: Conversation, text: str) -> None:
    assert reread(enqueue(talk, text)).body == {"text": text}


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t ", "\u00a0", "x" * (MAX_TEXT_LENGTH + 1), "com\x00nulo", "meio par \ud83d"],
    ids=["empty", "blank", "white", "nbsp", "too-long", "nul", "lone-surrogate"],
)
def test_refuses_texts_that_cannot_be_sent(talk: Conversation, cast: Cast, text: str) -> None:
    with pytest.raises(InvalidInput):
        enqueue(talk, text)
    assert nothing_queued(cast)


@pytest.mark.parametrize("phone", ["", "abc", "+55", "+5500010000000", "12345678", "+55119876543210000"])
def test_refuses_a_phone_that_nobody_can_have(cast: Cast, phone: str) -> None:
    make_integration(cast.acme)
    with pytest.raises(InvalidPhone), service_scope(reason="test"):
        send_whatsapp_text(
            cast.acme.id, phone, TEXT, idempotency_key="one", author=Message.Author.API, cause=Cause()
        )
    assert nothing_queued(cast)


def test_refuses_without_an_integration(cast: Cast) -> None:
    make_integration(cast.globex)  # another client's is of no use
    with pytest.raises(IntegrationNotFound) as refused:
        enqueue(make_conversation(cast.acme))
    assert refused.value.code == "INTEGRATION_NOT_FOUND"
    assert nothing_queued(cast)


def test_refuses_when_the_integration_is_switched_off(cast: Cast) -> None:
    make_integration(cast.acme, enabled=False)
    with pytest.raises(IntegrationDisabled):
        enqueue(make_conversation(cast.acme))
    assert nothing_queued(cast)


def test_i6_one_client_cannot_queue_for_another(cast: Cast) -> None:
    make_integration(cast.acme)
    talk = make_conversation(cast.acme)
    with pytest.raises(IntegrationNotFound), profile_scope(cast.bob.id):
        enqueue_message(talk, TEXT, idempotency_key="one", author=Message.Author.API, cause=Cause())
    assert nothing_queued(cast)


# --- waking a dispatcher --------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, str]]]:
    sent: list[tuple[str, str, dict[str, str]]] = []

    def note(task: str, kwargs: dict[str, str], queue: str, **_: Any) -> None:
        sent.append((task, queue, kwargs))

    monkeypatch.setattr(wakeups.current_app, "send_task", note)
    return sent


@pytest.mark.parametrize(("priority", "lane"), [(HIGH, "high"), (NORMAL, "normal"), (LOW, "low")])
def test_wakes_the_lanes_dispatcher_once_the_row_is_committed(
    committed_cast: Cast, published: list[Any], priority: OutboundMessage.Priority, lane: str
) -> None:
    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    with service_scope(reason="test"):
        enqueue_message(
            talk, TEXT, idempotency_key="one", author=Message.Author.API, cause=Cause(), priority=priority
        )
        assert published == []
    assert published == [(outbox.DISPATCH_TASK, lane, {"lane": lane})]


def test_wakes_nobody_when_the_transaction_is_rolled_back(committed_cast: Cast, published: list[Any]) -> None:
    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    with transaction.atomic():
        enqueue(talk)
        transaction.set_rollback(True)
    assert published == []
    assert all_outbound(committed_cast.acme) == []


def test_wakes_nobody_for_a_key_that_is_known(
    committed_cast: Cast, published: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    enqueue(talk)
    wakeups._redis().flushdb()
    enqueue(talk)
    assert len(published) == 1


def test_i1_with_valkey_down_the_row_is_committed_all_the_same(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    gone = Redis(host="127.0.0.1", port=closed_port(), socket_connect_timeout=1)
    monkeypatch.setattr(wakeups, "_redis", lambda: gone)
    row = enqueue(talk)
    assert reread(row).state == "queued"
    with pytest.raises(RedisDown):
        gone.ping()


def test_i1_with_the_broker_down_the_row_is_committed_all_the_same(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kombu.exceptions import OperationalError

    def refuse(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    make_integration(committed_cast.acme)
    talk = make_conversation(committed_cast.acme)
    monkeypatch.setattr(wakeups.current_app, "send_task", refuse)
    assert reread(enqueue(talk)).state == "queued"


def test_the_clock_of_a_conversation_never_goes_back(
    talk: Conversation, clock_stands: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(talk, key="one")
    clock_stands.advance(-3600)
    enqueue(talk, key="two")
    with service_scope(reason="test"):
        talk.refresh_from_db()
    assert talk.last_message_at == talk.last_outbound_at == clock.now() + timedelta(hours=1)


def test_a_trigger_s_message_does_not_end_the_silence(talk: Conversation, clock_stands: Clock) -> None:
    before = talk.quiet_since
    clock_stands.at = before + timedelta(days=4)
    enqueue(talk, author=Message.Author.TRIGGER)
    with service_scope(reason="test"):
        talk.refresh_from_db()
    assert talk.quiet_since == before
    assert talk.last_outbound_at == clock_stands.at
