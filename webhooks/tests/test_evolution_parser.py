"""What Evolution's payloads mean, told without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from webhooks.parsers import evolution
from webhooks.parsers.base import Identity, Ignored, Inbound, Receipt
from webhooks.tests.evolution_helpers import HOOK, batch, envelope, update, upsert
from webhooks.tests.helpers import PHONE

SENT_AT = datetime(2026, 2, 3, 18, 36, 18, tzinfo=UTC)
LID = "100000000000001@lid"
JID = f"{PHONE}@s.whatsapp.net"


def inbound(payload: dict[str, Any]) -> Inbound:
    parsed = evolution.parse(payload)
    assert isinstance(parsed, Inbound), parsed
    return parsed


def name_of(payload: Any, body: bytes = b"") -> Identity:
    ((identity, _kept),) = evolution.identify_all(payload, body)
    return identity


def kept_of(payload: Any) -> Any:
    ((_identity, kept),) = evolution.identify_all(payload, b"")
    return kept


# --- messages -------------------------------------------------------------------------------------


def test_a_text() -> None:
    parsed = evolution.parse(upsert("Olá", message_id="3EB0A", sent_at=SENT_AT))
    assert parsed == Inbound("3EB0A", PHONE, "Olá", "text", "Marina", SENT_AT)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"message": {"extendedTextMessage": {"text": "Oi 🙂"}}, "messageType": "extendedTextMessage"},
            "Oi 🙂",
        ),
        ({"message": {"conversation": "a\x00b"}}, "ab"),
        ({"message": {"conversation": ""}}, ""),
        ({"message": {"messageContextInfo": {}, "conversation": "Oi"}, "messageType": None}, "Oi"),
        ({"message": {"extendedTextMessage": {"text": None}}}, ""),
        (
            {
                "message": {"ephemeralMessage": {"message": {"extendedTextMessage": {"text": "Oi"}}}},
                "messageType": "ephemeralMessage",
            },
            "Oi",
        ),
    ],
    ids=["extended", "nul", "empty", "no-type", "no-text", "disappearing"],
)
def test_a_text_wherever_its_words_are(changes: dict[str, Any], words: str) -> None:
    parsed = inbound(upsert(**changes))
    assert (parsed.kind, parsed.text) == ("text", words)


@pytest.mark.parametrize(
    ("message_type", "kind"),
    [
        ("imageMessage", "image"),
        ("audioMessage", "audio"),
        ("videoMessage", "video"),
        ("documentMessage", "document"),
        ("documentWithCaptionMessage", "document"),
        ("stickerMessage", "sticker"),
        ("locationMessage", "location"),
        ("contactMessage", "contact"),
        ("reactionMessage", "reaction"),
        ("x" * 90, "x" * 20),
        ("Message", "unknown"),
        (7, "image"),  # named by its content, as in builds that do not name the type
        (None, "image"),
    ],
)
def test_media_has_a_kind_and_no_words(message_type: Any, kind: str) -> None:
    parsed = inbound(upsert(message={"imageMessage": {"caption": "Olá"}}, messageType=message_type))
    assert (parsed.kind, parsed.text) == (kind, "")


def test_disappearing_media_is_what_it_holds() -> None:
    message = {"ephemeralMessage": {"message": {"audioMessage": {"seconds": 3}}}}
    assert inbound(upsert(message=message, messageType="ephemeralMessage")).kind == "audio"


@pytest.mark.parametrize("name", ["senderPn", "remoteJidAlt"])
def test_a_person_who_is_known_by_lid_is_found_by_their_phone(name: str) -> None:
    key = {"remoteJid": LID, "senderPn": None, "remoteJidAlt": LID, name: JID}
    assert inbound(upsert(key=key)).phone_digits == PHONE
    assert name_of(upsert(key=key)).chat == JID  # and is in the same chat as under their phone


def test_the_device_is_no_part_of_the_phone() -> None:
    assert inbound(upsert(key={"remoteJid": f"{PHONE}:57@s.whatsapp.net"})).phone_digits == PHONE


@pytest.mark.parametrize(
    ("key", "changes", "reason"),
    [
        ({"remoteJid": "1203630@g.us", "senderPn": JID}, {}, "GROUP_MESSAGE"),
        ({"remoteJid": "status@broadcast", "remoteJidAlt": JID}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "5511@broadcast"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "1203630@newsletter", "senderPn": JID}, {}, "NOT_A_PERSON"),
        ({"remoteJid": LID, "remoteJidAlt": None}, {}, "NOT_A_PERSON"),
        ({"remoteJid": LID, "senderPn": LID, "remoteJidAlt": "1203630@g.us"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": LID, "senderPn": 5511987650001, "remoteJidAlt": PHONE}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "٥٥١١٩٨٧٦٥٠٠٠١@s.whatsapp.net"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "marina"}, {}, "NOT_A_PERSON"),
        ({"fromMe": True}, {}, "SENT_FROM_PHONE"),
        ({"fromMe": True, "remoteJid": "1203630@g.us"}, {}, "SENT_FROM_PHONE"),
        ({"id": ""}, {}, "UNKNOWN_SHAPE"),
        ({"id": 7}, {}, "UNKNOWN_SHAPE"),
        ({"remoteJid": None}, {}, "UNKNOWN_SHAPE"),
        ({}, {"key": None}, "UNKNOWN_SHAPE"),
        ({}, {"message": None}, "UNKNOWN_SHAPE"),
        ({}, {"message": {}}, "UNKNOWN_SHAPE"),
        (
            {},
            {"message": {"protocolMessage": {"type": "REVOKE"}}, "messageType": "protocolMessage"},
            "EVENT_NOT_HANDLED",
        ),
    ],
)
def test_what_is_not_a_person_writing_to_us_is_ignored(
    key: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    payload = upsert(key=key)
    payload["data"].update(changes)
    assert evolution.parse(payload) == Ignored(reason)


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1_770_143_778, SENT_AT),
        (1_770_143_778.0, SENT_AT),
        ("1770143778", SENT_AT),
        (1_770_143_778_000, SENT_AT),  # not what it says, but beyond doubt
        (None, None),
        ("", None),
        ("yesterday", None),
        (True, None),
        ({"low": 1_770_143_778, "high": 0}, None),
        (float("inf"), None),
        (10**400, None),
        ("9" * 5000, None),
        ("²", None),
    ],
)
def test_the_time_of_a_message_in_any_spelling(timestamp: Any, expected: datetime | None) -> None:
    assert inbound(upsert(messageTimestamp=timestamp)).sent_at == expected


# --- receipts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SERVER_ACK", "sent"),
        ("DELIVERY_ACK", "delivered"),
        ("READ", "read"),
        ("PLAYED", "read"),
        ("ERROR", "failed"),
        ("read", "read"),
    ],
)
def test_receipts(status: str, state: str) -> None:
    assert evolution.parse(update("3EB0S", status)) == Receipt(["3EB0S"], state)


@pytest.mark.parametrize("status", ["PENDING", "DELETED", "", None, 3, ["READ"]])
def test_statuses_that_are_no_receipt(status: Any) -> None:
    assert evolution.parse(update("3EB0S", status)) == Ignored("RECEIPT_NOT_HANDLED")


@pytest.mark.parametrize(
    "data",
    [
        {"keyId": "3EB0S", "messageId": "a-row-of-theirs", "status": "READ"},
        {"key": {"id": "3EB0S", "fromMe": True}, "update": {"status": "READ"}},
        {"id": "3EB0S", "fromMe": True, "status": "READ"},
    ],
)
def test_the_shapes_of_a_receipt_in_older_builds(data: dict[str, Any]) -> None:
    assert evolution.parse(envelope("messages.update", data)) == Receipt(["3EB0S"], "read")


@pytest.mark.parametrize(
    "data", [None, [], {}, "x", {"status": "READ"}, {"status": "READ", "messageId": "a-row"}]
)
def test_receipts_about_nothing(data: Any) -> None:
    """`messageId` is an id of Evolution's database, not of WhatsApp."""
    assert evolution.parse(envelope("messages.update", data)) == Ignored("RECEIPT_NOT_HANDLED")


# --- everything else ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (envelope("send.message", {"key": {"id": "3EB0A", "fromMe": True}}), "ECHO_NOT_OURS"),
        (envelope("connection.update", {"state": "close"}), "EVENT_NOT_HANDLED"),
        (envelope("qrcode.updated", {"qrcode": {"base64": "data:…"}}), "EVENT_NOT_HANDLED"),
        (envelope("messages.set", []), "EVENT_NOT_HANDLED"),
        (envelope("messages.upsert", None), "UNKNOWN_SHAPE"),
        (envelope("messages.upsert", []), "UNKNOWN_SHAPE"),
        (envelope("messages.upsert", "x"), "UNKNOWN_SHAPE"),
        (envelope("", {}), "UNKNOWN_SHAPE"),
        ({"event": 7, "data": {}}, "UNKNOWN_SHAPE"),
        ({"EventType": "messages"}, "UNKNOWN_SHAPE"),
        ({}, "UNKNOWN_SHAPE"),
        ([], "UNKNOWN_SHAPE"),
        (None, "UNKNOWN_SHAPE"),
        ("messages.upsert", "UNKNOWN_SHAPE"),
    ],
)
def test_what_is_nothing_to_us_says_why_and_leaves_one_row(payload: Any, reason: str) -> None:
    assert evolution.parse(payload) == Ignored(reason)
    assert evolution.parse(kept_of(payload)) == Ignored(reason)


@pytest.mark.parametrize(
    "spelled", ["MESSAGES_UPSERT", "messages.upsert", "messages-upsert", "Messages.Upsert"]
)
def test_an_event_s_name_in_any_spelling(spelled: str) -> None:
    event = {**upsert(message_id="3EB0A"), "event": spelled}
    assert inbound(event).provider_message_id == inbound(kept_of(event)).provider_message_id == "3EB0A"
    assert name_of(event).dedup_key == "message:3EB0A"


# --- names, and what is kept ----------------------------------------------------------------------


def test_an_event_is_named_by_its_id_however_it_is_written() -> None:
    first, again = (upsert(message_id="3EB0A", pushName=name) for name in ("Marina", "M."))
    assert name_of(first, b"one") == name_of(again, b"two") == Identity("message", "message:3EB0A", JID)
    assert name_of(update("3EB0A", "READ"), b"one") == Identity("receipt", "receipt:READ:3EB0A", "")


def test_each_status_of_a_message_is_an_event() -> None:
    names = {name_of(update("3EB0A", status)).dedup_key for status in ("SERVER_ACK", "READ", "PLAYED")}
    assert len(names) == 3


def test_an_event_without_an_id_is_named_by_its_bytes() -> None:
    event = envelope("connection.update", {"state": "close"})
    assert name_of(event, b"one") == name_of(event, b"one") != name_of(event, b"two")


def test_a_message_that_cannot_be_read_yet_does_not_stand_for_the_one_that_can() -> None:
    blank, whole = upsert(message_id="3EB0A", message=None), upsert(message_id="3EB0A")
    assert name_of(blank, b"one").dedup_key != name_of(whole, b"two").dedup_key == "message:3EB0A"


def test_long_ids_that_begin_alike_stay_apart() -> None:
    names = [name_of(upsert(message_id="x" * 500 + end)).dedup_key for end in "ab"]
    names += [name_of(update("x" * 500 + end)).dedup_key for end in "ab"]
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 200


def test_a_list_is_an_event_each() -> None:
    first, second = upsert("Um", message_id="A"), upsert("Dois", message_id="B", phone="5511987650002")
    named = evolution.identify_all(batch(first, second), b"body")
    assert [identity.dedup_key for identity, _ in named] == ["message:A", "message:B"]
    assert len({identity.chat for identity, _ in named}) == 2
    assert [inbound(kept).text for _, kept in named] == ["Um", "Dois"]

    receipts = evolution.identify_all(batch(update("A", "READ"), update("B", "READ")), b"body")
    assert [evolution.parse(kept) for _, kept in receipts] == [Receipt(["A"], "read"), Receipt(["B"], "read")]


def test_parts_of_a_list_without_ids_stay_apart() -> None:
    named = evolution.identify_all(envelope("messages.upsert", [None, {}, "x", {"key": 7}]), b"body")
    assert len({identity.dedup_key for identity, _ in named}) == 4
    assert [evolution.parse(kept) for _, kept in named] == [Ignored("UNKNOWN_SHAPE")] * 4


def test_i7_nothing_of_the_envelope_is_kept_and_no_credential() -> None:
    """The envelope holds the instance's key, and in `destination` our own secret address."""
    event = upsert(extra={"apikey": "hidden", "deep": [{"Token": "hidden"}]})
    assert event["destination"] == HOOK and event["apikey"] == "demo-key"
    kept = kept_of(event)
    assert set(kept) == {"event", "data"}
    assert "hidden" not in json.dumps(kept)
    assert event["data"]["extra"]["apikey"] == "hidden", "the original was changed"


@pytest.mark.parametrize("event", ["qrcode.updated", "send.message", "new.event", ""])
def test_i7_of_events_that_are_not_used_only_the_name_is_kept(event: str) -> None:
    assert kept_of(envelope(event, {"qrcode": {"base64": "data:…"}})) == {"event": event}
