import hashlib
import hmac
import socket
from typing import Any

import pytest

from .conftest import SECRET, Client, Receiver


def test_go_event_has_the_shape_of_the_live_product(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)

    answer = sandbox.inbound(text="Olá, preciso de ajuda 🙂", name="Maria", at="2025-12-04T10:30:00Z")

    assert answer.status_code == 200
    assert answer.json()["dialect"] == "go"
    assert answer.json()["deliveries"] == [{"status": 200, "body": {"received": True}}]
    event = receiver.received[0]
    message, chat = event["message"], event["chat"]
    assert event["EventType"] == "messages"
    assert event["token"] == "demo-token"
    assert event["BaseUrl"] == f"{sandbox.url}/uazapi"
    assert chat["phone"] == "+5511987654321"
    assert chat["name"] == message["senderName"] == "Maria"
    assert message["messageid"] == answer.json()["message_id"]
    assert message["id"] == f"{event['owner']}:{message['messageid']}"
    assert message["chatid"] == message["sender_pn"] == "5511987654321@s.whatsapp.net"
    assert message["chatlid"] == message["sender"] == "90005511987654321@lid"
    assert message["fromMe"] is message["wasSentByApi"] is False
    assert message["messageTimestamp"] == 1764844200000
    assert message["messageType"] == "ExtendedTextMessage"
    assert message["text"] == message["content"]["text"] == "Olá, preciso de ajuda 🙂"


@pytest.mark.parametrize("registered", ["registered-secret", ""])
def test_v1_event_is_signed(sandbox: Client, receiver: Receiver, registered: str) -> None:
    sandbox.register_v1(receiver.url, **({"secret": registered} if registered else {}))

    answer = sandbox.inbound(text="Olá 🙂", at="2025-12-04T07:30:00-03:00").json()

    event = receiver.received[0]
    assert set(event) == {"from", "message", "timestamp", "message_id", "signature"}
    assert event["from"] == "+5511987654321"
    assert event["timestamp"] == "2025-12-04T07:30:00-03:00"
    assert event["message_id"] == answer["message_id"]
    signed = "\n".join([event["timestamp"], event["message_id"], event["from"], "Olá 🙂"]).encode()
    expected = hmac.new((registered or SECRET).encode(), signed, hashlib.sha256).hexdigest()
    assert event["signature"] == expected


def test_dialect_can_be_chosen_against_the_registration(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)

    assert sandbox.inbound(dialect="v1").json()["dialect"] == "v1"
    assert "signature" in receiver.received[0]


def test_times_delivers_the_very_same_event(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register_v1(receiver.url)

    answer = sandbox.inbound(times=3, message_id="msg_again").json()

    assert answer["message_id"] == "msg_again"
    assert [one["status"] for one in answer["deliveries"]] == [200, 200, 200]
    assert len(receiver.received) == 3
    assert receiver.received[0] == receiver.received[1] == receiver.received[2]


def test_redelivers_on_anything_but_a_2xx(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    receiver.statuses += [500, 302, 202]

    answer = sandbox.inbound()

    assert answer.status_code == 200
    assert [one["status"] for one in answer.json()["deliveries"]] == [500, 302, 202]
    assert len({event["message"]["messageid"] for event in receiver.received}) == 1


def test_gives_up_after_three_attempts(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    receiver.statuses += [503] * 4

    deliveries = sandbox.inbound().json()["deliveries"]

    assert [one["status"] for one in deliveries] == [503] * 3
    assert sandbox.http.get("/_sandbox/posted").json()[0]["outcome"] == "failed:503"


def test_reports_a_receiver_that_is_down(sandbox: Client) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        sandbox.register(f"http://127.0.0.1:{closed.getsockname()[1]}/webhooks/uazapi/key")

        answer = sandbox.inbound()

    assert answer.status_code == 502
    assert [one["status"] for one in answer.json()["deliveries"]] == [None] * 3
    assert all(one["error"] for one in answer.json()["deliveries"])


def test_nothing_is_posted_before_a_registration(sandbox: Client) -> None:
    answer = sandbox.inbound()

    assert answer.status_code == 409
    assert "webhook" in answer.json()["error"]


@pytest.mark.parametrize("settings", [{"enabled": False}, {"events": ["connection"]}])
def test_a_webhook_that_wants_no_messages_gets_none(
    sandbox: Client, receiver: Receiver, settings: dict[str, Any]
) -> None:
    sandbox.register(receiver.url, **settings)

    assert sandbox.inbound().status_code == 409
    assert receiver.received == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"phone": "abc"},
        {"phone": "123"},
        {"phone": "+5511987654321551198"},
        {"phone": 5511987654321},
        {"text": ""},
        {"text": None},
        {"dialect": "v2"},
        {"times": 0},
        {"times": 21},
        {"times": "3"},
        {"times": True},
        {"at": "yesterday"},
        {"at": "2025-12-04T10:30:00"},
        {"message_id": ""},
        {"unknown": 1},
        {"kind": "smoke"},
        {"by": "nobody"},
    ],
)
def test_malformed_input_posts_nothing(sandbox: Client, receiver: Receiver, wrong: dict[str, Any]) -> None:
    sandbox.register(receiver.url)

    answer = sandbox.inbound(**wrong)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert receiver.received == []


def test_somebody_writes_from_the_client_s_own_phone(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.inbound(dialect="go", by="phone", kind="image", text="Segue a foto")
    (posted,) = receiver.received
    message = posted["message"]
    assert (message["fromMe"], message["wasSentByApi"], message["mediaType"]) == (True, False, "image")
    assert message["chatid"] == "5511987654321@s.whatsapp.net"


def test_the_session_comes_and_goes(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url, events=["connection"])
    for status in ("disconnected", "connected"):
        answer = sandbox.http.post(
            "/_sandbox/connection", json={"status": status, "reason": "401: logged out"}
        )
        assert answer.status_code == 200
    assert [one["instance"]["status"] for one in receiver.received] == ["disconnected", "connected"]
    assert sandbox.http.post("/_sandbox/connection", json={"status": "asleep"}).status_code == 400


def test_malformed_json_is_refused(sandbox: Client) -> None:
    for content in (b"{", b"[]", b"", b"x" * (1024 * 1024 + 1)):
        response = sandbox.http.post("/_sandbox/inbound", content=content)
        assert response.status_code in (400, 413)
        assert response.json()["error"]


def test_posted_webhooks_are_listed_without_secrets(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.inbound(text="Oi")

    posted = sandbox.http.get("/_sandbox/posted").json()

    assert [entry["outcome"] for entry in posted] == ["delivered:200"]
    assert posted[0]["path"].endswith("/webhooks/uazapi/***")
    assert posted[0]["body"]["token"] == "***"
    assert posted[0]["body"]["message"]["text"] == "Oi"
