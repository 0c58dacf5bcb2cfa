"""What a worker makes of the inbox: rows only, each event once, and no words left behind."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from agent_tools import runs
from agent_tools.models import AgentRun, AgentRunInput
from agent_tools.runs import Ended
from integrations.models import DeliveryAttempt, OutboundMessage
from renum import clock
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from renum.conversations.services import advance_message
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.tests.helpers import (
    PHONE,
    SECRET,
    TOKEN,
    connect,
    echo,
    go,
    inbox,
    outcomes,
    post,
    receipt,
    text,
    v1,
)

WORDS = "Zebra7731 de quartzo"


def receive(*payloads: Any) -> None:
    for payload in payloads:
        assert post(payload).status_code == 200
    services.process_inbox()


def rows(model: Any, **filters: Any) -> list[Any]:
    with service_scope(reason="test"):
        return list(model.objects.filter(**filters))


def only(model: Any, **filters: Any) -> Any:
    (row,) = rows(model, **filters)
    return row


def assert_nothing_happened() -> None:
    for model in (Contact, Conversation, Message, Event, AgentRun, OutboundMessage):
        assert rows(model) == [], model


# --- a person writes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [go, v1])
def test_a_text_opens_a_conversation_and_asks_the_agent(cast: Cast, dialect: Any) -> None:
    connect(cast.acme, secret=SECRET)
    sent_at = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=2)

    receive(dialect(text(WORDS, message_id="3EB0A", sent_at=sent_at)))

    (event,) = inbox()
    contact, conversation, message = only(Contact), only(Conversation), only(Message)
    assert {row.client_id for row in (contact, conversation, message)} == {cast.acme.id}
    assert (contact.phone, contact.wa_id) == ("+5511987650001", PHONE)
    assert contact.name == ("Marina" if dialect is go else None)
    assert conversation.status == "open"
    assert conversation.last_message_at == conversation.last_inbound_at == conversation.quiet_since == sent_at
    assert conversation.last_outbound_at is None
    assert (message.direction, message.author, message.state) == ("inbound", "contact", "received")
    assert (message.kind, message.length, message.occurred_at) == ("text", len(WORDS), sent_at)
    assert message.provider_message_id == "3EB0A"

    inbound = f"inbound:{event.id}"
    assert message.cause == [inbound]
    received = only(Event, kind="message_received")
    assert received.cause == [inbound, f"message:{message.id}"]
    assert received.data == {"message_id": str(message.id), "kind": "text"}
    assert received.conversation_id == conversation.id
    assert only(Event, kind="conversation_opened").cause == [inbound]

    run, asked = only(AgentRun), only(AgentRunInput)
    assert (run.agent, run.state, run.conversation_id) == ("discovery", "pending", conversation.id)
    assert (asked.run_id, asked.message_id, asked.text) == (run.id, message.id, WORDS)
    assert run.cause == [inbound, f"message:{message.id}"]


@pytest.mark.parametrize(
    ("digits", "phone"),
    [
        ("551187650001", "+5511987650001"),  # an older account, without the ninth digit
        ("5511987650001", "+5511987650001"),
        ("551133334444", "+551133334444"),  # a landline has none
        ("14155552671", "+14155552671"),
    ],
)
def test_the_phone_is_normalised_and_whatsapp_s_own_digits_are_kept(
    cast: Cast, digits: str, phone: str
) -> None:
    connect(cast.acme)
    receive(go(text(phone=digits)))
    contact = only(Contact)
    assert (contact.phone, contact.wa_id) == (phone, digits)


def test_with_and_without_the_ninth_digit_is_one_person(cast: Cast) -> None:
    connect(cast.acme)
    receive(go(text(phone="551187650001")), go(text(phone="5511987650001")))
    assert only(Contact).wa_id == "5511987650001"
    assert only(Conversation)
    assert len(rows(Message)) == 2


@pytest.mark.parametrize("digits", ["1", "0" * 15, "999999999999999999", "5511"])
def test_digits_that_are_no_phone_are_ignored(cast: Cast, digits: str) -> None:
    connect(cast.acme)
    receive(go(text(phone=digits), chatlid="", sender_lid="", sender=""))
    assert outcomes() == [("ignored", "INVALID_PHONE")]
    assert_nothing_happened()


@pytest.mark.parametrize(
    ("message_type", "kind"),
    [
        ("ImageMessage", "image"),
        ("AudioMessage", "audio"),
        ("LocationMessage", "location"),
        ("ReactionMessage", "reaction"),
        ("StickerMessage", "sticker"),
    ],
)
def test_media_is_noted_without_an_agent(cast: Cast, message_type: str, kind: str) -> None:
    connect(cast.acme)
    receive(go(text(""), messageType=message_type, mediaType=""))
    assert only(Message).kind == kind
    assert only(Event, kind="message_received").data["kind"] == kind
    assert rows(AgentRun) == []
    assert outcomes() == [("done", "")]


@pytest.mark.parametrize("words", ["", "   ", "\n\t"])
def test_a_text_without_words_is_noted_without_an_agent(cast: Cast, words: str) -> None:
    connect(cast.acme)
    receive(go(text(words)))
    assert only(Message).length == len(words)
    assert rows(AgentRun) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chatid": "1203630@g.us", "isGroup": True}, "GROUP_MESSAGE"),
        ({"chatid": "status@broadcast"}, "NOT_A_PERSON"),
        ({"chatid": "1203630@newsletter"}, "NOT_A_PERSON"),
    ],
    ids=["group", "status", "newsletter"],
)
def test_i8_what_is_not_for_us_is_ignored_with_a_reason(
    cast: Cast, changes: dict[str, Any], reason: str
) -> None:
    connect(cast.acme)
    receive(go(**changes))
    assert outcomes() == [("ignored", reason)]
    assert inbox()[0].payload is None
    assert_nothing_happened()


def test_each_client_has_its_own_contact_of_a_phone(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key", token="globex-token")
    receive(go())
    assert post({**go(), "token": "globex-token"}, key="globex-key").status_code == 200
    services.process_inbox()
    contacts = rows(Contact)
    assert {contact.client_id for contact in contacts} == {cast.acme.id, cast.globex.id}
    assert len({contact.phone_index for contact in contacts}) == 2


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(days=400)])
def test_a_message_from_the_future_is_dated_now(
    cast: Cast, moving_clock: MovableClock, ahead: timedelta
) -> None:
    connect(cast.acme)
    now = moving_clock.stop(datetime.now(UTC) + timedelta(seconds=5))
    receive(go(text(sent_at=now + ahead)))
    assert only(Message).occurred_at == now
    assert only(Conversation).last_message_at == now


@pytest.mark.parametrize("timestamp", [None, "", "soon", [], -1e300, 10**400, "9" * 30, "9" * 5000])
def test_a_message_without_a_time_is_dated_when_it_was_received(cast: Cast, timestamp: Any) -> None:
    connect(cast.acme)
    receive(
        go(messageTimestamp=timestamp)
        if not isinstance(timestamp, int)
        else go(messageTimestamp=str(timestamp))
    )
    assert only(Message).occurred_at == inbox()[0].received_at
    assert outcomes() == [("done", "")]


@pytest.mark.parametrize(
    "spell", [int, str, lambda seconds: seconds * 1000, lambda seconds: str(seconds * 1000)]
)
def test_the_time_of_a_message_is_read_in_any_unit(cast: Cast, spell: Any) -> None:
    connect(cast.acme)
    seconds = int(datetime.now(UTC).timestamp()) - 90
    receive(go(messageTimestamp=spell(seconds)))
    assert only(Conversation).last_message_at == datetime.fromtimestamp(seconds, UTC)


def test_an_older_message_does_not_turn_the_clocks_back(cast: Cast) -> None:
    connect(cast.acme)
    late = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    receive(go(text(sent_at=late)), go(text(sent_at=late - timedelta(days=3))))
    conversation = only(Conversation)
    assert conversation.last_message_at == conversation.quiet_since == conversation.last_inbound_at == late
    assert len(rows(Message)) == 2


def test_a_closed_conversation_opens_again(cast: Cast) -> None:
    connect(cast.acme)
    conversation = factories.make_conversation(
        cast.acme, phone=f"+{PHONE}", status=Conversation.Status.CLOSED
    )
    receive(go())
    assert only(Conversation).status == "open"
    changed = only(Event, kind="status_changed")
    assert changed.data == {"from": "closed", "to": "open"}
    assert changed.conversation_id == conversation.id
    assert changed.cause == [f"inbound:{inbox()[0].id}"]
    assert rows(Event, kind="conversation_opened") == []


def test_an_open_conversation_records_no_change(cast: Cast) -> None:
    connect(cast.acme)
    factories.make_conversation(cast.acme, phone=f"+{PHONE}")
    receive(go())
    assert rows(Event, kind="status_changed") == []


# --- i7: the words -----------------------------------------------------------------------------------


def _find_anywhere(*needles: str) -> list[str]:
    """Tables of which some row, encrypted columns included as bytes, shows one of the texts."""
    found = []
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            seen = "\n".join(row for (row,) in cursor.fetchall())
            found += [table for needle in needles if needle in seen or needle.encode().hex() in seen]
    return found


def test_i7_the_words_are_nowhere_readable_and_gone_in_the_end(
    cast: Cast, moving_clock: MovableClock
) -> None:
    connect(cast.acme, secret=SECRET)
    secrets = (WORDS, "Zebra7731", PHONE, "Marina", TOKEN, SECRET)

    assert post(go(text(WORDS))).status_code == 200
    assert post(v1(text(WORDS))).status_code == 200
    assert _find_anywhere(*secrets) == []
    services.process_inbox()
    assert _find_anywhere(*secrets) == []
    assert [event.payload for event in inbox()] == [None, None]

    texts = []
    moving_clock.advance(seconds=2)
    runs.run_pending(lambda turn: texts.append(turn.text) or Ended("stub", 0))  # type: ignore[func-returns-value]
    assert texts == [f"{WORDS}\n{WORDS}"]
    assert _find_anywhere(*secrets) == []
    assert [asked.text for asked in rows(AgentRunInput)] == [None, None]


def test_i7_the_search_for_words_finds_what_is_there(cast: Cast) -> None:
    """The negative control of the test above."""
    conversation = factories.make_conversation(cast.acme)
    factories.make_event(cast.acme, conversation=conversation, data={"text": WORDS})
    assert _find_anywhere(WORDS) == ["events"]


# --- echoes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["unknown", "sending", "queued"])
def test_i3_an_echo_settles_what_became_of_a_send(cast: Cast, state: str) -> None:
    integration = connect(cast.acme)
    conversation = factories.make_conversation(cast.acme)
    outbound = factories.make_outbound(
        conversation, integration=integration, state=state, lease_token=uuid.uuid4(), cause=["profile:x"]
    )
    attempt = factories.make_attempt(outbound, outcome="started", finished_at=None)

    receive(echo(str(outbound.id), "3EB0ECHO"))

    settled, message = only(OutboundMessage), only(Message)
    assert (settled.state, settled.provider_message_id) == ("sent", "3EB0ECHO")
    assert settled.sent_at is not None and settled.finished_at is not None
    assert (settled.body, settled.recipient, settled.lease_token) == (None, None, None)
    assert (message.state, message.provider_message_id) == ("sent", "3EB0ECHO")
    assert only(DeliveryAttempt, id=attempt.id).outcome == "sent"
    sent = only(Event, kind="message_sent")
    assert sent.cause == ["profile:x", f"message:{outbound.id}"]
    assert outcomes() == [("done", "")]
    assert rows(AgentRun) == []


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_an_echo_of_what_is_final_changes_nothing(cast: Cast, state: str) -> None:
    integration = connect(cast.acme)
    outbound = factories.make_outbound(
        factories.make_conversation(cast.acme), integration=integration, state=state
    )
    receive(echo(str(outbound.id)))
    assert only(OutboundMessage).state == state
    assert rows(Event) == []
    assert outcomes() == [("ignored", "ECHO_KNOWN")]


def test_i6_an_echo_settles_nothing_of_another_client(cast: Cast) -> None:
    connect(cast.acme)
    outbound = factories.make_outbound(factories.make_conversation(cast.globex), state="unknown")
    receive(echo(str(outbound.id)))
    assert only(OutboundMessage).state == "unknown"
    assert only(Message, client=cast.globex).state == "unknown"
    assert rows(Event, client=cast.globex) == []


@pytest.mark.parametrize("reference", ["", "cw:capture-001", "not-a-uuid", str(uuid.UUID(int=7))])
def test_what_another_system_sent_through_the_number_is_part_of_the_conversation(
    cast: Cast, reference: str
) -> None:
    connect(cast.acme)
    receive(go(text(message_id="3EB0IN")), echo(reference, "3EB0OTHER"), echo(reference, "3EB0OTHER"))
    message = only(Message, direction="outbound")
    assert (message.author, message.state) == ("other", "sent")
    conversation = only(Conversation)
    assert message.conversation_id == conversation.id
    assert conversation.last_outbound_at == message.occurred_at
    assert conversation.agent_paused_until is None  # a system, not a person who took over
    assert rows(OutboundMessage) == []


def test_an_echo_that_comes_twice_is_noted_once(cast: Cast) -> None:
    integration = connect(cast.acme)
    outbound = factories.make_outbound(
        factories.make_conversation(cast.acme), integration=integration, state="unknown"
    )
    receive(echo(str(outbound.id)), echo(str(outbound.id)))
    assert len(rows(Event, kind="message_sent")) == 1
    assert only(OutboundMessage).state == "sent"


# --- receipts ----------------------------------------------------------------------------------------


def _sent_message(cast: Cast, identifier: str = "3EB0S", client: Any = None) -> Message:
    conversation = factories.make_conversation(client or cast.acme)
    return factories.make_message(
        conversation,
        direction=Message.Direction.OUTBOUND,
        author=Message.Author.AGENT,
        state=Message.State.SENT,
        provider_message_id=identifier,
    )


@pytest.mark.parametrize(
    ("states", "final"),
    [
        (["Delivered"], "delivered"),
        (["Read"], "read"),
        (["Played"], "read"),
        (["Delivered", "Read"], "read"),
        (["Read", "Delivered"], "read"),
        (["Read", "Sent", "Delivered", "Error"], "read"),
        (["Delivered", "Error"], "delivered"),
        (["Sent"], "sent"),
    ],
)
def test_receipts_only_move_a_message_forward(cast: Cast, states: list[str], final: str) -> None:
    connect(cast.acme)
    _sent_message(cast)
    receive(*(receipt(["3EB0S"], state) for state in states))
    assert only(Message).state == final
    assert all(state != "failed" for state, _ in outcomes())


def test_a_receipt_names_hundreds_of_messages_some_of_them_unknown(cast: Cast) -> None:
    connect(cast.acme)
    conversation = factories.make_conversation(cast.acme)
    for number in range(123):
        factories.make_message(
            conversation,
            direction=Message.Direction.OUTBOUND,
            author=Message.Author.AGENT,
            state=Message.State.SENT,
            provider_message_id=f"3EB0{number}",
        )
    receive(receipt([f"3EB0{number}" for number in range(246)], "Read"))
    assert {message.state for message in rows(Message)} == {"read"}
    assert len(rows(Message)) == 123
    assert outcomes() == [("done", "")]


def test_a_receipt_of_unknown_messages_is_ignored(cast: Cast) -> None:
    connect(cast.acme)
    receive(receipt(["unknown"], "Read"))
    assert outcomes() == [("ignored", "RECEIPT_UNKNOWN")]
    assert_nothing_happened()


def test_i6_a_receipt_moves_nothing_of_another_client(cast: Cast) -> None:
    connect(cast.acme)
    _sent_message(cast, client=cast.globex)
    receive(receipt(["3EB0S"], "Read"))
    assert only(Message).state == "sent"
    assert outcomes() == [("ignored", "RECEIPT_UNKNOWN")]


def test_a_receipt_for_what_a_person_sent_changes_nothing(cast: Cast) -> None:
    connect(cast.acme)
    receive(go(text(message_id="3EB0IN")), receipt(["3EB0IN"], "Read"))
    assert only(Message).state == "received"


def test_a_receipt_that_overtakes_the_record_of_its_send_still_counts(cast: Cast) -> None:
    """The provider's receipt can be faster than our note of the id that it names."""
    integration = connect(cast.acme)
    conversation = factories.make_conversation(cast.acme)
    outbound = factories.make_outbound(conversation, integration=integration, state="sending")

    receive(receipt(["3EB0S"], "Delivered"))
    with service_scope(reason="the dispatcher records its result"):
        advance_message(cast.acme.id, [outbound.id], Message.State.SENT, "3EB0S")
    with service_scope(reason="test"):  # whatever waits is tried again
        InboundEvent.objects.update(next_attempt_at=clock.now())
    services.process_inbox()

    assert only(Message).state == "delivered"


# --- nothing half done -------------------------------------------------------------------------------


def test_processing_again_changes_nothing(cast: Cast) -> None:
    connect(cast.acme)
    receive(go(), receipt(["x"], "Read"), {"EventType": "presence", "token": TOKEN})
    before = [(event.state, event.attempts, event.processed_at) for event in inbox()]
    assert services.process_inbox() == 0
    assert [(event.state, event.attempts, event.processed_at) for event in inbox()] == before


def test_an_event_whose_ciphertext_was_swapped_fails_alone(cast: Cast) -> None:
    connect(cast.acme)
    post(go())
    post(go(text(phone="5511987650002")))
    first, second = inbox()
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inbound_events SET payload = (SELECT payload FROM inbound_events WHERE id = %s) WHERE id = %s",
            [second.id, first.id],
        )
    services.process_inbox()
    assert [event.state for event in inbox()] == ["pending", "done"]
    assert only(Contact).phone == "+5511987650002"
