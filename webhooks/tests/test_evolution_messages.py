"""What is in Evolution's messages: who wrote to whom, what, and when. Told without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from webhooks.parsers import evolution
from webhooks.parsers.base import FromPhone, Identity, Ignored, Inbound, Peer
from webhooks.tests.evolution_helpers import envelope, upsert
from webhooks.tests.helpers import PHONE

SENT_AT = datetime(2026, 2, 3, 18, 36, 18, tzinfo=UTC)
LID = "100000000000001@lid"
LID_DIGITS = "100000000000001"
SANDBOX_LID = f"9000{PHONE}"
JID = f"{PHONE}@s.whatsapp.net"


def inbound(payload: dict[str, Any]) -> Inbound:
    parsed = evolution.parse(payload)
    assert isinstance(parsed, Inbound), parsed
    return parsed


def name_of(payload: Any, body: bytes = b"") -> Identity:
    ((identity, _kept),) = evolution.identify_all(payload, body)
    return identity


def test_a_text() -> None:
    parsed = evolution.parse(upsert("Olá", message_id="3EB0A", sent_at=SENT_AT))
    assert parsed == Inbound("3EB0A", Peer(PHONE, SANDBOX_LID, "Marina"), "Olá", "text", SENT_AT)


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


WORDS = "Veja isto"
# The type's name, what is inside, and what it means: kind, words, and which message it refers to.
CONTENTS: list[tuple[str, Any, str, str, str]] = [
    ("imageMessage", {"caption": WORDS}, "image", WORDS, ""),
    ("imageMessage", {"url": "https://mmg.test/a.enc"}, "image", "", ""),
    ("videoMessage", {"caption": WORDS}, "video", WORDS, ""),
    ("videoMessage", {"caption": WORDS, "gifPlayback": True}, "gif", WORDS, ""),
    ("ptvMessage", {"seconds": 3}, "video", "", ""),
    ("audioMessage", {"seconds": 3, "ptt": False}, "audio", "", ""),
    ("audioMessage", {"seconds": 3, "ptt": True}, "ptt", "", ""),
    ("documentMessage", {"fileName": "a.pdf", "caption": WORDS}, "document", WORDS, ""),
    ("stickerMessage", {}, "sticker", "", ""),
    ("locationMessage", {"degreesLatitude": -8.03, "name": "Praça"}, "location", "", ""),
    ("liveLocationMessage", {"caption": "aqui"}, "location", "", ""),
    ("contactMessage", {"displayName": "Andrei", "vcard": "BEGIN"}, "contact", "", ""),
    ("contactsArrayMessage", {"contacts": []}, "contact", "", ""),
    ("reactionMessage", {"key": {"id": "T", "fromMe": True}, "text": "❤️"}, "reaction", "", "T"),
    ("pollCreationMessageV3", {"name": WORDS, "options": []}, "poll", WORDS, ""),
    (
        "pollUpdateMessage",
        {"pollCreationMessageKey": {"id": "T"}, "vote": {"selectedOptions": ["Sol", "Lua", 3]}},
        "poll_vote",
        "Sol, Lua",
        "T",
    ),
    ("pollUpdateMessage", {"vote": {"encPayload": "Fr4"}}, "poll_vote", "", ""),
    (
        "listResponseMessage",
        {"title": WORDS, "singleSelectReply": {"selectedRowId": "r1"}, "contextInfo": {"stanzaId": "T"}},
        "list_reply",
        WORDS,
        "T",
    ),
    ("listResponseMessage", {"singleSelectReply": {"selectedRowId": "r1"}}, "list_reply", "r1", ""),
    ("buttonsResponseMessage", {"selectedDisplayText": WORDS}, "button_reply", WORDS, ""),
    ("templateButtonReplyMessage", {"selectedId": "r1"}, "button_reply", "r1", ""),
    ("interactiveResponseMessage", {"body": {"text": WORDS}}, "button_reply", WORDS, ""),
    ("somethingQuiteNewToUsMessage", {"text": WORDS}, "somethingquitenewtou", WORDS, ""),
]


def test_what_was_sent_has_a_kind_its_words_and_its_target() -> None:
    """Named by what is there: older builds do not name the type, and some name the wrapping."""
    wrappings: dict[str, Any] = {
        "bare": lambda message: message,
        "disappearing": lambda message: {"ephemeralMessage": {"message": message}},
        "once": lambda message: {"viewOnceMessageV2": {"message": message}},
        "captioned": lambda message: {"documentWithCaptionMessage": {"message": message}},
        "twice": lambda message: {
            "messageContextInfo": {},
            "ephemeralMessage": {"message": {"viewOnceMessage": {"message": message}}},
        },
    }
    failed = []
    for name, inside, kind, words, target in CONTENTS:
        for how, wrap in wrappings.items():
            for message_type in (name, None, 7, "ephemeralMessage"):
                parsed = inbound(upsert(message=wrap({name: inside}), messageType=message_type))
                if (parsed.kind, parsed.text, parsed.refers_to) != (kind, words, target):
                    failed.append((name, how, message_type, parsed))
    assert not failed


def test_what_has_no_type_is_named_by_the_envelope() -> None:
    for named, kind in (
        ("imageMessage", "image"),
        ("x" * 90, "x" * 20),
        ("Message", "unknown"),
        (None, "unknown"),
    ):
        parsed = inbound(upsert(message={"secretStuff": {"caption": "Olá"}}, messageType=named))
        assert (parsed.kind, parsed.text) == (kind, "")


EDITED_AT = 1_770_143_778_000


def test_an_edit_is_told_in_two_ways_and_is_one() -> None:
    edit = {
        "key": {"id": "3EB0OLD", "remoteJid": JID, "fromMe": False},
        "type": "MESSAGE_EDIT",
        "editedMessage": {"extendedTextMessage": {"text": "Às 15h"}},
        "timestampMs": EDITED_AT,
    }
    lids = {"remoteJid": JID, "remoteJidAlt": None}
    told = {
        "protocol": upsert(message={"protocolMessage": edit}, key=lids),
        "wrapped": upsert(message={"editedMessage": {"message": {"protocolMessage": edit}}}, key=lids),
        "long": upsert(message={"protocolMessage": {**edit, "timestampMs": _halves(EDITED_AT)}}, key=lids),
        "event": envelope("messages.edited", edit),
    }
    for how, payload in told.items():
        parsed = inbound(payload)
        assert (parsed.text, parsed.kind, parsed.is_edit) == ("Às 15h", "text", True), how
        assert (parsed.refers_to, parsed.peer.wa_digits) == ("3EB0OLD", PHONE), how
        assert parsed.provider_message_id == f"3EB0OLD:{EDITED_AT}", how
        assert name_of(payload, how.encode()) == Identity("message", f"message:3EB0OLD:{EDITED_AT}", PHONE), (
            how
        )
    assert inbound(told["event"]).sent_at == SENT_AT


def test_an_edit_without_a_time_is_named_as_far_as_it_goes() -> None:
    edit = {"key": {"id": "3EB0OLD", "remoteJid": JID}, "editedMessage": {"conversation": "Oi"}}
    parsed = inbound(upsert(message_id="3EB0NEW", message={"protocolMessage": edit}))
    assert (parsed.provider_message_id, parsed.refers_to, parsed.is_edit) == ("3EB0NEW", "3EB0OLD", True)
    odd = upsert(message={"protocolMessage": {**edit, "timestampMs": "1\x00" + "9" * 500}})
    assert inbound(odd).provider_message_id == f"3EB0OLD:1{'9' * 19}"


def test_an_edit_that_does_not_say_whose_it_is_is_left_alone() -> None:
    """The key is the writer's view: their own message is `fromMe`, in the chat with us."""
    edit = {"key": {"id": "A", "remoteJid": JID, "fromMe": True}, "editedMessage": {"conversation": "Oi"}}
    assert evolution.parse(envelope("messages.edited", edit)) == Ignored("UNKNOWN_SHAPE")


def _halves(number: int) -> dict[str, Any]:
    low = number % 2**32
    return {"low": low - 2**32 if low >= 2**31 else low, "high": number >> 32, "unsigned": True}


@pytest.mark.parametrize("name", ["senderPn", "remoteJidAlt", "previousRemoteJid"])
def test_a_person_who_is_known_by_lid_is_found_by_their_phone(name: str) -> None:
    key = {"remoteJid": LID, "senderPn": None, "remoteJidAlt": LID, name: JID}
    assert inbound(upsert(key=key)).peer == Peer(PHONE, LID_DIGITS, "Marina")
    assert name_of(upsert(key=key)).chat == PHONE  # and is in the same chat as under their phone


def test_a_person_without_a_phone_is_known_by_their_lid() -> None:
    for other in (None, LID, 5511987650001, PHONE, "1203630@g.us", "100000000000001:3@lid"):
        key = {"remoteJid": LID, "senderPn": other, "remoteJidAlt": None}
        assert inbound(upsert(key=key)).peer == Peer(None, LID_DIGITS, "Marina"), other
        assert name_of(upsert(key=key)).chat == LID, other


def test_the_device_is_no_part_of_the_phone() -> None:
    parsed = inbound(upsert(key={"remoteJid": f"{PHONE}:57@s.whatsapp.net"}))
    assert parsed.peer == Peer(PHONE, SANDBOX_LID, "Marina")


def test_what_went_out_is_from_the_phone_to_the_chat() -> None:
    """Evolution does not tell what was sent through its API: whoever knows the id does."""
    for flag in (True, "true"):
        event = upsert("Já te ligo", message_id="3EB0A", sent_at=SENT_AT, key={"fromMe": flag})
        assert evolution.parse(event) == FromPhone("3EB0A", Peer(PHONE, SANDBOX_LID), 10, "text", SENT_AT)
    picture = upsert(
        message={"imageMessage": {"caption": "Olá"}},
        key={"fromMe": True, "remoteJid": LID, "remoteJidAlt": JID},
    )
    parsed = evolution.parse(picture)
    assert isinstance(parsed, FromPhone)
    assert (parsed.kind, parsed.length, parsed.peer) == ("image", 3, Peer(PHONE, LID_DIGITS))
    assert name_of(picture).chat == PHONE


@pytest.mark.parametrize(
    ("key", "changes", "reason"),
    [
        ({"remoteJid": "1203630@g.us", "senderPn": JID}, {}, "GROUP_MESSAGE"),
        ({"remoteJid": "status@broadcast", "remoteJidAlt": JID}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "5511@broadcast"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "1203630@newsletter", "senderPn": JID}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "٥٥١١٩٨٧٦٥٠٠٠١@s.whatsapp.net"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "marina"}, {}, "NOT_A_PERSON"),
        ({"fromMe": True, "remoteJid": "1203630@g.us"}, {}, "GROUP_MESSAGE"),
        ({"fromMe": True, "remoteJid": "status@broadcast"}, {}, "NOT_A_PERSON"),
        ({"remoteJid": "1@lid"}, {}, "NOT_A_PERSON"),
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
        ({"low": 1_770_143_778, "high": 0, "unsigned": True}, SENT_AT),
        ({"low": 1_770_143_778, "high": 10**300}, None),
        ({"low": "x", "high": None}, None),
        (float("inf"), None),
        (10**400, None),
        ("9" * 5000, None),
        ("²", None),
    ],
)
def test_the_time_of_a_message_in_any_spelling(timestamp: Any, expected: datetime | None) -> None:
    assert inbound(upsert(messageTimestamp=timestamp)).sent_at == expected
