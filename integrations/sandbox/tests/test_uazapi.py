import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from .conftest import GO, V1, Client, Receiver, wait_until

GO_ENDPOINTS = [
    ("GET", "/uazapi/instance/status"),
    ("POST", "/uazapi/send/text"),
    ("POST", "/uazapi/send/media"),
    ("GET", "/uazapi/webhook"),
    ("POST", "/uazapi/webhook"),
    ("POST", "/uazapi/chat/check"),
]
V1_ENDPOINTS = [
    (method, prefix + path)
    for prefix in ("/uazapi", "/uazapi/v1")
    for method, path in (
        ("POST", "/messages/send"),
        ("POST", "/messages/send-media"),
        ("GET", "/status"),
        ("POST", "/webhooks"),
    )
]


@pytest.mark.parametrize(("method", "path"), GO_ENDPOINTS)
def test_go_refuses_any_other_token(sandbox: Client, method: str, path: str) -> None:
    for headers in ({}, {"token": "wrong"}, V1):
        response = sandbox.http.request(method, path, headers=headers, content=b"{}")
        assert (response.status_code, response.json()) == (401, {"error": "Invalid token"})


@pytest.mark.parametrize(("method", "path"), V1_ENDPOINTS)
def test_v1_refuses_any_other_token(sandbox: Client, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, GO):
        response = sandbox.http.request(method, path, headers=headers, content=b"{}")
        assert response.status_code == 401
        assert response.json() == {"error": "Invalid token", "code": "unauthorized"}


def test_go_status_is_connected_and_contains_the_token(sandbox: Client) -> None:
    status = sandbox.http.get("/uazapi/instance/status", headers=GO).json()

    assert status["status"]["connected"] and status["status"]["loggedIn"]
    assert status["instance"]["status"] == "connected"
    assert status["instance"]["token"] == "demo-token"
    assert status["status"]["jid"] == status["instance"]["owner"] + ":57@s.whatsapp.net"


def test_go_send_answers_a_flat_message(sandbox: Client) -> None:
    message = sandbox.send("Olá, João", track_id="our-id").json()

    assert message["text"] == "Olá, João"
    assert message["track_id"] == "our-id"
    assert message["chatid"] == "5511987654321@s.whatsapp.net"
    assert message["id"] == f"{message['owner']}:{message['messageid']}"
    assert message["fromMe"] is True
    assert abs(message["messageTimestamp"] - time.time() * 1000) < 10_000
    assert sandbox.send().json()["messageid"] != message["messageid"]


@pytest.mark.parametrize("body", [{}, {"number": "5511987654321"}, {"text": "x"}, {"number": 5, "text": "x"}])
def test_go_send_needs_number_and_text(sandbox: Client, body: dict[str, Any]) -> None:
    response = sandbox.http.post("/uazapi/send/text", headers=GO, json=body)

    assert (response.status_code, response.json()) == (400, {"error": "Missing number or text"})


def test_go_send_fails_for_a_number_without_whatsapp(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)

    response = sandbox.send(number="5500010000000")

    assert response.status_code == 500
    assert response.json() == {"error": "the number 5500010000000@s.whatsapp.net is not on WhatsApp"}
    time.sleep(0.2)
    assert receiver.received == []


def test_go_echoes_what_was_sent_and_confirms_delivery(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)

    sent = sandbox.send("Olá", track_id="our-id").json()
    wait_until(lambda: len(receiver.received) == 2)

    echo, receipt = receiver.received
    assert echo["EventType"] == "messages"
    assert echo["token"] == "demo-token"
    assert echo["message"]["fromMe"] is True
    assert echo["message"]["wasSentByApi"] is True
    assert echo["message"]["messageid"] == sent["messageid"]
    assert echo["message"]["track_id"] == "our-id"
    assert echo["message"]["chatid"] == "5511987654321@s.whatsapp.net"
    assert receipt["EventType"] == "messages_update"
    assert receipt["state"] == "Delivered"
    assert receipt["event"]["MessageIDs"] == [sent["messageid"]]
    assert abs(receipt["event"]["Timestamp"] - time.time()) < 10  # seconds, not milliseconds


def test_go_excluding_our_own_messages_leaves_the_receipt(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url, excludeMessages=["wasSentByApi"])

    sandbox.send()
    wait_until(lambda: receiver.received)
    time.sleep(0.1)

    assert [event["EventType"] for event in receiver.received] == ["messages_update"]


def test_go_webhook_registration_is_listed_as_an_array(sandbox: Client, receiver: Receiver) -> None:
    assert sandbox.http.get("/uazapi/webhook", headers=GO).json() == []

    answer = sandbox.register(receiver.url, events=["messages"], excludeMessages=["isGroupYes"]).json()

    assert answer == sandbox.http.get("/uazapi/webhook", headers=GO).json()
    assert [(one["url"], one["events"], one["excludeMessages"]) for one in answer] == [
        (receiver.url, ["messages"], ["isGroupYes"])
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://example.com/x"},
        {"url": "not a url"},
        {"url": 5},
        {"url": "http://127.0.0.1:1/", "events": "messages"},
        {"url": "http://127.0.0.1:1/", "enabled": "yes"},
        {"url": "http://127.0.0.1:1/", "action": "add"},
    ],
)
def test_go_malformed_registration_changes_nothing(sandbox: Client, receiver: Receiver, body: Any) -> None:
    sandbox.register(receiver.url)

    assert sandbox.http.post("/uazapi/webhook", headers=GO, json=body).status_code == 400
    assert sandbox.http.get("/uazapi/webhook", headers=GO).json()[0]["url"] == receiver.url


def test_go_checks_numbers(sandbox: Client) -> None:
    response = sandbox.http.post(
        "/uazapi/chat/check", headers=GO, json={"numbers": ["5511987654321", "5500010000000", "90001@lid"]}
    )

    found, missing, lid = response.json()
    assert found["isInWhatsapp"] is True
    assert found["jid"] == "5511987654321@s.whatsapp.net"
    assert missing["isInWhatsapp"] is lid["isInWhatsapp"] is False
    assert missing["error"] == "the number 5500010000000@s.whatsapp.net is not on WhatsApp"
    assert sandbox.http.post("/uazapi/chat/check", headers=GO, json={"numbers": []}).status_code == 400


def test_probe_can_tell_the_dialects_apart(sandbox: Client) -> None:
    both = {**GO, **V1}

    missing = sandbox.http.get("/uazapi/v1/instance/status", headers=both)

    assert (missing.status_code, missing.json()) == (404, {"error": "Not Found", "code": "not_found"})
    assert sandbox.http.get("/uazapi/v1/status", headers=both).status_code == 200
    assert sandbox.http.get("/uazapi/instance/status", headers=both).status_code == 200


def test_wrong_method_is_405_in_json(sandbox: Client) -> None:
    response = sandbox.http.get("/uazapi/send/text", headers=GO)

    assert (response.status_code, response.json()) == (405, {"error": "Method Not Allowed"})
    assert response.headers["Allow"] == "POST"


@pytest.mark.parametrize("prefix", ["/uazapi", "/uazapi/v1"])
def test_v1_sends_and_reports_status(sandbox: Client, prefix: str) -> None:
    body = {"phone": "+5511987654321", "message": "Olá", "track_id": "our-id"}
    sent = sandbox.http.post(f"{prefix}/messages/send", headers=V1, json=body).json()
    status = sandbox.http.get(f"{prefix}/status", headers=V1).json()

    assert sent["success"] is True
    assert sent["message_id"].startswith("msg_")
    assert sent["sent_at"].endswith("Z")
    assert status == {"status": "connected", "phone_number": "+5511999990001"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"phone": "+5511987654321"}, "invalid_request"),
        ({"phone": "abc", "message": "x"}, "invalid_request"),
        ({"phone": "+5500010000000", "message": "x"}, "invalid_recipient"),
    ],
)
def test_v1_refuses_with_a_code(sandbox: Client, body: dict[str, Any], code: str) -> None:
    response = sandbox.http.post("/uazapi/messages/send", headers=V1, json=body)

    assert response.status_code == 400
    assert response.json()["code"] == code


def test_v1_refuses_malformed_json_with_a_code(sandbox: Client) -> None:
    response = sandbox.http.post("/uazapi/messages/send", headers=V1, content=b"{")

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def test_v1_posts_neither_echo_nor_receipt(sandbox: Client, receiver: Receiver) -> None:
    registered = sandbox.register_v1(receiver.url, secret="s").json()
    sandbox.send_v1()
    time.sleep(0.2)

    assert registered == {"success": True, "url": receiver.url}
    assert receiver.received == []


def test_latest_registration_wins_across_dialects(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register("http://127.0.0.1:9/webhooks/uazapi/old")
    sandbox.register_v1(receiver.url)
    assert sandbox.http.get("/uazapi/webhook", headers=GO).json() == []
    assert sandbox.inbound().json()["dialect"] == "v1"

    sandbox.register(receiver.url)
    assert sandbox.inbound().json()["dialect"] == "go"
    assert len(receiver.received) == 2


def test_many_sends_at_once_are_all_accounted_for(sandbox: Client) -> None:
    with httpx.Client(base_url=sandbox.url) as http, ThreadPoolExecutor(8) as pool:
        body = {"number": "5511987654321", "text": "x"}
        answers = list(
            pool.map(lambda _: http.post("/uazapi/send/text", headers=GO, json=body).json(), range(100))
        )

    assert len({answer["messageid"] for answer in answers}) == 100
    assert len(sandbox.journal(path="/send/text")) == 100
