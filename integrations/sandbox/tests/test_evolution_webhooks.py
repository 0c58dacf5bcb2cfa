"""What the stand-in for Evolution API posts, and to whom."""

import json
import socket
from typing import Any

import httpx
import pytest

from .conftest import EVOLUTION, Client, Receiver, wait_until

PERSON = "5511987654321"
HEADERS = {"X-Webhook-Secret": "hush-hush"}


def set_webhook(sandbox: Client, url: str, **more: Any) -> None:
    wanted = {"enabled": True, "url": url, "headers": HEADERS, **more}
    answer = sandbox.http.post("/evolution/webhook/set/demo", headers=EVOLUTION, json={"webhook": wanted})
    assert answer.status_code == 201


def send(sandbox: Client, number: str = PERSON, *, timeout: float = 5) -> Any:
    return sandbox.http.post(
        "/evolution/message/sendText/demo",
        headers=EVOLUTION,
        json={"number": number, "text": "Olá"},
        timeout=timeout,
    )


def posted(sandbox: Client, provider: str = "evolution") -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = sandbox.http.get("/_sandbox/posted", params={"provider": provider}).json()
    return entries


def named(receiver: Receiver, event: str) -> list[dict[str, Any]]:
    return [body["data"] for body in receiver.received if body.get("event") == event]


def test_a_send_comes_back_and_is_delivered(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)

    sent = send(sandbox).json()
    wait_until(lambda: len(receiver.received) == 2)

    (echo,), (receipt,) = named(receiver, "send.message"), named(receiver, "messages.update")
    assert echo == sent
    assert (receipt["keyId"], receipt["status"]) == (sent["key"]["id"], "DELIVERY_ACK")
    assert receipt["messageId"] != receipt["keyId"]
    assert (receipt["remoteJid"], receipt["fromMe"]) == (f"{PERSON}@s.whatsapp.net", True)
    for headers, _ in receiver.letters:
        assert headers["X-Webhook-Secret"] == "hush-hush"
        assert headers["Content-Type"] == "application/json"
    envelope = receiver.received[-1]
    assert (envelope["instance"], envelope["apikey"]) == ("demo", "demo-key")
    assert (envelope["destination"], envelope["server_url"]) == (receiver.url, f"{sandbox.url}/evolution")


def test_a_person_s_message_has_the_shape_of_the_live_product(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)

    answer = sandbox.inbound(dialect="evolution", text="Olá 🙂", name="Maria", at="2025-12-04T10:30:00Z")

    assert answer.status_code == 200
    assert answer.json()["dialect"] == "evolution"
    assert answer.json()["deliveries"] == [{"status": 200, "body": {"received": True}}]
    (data,) = named(receiver, "messages.upsert")
    assert data["key"]["remoteJid"] == f"{PERSON}@s.whatsapp.net" and data["key"]["fromMe"] is False
    assert data["key"]["id"] == answer.json()["message_id"]
    assert (data["pushName"], data["messageType"]) == ("Maria", "conversation")
    assert data["message"] == {"conversation": "Olá 🙂"}
    assert data["messageTimestamp"] == 1764844200  # seconds
    assert receiver.letters[0][0]["X-Webhook-Secret"] == "hush-hush"


def test_times_delivers_the_very_same_event(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)
    answer = sandbox.inbound(dialect="evolution", times=3, message_id="3EB0A").json()
    assert answer["message_id"] == "3EB0A"
    assert len(receiver.letters) == 3
    assert len({raw for _, raw in receiver.letters}) == 1


def test_its_webhook_and_the_one_of_uazapi_do_not_know_each_other(
    sandbox: Client, receiver: Receiver
) -> None:
    sandbox.register(receiver.url)
    assert sandbox.inbound(dialect="evolution").status_code == 409
    send(sandbox)
    set_webhook(sandbox, receiver.url.replace("uazapi", "evolution"))

    assert sandbox.inbound().json()["dialect"] == "go"
    assert sandbox.inbound(dialect="evolution").status_code == 200

    assert [body.get("EventType") or body["event"] for body in receiver.received] == [
        "messages",
        "messages.upsert",
    ]
    assert [entry["provider"] for entry in posted(sandbox, "")] == ["uazapi", "evolution"]


def test_evolution_alone_is_no_registration_with_uazapi(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)
    assert sandbox.inbound().status_code == sandbox.inbound(dialect="v1").status_code == 409
    sandbox.send()
    assert sandbox.http.get("/_sandbox/posted").json() == []
    assert receiver.received == []


@pytest.mark.parametrize(
    "settings",
    [
        {"enabled": False},
        {"events": ["CONNECTION_UPDATE"]},
        {"enabled": False, "events": ["MESSAGES_UPSERT"]},
    ],
)
def test_a_webhook_that_wants_no_messages_gets_none(
    sandbox: Client, receiver: Receiver, settings: dict[str, Any]
) -> None:
    set_webhook(sandbox, receiver.url, **settings)
    assert sandbox.inbound(dialect="evolution").status_code == 409
    assert send(sandbox).status_code == 201
    set_webhook(sandbox, receiver.url, events=["MESSAGES_UPDATE"])
    sent = send(sandbox).json()
    wait_until(lambda: receiver.received)
    assert [body["event"] for body in receiver.received] == ["messages.update"]
    assert named(receiver, "messages.update")[0]["keyId"] == sent["key"]["id"]


def test_without_a_webhook_nothing_is_posted(sandbox: Client) -> None:
    assert send(sandbox).status_code == 201
    answer = sandbox.inbound(dialect="evolution")
    assert answer.status_code == 409 and "Evolution" in answer.json()["error"]
    assert posted(sandbox) == []


def test_a_refused_send_tells_nothing(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url, events=["MESSAGES_UPDATE"])
    assert send(sandbox, "5500010000000").status_code == 400
    sent = send(sandbox).json()
    wait_until(lambda: receiver.received)
    assert [data["keyId"] for data in named(receiver, "messages.update")] == [sent["key"]["id"]]


def test_a_send_whose_answer_is_lost_is_told_all_the_same(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url, events=["MESSAGES_UPDATE"])
    sandbox.script({"kind": "accept_then_hang"})
    with pytest.raises(httpx.ReadTimeout):
        send(sandbox, timeout=0.3)
    wait_until(lambda: receiver.received)
    assert named(receiver, "messages.update")[0]["status"] == "DELIVERY_ACK"


def test_a_duplicate_fault_posts_its_webhook_again(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)
    sandbox.script({"kind": "duplicate", "copies": 2})
    assert len(sandbox.inbound(dialect="evolution").json()["deliveries"]) == 3
    assert len({raw for _, raw in receiver.letters}) == 1


@pytest.mark.parametrize(
    ("statuses", "attempts"),
    [
        ([503, 202], [503, 202]),
        ([503] * 4, [503] * 3),
        ([401], [401]),
        ([422], [422]),
        ([500, 400], [500, 400]),
    ],
)
def test_redelivers_unless_the_answer_is_final(
    sandbox: Client, receiver: Receiver, statuses: list[int], attempts: list[int]
) -> None:
    set_webhook(sandbox, receiver.url)
    receiver.statuses += statuses
    deliveries = sandbox.inbound(dialect="evolution").json()["deliveries"]
    assert [one["status"] for one in deliveries] == attempts
    assert len(receiver.received) == len(attempts)


def test_reports_a_receiver_that_is_down(sandbox: Client) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        set_webhook(sandbox, f"http://127.0.0.1:{closed.getsockname()[1]}/webhooks/evolution/key")
        answer = sandbox.inbound(dialect="evolution")
    assert answer.status_code == 502
    assert [one["status"] for one in answer.json()["deliveries"]] == [None] * 3


def test_posted_webhooks_are_listed_without_secrets(sandbox: Client, receiver: Receiver) -> None:
    set_webhook(sandbox, receiver.url)
    sandbox.inbound(dialect="evolution", text="Oi")

    (entry,) = posted(sandbox)

    assert entry["outcome"] == "delivered:200"
    assert entry["path"].endswith("/webhooks/uazapi/***")
    assert entry["body"]["apikey"] == "***"
    assert entry["body"]["data"]["message"]["conversation"] == "Oi"
    for secret in ("very-secret-key", "demo-key", "hush-hush"):
        assert secret not in json.dumps(entry)
