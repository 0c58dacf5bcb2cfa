"""What Uazapi answers, and what we make of it."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from integrations import errors, providers
from integrations.providers.uazapi.client import _error_of, neutralize_placeholders
from integrations.providers.uazapi.config import UazapiSettings
from integrations.tests.helpers import GO_TOKEN, Vendor, closed_port, http_answer
from integrations.tests.whatsapp import BROKEN, MESSAGE, OUTSIDE, UNASKABLE, Use, ask_provider, dripping
from renum.security.tests.peers import answering, closing, listening, read_request


def ask(api_url: str, use: Use, *, dialect: Any = "go", token: str = GO_TOKEN) -> Any:
    config = UazapiSettings(
        api_url=api_url, api_token=SecretStr(token), phone_number=SecretStr("+5511999990000"), dialect=dialect
    )
    return ask_provider("uazapi", config, use)


def check(api_url: str, **more: Any) -> providers.Health:
    health: providers.Health = ask(api_url, lambda provider: provider.check(), **more)
    return health


def send(api_url: str, **more: Any) -> providers.SendResult:
    result: providers.SendResult = ask(api_url, lambda provider: provider.send_text(MESSAGE), **more)
    return result


# --- every error of the vendor's, classified ------------------------------------------------------

DISCONNECTED = "WhatsApp disconnected: session is not reconnectable"
GONE = "the number 5585900000000@s.whatsapp.net is not on WhatsApp"

TIMELOCK = {"provider_code": 463, "error_key": "WHATSAPP_REACHOUT_TIMELOCK", "message": "x"}

SAMPLES: list[tuple[int, Any, type[errors.ProviderError]]] = [
    (400, {"error": "Missing number or text"}, errors.Rejected),
    (400, {"error": "Missing numbers in payload"}, errors.Rejected),
    (401, {"error": "Invalid token"}, errors.AuthFailed),
    (401, {"error": "client not found"}, errors.AuthFailed),
    (401, {"error": "missing token"}, errors.AuthFailed),
    (401, {"error": "No session"}, errors.AuthFailed),
    (401, {"error": "instance info not found"}, errors.AuthFailed),
    (403, {"error": "Invalid AdminToken Header"}, errors.AuthFailed),
    (403, {"error": "This is a public demo server. This endpoint has been disabled."}, errors.AuthFailed),
    (404, {"error": "Message not found"}, errors.Rejected),
    (405, {"error": "Method Not Allowed"}, errors.Unsupported),
    (409, {"error": "conflict"}, errors.Rejected),
    (413, {"error": "too large"}, errors.Rejected),
    (415, {"error": "unsupported media"}, errors.Rejected),
    (429, {"error": "Rate limit exceeded"}, errors.RateLimited),
    (500, {"error": "Failed to send message"}, errors.Unavailable),
    (500, {"error": "connection closed"}, errors.Unavailable),
    (500, {"error": "WhatsApp client is not connected"}, errors.SessionDisconnected),
    (500, {"error": GONE}, errors.Rejected),
    (503, {"error": True, "message": DISCONNECTED}, errors.SessionDisconnected),
    (503, {"error": True, "message": "WhatsApp disconnected"}, errors.SessionDisconnected),
    (500, {"error": "No session"}, errors.SessionDisconnected),
    (500, TIMELOCK, errors.NewChatsBlocked),
    (500, {"provider_code": 464, "message": "x"}, errors.Unavailable),
    (500, {}, errors.Unavailable),
    (503, None, errors.Unavailable),
    (500, ["a list"], errors.Unavailable),
    (500, "just text", errors.Unavailable),
    (408, {}, errors.TimedOut),
    (504, {}, errors.TimedOut),
    (520, {}, errors.TimedOut),
    (524, {}, errors.TimedOut),
    (301, {}, errors.ProtocolError),
    (302, {}, errors.ProtocolError),
    (307, {}, errors.ProtocolError),
]


@pytest.mark.parametrize(("status", "body", "expected"), SAMPLES, ids=lambda value: str(value)[:40])
def test_classifies(status: int, body: Any, expected: type[errors.ProviderError]) -> None:
    error = _error_of(httpx.Response(status, json=body))
    assert type(error) is expected
    assert error.http_status == status
    assert error.message


@pytest.mark.parametrize("content", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"{", b"[" * 100_000])
@pytest.mark.parametrize(("status", "expected"), [(503, errors.Unavailable), (401, errors.AuthFailed)])
def test_classifies_by_the_status_when_the_body_is_not_json(
    status: int, content: bytes, expected: type[errors.ProviderError]
) -> None:
    assert type(_error_of(httpx.Response(status, content=content))) is expected


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (500, {"error": GONE}, "Este número não está no WhatsApp."),
        (
            400,
            {"error": "the number is not on WhatsApp", "code": "invalid_recipient"},
            "Este número não está no WhatsApp.",
        ),
        (
            503,
            {"error": True, "message": DISCONNECTED},
            "O WhatsApp desta conta foi desconectado. Leia o QR code novamente.",
        ),
        (500, {"error": "WhatsApp client is not connected"}, "O WhatsApp desta conta está desconectado."),
        (
            500,
            {"error": "No session"},
            "O WhatsApp desta conta está desconectado. Leia o QR code novamente.",
        ),
        (500, TIMELOCK, "O WhatsApp impediu este número de iniciar novas conversas."),
        (413, {"error": "too large"}, "O arquivo é grande demais."),
        (415, {"error": "unsupported media"}, "Este tipo de arquivo não é aceito."),
    ],
    ids=["gone", "gone-v1", "disconnected", "not-connected", "no-session", "463", "413", "415"],
)
def test_explains_in_portuguese_what_the_client_can_do(status: int, body: Any, sentence: str) -> None:
    error = _error_of(httpx.Response(status, json=body))
    assert error.message == sentence
    assert not any(char.isdigit() for char in error.message)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("86400", 86_400.0), ("", None), ("soon", None), ("-5", None), ("1.5", None)],
)
def test_reads_retry_after(header: str, seconds: float | None) -> None:
    error = _error_of(httpx.Response(429, headers={"Retry-After": header}))
    assert error.retry_after == seconds


@pytest.mark.parametrize("header", ["²", "٣", "9" * 5000], ids=["superscript", "arabic", "long"])
def test_a_strange_retry_after_is_still_a_rate_limit(header: str) -> None:
    error = _error_of(httpx.Response(429, headers=[(b"Retry-After", header.encode())]))
    assert type(error) is errors.RateLimited


@given(st.integers(300, 599), st.binary(max_size=200))
def test_every_failure_has_a_class(status: int, content: bytes) -> None:
    assert isinstance(_error_of(httpx.Response(status, content=content)), errors.ProviderError)


@given(
    st.integers(300, 599),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "provider_code"]), inner)
        ),
        max_leaves=8,
    ),
)
def test_every_json_failure_has_a_class(status: int, body: Any) -> None:
    assert isinstance(_error_of(httpx.Response(status, json=body)), errors.ProviderError)


# --- placeholders ---------------------------------------------------------------------------------


@given(st.text(alphabet="{}a") | st.text())
def test_i7_no_text_keeps_a_placeholder(text: str) -> None:
    neutral = neutralize_placeholders(text)
    assert "{{" not in neutral
    assert neutral.replace("\u2060", "") == text.replace("\u2060", "")


# --- the two dialects against the sandbox ---------------------------------------------------------


@pytest.mark.parametrize("dialect", ["go", "v1"])
def test_checks_the_connection(sandbox: Vendor, dialect: str) -> None:
    health = check(sandbox.api_url(dialect), dialect=dialect)
    assert health.connected is True
    assert health.phone == "+5511999990001"


@pytest.mark.parametrize("dialect", ["go", "v1"])
def test_a_wrong_token_is_refused_credentials(sandbox: Vendor, dialect: str) -> None:
    with pytest.raises(errors.AuthFailed):
        check(sandbox.api_url(dialect), dialect=dialect, token="wrong")
    with pytest.raises(errors.AuthFailed):
        send(sandbox.api_url(dialect), dialect=dialect, token="wrong")


def test_registers_its_webhook_in_go(sandbox: Vendor) -> None:
    url = "http://127.0.0.1:9/webhooks/uazapi/the-key"
    assert ask(sandbox.api_url("go"), lambda provider: provider.register_webhook(url, None)) == {}
    (registered,) = sandbox.http.get("/uazapi/webhook", headers={"token": GO_TOKEN}).json()
    assert registered["url"] == url and registered["enabled"] is True
    assert registered["events"] == ["messages", "messages_update", "connection"]
    assert registered["excludeMessages"] == ["isGroupYes"]  # the echo of our own sends settles unknowns
    assert registered["addUrlEvents"] is registered["addUrlTypesMessages"] is False


def test_registers_its_webhook_in_v1_with_the_secret(sandbox: Vendor) -> None:
    with listening(answering(http_answer({"success": True}))) as peer:
        url = peer.url("/webhooks/uazapi/the-key")
        ask(
            sandbox.api_url("v1"),
            lambda provider: provider.register_webhook(url, SecretStr("a-secret-of-ours")),
            dialect="v1",
        )
        sandbox.http.post(
            "/_sandbox/inbound", json={"phone": "+5511987654321", "text": "Oi"}
        ).raise_for_status()
        assert b"POST /webhooks/uazapi/the-key HTTP/1.1" in peer.heard[0]
        assert b'"signature"' in peer.heard[0]


def go_status(jid: Any, **status: Any) -> bytes:
    state = {"connected": True, "loggedIn": True, "jid": jid, **status}
    return http_answer({"instance": {"token": "t", "status": "connected"}, "status": state})


@pytest.mark.parametrize(
    ("answer", "connected", "phone"),
    [
        (go_status("5511999990001:57@s.whatsapp.net"), True, "+5511999990001"),
        (go_status("5511999990001@s.whatsapp.net"), True, "+5511999990001"),
        (go_status({"user": "5511999990001", "agent": 0, "device": 57}), True, "+5511999990001"),
        (go_status({"user": None}), True, None),
        (go_status({"user": "\u00b2"}), True, None),
        (go_status({}), True, None),
        (go_status(None), True, None),
        (go_status("9000@lid"), True, None),
        (go_status(17), True, None),
        (go_status(None, connected=False), False, None),
        (go_status(None, loggedIn=False), False, None),
        (http_answer({"instance": {}, "status": None}), False, None),
        (http_answer({"instance": {}}), False, None),
    ],
)
def test_reads_the_status_in_every_shape(answer: bytes, connected: bool, phone: str | None) -> None:
    with listening(closing(answer)) as peer:
        health = check(peer.url(""))
    assert (health.connected, health.phone) == (connected, phone)


@pytest.mark.parametrize("state", ["disconnected", "connecting", "", None, 1])
def test_v1_is_connected_only_when_it_says_so(state: Any) -> None:
    with listening(closing(http_answer({"status": state}))) as peer:
        assert check(peer.url(""), dialect="v1").connected is False


# --- answers outside the contract -----------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["go", "v1"])
@pytest.mark.parametrize("name", OUTSIDE)
def test_an_answer_outside_the_contract_is_a_protocol_error(name: str, dialect: str) -> None:
    with listening(closing(OUTSIDE[name])) as peer, pytest.raises(errors.ProtocolError):
        check(peer.url(""), dialect=dialect)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_whatever_a_server_does_it_is_a_provider_error_and_uncertain(answer: bytes) -> None:
    with listening(closing(answer)) as peer, pytest.raises(errors.ProviderError) as raised:
        send(peer.url(""))
    assert raised.value.uncertain and not raised.value.retryable


@pytest.mark.parametrize("api_url", UNASKABLE.values(), ids=UNASKABLE)
def test_an_address_that_cannot_be_asked_is_a_provider_error_that_sent_nothing(api_url: str) -> None:
    with pytest.raises(errors.ProviderError) as raised:
        check(api_url)
    assert not raised.value.uncertain


def test_a_refused_connection_sent_nothing(environment: Callable[..., None]) -> None:
    with pytest.raises(errors.Unavailable) as raised:
        send(f"http://127.0.0.1:{closed_port()}")
    assert raised.value.retryable and not raised.value.uncertain


def test_a_redirect_is_not_followed() -> None:
    with (
        listening(answering(http_answer({"messageid": "stolen"}))) as elsewhere,
        listening(
            closing(http_answer("", "307 Temporary Redirect", f"Location: {elsewhere.url('/')}"))
        ) as peer,
    ):
        with pytest.raises(errors.ProtocolError):
            send(peer.url(""))
        assert len(peer.heard) == 1
        assert elsewhere.heard == []


def test_a_server_that_drips_is_given_up_after_the_time_out(environment: Callable[..., None]) -> None:
    environment(provider_timeout_seconds=0.5)

    with listening(dripping) as peer:
        started = time.monotonic()
        with pytest.raises(errors.TimedOut):
            send(peer.url(""))
        assert time.monotonic() - started < 1.5


def test_no_more_is_read_than_an_answer_may_have(environment: Callable[..., None]) -> None:
    """The address is the client's own, and the worker's memory everybody's."""
    poured = 0

    def pour(connection: socket.socket, peer: Any, over: threading.Event) -> None:
        nonlocal poured
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        chunk = b"x" * 1_000_000
        while poured < 200_000_000 and not over.is_set():
            connection.sendall(chunk)
            poured += len(chunk)

    with listening(pour) as peer, pytest.raises(errors.ProtocolError):
        send(peer.url(""))
    assert poured < 50_000_000


def test_a_compressed_answer_is_not_blown_up() -> None:
    bomb = gzip.compress(b"[" + b" " * 100_000_000 + b"]", 9)
    with listening(closing(http_answer(bomb, "200 OK", "Content-Encoding: gzip"))) as peer:
        tracemalloc.start()
        try:
            with pytest.raises(errors.ProviderError):
                send(peer.url(""))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 30_000_000
