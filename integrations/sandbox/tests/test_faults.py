import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from .conftest import EVOLUTION, GO, V1, Client, Receiver, wait_until


def test_status_fault_answers_and_delivers_nothing(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "status", "status": 503, "times": 2})

    assert [sandbox.send().status_code for _ in range(3)] == [503, 503, 200]
    wait_until(lambda: receiver.events("messages_update"))
    assert [entry["outcome"] for entry in sandbox.journal(path="/send")] == [
        "fault:503",
        "fault:503",
        "accepted",
    ]
    assert len(receiver.events("messages")) == 1


def test_status_fault_carries_its_body_and_retry_after(sandbox: Client) -> None:
    sandbox.script({"kind": "status", "status": 429, "body": {"error": "slow down"}, "retry_after": 7})

    response = sandbox.send()

    assert (response.status_code, response.json()) == (429, {"error": "slow down"})
    assert response.headers["Retry-After"] == "7"


def test_faults_are_met_in_order_and_spare_other_requests(sandbox: Client) -> None:
    sandbox.script({"kind": "status", "status": 500}, {"kind": "status", "status": 502})

    assert sandbox.http.get("/uazapi/instance/status", headers=GO).status_code == 200
    assert sandbox.send().status_code == 500
    assert sandbox.send_v1().status_code == 502
    assert sandbox.http.get("/_sandbox/faults").json() == []


def test_fault_with_a_path_meets_that_path_only(sandbox: Client) -> None:
    sandbox.script({"kind": "status", "status": 500, "path": "/instance/status"})

    assert sandbox.send().status_code == 200
    assert sandbox.http.get("/uazapi/instance/status", headers=GO).status_code == 500


def test_fault_with_a_target_meets_that_recipient_only(sandbox: Client) -> None:
    sandbox.script({"kind": "status", "status": 500, "target": "+55 11 91111-1111"})

    assert sandbox.send(number="5511922222222").status_code == 200
    assert sandbox.send(number="5511911111111").status_code == 500


def test_delay_accepts_on_arrival_and_echoes_afterwards(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "delay", "seconds": 1})

    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        answer = pool.submit(sandbox.send)
        wait_until(lambda: sandbox.journal(path="/send"), seconds=0.8)
        assert receiver.received == []
        assert answer.result().status_code == 200
    assert time.monotonic() - started >= 1
    wait_until(lambda: receiver.events("messages"))


def test_delayed_message_counts_though_the_client_gave_up(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "delay", "seconds": 0.3})

    with pytest.raises(httpx.ReadTimeout):
        sandbox.http.post(
            "/uazapi/send/text", headers=GO, json={"number": "5511987654321", "text": "x"}, timeout=0.1
        )

    wait_until(lambda: receiver.events("messages"))
    assert [entry["outcome"] for entry in sandbox.journal(path="/send")] == ["accepted"]


@pytest.mark.parametrize("kind", ["accept_then_hang", "accept-then-hang"])
def test_hang_accepts_and_echoes_but_never_answers(sandbox: Client, receiver: Receiver, kind: str) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": kind})

    with pytest.raises(httpx.ReadTimeout):
        sandbox.http.post(
            "/uazapi/send/text", headers=GO, json={"number": "5511987654321", "text": "x"}, timeout=0.3
        )

    wait_until(lambda: receiver.events("messages"))
    assert [entry["outcome"] for entry in sandbox.journal(path="/send")] == ["hung"]
    assert sandbox.send().status_code == 200


def test_hang_does_not_accept_what_is_refused(sandbox: Client) -> None:
    sandbox.script({"kind": "accept_then_hang"})

    assert sandbox.send(number="5500010000000").status_code == 500
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:500"]


def test_drop_cuts_the_connection_and_delivers_nothing(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "drop"})

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        sandbox.send()

    assert [entry["outcome"] for entry in sandbox.journal(path="/send")] == ["dropped"]
    assert sandbox.send("depois").status_code == 200
    wait_until(lambda: receiver.events("messages_update"))
    assert [event["message"]["text"] for event in receiver.events("messages")] == ["depois"]


MOUNTED_SENDS = [
    ("/uazapi/send/text", GO, {"number": "5511987654321", "text": "x"}),
    ("/uazapi/send/media", GO, {"number": "5511987654321", "type": "image", "file": "https://a.example/b"}),
    ("/uazapi/v1/messages/send", V1, {"phone": "+5511987654321", "message": "x"}),
    ("/uazapi/v1/messages/send-media", V1, {"phone": "+5511987654321", "media_url": "https://a.example/b"}),
    ("/evolution/message/sendText/demo", EVOLUTION, {"number": "5511987654321", "text": "x"}),
    (
        "/evolution/message/sendMedia/demo",
        EVOLUTION,
        {"number": "5511987654321", "mediatype": "image", "media": "https://a.example/b"},
    ),
    (
        "/evolution/message/sendWhatsAppAudio/demo",
        EVOLUTION,
        {"number": "5511987654321", "audio": "https://a.example/b"},
    ),
]
every_send = pytest.mark.parametrize(
    ("path", "headers", "body"), MOUNTED_SENDS, ids=[path for path, _, _ in MOUNTED_SENDS]
)


@every_send
def test_every_way_to_send_meets_faults_by_itself(
    sandbox: Client, path: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    sandbox.script({"kind": "status", "status": 503, "target": "+5511987654321"})

    statuses = [sandbox.http.post(path, headers=headers, json=body).status_code for _ in range(2)]

    assert statuses[0] == 503 and statuses[1] in (200, 201)
    assert [entry["outcome"] for entry in sandbox.journal()] == ["fault:503", "accepted"]


@every_send
def test_every_way_to_send_can_hang(
    sandbox: Client, path: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    sandbox.script({"kind": "accept_then_hang"})

    with pytest.raises(httpx.ReadTimeout):
        sandbox.http.post(path, headers=headers, json=body, timeout=0.2)

    assert [entry["outcome"] for entry in sandbox.journal()] == ["hung"]


@every_send
def test_garbage_is_a_web_page_with_status_200(
    sandbox: Client, path: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    sandbox.script({"kind": "garbage"})

    response = sandbox.http.post(path, headers=headers, json=body)

    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<html>" in response.text
    assert [entry["outcome"] for entry in sandbox.journal()] == ["garbage"]


def test_garbage_delivers_nothing(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "garbage"})

    sandbox.send("perdida")
    sandbox.send("depois")

    wait_until(lambda: receiver.events("messages_update"))
    assert [event["message"]["text"] for event in receiver.events("messages")] == ["depois"]


@every_send
def test_cut_hangs_up_in_the_middle_of_the_answer(
    sandbox: Client, path: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    sandbox.script({"kind": "cut"})

    with httpx.Client(base_url=sandbox.url) as http:
        request = http.build_request("POST", path, headers=headers, json=body)
        response = http.send(request, stream=True)
        assert response.status_code in (200, 201)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            response.read()

    assert [entry["outcome"] for entry in sandbox.journal()] == ["cut"]
    assert sandbox.http.post(path, headers=headers, json=body).is_success


def test_cut_accepts_and_echoes(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "cut"})

    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.send("cortada")

    wait_until(lambda: receiver.events("messages"))
    assert [event["message"]["text"] for event in receiver.events("messages")] == ["cortada"]


def test_cut_does_not_accept_what_is_refused(sandbox: Client) -> None:
    sandbox.script({"kind": "cut"})

    assert sandbox.send(number="5500010000000").status_code == 500
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:500"]


def test_duplicate_posts_the_next_webhook_again(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url)
    sandbox.script({"kind": "duplicate", "copies": 2})

    first, second = sandbox.inbound().json(), sandbox.inbound().json()

    assert [len(answer["deliveries"]) for answer in (first, second)] == [3, 1]
    ids = [event["message"]["messageid"] for event in receiver.received]
    assert ids == [first["message_id"]] * 3 + [second["message_id"]]


def test_duplicate_leaves_requests_alone(sandbox: Client) -> None:
    sandbox.script({"kind": "duplicate"}, {"kind": "status", "status": 500})

    assert sandbox.send().status_code == 500
    assert [fault["kind"] for fault in sandbox.http.get("/_sandbox/faults").json()] == ["duplicate"]


def test_pending_faults_are_listed_and_cleared(sandbox: Client) -> None:
    added = sandbox.http.post("/_sandbox/faults", json={"kind": "status", "status": 500, "times": 3})
    sandbox.send()

    assert added.status_code == 201
    assert [fault["times"] for fault in added.json()] == [3]
    assert [fault["times"] for fault in sandbox.http.get("/_sandbox/faults").json()] == [2]
    assert sandbox.http.delete("/_sandbox/faults").status_code == 204
    assert sandbox.http.get("/_sandbox/faults").json() == []
    assert sandbox.send().status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "earthquake"},
        {"kind": 7},
        {"kind": "status"},
        {"kind": "status", "status": 99},
        {"kind": "status", "status": "503"},
        {"kind": "delay", "seconds": 121},
        {"kind": "delay", "seconds": 0},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "times": True},
        {"kind": "drop", "colour": "red"},
        {"kind": "drop", "path": 1},
        {"kind": "duplicate", "copies": 0},
        [],
        None,
        "drop",
    ],
)
def test_malformed_fault_is_refused_and_nothing_is_added(sandbox: Client, fault: Any) -> None:
    script = [{"kind": "drop"}, fault] if isinstance(fault, dict) else fault
    response = sandbox.http.post("/_sandbox/faults", json=script)

    assert response.status_code == 400
    assert response.json()["error"]
    assert sandbox.http.get("/_sandbox/faults").json() == []
    assert sandbox.send().status_code == 200
