"""`POST /api/integrations/whatsapp/configure`, `GET …/status` and `POST …/test`, against the sandbox."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection, transaction
from rest_framework.test import APIClient

from integrations.models import Integration
from integrations.sandbox.payloads import sign_v1
from integrations.services import token_index, webhook_key_index
from integrations.tests.helpers import (
    GO_TOKEN,
    NORMAL,
    Clock,
    Vendor,
    closed_port,
    connect_vendor,
    dispatch,
    http_answer,
    idle_in_transaction,
    in_background,
    make_backlog,
    reread_integration,
    wait_until,
)
from renum import clock
from renum.accounts.scope import service_scope
from renum.events.models import Event
from renum.security.tests.peers import Peer, answering, closing, listening, read_request
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_conversation, make_integration, make_outbound

CONFIGURE = "/api/integrations/whatsapp/configure"
STATUS = "/api/integrations/whatsapp/status"
TEST = "/api/integrations/whatsapp/test"
ENVELOPE = {"success", "error", "error_code", "details", "timestamp"}


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture
def us(environment: Callable[..., None]) -> Iterator[Peer]:
    """Where our public address leads."""
    with listening(answering(http_answer({"success": True}))) as peer:
        environment(public_url=peer.url(""))
        yield peer


def request_body(sandbox: Vendor, speaks: str = "go", **more: Any) -> dict[str, Any]:
    return {
        "api_url": sandbox.api_url(speaks),
        "api_token": GO_TOKEN,
        "phone_number": "+55 11 98765-4321",
        **more,
    }


def post(client: APIClient, path: str, body: Any = None, **more: Any) -> Any:
    return client.post(path, body if body is not None else {}, format="json", **more)


def integrations() -> list[Integration]:
    with service_scope(reason="test"):
        return list(Integration.objects.order_by("created_at"))


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["error_code"]) == (status, code), body
    assert set(body) == ENVELOPE
    assert body["success"] is False and body["error"]
    return body


def registered(sandbox: Vendor) -> list[dict[str, Any]]:
    hooks: list[dict[str, Any]] = sandbox.http.get("/uazapi/webhook", headers={"token": GO_TOKEN}).json()
    return [hook for hook in hooks if hook["enabled"]]


# --- configure ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["go", "v1"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "probed"])
def test_connects_in_either_dialect(
    alice: APIClient, sandbox: Vendor, us: Peer, dialect: str, told: bool
) -> None:
    named = {"dialect": dialect} if told else {}
    response = post(alice, CONFIGURE, request_body(sandbox, dialect, **named))
    assert response.status_code == 200, response.json()
    (saved,) = integrations()
    body = response.json()
    assert set(body) == {"success", "integration"}
    assert body["success"] is True
    assert set(body["integration"]) == {"id", "type", "status", "created_at"}
    assert body["integration"]["id"] == str(saved.id)
    assert body["integration"]["type"] == "whatsapp"
    assert body["integration"]["status"] == "connected"
    assert body["integration"]["created_at"] == clock.iso(saved.created_at)
    settings = saved.settings
    assert settings.dialect == dialect
    assert settings.api_url == sandbox.api_url(dialect)
    assert settings.api_token.get_secret_value() == GO_TOKEN
    assert settings.phone_number.get_secret_value() == "+5511987654321"
    assert saved.enabled and saved.last_error is None and saved.last_tested_at is not None
    asked = [
        entry["path"].removeprefix("/uazapi") for entry in sandbox.journal() if "status" in entry["path"]
    ]
    probes = {"go": ["/instance/status"], "v1": ["/v1/instance/status", "/v1/status"]}[dialect]
    assert asked == (probes[-1:] if told else probes)


def test_registers_our_secret_address_with_the_vendor(alice: APIClient, sandbox: Vendor, us: Peer) -> None:
    post(alice, CONFIGURE, request_body(sandbox))
    (saved,) = integrations()
    (hook,) = registered(sandbox)
    assert hook["url"] == us.url(f"/webhooks/uazapi/{saved.webhook_key}")
    assert len(saved.webhook_key) >= 40
    assert saved.webhook_key_index == webhook_key_index(saved.webhook_key)
    assert saved.token_index == token_index(GO_TOKEN)


@pytest.mark.parametrize("own", [None, "a-secret-of-the-client-s-own"], ids=["ours", "theirs"])
def test_a_v1_vendor_learns_the_address_and_a_secret_to_sign_with(
    alice: APIClient, sandbox: Vendor, us: Peer, own: str | None
) -> None:
    more = {"webhook_secret": own} if own else {}
    post(alice, CONFIGURE, request_body(sandbox, "v1", **more))
    (saved,) = integrations()
    secret = saved.settings.webhook_secret.get_secret_value()
    assert secret == own if own else len(secret) >= 32
    sandbox.http.post("/_sandbox/inbound", json={"phone": "+5511987654321", "text": "Oi"}).raise_for_status()
    (request,) = us.heard
    head, _, content = request.partition(b"\r\n\r\n")
    assert head.startswith(f"POST /webhooks/uazapi/{saved.webhook_key} ".encode())
    event = json.loads(content)
    assert event["signature"] == sign_v1(
        secret, event["timestamp"], event["message_id"], event["from"], event["message"]
    )


def test_records_who_configured_it(alice: APIClient, sandbox: Vendor, us: Peer, committed_cast: Cast) -> None:
    post(alice, CONFIGURE, request_body(sandbox))
    with service_scope(reason="test"):
        (event,) = Event.objects.filter(kind="integration_configured")
    assert event.client_id == committed_cast.acme.id
    assert event.cause == [f"profile:{committed_cast.alice.id}"]
    assert GO_TOKEN not in json.dumps(event.data)


def test_saving_again_keeps_the_address_and_rotates_the_token(
    alice: APIClient, sandbox: Vendor, us: Peer, committed_cast: Cast
) -> None:
    old = connect_vendor(committed_cast.acme, sandbox, status="error", last_error="velho")
    with service_scope(reason="test"):
        config = {**old.config, "api_token": type(old.config["api_token"])("old-token")}
        old.config = config
        old.token_index = token_index("old-token")
        old.save()
    response = post(alice, CONFIGURE, request_body(sandbox))
    (saved,) = integrations()
    assert response.json()["integration"]["id"] == str(old.id) == str(saved.id)
    assert saved.webhook_key == old.webhook_key and saved.webhook_key_index == old.webhook_key_index
    assert saved.settings.api_token.get_secret_value() == GO_TOKEN
    assert saved.token_index == token_index(GO_TOKEN)
    assert (saved.status, saved.last_error) == ("connected", None)
    assert registered(sandbox)[0]["url"].endswith(f"/{saved.webhook_key}")


def test_i7_what_is_stored_is_ciphertext(alice: APIClient, sandbox: Vendor, us: Peer) -> None:
    post(alice, CONFIGURE, request_body(sandbox, "v1", webhook_secret="a-secret-of-the-client-s-own"))
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT i::text FROM integrations i")
        (stored,) = cursor.fetchone()
    for plain in (GO_TOKEN, "5511987654321", "987654321", "a-secret-of-the-client-s-own"):
        assert plain not in stored
        assert plain.encode().hex() not in stored


def test_a_refused_token_saves_nothing(alice: APIClient, sandbox: Vendor, us: Peer) -> None:
    for more in ({}, {"dialect": "go"}):
        response = post(alice, CONFIGURE, request_body(sandbox, api_token="wrong-token", **more))
        body = refused(response, 400, "INVALID_CREDENTIALS")
        assert "wrong-token" not in json.dumps(body)
    response = post(alice, CONFIGURE, request_body(sandbox, "v1", api_token="wrong-token"))
    refused(response, 400, "INVALID_CREDENTIALS")
    assert integrations() == []
    assert registered(sandbox) == []


def test_a_refused_token_leaves_the_old_configuration_working(
    alice: APIClient, sandbox: Vendor, us: Peer, committed_cast: Cast
) -> None:
    old = connect_vendor(committed_cast.acme, sandbox)
    refused(
        post(alice, CONFIGURE, request_body(sandbox, api_token="wrong-token")), 400, "INVALID_CREDENTIALS"
    )
    saved = reread_integration(old)
    assert saved.settings == old.settings
    assert (saved.status, saved.enabled, saved.updated_at) == (old.status, True, old.updated_at)
    make_outbound(make_conversation(committed_cast.acme), integration=saved)
    assert dispatch(NORMAL) == 1
    assert [entry["outcome"] for entry in sandbox.sends()] == ["accepted"]


def test_an_address_that_speaks_neither_dialect_is_a_failed_connection(
    alice: APIClient, sandbox: Vendor, us: Peer
) -> None:
    body = request_body(sandbox, api_url=f"{sandbox.url}/uazapi/nothing/here")
    refused(post(alice, CONFIGURE, body), 502, "CONNECTION_FAILED")
    assert integrations() == []


def test_a_v1_server_that_asks_for_its_own_credentials_first_is_found(alice: APIClient, us: Peer) -> None:
    """It answers 401 to whatever brings no Bearer, before it looks at the path."""

    def behave(conn: socket.socket, peer: Peer, over: Any) -> None:
        request = read_request(conn)
        peer.heard.append(request)
        if b"authorization: bearer the-right-token" not in request.lower():
            conn.sendall(http_answer({"error": "missing bearer"}, "401 Unauthorized"))
        elif b"GET /status " in request:
            conn.sendall(http_answer({"status": "connected", "phone_number": "+5511999990001"}))
        else:
            conn.sendall(http_answer({"success": True}))

    with listening(behave) as vendor:
        body = {"api_url": vendor.url(""), "api_token": "the-right-token", "phone_number": "+5511987654321"}
        response = post(alice, CONFIGURE, body)
    assert response.status_code == 200, response.json()
    assert integrations()[0].settings.dialect == "v1"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.7\r\n",
        http_answer("<html>", "500 Internal Server Error"),
        http_answer("<html>welcome</html>"),
        http_answer("[" * 50_000),
        http_answer("{}", "302 Found", "Location: http://127.0.0.1:1/"),
        http_answer("{}", "429 Too Many Requests", "Retry-After: \u00b2"),
        b"",
    ],
    ids=["ssh", "500", "html", "deep", "redirect", "retry-after", "drop"],
)
def test_a_server_that_is_no_uazapi_is_a_failed_connection(alice: APIClient, us: Peer, answer: bytes) -> None:
    with listening(closing(answer)) as vendor:
        body = {"api_url": vendor.url(""), "api_token": "some-token", "phone_number": "+5511987654321"}
        refused(post(alice, CONFIGURE, body), 502, "CONNECTION_FAILED")
    assert integrations() == []


def test_a_port_where_nobody_listens_is_a_failed_connection(alice: APIClient, us: Peer) -> None:
    body = {
        "api_url": f"http://127.0.0.1:{closed_port()}",
        "api_token": "some-token",
        "phone_number": "+5511987654321",
    }
    refused(post(alice, CONFIGURE, body), 502, "CONNECTION_FAILED")
    assert integrations() == []


def test_a_webhook_that_cannot_be_registered_is_noted_and_the_connection_kept(
    alice: APIClient, sandbox: Vendor, us: Peer
) -> None:
    sandbox.script({"kind": "status", "status": 500, "path": "/webhook"})
    response = post(alice, CONFIGURE, request_body(sandbox))
    assert response.status_code == 200
    (saved,) = integrations()
    assert saved.status == "connected"
    assert saved.last_error is not None and "webhook" in saved.last_error


def test_a_number_that_is_disconnected_is_saved_as_such(alice: APIClient, us: Peer) -> None:
    status = {"instance": {}, "status": {"connected": False, "loggedIn": False, "jid": None}}
    with listening(closing(http_answer(status))) as vendor:
        body = {"api_url": vendor.url(""), "api_token": "some-token", "phone_number": "+5511987654321"}
        response = post(alice, CONFIGURE, body)
    assert response.status_code == 200
    assert response.json()["integration"]["status"] == "disconnected"
    assert "QR code" in response.json()["message"]


def test_two_first_configurations_at_once_make_one_integration(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor, us: Peer
) -> None:
    clients = [api(committed_cast.alice) for _ in range(2)]
    both_found_none = threading.Barrier(2)

    def pause(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "integrations"'):
            with suppress(threading.BrokenBarrierError):  # the other waits for a lock, or updates
                both_found_none.wait(1)
        return execute(sql, *rest)

    def configure(number: int) -> Any:
        with connection.execute_wrapper(pause):
            return post(clients[number], CONFIGURE, request_body(sandbox))

    answers = run_together(configure, 2)
    assert [answer.status_code for answer in answers] == [200, 200]
    (saved,) = integrations()
    assert {answer.json()["integration"]["id"] for answer in answers} == {str(saved.id)}


# --- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that an event loop was asked to connect to."""
    seen: list[Any] = []

    async def note(self: Any, sock: Any, address: Any) -> None:
        seen.append(address)
        raise OSError("no connections in this test")

    monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", note)
    return seen


HOSTILE = [
    "http://169.254.169.254",
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254",
    "http://10.0.0.1",
    "https://10.0.0.1",
    "https://192.168.0.1:8443",
    "https://172.16.0.1",
    "https://100.64.0.1",
    "https://0.0.0.0",
    "https://[::]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.1]",
    "https://[64:ff9b::a9fe:a9fe]",
    "http://api.uazapi.com",
    "ftp://api.uazapi.com",
    "file:///etc/passwd",
    "gopher://api.uazapi.com",
    "javascript:alert(1)",
    "//api.uazapi.com",
    "api.uazapi.com",
    "https://",
    "https:///path",
    "https://user@api.uazapi.com",
    "https://user:password@api.uazapi.com",
    "https://api.uazapi.com@10.0.0.1",
    "https://api.uazapi.com?x=1",
    "https://api.uazapi.com/#x",
    "https://api.uazapi.com/\\evil",
    "https://api.uazapi.com/a b",
    "https://api.uazapi.com:0",
    "https://api.uazapi.com:99999",
    "https://api.uazapi.com:port",
    "https://[::1",
    "",
    "   ",
    "x" * 501,
]


def test_refuses_addresses_that_lead_elsewhere(alice: APIClient, dialled: list[Any]) -> None:
    for api_url in HOSTILE:
        body = {"api_url": api_url, "api_token": "some-token", "phone_number": "+5511987654321"}
        answer = refused(post(alice, CONFIGURE, body), 400, "VALIDATION_ERROR")
        assert list(answer["details"]) == ["api_url"], api_url
    assert dialled == []
    assert integrations() == []


@pytest.mark.parametrize(
    "api_url", ["http://127.0.0.1:{port}", "http://localhost:{port}", "https://127.0.0.1:{port}"]
)
def test_refuses_loopback_when_it_is_not_allowed(
    alice: APIClient, us: Peer, environment: Callable[..., None], api_url: str
) -> None:
    environment(allow_loopback=False)
    with listening(answering()) as vendor:
        body = {
            "api_url": api_url.format(port=vendor.port),
            "api_token": "some-token",
            "phone_number": "+5511987654321",
        }
        refused(post(alice, CONFIGURE, body), 400, "VALIDATION_ERROR")
        assert vendor.heard == []
    assert integrations() == []


@pytest.mark.parametrize("inside", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "::1", "fd00::1"])
def test_a_name_that_leads_inside_is_not_connected_to(
    alice: APIClient,
    dialled: list[Any],
    environment: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    inside: str,
) -> None:
    environment(allow_loopback=False)
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        return real(inside if host == "inside.example" else host, port, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    body = {"api_url": "https://inside.example", "api_token": "some-token", "phone_number": "+5511987654321"}
    refused(post(alice, CONFIGURE, body), 502, "CONNECTION_FAILED")
    assert dialled == []
    assert integrations() == []


@pytest.mark.parametrize(
    "api_url", ["https://" + "a" * 70 + ".example", "https://a..b.example", "https://xn--.example"]
)
def test_a_name_that_cannot_be_asked_for_is_no_mistake_of_ours(alice: APIClient, api_url: str) -> None:
    body = {"api_url": api_url, "api_token": "some-token", "phone_number": "+5511987654321"}
    response = post(alice, CONFIGURE, body)
    assert response.status_code in (400, 502), response.json()
    assert set(response.json()) == ENVELOPE
    assert integrations() == []


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"api_url": None}, "api_url", "VALIDATION_ERROR"),
        ({"api_url": 7}, "api_url", "VALIDATION_ERROR"),
        ({"api_token": ""}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": None}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": 12345}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": "a b"}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": "a\r\nX-Evil: 1"}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": "açúcar"}, "api_token", "VALIDATION_ERROR"),
        ({"api_token": "x" * 501}, "api_token", "VALIDATION_ERROR"),
        ({"phone_number": "123"}, None, "INVALID_PHONE"),
        ({"phone_number": 5511987654321}, "phone_number", "VALIDATION_ERROR"),
        ({"dialect": "v2"}, "dialect", "VALIDATION_ERROR"),
        ({"webhook_secret": "short"}, "webhook_secret", "VALIDATION_ERROR"),
        ({"surprise": 1}, "surprise", "VALIDATION_ERROR"),
        ({"client_id": "x"}, "client_id", "VALIDATION_ERROR"),
    ],
)
def test_refuses_malformed_requests(
    alice: APIClient, sandbox: Vendor, change: dict[str, Any], field: str | None, code: str
) -> None:
    answer = refused(post(alice, CONFIGURE, request_body(sandbox, **change)), 400, code)
    if field:
        assert list(answer["details"]) == [field]
    assert sandbox.journal() == []
    assert integrations() == []


@pytest.mark.parametrize("field", ["api_url", "api_token", "phone_number"])
def test_refuses_what_is_incomplete(alice: APIClient, sandbox: Vendor, field: str) -> None:
    body = request_body(sandbox)
    del body[field]
    answer = refused(post(alice, CONFIGURE, body), 400, "VALIDATION_ERROR")
    assert list(answer["details"]) == [field]
    assert sandbox.journal() == []


def test_a_token_that_looks_like_a_ciphertext_of_ours_is_no_mistake_of_ours(
    alice: APIClient, us: Peer
) -> None:
    status = {"instance": {}, "status": {"connected": True, "loggedIn": True, "jid": None}}
    with listening(answering(http_answer(status))) as vendor:
        body = {
            "api_url": vendor.url(""),
            "api_token": "enc:AAAAAAAAAAAA",
            "phone_number": "+5511987654321",
        }
        response = post(alice, CONFIGURE, body)
    assert response.status_code == 200
    assert integrations()[0].settings.api_token.get_secret_value() == "enc:AAAAAAAAAAAA"


@pytest.mark.parametrize(("method", "path"), [("post", CONFIGURE), ("get", STATUS), ("post", TEST)])
def test_anonymous_is_refused(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor, method: str, path: str
) -> None:
    response = getattr(api(None), method)(path, **({"format": "json"} if method == "post" else {}))
    refused(response, 401, "NOT_AUTHENTICATED")
    assert sandbox.journal() == []


@pytest.mark.parametrize(("method", "path"), [("post", CONFIGURE), ("get", STATUS), ("post", TEST)])
def test_i6_another_client_is_not_found(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor, method: str, path: str
) -> None:
    old = connect_vendor(committed_cast.acme, sandbox)
    client = api(committed_cast.bob)
    address = f"{path}?client_id={committed_cast.acme.id}"
    response = client.get(address) if method == "get" else post(client, address, request_body(sandbox))
    assert response.status_code == 404
    assert sandbox.journal() == []
    assert reread_integration(old).updated_at == old.updated_at


def test_staff_configure_for_a_client(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor, us: Peer
) -> None:
    sofia = api(committed_cast.sofia)
    response = post(sofia, f"{CONFIGURE}?client_id={committed_cast.acme.id}", request_body(sandbox))
    assert response.status_code == 200
    assert [one.client_id for one in integrations()] == [committed_cast.acme.id]


# --- status ---------------------------------------------------------------------------------------


def test_status_has_the_shape_of_the_contract(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, clock_stands: Clock
) -> None:
    integration = connect_vendor(
        committed_cast.acme, sandbox, daily_limit=100, last_tested_at=clock_stands.at
    )
    for state in ("sent", "sent", "sent", "failed", "unknown", "queued"):
        make_backlog(integration, 1, state=state, sent_at=clock_stands.at if state == "sent" else None)
    response = alice.get(STATUS)
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "status": "connected",
        "last_tested_at": clock.iso(clock_stands.at),
        "phone_number": "+5511999990000",
        "messages_sent_today": 3,
        "rate_limit_remaining": 97,
    }
    assert sandbox.journal() == []


def test_status_never_promises_less_than_nothing(committed_cast: Cast, alice: APIClient) -> None:
    integration = make_integration(committed_cast.acme, daily_limit=1)
    make_backlog(integration, 3, state="sent", sent_at=clock.now())
    assert alice.get(STATUS).json()["rate_limit_remaining"] == 0


def test_status_without_an_integration(alice: APIClient) -> None:
    refused(alice.get(STATUS), 404, "INTEGRATION_NOT_FOUND")


def test_status_of_a_configuration_that_cannot_be_read_says_so(
    committed_cast: Cast, alice: APIClient
) -> None:
    integration = make_integration(committed_cast.acme)
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations SET config = jsonb_set(config, '{phone_number}', %s) WHERE id = %s",
            ['"enc:AAAA"', integration.id],
        )
    response = alice.get(STATUS)
    assert response.json()["error_code"] != "INTERNAL_ERROR"


# --- test -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["go", "v1"])
def test_the_connection_test_tells_how_long_it_took(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, dialect: str
) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox, dialect, status="error", last_error="velho")
    sandbox.script({"kind": "delay", "seconds": 0.2, "path": "/status"})
    response = post(alice, TEST)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"success", "message", "latency_ms"}
    assert (body["success"], body["message"]) == (True, "Connection successful")
    assert 200 <= body["latency_ms"] < 2000
    saved = reread_integration(integration)
    assert (saved.status, saved.last_error) == ("connected", None)
    assert saved.last_tested_at is not None
    assert sandbox.sends() == []


def test_the_connection_test_says_when_the_number_is_disconnected(
    committed_cast: Cast, alice: APIClient
) -> None:
    status = {"instance": {}, "status": {"connected": False, "loggedIn": False, "jid": None}}
    with listening(closing(http_answer(status))) as vendor:
        integration = make_integration(committed_cast.acme, api_url=vendor.url(""))
        body = refused(post(alice, TEST), 502, "CONNECTION_FAILED")
    assert "QR code" in body["error"]
    assert reread_integration(integration).status == "disconnected"


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"kind": "status", "status": 401, "path": "/status"}, 400, "INVALID_CREDENTIALS"),
        ({"kind": "status", "status": 503, "path": "/status"}, 502, "CONNECTION_FAILED"),
        ({"kind": "drop", "path": "/status", "times": 5}, 502, "CONNECTION_FAILED"),
        ({"kind": "accept_then_hang", "path": "/status"}, 502, "CONNECTION_FAILED"),
    ],
    ids=["401", "503", "drop", "hang"],
)
def test_a_failed_connection_test_is_noted(
    committed_cast: Cast,
    alice: APIClient,
    sandbox: Vendor,
    environment: Callable[..., None],
    fault: dict[str, Any],
    status: int,
    code: str,
) -> None:
    environment(provider_timeout_seconds=0.5)
    integration = connect_vendor(committed_cast.acme, sandbox)
    sandbox.script(fault)
    body = refused(post(alice, TEST), status, code)
    saved = reread_integration(integration)
    assert saved.status == "error" and saved.last_error and saved.last_tested_at
    assert "mensagem saiu" not in body["error"]  # no message was under way


def test_the_connection_test_needs_an_integration_that_is_switched_on(
    committed_cast: Cast, alice: APIClient
) -> None:
    refused(post(alice, TEST), 404, "INTEGRATION_NOT_FOUND")
    make_integration(committed_cast.acme, enabled=False)
    refused(post(alice, TEST), 409, "INTEGRATION_DISABLED")


# --- no secret, no transaction over the network ---------------------------------------------------


def test_i7_no_answer_holds_a_secret(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, us: Peer
) -> None:
    secret = "a-secret-of-the-client-s-own"
    answers = [
        post(alice, CONFIGURE, request_body(sandbox, "v1", webhook_secret=secret)),
        post(
            alice, CONFIGURE, request_body(sandbox, "v1", webhook_secret=secret, api_token="wrong-" + secret)
        ),
        post(alice, CONFIGURE, request_body(sandbox, webhook_secret=secret, api_url="http://10.0.0.1")),
        alice.get(STATUS),
        post(alice, TEST),
        alice.get("/api/messages"),
    ]
    (saved,) = integrations()
    assert [answer.status_code for answer in answers] == [200, 400, 400, 200, 200, 200]
    for answer in answers:
        whole = answer.content.decode() + str(dict(answer.items()))
        for hidden in (GO_TOKEN, secret, saved.webhook_key, saved.webhook_key_index, saved.token_index):
            assert hidden not in whole


def test_the_watch_on_open_transactions_sees_one(committed: None) -> None:
    with transaction.atomic():
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert idle_in_transaction() == 1
    assert idle_in_transaction() == 0


def watch_while(sandbox: Vendor, work: Callable[[], Any], path: str) -> Any:
    """Run `work`; look at the database while its request stands at the vendor's."""
    with in_background(work) as outcome:
        wait_until(lambda: any(path in entry["path"] for entry in sandbox.journal()))
        looks = 0
        while not outcome.done() and looks < 3:
            assert idle_in_transaction() == 0
            looks += 1
        assert looks == 3, "the request was over before anybody looked"
    return outcome.result()


def test_i5_configuring_holds_no_transaction_over_the_network(
    alice: APIClient, sandbox: Vendor, us: Peer
) -> None:
    sandbox.script(
        {"kind": "delay", "seconds": 0.5, "path": "/instance/status"},
        {"kind": "delay", "seconds": 0.3, "path": "/webhook"},
    )
    response = watch_while(sandbox, lambda: post(alice, CONFIGURE, request_body(sandbox)), "/instance/status")
    assert response.status_code == 200


def test_i5_registering_the_webhook_holds_no_transaction(alice: APIClient, sandbox: Vendor, us: Peer) -> None:
    sandbox.script({"kind": "delay", "seconds": 0.5, "path": "/webhook"})
    response = watch_while(sandbox, lambda: post(alice, CONFIGURE, request_body(sandbox)), "/webhook")
    assert response.status_code == 200


def test_i5_testing_holds_no_transaction_over_the_network(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    sandbox.script({"kind": "delay", "seconds": 0.5, "path": "/status"})
    assert watch_while(sandbox, lambda: post(alice, TEST), "/status").status_code == 200


def test_i5_sending_holds_no_transaction_over_the_network(committed_cast: Cast, sandbox: Vendor) -> None:
    make_outbound(
        make_conversation(committed_cast.acme), integration=connect_vendor(committed_cast.acme, sandbox)
    )
    sandbox.script({"kind": "delay", "seconds": 0.5})
    assert watch_while(sandbox, lambda: dispatch(NORMAL), "/send/text") == 1
