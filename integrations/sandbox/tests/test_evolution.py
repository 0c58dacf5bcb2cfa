"""The stand-in for Evolution API."""

import time
from typing import Any

import pytest

from .conftest import EVOLUTION, GO, V1, Client

FILE = "https://files.example/boleto.pdf"
PERSON = "5511987654321"
GONE = "5500010000000"
ENDPOINTS = [
    ("GET", "/evolution/instance/connectionState"),
    ("POST", "/evolution/message/sendText"),
    ("POST", "/evolution/message/sendMedia"),
    ("POST", "/evolution/message/sendWhatsAppAudio"),
    ("POST", "/evolution/chat/whatsappNumbers"),
    ("POST", "/evolution/webhook/set"),
    ("GET", "/evolution/webhook/find"),
]
SENDS: list[tuple[str, dict[str, Any], str]] = [
    ("sendText", {"text": "Olá"}, "conversation"),
    ("sendMedia", {"mediatype": "image", "media": FILE, "caption": "Olá"}, "imageMessage"),
    ("sendMedia", {"mediatype": "document", "media": FILE, "fileName": "b.pdf"}, "documentMessage"),
    ("sendWhatsAppAudio", {"audio": FILE}, "audioMessage"),
]


def failure(status: int, error: str, message: Any) -> dict[str, Any]:
    return {"status": status, "error": error, "response": {"message": message}}


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_refuses_any_other_key(sandbox: Client, method: str, path: str) -> None:
    for headers in ({}, {"apikey": "wrong"}, GO, V1):
        response = sandbox.http.request(method, f"{path}/demo", headers=headers, content=b"{}")
        assert (response.status_code, response.json()) == (
            401,
            failure(401, "Unauthorized", "Unauthorized"),
        )


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_knows_one_instance_and_says_so_before_it_looks_at_the_key(
    sandbox: Client, method: str, path: str
) -> None:
    for headers in (EVOLUTION, {"apikey": "wrong"}):
        response = sandbox.http.request(method, f"{path}/other", headers=headers, content=b"{}")
        assert response.status_code == 404
        assert response.json() == failure(404, "Not Found", ['The "other" instance does not exist'])


def test_is_open(sandbox: Client) -> None:
    state = sandbox.http.get("/evolution/instance/connectionState/demo", headers=EVOLUTION)

    assert (state.status_code, state.json()) == (
        200,
        {"instance": {"instanceName": "demo", "state": "open"}},
    )


@pytest.mark.parametrize(("route", "content", "message_type"), SENDS)
def test_sends_and_answers_201_with_the_message(
    sandbox: Client, route: str, content: dict[str, Any], message_type: str
) -> None:
    body = {"number": PERSON, **content}
    responses = [
        sandbox.http.post(f"/evolution/message/{route}/demo", headers=EVOLUTION, json=body) for _ in range(2)
    ]

    assert [response.status_code for response in responses] == [201, 201]
    sent, again = (response.json() for response in responses)
    assert sent["key"]["remoteJid"] == f"{PERSON}@s.whatsapp.net" and sent["key"]["fromMe"] is True
    assert sent["key"]["id"] != again["key"]["id"]
    assert (sent["status"], sent["messageType"]) == ("PENDING", message_type)
    assert message_type in sent["message"]
    assert abs(sent["messageTimestamp"] - time.time()) < 10  # seconds, not milliseconds
    assert [entry["provider"] for entry in sandbox.journal()] == ["evolution", "evolution"]
    assert [entry["body"] for entry in sandbox.journal()] == [body, body]


@pytest.mark.parametrize(("route", "content", "message_type"), SENDS)
def test_refuses_a_number_without_whatsapp(
    sandbox: Client, route: str, content: dict[str, Any], message_type: str
) -> None:
    body = {"number": GONE, **content}

    response = sandbox.http.post(f"/evolution/message/{route}/demo", headers=EVOLUTION, json=body)

    missing = {"jid": f"{GONE}@s.whatsapp.net", "exists": False, "number": GONE}
    assert (response.status_code, response.json()) == (400, failure(400, "Bad Request", [missing]))
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:400"]


@pytest.mark.parametrize(
    ("route", "body", "complaint"),
    [
        ("sendText", {}, 'instance requires property "text"'),
        ("sendText", {"text": "x"}, 'instance requires property "number"'),
        ("sendText", {"number": PERSON, "text": ""}, 'instance requires property "text"'),
        ("sendText", {"number": 5, "text": "x"}, 'instance requires property "number"'),
        ("sendText", [], "instance is not of a type(s) object"),
        ("sendMedia", {"number": PERSON, "media": FILE}, 'instance requires property "mediatype"'),
        (
            "sendMedia",
            {"number": PERSON, "mediatype": "gif", "media": FILE},
            "mediatype is not one of enum values",
        ),
        (
            "sendMedia",
            {"number": PERSON, "mediatype": "image", "media": "ftp://a/b"},
            "Owned media must be a url or base64",
        ),
        ("sendWhatsAppAudio", {"number": PERSON}, 'instance requires property "audio"'),
    ],
)
def test_refuses_what_is_incomplete(sandbox: Client, route: str, body: Any, complaint: str) -> None:
    response = sandbox.http.post(f"/evolution/message/{route}/demo", headers=EVOLUTION, json=body)

    assert (response.status_code, response.json()) == (400, failure(400, "Bad Request", [complaint]))


def test_checks_numbers(sandbox: Client) -> None:
    def check(body: Any) -> Any:
        return sandbox.http.post("/evolution/chat/whatsappNumbers/demo", headers=EVOLUTION, json=body)

    assert check({"numbers": [PERSON, GONE]}).json() == [
        {"jid": f"{PERSON}@s.whatsapp.net", "exists": True, "number": PERSON},
        {"jid": f"{GONE}@s.whatsapp.net", "exists": False, "number": GONE},
    ]
    assert [check(body).status_code for body in ({}, {"numbers": []}, {"numbers": [5]})] == [400] * 3


def test_remembers_the_webhook(sandbox: Client) -> None:
    wanted = {
        "enabled": True,
        "url": "http://127.0.0.1:9/webhooks/evolution/very-secret-key",
        "events": ["MESSAGES_UPSERT"],
        "headers": {"X-Webhook-Secret": "hush-hush"},
    }

    assert sandbox.http.get("/evolution/webhook/find/demo", headers=EVOLUTION).json() is None
    answer = sandbox.http.post("/evolution/webhook/set/demo", headers=EVOLUTION, json={"webhook": wanted})

    assert answer.status_code == 201
    found = sandbox.http.get("/evolution/webhook/find/demo", headers=EVOLUTION).json()
    assert found == answer.json()
    assert {key: found[key] for key in wanted} == wanted
    assert "hush-hush" not in str(sandbox.journal()) and "very-secret-key" not in str(sandbox.journal())


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"webhook": []},
        {"webhook": {"url": "http://127.0.0.1:9/"}},
        {"webhook": {"enabled": True}},
        {"webhook": {"enabled": True, "url": 5}},
        {"webhook": {"enabled": True, "url": "ftp://127.0.0.1/"}},
        {"enabled": True, "url": "http://127.0.0.1:9/"},
    ],
)
def test_a_malformed_webhook_changes_nothing(sandbox: Client, body: Any) -> None:
    response = sandbox.http.post("/evolution/webhook/set/demo", headers=EVOLUTION, json=body)

    assert response.status_code == 400
    assert sandbox.http.get("/evolution/webhook/find/demo", headers=EVOLUTION).json() is None


def test_what_it_does_not_know_is_refused_in_its_own_words(sandbox: Client) -> None:
    missing = sandbox.http.get("/evolution/nothing", headers=EVOLUTION)
    wrong = sandbox.http.get("/evolution/message/sendText/demo", headers=EVOLUTION)
    malformed = sandbox.http.post("/evolution/message/sendText/demo", headers=EVOLUTION, content=b"{")

    assert (missing.status_code, missing.json()) == (404, failure(404, "Not Found", ["Not Found"]))
    assert (wrong.status_code, wrong.json()["error"]) == (405, "Method Not Allowed")
    assert (malformed.status_code, malformed.json()) == (
        400,
        failure(400, "Bad Request", ["malformed JSON"]),
    )
