"""What Evolution's receipts, sessions and other events mean, how all are named, and what is kept of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from webhooks.parsers import evolution
from webhooks.parsers.base import ConnectionChange, Identity, Ignored, Inbound, Receipt
from webhooks.tests.evolution_helpers import HOOK, batch, envelope, update, upsert
from webhooks.tests.helpers import PHONE


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


# --- the session ----------------------------------------------------------------------------------


def test_the_session_comes_and_goes() -> None:
    for state, reason, expected in (
        ("open", 200, ConnectionChange("connected")),
        ("connecting", 200, ConnectionChange("connecting")),
        ("close", 401, ConnectionChange("disconnected", "401")),
        ("close", None, ConnectionChange("disconnected")),
        ("refused", 428, ConnectionChange("disconnected", "428")),
        ("Close", ["x"], ConnectionChange("disconnected")),
    ):
        event = envelope("connection.update", {"state": state, "statusReason": reason, "qrcode": "data:…"})
        assert evolution.parse(event) == evolution.parse(kept_of(event)) == expected
        assert set(kept_of(event)["data"]) == {"state", "statusReason"}


def test_a_session_that_comes_back_is_heard_though_it_says_the_same() -> None:
    event = envelope("connection.update", {"state": "open", "statusReason": 200})
    assert event["date_time"] and name_of(event, b"one") == name_of(event, b"one") != name_of(event, b"two")
    assert name_of(event).chat == "connection"
    undated = {**event, "date_time": ""}
    assert name_of(undated, b"one") != name_of(undated, b"one")


# --- everything else ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (envelope("send.message", {"key": {"id": "3EB0A", "fromMe": True}}), "ECHO_NOT_OURS"),
        (envelope("connection.update", {"state": "waiting"}), "UNKNOWN_SHAPE"),
        (envelope("connection.update", None), "UNKNOWN_SHAPE"),
        (envelope("qrcode.updated", {"qrcode": {"base64": "data:…"}}), "EVENT_NOT_HANDLED"),
        (envelope("messages.set", [{"message": {"conversation": "Palavras de ontem"}}]), "HISTORY"),
        (envelope("chats.set", []), "HISTORY"),
        (envelope("contacts.set", []), "HISTORY"),
        (envelope("chats.upsert", [{"remoteJid": "x"}]), "EVENT_NOT_HANDLED"),
        (envelope("messages.delete", {"id": "3EB0A"}), "EVENT_NOT_HANDLED"),
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
    assert name_of(first, b"one") == name_of(again, b"two") == Identity("message", "message:3EB0A", PHONE)
    assert name_of(update("3EB0A", "READ"), b"one") == Identity("receipt", "receipt:READ:3EB0A", "")


def test_each_status_of_a_message_is_an_event() -> None:
    names = {name_of(update("3EB0A", status)).dedup_key for status in ("SERVER_ACK", "READ", "PLAYED")}
    assert len(names) == 3


def test_an_event_without_an_id_is_named_by_its_bytes() -> None:
    event = envelope("presence.update", {"state": "x"})
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


@pytest.mark.parametrize("event", ["qrcode.updated", "send.message", "messages.set", "new.event", ""])
def test_i7_of_events_that_are_not_used_only_the_name_is_kept(event: str) -> None:
    assert kept_of(envelope(event, {"qrcode": {"base64": "data:…"}})) == {"event": event}
