"""What Uazapi's payloads mean, told without a database; the whole corpus is in test_envelopes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from integrations.sandbox import envelopes as vendor
from webhooks.parsers import uazapi
from webhooks.parsers.base import ConnectionChange, Echo, FromPhone, Ignored, Inbound, Peer, Receipt
from webhooks.parsers.reading import as_flag, scrub
from webhooks.tests.helpers import PHONE, TOKEN, echo, go, receipt, text, v1

SENT_AT = datetime(2026, 2, 3, 18, 36, 18, tzinfo=UTC)
LID = f"9000{PHONE}"  # as the stand-in makes them
URL = "https://free.uazapi.test"


def inbound(payload: dict[str, Any]) -> Inbound:
    parsed = uazapi.parse(payload)
    assert isinstance(parsed, Inbound), parsed
    return parsed


def name_of(payload: Any, body: bytes | None = None) -> str:
    return uazapi.identify(payload, json.dumps(payload).encode() if body is None else body).dedup_key


# --- messages -------------------------------------------------------------------------------------


def test_a_text_in_the_go_dialect() -> None:
    parsed = uazapi.parse(go(text("Olá", message_id="3EB0A", sent_at=SENT_AT)))
    assert parsed == Inbound("3EB0A", Peer(PHONE, LID, "Marina"), "Olá", "text", SENT_AT)


def test_a_text_in_the_v1_dialect() -> None:
    parsed = uazapi.parse(v1(text("Olá", message_id="msg_1", sent_at=SENT_AT)))
    assert parsed == Inbound("msg_1", Peer(PHONE), "Olá", "text", SENT_AT)


def test_the_sender_of_a_v1_payload_as_people_write_it() -> None:
    spellings = [PHONE, f"+{PHONE}", "+55 (11) 98765-0001", "+55 11 98765.0001", f" {PHONE}\n", f"++{PHONE}"]
    for sender in spellings:
        payload = {**v1(), "from": sender}
        assert inbound(payload).peer == Peer(PHONE), sender
        assert uazapi.identify(payload, b"").chat == PHONE, sender
    shapeless = ["", "+", "()", None, 5511987650001, "marina", "+٥٥", f"{PHONE}@lid", f"{PHONE};x", ["+55"]]
    for sender in shapeless:
        assert uazapi.parse({**v1(), "from": sender}) == Ignored("UNKNOWN_SHAPE"), sender
    assert uazapi.parse({**v1(), "message_id": ""}) == Ignored("UNKNOWN_SHAPE")


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (1_770_143_778_000.0, SENT_AT),
        (1_770_143_778, SENT_AT),
        ("1770143778", SENT_AT),
        ("2026-02-03 15:36:18.000-03:00", SENT_AT),
        ("2026-02-03T18:36:18", None),  # of which zone?
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        (True, None),
        ([], None),
        ({}, None),
        (-5, None),
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
    assert inbound(go(messageTimestamp=timestamp)).sent_at == expected


def test_flags_in_any_spelling() -> None:
    assert all(map(as_flag, [True, 1, "True", "true", " TRUE ", "1"]))
    assert not any(map(as_flag, [False, 0, 2, "False", "false", "0", "", "no", None, [], [1], {"a": 1}, 1.0]))


def test_our_own_send_coming_back_is_an_echo() -> None:
    time = int(SENT_AT.timestamp()) * 1000
    ours = uazapi.parse(echo("our-reference", "3EB0A", messageTimestamp=time))
    assert ours == Echo("3EB0A", "our-reference", Peer(PHONE, LID), 18, "text", SENT_AT)
    for nothing in ("", None, 7):
        parsed = uazapi.parse(echo("x", "3EB0A", track_id=nothing))
        assert isinstance(parsed, Echo) and parsed.reference == ""
    # No phone writes a reference: it does not count as a takeover, though the flag be missing.
    assert uazapi.parse(echo("our-reference", "3EB0A", messageTimestamp=time, wasSentByApi=None)) == ours
    assert isinstance(uazapi.parse(echo("", "3EB0A", wasSentByApi=None)), FromPhone)


# --- names ----------------------------------------------------------------------------------------


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
    assert (first.kind, first.dedup_key) == ("message", "message:3EB0A")


def test_an_event_without_an_id_is_named_by_its_bytes() -> None:
    assert name_of({"a": 1}, b"one") != name_of({"a": 1}, b"two")
    assert name_of({"a": 1}, b"one") == name_of({"a": 2}, b"one")


def test_long_ids_that_begin_alike_stay_apart() -> None:
    first, second = (v1(text(message_id="x" * 500 + end)) for end in "ab")
    assert name_of(first) != name_of(second)
    assert len(name_of(first)) <= 200


def test_all_messages_of_a_person_are_in_one_chat() -> None:
    """Whoever wrote, and under whichever of the names that tell the phone."""
    same = [
        go(),
        go(fromMe=True),
        echo("x"),
        go(chatid=f"{PHONE}:57@s.whatsapp.net"),
        go(chatid=f"{LID}@lid"),
        go(chatid=f"{PHONE}@c.us", sender=f"{LID}@lid"),
        {**v1(), "from": f"+{PHONE}"},
        {**v1(), "from": PHONE},
    ]
    assert {uazapi.identify(payload, b"").chat for payload in same} == {PHONE}
    assert uazapi.identify(go(text(phone="5511987650002")), b"").chat == "5511987650002"
    alone = go(chatid=f"{LID}@lid", sender_pn="", sender=f"{LID}:3@lid")
    assert uazapi.identify(alone, b"").chat == f"{LID}@lid"


def test_a_receipt_is_named_by_its_state_and_all_its_ids() -> None:
    name = name_of(receipt(["A", "B"], "Read"))
    again = [
        receipt(["B", "A"], "Read"),
        receipt(["A", "B", "A"], "read"),
        receipt(["5511999990001:A", "B"], "Read"),
    ]
    assert [name_of(one) for one in again] == [name] * 3
    others = [receipt(["A"], "Read"), receipt(["A", "B", "C"], "Read"), receipt(["A", "B"], "Delivered")]
    assert len({name, *map(name_of, others)}) == 4


def test_a_session_that_comes_back_is_heard_though_it_says_the_same() -> None:
    """Lost: the number would count as off for good. Told twice: it is on already, and nothing changes."""
    on = vendor.connection_event("connected", URL)
    assert name_of(on) != name_of(on)
    numbered = vendor.connection_event("connected", URL, event_id="a")
    assert name_of(numbered) == name_of({**numbered, "owner": "x"})
    assert name_of(numbered) != name_of(vendor.connection_event("connected", URL, event_id="b"))


def test_a_loss_that_is_told_again_is_the_same_loss() -> None:
    first, again, later = (
        vendor.connection_event("disconnected", URL, lost_at=f"2026-02-02 17:4{minute}:57.567Z", reason="401")
        for minute in (6, 6, 7)
    )
    assert name_of(first) == name_of(again) != name_of(later)
    undated = vendor.connection_event("hibernated", URL)
    assert name_of(undated) != name_of(undated)


# --- what is kept ---------------------------------------------------------------------------------


def kept_of(payload: Any) -> Any:
    ((_identity, kept),) = uazapi.identify_all(payload, json.dumps(payload).encode())
    return kept


def test_i7_no_code_that_pairs_a_device_is_kept_of_a_session() -> None:
    event = vendor.connection_event("connecting", URL, event_id="a")
    event["instance"] |= {"paircode": "ABCD-EFGH", "token": "t", "profileName": "x"}
    assert kept_of(event) == {"EventType": "connection", "type": None, "instance": {"status": "connecting"}}
    assert uazapi.parse(kept_of(event)) == ConnectionChange("connecting")


def test_i7_of_history_only_the_name_is_kept_and_of_a_chat_nothing() -> None:
    assert kept_of(vendor.history_event([text("Palavras de ontem")], URL)) == {"EventType": "history"}
    event = go()
    event["chat"]["lead_personalid"] = "529.982.247-25"
    assert set(kept_of(event)) == {"EventType", "message"}
    assert kept_of(event)["message"] == event["message"]


def test_i7_an_event_that_is_not_known_is_kept_without_credentials() -> None:
    event = {**vendor.other_event("call", URL), "deep": [{"AdminToken": "hidden", "text": "seen"}]}
    kept = json.dumps(kept_of(event))
    assert "seen" in kept and "hidden" not in kept and TOKEN not in kept
    assert kept_of(v1())["message"] == v1()["message"] and "signature" not in kept_of(v1())


def test_a_receipt_keeps_what_it_says() -> None:
    event = vendor.receipt_event(["A"], "Read", URL, phone=PHONE, timestamp=1_770_143_778)
    assert uazapi.parse(kept_of(event)) == Receipt(["A"], "read", SENT_AT)
    assert PHONE not in json.dumps(kept_of(event))


def test_scrubbing_leaves_the_original_alone() -> None:
    event = go()
    assert TOKEN not in str(scrub(event))
    assert event["token"] == TOKEN
