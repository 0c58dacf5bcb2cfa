"""What Evolution API answers, and what we make of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from integrations import errors, providers
from integrations.providers.base import NumberCheck
from integrations.providers.evolution.client import error_of
from integrations.providers.evolution.config import EvolutionSettings
from integrations.tests.helpers import Vendor, closed_port, http_answer
from integrations.tests.whatsapp import BROKEN, MESSAGE, OUTSIDE, UNASKABLE, Use, ask_provider, dripping
from renum.security.tests.peers import answering, closing, listening

KEY = "demo-key"
NOT_THERE = {"jid": "5500010000000@s.whatsapp.net", "exists": False, "number": "5500010000000"}
SENT = {"key": {"remoteJid": "5511987654321@s.whatsapp.net", "fromMe": True, "id": "3EB0AA"}}


def ask(api_url: str, use: Use, *, key: str = KEY, instance: str = "demo") -> Any:
    config = EvolutionSettings(
        api_url=api_url,
        api_key=SecretStr(key),
        instance=instance,
        phone_number=SecretStr("+5511999990000"),
    )
    return ask_provider("evolution", config, use)


def check(api_url: str, **more: Any) -> providers.Health:
    health: providers.Health = ask(api_url, lambda provider: provider.check(), **more)
    return health


def send(api_url: str, **more: Any) -> providers.SendResult:
    result: providers.SendResult = ask(api_url, lambda provider: provider.send_text(MESSAGE), **more)
    return result


def check_number(api_url: str, digits: str) -> NumberCheck:
    found: NumberCheck = ask(api_url, lambda provider: provider.check_number(digits))
    return found


# --- every error of the vendor's, classified ------------------------------------------------------


def failure(status: int, message: Any) -> dict[str, Any]:
    return {"status": status, "error": "…", "response": {"message": message}}


SAMPLES: list[tuple[int, Any, type[errors.ProviderError]]] = [
    (400, failure(400, [NOT_THERE]), errors.Rejected),
    (400, failure(400, [['instance requires property "text"']]), errors.Rejected),
    (400, failure(400, ["Owned media must be a url or base64"]), errors.Rejected),
    (400, failure(400, ["Error: Connection Closed"]), errors.SessionDisconnected),
    (500, failure(500, "Connection Closed"), errors.SessionDisconnected),
    (500, failure(500, ["Error: Connection Closed"]), errors.SessionDisconnected),
    (400, failure(400, ['The "demo" instance is not connected']), errors.SessionDisconnected),
    (400, failure(400, ["Error: Timed Out"]), errors.TimedOut),
    (
        400,
        failure(400, ["PrismaClientKnownRequestError: Invalid `this.prismaRepository.message.create()`"]),
        errors.ProtocolError,
    ),
    (401, failure(401, "Unauthorized"), errors.AuthFailed),
    (403, failure(403, ["Missing global api key"]), errors.AuthFailed),
    (404, failure(404, ['The "demo" instance does not exist']), errors.Misconfigured),
    (404, failure(404, ["Cannot POST /message/sendText/demo"]), errors.Misconfigured),
    (404, "<html>nginx</html>", errors.Misconfigured),
    (405, {}, errors.Unsupported),
    (413, failure(413, "request entity too large"), errors.Rejected),
    (415, {}, errors.Rejected),
    (422, failure(422, ["x"]), errors.Rejected),
    (429, {}, errors.RateLimited),
    (500, failure(500, "Internal Server Error"), errors.Unavailable),
    (500, {"response": None}, errors.Unavailable),
    (500, {"response": ["a list"]}, errors.Unavailable),
    (500, ["a list"], errors.Unavailable),
    (502, "<html>Bad gateway</html>", errors.Unavailable),
    (503, None, errors.Unavailable),
    (408, {}, errors.TimedOut),
    (504, {}, errors.TimedOut),
    (520, {}, errors.TimedOut),
    (524, {}, errors.TimedOut),
    (301, {}, errors.ProtocolError),
    (302, {}, errors.ProtocolError),
    (307, {}, errors.ProtocolError),
]


@pytest.mark.parametrize(("status", "body", "expected"), SAMPLES, ids=lambda value: str(value)[-50:])
def test_classifies(status: int, body: Any, expected: type[errors.ProviderError]) -> None:
    error = error_of(httpx.Response(status, json=body))
    assert type(error) is expected
    assert error.http_status == status
    assert error.message


@pytest.mark.parametrize("content", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"{", b"[" * 100_000])
@pytest.mark.parametrize(("status", "expected"), [(503, errors.Unavailable), (401, errors.AuthFailed)])
def test_classifies_by_the_status_when_the_body_is_not_json(
    status: int, content: bytes, expected: type[errors.ProviderError]
) -> None:
    assert type(error_of(httpx.Response(status, content=content))) is expected


@pytest.mark.parametrize(
    ("status", "message", "sentence"),
    [
        (400, [NOT_THERE], "Este número não está no WhatsApp."),
        (
            400,
            ["Error: Connection Closed"],
            "O WhatsApp desta conta está desconectado. Leia o QR code novamente.",
        ),
        (401, "Unauthorized", "O servidor recusou a chave de API. Confira a chave e a instância."),
        (
            404,
            ['The "demo" instance does not exist'],
            "A instância não existe neste servidor. Confira o nome.",
        ),
        (404, ["Cannot GET /"], "Não há uma Evolution API neste endereço. Confira a URL."),
        (413, "request entity too large", "O arquivo é grande demais."),
        (415, "unsupported", "Este tipo de arquivo não é aceito."),
    ],
    ids=["gone", "closed", "key", "instance", "address", "413", "415"],
)
def test_explains_in_portuguese_what_the_client_can_do(status: int, message: Any, sentence: str) -> None:
    error = error_of(httpx.Response(status, json=failure(status, message)))
    assert error.message == sentence
    assert not any(char.isdigit() for char in error.message)


def test_a_number_that_exists_is_not_said_to_be_missing() -> None:
    answer = failure(400, [{**NOT_THERE, "exists": True}])
    assert "WhatsApp" not in error_of(httpx.Response(400, json=answer)).message


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-5", None)])
def test_reads_retry_after(header: str, seconds: float | None) -> None:
    error = error_of(httpx.Response(429, headers={"Retry-After": header}))
    assert error.retry_after == seconds


@given(st.integers(300, 599), st.binary(max_size=200))
def test_every_failure_has_a_class(status: int, content: bytes) -> None:
    assert isinstance(error_of(httpx.Response(status, content=content)), errors.ProviderError)


@given(
    st.integers(300, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["response", "message", "exists"]), inner)
        ),
        max_leaves=8,
    ),
)
def test_every_json_failure_has_a_class(status: int, body: Any) -> None:
    assert isinstance(error_of(httpx.Response(status, json=body)), errors.ProviderError)


# --- the connection -------------------------------------------------------------------------------


def test_checks_the_connection(sandbox: Vendor) -> None:
    health = check(f"{sandbox.url}/evolution")
    assert (health.connected, health.phone, health.detail) == (True, None, "")


def test_a_wrong_key_is_refused_credentials_and_sends_nothing(sandbox: Vendor) -> None:
    for verb in (check, send):
        with pytest.raises(errors.AuthFailed):
            verb(f"{sandbox.url}/evolution", key="wrong")
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:401"] * 2


def test_an_unknown_instance_is_a_wrong_setting_and_sends_nothing(sandbox: Vendor) -> None:
    for verb in (check, send):
        with pytest.raises(errors.Misconfigured, match="instância"):
            verb(f"{sandbox.url}/evolution", instance="other")
    assert [entry["outcome"] for entry in sandbox.journal()] == ["rejected:404"] * 2


@pytest.mark.parametrize(
    ("state", "connected", "detail"),
    [
        ("open", True, ""),
        ("connecting", False, "ainda está conectando"),
        ("close", False, "QR code"),
        ("refused", False, "QR code"),
        ("", False, "QR code"),
    ],
)
def test_is_connected_only_when_open(state: str, connected: bool, detail: str) -> None:
    answer = {"instance": {"instanceName": "demo", "state": state}}
    with listening(closing(http_answer(answer))) as peer:
        health = check(peer.url(""))
    assert b"GET /instance/connectionState/demo HTTP/1.1" in peer.heard[0]
    assert health.connected is connected
    assert detail in health.detail and bool(detail) is bool(health.detail)


@pytest.mark.parametrize(
    "answer",
    [{}, {"instance": None}, {"instance": "open"}, {"instance": {}}, {"instance": {"state": None}}],
    ids=str,
)
def test_a_status_without_a_state_is_a_protocol_error(answer: Any) -> None:
    with listening(closing(http_answer(answer))) as peer, pytest.raises(errors.ProtocolError):
        check(peer.url(""))


# --- numbers --------------------------------------------------------------------------------------


def test_checks_a_number(sandbox: Vendor) -> None:
    assert check_number(f"{sandbox.url}/evolution", "5511987654321") == NumberCheck("5511987654321")
    assert check_number(f"{sandbox.url}/evolution", "5500010000000") == NumberCheck(None)


def test_believes_the_jid_about_the_ninth_digit() -> None:
    found = {"jid": "558887654321@s.whatsapp.net", "exists": True, "number": "5588987654321"}
    with listening(closing(http_answer([found]))) as peer:
        assert check_number(peer.url(""), "5588987654321") == NumberCheck("558887654321")


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        None,
        [None],
        [{}],
        [{"exists": True}],
        [{"exists": True, "jid": "9000@lid", "number": "5511987654321"}],
        [{"exists": "yes", "jid": "5511987654321@s.whatsapp.net"}],
        [{"jid": "5511987654321@s.whatsapp.net"}],
    ],
    ids=str,
)
def test_an_unclear_number_check_is_no_answer(answer: Any) -> None:
    with listening(closing(http_answer(answer))) as peer, pytest.raises(errors.ProtocolError):
        check_number(peer.url(""), "5511987654321")


# --- answers outside the contract -----------------------------------------------------------------


@pytest.mark.parametrize("verb", [check, send])
@pytest.mark.parametrize("name", OUTSIDE)
def test_an_answer_outside_the_contract_is_a_protocol_error(name: str, verb: Callable[[str], Any]) -> None:
    with listening(closing(OUTSIDE[name])) as peer, pytest.raises(errors.ProtocolError):
        verb(peer.url(""))


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


def test_a_refused_connection_sent_nothing() -> None:
    with pytest.raises(errors.Unavailable) as raised:
        send(f"http://127.0.0.1:{closed_port()}")
    assert raised.value.retryable and not raised.value.uncertain


def test_a_redirect_is_not_followed() -> None:
    with (
        listening(answering(http_answer(SENT, "201 Created"))) as elsewhere,
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
