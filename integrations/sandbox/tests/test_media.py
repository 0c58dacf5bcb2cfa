"""Files through the stand-in for Uazapi."""

from typing import Any

import pytest

from .conftest import GO, V1, Client, Receiver, wait_until

FILE = "https://files.example/boleto.pdf"
PERSON = "5511987654321"


@pytest.mark.parametrize(
    ("kind", "message_type"),
    [
        ("image", "ImageMessage"),
        ("audio", "AudioMessage"),
        ("ptt", "AudioMessage"),
        ("document", "DocumentMessage"),
        ("video", "VideoMessage"),
    ],
)
def test_go_answers_a_flat_message_echoes_and_confirms(
    sandbox: Client, receiver: Receiver, kind: str, message_type: str
) -> None:
    sandbox.register(receiver.url)
    body = {"number": PERSON, "type": kind, "file": FILE, "text": "Seu boleto", "docName": "b.pdf"}

    sent = sandbox.http.post("/uazapi/send/media", headers=GO, json={**body, "track_id": "our-id"}).json()
    wait_until(lambda: len(receiver.received) == 2)

    assert (sent["messageType"], sent["text"], sent["track_id"]) == (message_type, "Seu boleto", "our-id")
    assert sent["id"] == f"{sent['owner']}:{sent['messageid']}"
    echo, receipt = receiver.received
    assert echo["message"]["messageid"] == sent["messageid"]
    assert echo["message"]["track_id"] == "our-id"
    assert (echo["message"]["type"], echo["message"]["mediaType"]) == ("media", kind)
    assert (echo["message"]["messageType"], echo["message"]["text"]) == (message_type, "Seu boleto")
    assert echo["message"]["content"]["fileName"] == "b.pdf"
    assert echo["message"]["content"]["URL"].endswith(".enc")
    assert receipt["event"]["MessageIDs"] == [sent["messageid"]]


def test_go_ignores_a_caption_that_is_not_in_text(sandbox: Client) -> None:
    body = {"number": PERSON, "type": "image", "file": FILE, "caption": "perdida"}

    assert sandbox.http.post("/uazapi/send/media", headers=GO, json=body).json()["text"] == ""


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "Missing number or file"),
        ({"number": PERSON, "type": "image"}, "Missing number or file"),
        ({"type": "image", "file": FILE}, "Missing number or file"),
        ({"number": PERSON, "type": "image", "file": 7}, "Missing number or file"),
        ({"number": PERSON, "file": FILE}, "Invalid media type"),
        ({"number": PERSON, "type": "gif", "file": FILE}, "Invalid media type"),
        ({"number": PERSON, "type": ["image"], "file": FILE}, "Invalid media type"),
    ],
)
def test_go_refuses_a_file_that_is_incomplete(
    sandbox: Client, receiver: Receiver, body: Any, error: str
) -> None:
    sandbox.register(receiver.url)

    response = sandbox.http.post("/uazapi/send/media", headers=GO, json=body)

    assert (response.status_code, response.json()) == (400, {"error": error})
    assert [entry["outcome"] for entry in sandbox.journal(path="/send")] == ["rejected:400"]
    assert receiver.received == []


def test_go_fails_for_a_number_without_whatsapp(sandbox: Client) -> None:
    body = {"number": "5500010000000", "type": "image", "file": FILE}

    response = sandbox.http.post("/uazapi/send/media", headers=GO, json=body)

    assert response.status_code == 500
    assert response.json() == {"error": "the number 5500010000000@s.whatsapp.net is not on WhatsApp"}


@pytest.mark.parametrize("prefix", ["/uazapi", "/uazapi/v1"])
def test_v1_sends_a_file(sandbox: Client, prefix: str) -> None:
    body = {"phone": f"+{PERSON}", "media_url": FILE, "media_type": "document", "caption": "Seu boleto"}

    sent = sandbox.http.post(f"{prefix}/messages/send-media", headers=V1, json=body).json()

    assert sent["success"] is True and sent["message_id"].startswith("msg_")
    (entry,) = sandbox.journal()
    assert (entry["body"], entry["outcome"]) == (body, "accepted")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"phone": f"+{PERSON}"}, "invalid_request"),
        ({"phone": "abc", "media_url": FILE}, "invalid_request"),
        ({"phone": f"+{PERSON}", "media_url": FILE, "media_type": "gif"}, "invalid_request"),
        ({"phone": "+5500010000000", "media_url": FILE}, "invalid_recipient"),
    ],
)
@pytest.mark.parametrize("prefix", ["/uazapi", "/uazapi/v1"])
def test_v1_refuses_a_file_with_a_code(sandbox: Client, prefix: str, body: Any, code: str) -> None:
    response = sandbox.http.post(f"{prefix}/messages/send-media", headers=V1, json=body)

    assert (response.status_code, response.json()["code"]) == (400, code)
