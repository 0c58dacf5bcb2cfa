"""What Uazapi's payloads mean, told without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from webhooks.parsers import uazapi
from webhooks.parsers.base import Echo, Ignored, Inbound, Receipt
from webhooks.parsers.reading import scrub
from webhooks.tests.helpers import PHONE, TOKEN, echo, go, receipt, text, v1

SENT_AT = datetime(2026, 2, 3, 18, 36, 18, tzinfo=UTC)


def test_a_text_in_the_go_dialect() -> None:
    parsed = uazapi.parse(go(text("Olá", message_id="3EB0A", sent_at=SENT_AT)))
    assert parsed == Inbound("3EB0A", PHONE, "Olá", "text", "Marina", SENT_AT)


def test_a_text_in_the_v1_dialect() -> None:
    parsed = uazapi.parse(v1(text("Olá", message_id="msg_1", sent_at=SENT_AT)))
    assert parsed == Inbound("msg_1", PHONE, "Olá", "text", None, SENT_AT)


@pytest.mark.parametrize(
    ("message_type", "kind", "words"),
    [
        ("Conversation", "text", "Oi"),
        ("ExtendedTextMessage", "text", "Oi"),
        ("ImageMessage", "image", ""),
        ("AudioMessage", "audio", ""),
        ("VideoMessage", "video", ""),
        ("DocumentMessage", "document", ""),
        ("StickerMessage", "sticker", ""),
        ("LocationMessage", "location", ""),  # its `type` says "text" on the live product
        ("ContactMessage", "contact", ""),
        ("ReactionMessage", "reaction", ""),  # its `text` is an emoji
        ("PollCreationMessageV3WithALongName", "pollcreationmessagev", ""),
        ("", "unknown", ""),
        (None, "unknown", ""),
        ("Message", "unknown", ""),
    ],
)
def test_kinds_are_told_apart_by_the_type_of_message(message_type: Any, kind: str, words: str) -> None:
    parsed = uazapi.parse(go(text("Oi"), messageType=message_type, type="text"))
    assert isinstance(parsed, Inbound)
    assert (parsed.kind, parsed.text) == (kind, words)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chatid": "120363000000000000@g.us", "isGroup": True}, "GROUP_MESSAGE"),
        ({"chatid": "120363000000000000@g.us", "isGroup": False}, "GROUP_MESSAGE"),
        ({"isGroup": True}, "GROUP_MESSAGE"),
        ({"chatid": "status@broadcast", "sender_pn": ""}, "NOT_A_PERSON"),
        ({"chatid": "status@broadcast"}, "NOT_A_PERSON"),
        ({"chatid": "5511999990000-1600000000@broadcast"}, "NOT_A_PERSON"),
        ({"chatid": "120363000000000001@newsletter", "sender_pn": ""}, "NOT_A_PERSON"),
        ({"chatid": "120363000000000001@newsletter"}, "NOT_A_PERSON"),
        ({"chatid": "100000000000001@lid", "sender_pn": ""}, "NOT_A_PERSON"),
        ({"chatid": "100000000000001@lid", "sender_pn": "100000000000001@lid"}, "NOT_A_PERSON"),
        ({"chatid": "0@s.whatsapp.net@g.us"}, "GROUP_MESSAGE"),
        ({"fromMe": True, "wasSentByApi": False}, "SENT_FROM_PHONE"),
        ({"messageid": ""}, "UNKNOWN_SHAPE"),
        ({"messageid": 7}, "UNKNOWN_SHAPE"),
        ({"chatid": None}, "UNKNOWN_SHAPE"),
    ],
)
def test_what_is_not_a_person_writing_to_us_is_ignored(changes: dict[str, Any], reason: str) -> None:
    """A status or a newsletter names its author in `sender_pn`, but nobody wrote to us."""
    assert uazapi.parse(go(**changes)) == Ignored(reason)


def test_a_person_who_is_known_by_lid_is_found_by_their_phone() -> None:
    parsed = uazapi.parse(go(chatid="100000000000001@lid", sender_pn="5511987650001@s.whatsapp.net"))
    assert isinstance(parsed, Inbound)
    assert parsed.phone_digits == "5511987650001"


def test_the_device_is_no_part_of_the_phone() -> None:
    parsed = uazapi.parse(go(chatid="5511987650001:57@s.whatsapp.net"))
    assert isinstance(parsed, Inbound)
    assert parsed.phone_digits == "5511987650001"


def test_digits_of_other_scripts_are_no_phone() -> None:
    parsed = uazapi.parse(go(chatid="٥٥١١٩٨٧٦٥٠٠٠١@s.whatsapp.net", sender_pn=""))
    assert parsed == Ignored("NOT_A_PERSON")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1_770_143_778_000, SENT_AT),
        (1_770_143_778_000.0, SENT_AT),
        ("1770143778000", SENT_AT),
        (1_770_143_778, SENT_AT),  # seconds, as in receipts and older builds
        ("1770143778", SENT_AT),
        (None, None),
        ("", None),
        ("yesterday", None),
        (True, None),
        ([], None),
        ({}, None),
        (float("inf"), None),
        (float("nan"), None),
        (10**400, None),
        (-(10**30), None),
        ("9" * 25, None),
        ("9" * 5000, None),
        ("²", None),
    ],
)
def test_the_time_of_a_message_in_any_spelling(timestamp: Any, expected: datetime | None) -> None:
    parsed = uazapi.parse(go(messageTimestamp=timestamp))
    assert isinstance(parsed, Inbound)
    assert parsed.sent_at == expected


def test_our_own_send_coming_back_is_an_echo() -> None:
    assert uazapi.parse(echo("our-reference", "3EB0A")) == Echo("3EB0A", "our-reference")
    assert uazapi.parse(echo("", "3EB0A")) == Echo("3EB0A", "")
    assert uazapi.parse(echo("x", "3EB0A", track_id=None)) == Echo("3EB0A", "")


@pytest.mark.parametrize(
    ("state", "expected"),
    [("Sent", "sent"), ("Delivered", "delivered"), ("Read", "read"), ("Played", "read"), ("Error", "failed")],
)
def test_receipts(state: str, expected: str) -> None:
    assert uazapi.parse(receipt(["A", "B"], state)) == Receipt(["A", "B"], expected)


@pytest.mark.parametrize("state", ["Deleted", "FileDownloaded", "", None, "delivered", 3, ["Read"]])
def test_states_that_are_no_receipt(state: Any) -> None:
    assert uazapi.parse(receipt(["A"], state)) == Ignored("RECEIPT_NOT_HANDLED")


@pytest.mark.parametrize("ids", [[], None, "A", [None, 3, ""], {"A": 1}])
def test_receipts_about_nothing(ids: Any) -> None:
    assert uazapi.parse(receipt(ids, "Read")) == Ignored("RECEIPT_NOT_HANDLED")


@pytest.mark.parametrize(
    "changes",
    [{"from": ""}, {"from": "+"}, {"from": None}, {"from": "marina"}, {"from": "+٥٥"}, {"message_id": ""}],
)
def test_a_v1_payload_without_sender_or_id_has_an_unknown_shape(changes: dict[str, Any]) -> None:
    assert uazapi.parse({**v1(), **changes}) == Ignored("UNKNOWN_SHAPE")


def test_the_dialects_are_told_apart_by_shape() -> None:
    assert uazapi.is_v1(v1()) and not uazapi.is_go(v1())
    assert uazapi.is_go(go()) and not uazapi.is_v1(go())
    # Members of v1 do not take the token check away from an envelope of the other dialect.
    mixed = {**v1(), **go()}
    assert uazapi.is_go(mixed) and not uazapi.is_v1(mixed)


def test_an_event_is_named_by_its_id_however_it_is_written() -> None:
    event = go(text(message_id="3EB0A"))
    first, second = uazapi.identify(event, b"one"), uazapi.identify({**event, "chatSource": "x"}, b"two")
    assert first == second
    assert first.kind == "message"


def test_an_event_without_an_id_is_named_by_its_bytes() -> None:
    assert uazapi.identify({"a": 1}, b"one") != uazapi.identify({"a": 1}, b"two")
    assert uazapi.identify({"a": 1}, b"one") == uazapi.identify({"a": 2}, b"one")


def test_long_ids_that_begin_alike_stay_apart() -> None:
    first, second = (uazapi.identify(go(text(message_id="x" * 500 + end)), b"") for end in "ab")
    assert first.dedup_key != second.dedup_key
    assert len(first.dedup_key) <= 200


def test_scrubbing_leaves_the_original_alone() -> None:
    event = go()
    assert TOKEN not in str(scrub(event))
    assert event["token"] == TOKEN
