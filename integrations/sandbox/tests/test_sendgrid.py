"""The stand-in for SendGrid, checked from outside: over HTTP, and as a receiver of its events."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from integrations.sandbox.sendgrid import KEY, READING_KEY
from integrations.sandbox.tests.conftest import Client, Receiver, wait_until

AUTH = {"Authorization": f"Bearer {KEY}"}
SETTINGS = "/sendgrid/v3/user/webhooks/event/settings"
ALL_EVENTS = dict.fromkeys(
    ["processed", "deferred", "delivered", "bounce", "dropped", "open", "click", "spam_report"]
    + ["unsubscribe", "group_unsubscribe", "group_resubscribe"],
    True,
)


def mail(*to: str, **changes: Any) -> dict[str, Any]:
    """A mail that is in order; a member that is changed to None is left out."""
    body = {
        "from": {"email": "contato@clinica.example", "name": "Clínica"},
        "subject": "Sua consulta",
        "personalizations": [{"to": [{"email": address} for address in to or ("ana@example.com",)]}],
        "content": [{"type": "text/plain", "value": "Olá"}, {"type": "text/html", "value": "<p>Olá</p>"}],
        "custom_args": {"message_id": "ref-1"},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def send(sandbox: Client, body: Any, *, key: str = KEY) -> httpx.Response:
    return sandbox.http.post(
        "/sendgrid/v3/mail/send", headers={"Authorization": f"Bearer {key}"}, json=body, timeout=2
    )


def register(sandbox: Client, url: str, *, signed: bool = True, **more: Any) -> dict[str, Any]:
    body = {"url": url, "enabled": True, **ALL_EVENTS, **more}
    made = sandbox.http.post(SETTINGS, headers=AUTH, json=body).raise_for_status().json()
    if signed:
        path = f"{SETTINGS}/signed/{made['id']}"
        made |= sandbox.http.patch(path, headers=AUTH, json={"enabled": True}).raise_for_status().json()
    return dict(made)


def verify(public_key: str, headers: dict[str, str], body: bytes) -> None:
    key = load_der_public_key(base64.b64decode(public_key))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(headers["X-Twilio-Email-Event-Webhook-Signature"])
    timestamp = headers["X-Twilio-Email-Event-Webhook-Timestamp"]
    key.verify(signature, timestamp.encode() + body, ec.ECDSA(SHA256()))


def events(receiver: Receiver) -> list[dict[str, Any]]:
    wait_until(lambda: receiver.received)
    return [event for batch in receiver.received for event in batch]


def test_queues_a_mail_with_202_and_its_id_in_a_header(sandbox: Client) -> None:
    answer = send(sandbox, mail())
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["X-Message-Id"]
    (entry,) = sandbox.journal(provider="sendgrid")
    assert (entry["path"], entry["outcome"]) == ("/sendgrid/v3/mail/send", "accepted")
    assert entry["body"] == mail()
    assert KEY not in json.dumps(sandbox.journal())


@pytest.mark.parametrize("key", ["-", "SG.other", KEY + " x", "demo-token"])
def test_refuses_other_keys_in_the_vendors_shape(sandbox: Client, key: str) -> None:
    answer = send(sandbox, mail(), key=key)
    assert answer.status_code == 401
    message = "The provided authorization grant is invalid, expired, or revoked"
    assert answer.json() == {"errors": [{"message": message, "field": None, "help": None}]}


def test_a_key_that_only_reads_sends_nothing(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url)
    reading = {"Authorization": f"Bearer {READING_KEY}"}
    assert sandbox.http.get("/sendgrid/v3/scopes", headers=reading).json() == {"scopes": ["scopes.read"]}
    assert send(sandbox, mail(), key=READING_KEY).status_code == 403
    assert sandbox.http.get(f"{SETTINGS}/all", headers=reading).status_code == 403
    assert "mail.send" in sandbox.http.get("/sendgrid/v3/scopes", headers=AUTH).json()["scopes"]
    send(sandbox, mail("zoe@example.com"))
    assert {event["email"] for event in events(receiver)} == {"zoe@example.com"}


PLAIN, HTML = {"type": "text/plain", "value": "Olá"}, {"type": "text/html", "value": "<p>Olá</p>"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"personalizations": None}, "personalizations"),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{"to": [{"email": "no address"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [{"to": [{"email": "a@b.co"}], "cc": "a@b.co"}]}, "personalizations.0.cc"),
        (
            {"personalizations": [{"to": [{"email": "a@b.co"}], "bcc": [{"email": "A@b.co"}]}]},
            "personalizations.0",
        ),
        ({"personalizations": [{"to": [{"email": "a@b.co"}] * 2}]}, "personalizations.0"),
        ({"from": None}, "from.email"),
        ({"from": {"name": "Clínica"}}, "from.email"),
        ({"subject": ""}, "subject"),
        ({"subject": None}, "subject"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"value": "Olá"}]}, "content.0"),
        ({"content": [HTML, PLAIN]}, "content"),
        ({"content": [PLAIN, PLAIN]}, "content"),
        ({"reply_to": {"email": "nobody"}}, "reply_to.email"),
        ({"custom_args": {"message_id": 7}}, "custom_args"),
        ({"headers": {"Subject": "Outro"}}, "headers.Subject"),
    ],
)
def test_refuses_what_the_vendor_refuses(sandbox: Client, changes: dict[str, Any], field: str) -> None:
    answer = send(sandbox, mail(**changes))
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field and error["message"]


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_refuses_a_body_that_is_no_object(sandbox: Client, body: Any) -> None:
    assert send(sandbox, body).status_code == 400


def test_refuses_a_sender_that_was_never_verified(sandbox: Client) -> None:
    answer = send(sandbox, mail(**{"from": {"email": "unverified@example.com"}}))
    assert answer.status_code == 403
    assert "verified Sender Identity" in answer.json()["errors"][0]["message"]


def test_answers_unknown_paths_and_methods_in_the_vendors_shape(sandbox: Client) -> None:
    for answer in (
        sandbox.http.get("/sendgrid/v3/nothing", headers=AUTH),
        sandbox.http.put("/sendgrid/v3/scopes", headers=AUTH),
    ):
        assert answer.status_code in (404, 405)
        assert set(answer.json()) == {"errors"}


def test_posts_processed_and_delivered_in_one_signed_batch(sandbox: Client, receiver: Receiver) -> None:
    key = register(sandbox, receiver.url)["public_key"]
    message_id = send(sandbox, mail()).headers["X-Message-Id"]

    first, second = events(receiver)
    assert [first["event"], second["event"]] == ["processed", "delivered"]
    for event in (first, second):
        assert (event["email"], event["message_id"]) == ("ana@example.com", "ref-1")
        assert event["sg_message_id"] == f"{message_id}.filter-1"
        assert abs(event["timestamp"] - time.time()) < 5
    assert first["sg_event_id"] != second["sg_event_id"]
    ((headers, raw),) = receiver.letters
    verify(key, headers, raw)
    assert raw.endswith(b"]\r\n")
    with pytest.raises(InvalidSignature):
        verify(key, headers, raw.rstrip())


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("bounce-1@example.com", [("processed", None), ("bounce", "bounce")]),
        ("blocked@example.com", [("processed", None), ("bounce", "blocked")]),
        ("drop@example.com", [("dropped", None)]),
        ("spam@example.com", [("processed", None), ("delivered", None), ("spamreport", None)]),
        ("unsubscribe@example.com", [("processed", None), ("delivered", None), ("unsubscribe", None)]),
    ],
)
def test_the_address_decides_what_becomes_of_it(
    sandbox: Client, receiver: Receiver, address: str, expected: list[tuple[str, str | None]]
) -> None:
    register(sandbox, receiver.url)
    send(sandbox, mail(address))
    found = events(receiver)
    assert [(event["event"], event.get("type")) for event in found] == expected
    if address.startswith("bounce"):
        assert found[-1]["status"] == "5.1.1"
    if address.startswith("drop"):
        assert found[-1]["reason"] == "Bounced Address"


def test_sandbox_mode_answers_200_and_brings_no_events(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url)
    answer = send(sandbox, mail(mail_settings={"sandbox_mode": {"enable": True}}))
    assert (answer.status_code, answer.content) == (200, b"")
    assert "X-Message-Id" not in answer.headers
    assert (
        send(sandbox, mail(subject="", mail_settings={"sandbox_mode": {"enable": True}})).status_code == 400
    )
    time.sleep(0.15)
    assert receiver.received == []


def test_posts_only_the_events_that_were_asked_for(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url, processed=False, spam_report=False)
    send(sandbox, mail("ana@example.com", "spam@example.com"))
    assert [event["event"] for event in events(receiver)] == ["delivered", "delivered"]


def test_posts_nothing_to_a_webhook_that_is_switched_off(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url, enabled=False)
    assert sandbox.http.post("/_sandbox/sendgrid/events", json=[{}]).status_code == 409
    register(sandbox, receiver.url)  # they are served in order
    send(sandbox, mail())
    events(receiver)
    assert len(receiver.received) == 1


def test_webhooks_are_made_listed_changed_and_removed(sandbox: Client) -> None:
    made = register(sandbox, "https://example.com/hook", signed=False, friendly_name="RENUM")
    assert "public_key" not in made
    path = f"{SETTINGS}/{made['id']}"
    changed = {"url": "https://example.com/other", "open": False}
    assert sandbox.http.patch(path, headers=AUTH, json=changed).json()["open"] is False
    (listed,) = sandbox.http.get(f"{SETTINGS}/all", headers=AUTH).json()["webhooks"]
    assert listed == {**made, **changed}
    assert sandbox.http.patch(f"{SETTINGS}/nothing", headers=AUTH, json=changed).status_code == 404
    assert sandbox.http.post(SETTINGS, headers=AUTH, json={"url": "ftp://x"}).status_code == 400
    assert sandbox.http.delete(path, headers=AUTH).status_code == 204
    assert sandbox.http.get(f"{SETTINGS}/all", headers=AUTH).json()["webhooks"] == []


def test_an_account_has_five_webhooks_at_most(sandbox: Client) -> None:
    for number in range(5):
        register(sandbox, f"https://example.com/{number}", signed=False)
    sixth = sandbox.http.post(SETTINGS, headers=AUTH, json={"url": "https://example.com/6"})
    assert sixth.status_code == 400


def test_the_webhooks_of_uazapi_are_not_disturbed(sandbox: Client, receiver: Receiver) -> None:
    sandbox.register(receiver.url).raise_for_status()
    register(sandbox, "http://127.0.0.1:9/webhooks/sendgrid/key")
    sandbox.inbound().raise_for_status()
    assert [event["EventType"] for event in receiver.received] == ["messages"]


def test_a_batch_of_ones_own_is_completed_signed_and_repeated(sandbox: Client, receiver: Receiver) -> None:
    key = register(sandbox, receiver.url, delivered=False)["public_key"]
    partial = {"event": "delivered", "sg_event_id": "abc", "message_id": "ref-2"}
    answer = sandbox.http.post(
        "/_sandbox/sendgrid/events", json={"events": [partial, {"event": "open"}], "times": 3, "at": 1000}
    )
    assert [delivery["status"] for delivery in answer.json()["deliveries"]] == [200, 200, 200]
    assert receiver.received[0] == receiver.received[1] == receiver.received[2] == answer.json()["events"]
    assert partial.items() <= receiver.received[0][0].items()
    assert {"email", "timestamp", "sg_message_id"} <= set(receiver.received[0][1])
    for headers, raw in receiver.letters:
        assert headers["X-Twilio-Email-Event-Webhook-Timestamp"] == "1000"
        verify(key, headers, raw)


@pytest.mark.parametrize("body", [7, {"events": 1}, {"events": [], "times": 0}, {"events": [1]}, {"x": 1}])
def test_refuses_a_malformed_batch(sandbox: Client, receiver: Receiver, body: Any) -> None:
    register(sandbox, receiver.url)
    assert sandbox.http.post("/_sandbox/sendgrid/events", json=body).status_code == 400
    assert receiver.received == []


def test_what_was_posted_is_listed_with_its_address_masked(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url)
    sandbox.http.post("/_sandbox/sendgrid/events", json=[{"event": "delivered"}]).raise_for_status()
    (posted,) = sandbox.http.get("/_sandbox/posted", params={"provider": "sendgrid"}).json()
    assert posted["path"].endswith("/webhooks/uazapi/***") and posted["outcome"] == "delivered:200"
    assert "very-secret-key" not in json.dumps(sandbox.journal())


def test_a_scripted_fault_meets_the_send_and_not_the_check(sandbox: Client) -> None:
    sandbox.script({"kind": "status", "status": 503}).raise_for_status()
    assert sandbox.http.get("/sendgrid/v3/scopes", headers=AUTH).status_code == 200
    assert send(sandbox, mail()).status_code == 503
    assert send(sandbox, mail()).status_code == 202


def test_a_failing_receiver_is_tried_again(sandbox: Client, receiver: Receiver) -> None:
    register(sandbox, receiver.url)
    receiver.statuses = [503, 200]
    answer = sandbox.http.post("/_sandbox/sendgrid/events", json=[{"event": "delivered"}], timeout=5)
    assert [delivery["status"] for delivery in answer.json()["deliveries"]] == [503, 200]
    assert receiver.received[0] == receiver.received[1]
