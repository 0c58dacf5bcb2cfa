"""What SendGrid and the way to it answer, and what we make of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import errors
from integrations.providers.sendgrid.client import error_of
from integrations.tests.helpers import Clock, Vendor, closed_port, http_answer
from integrations.tests.sendgrid_helpers import (
    emptied_account,
    send,
    sent,
)
from renum.security.tests.peers import answering, closing, hanging, listening, read_request


@pytest.fixture
def url(sandbox: Vendor) -> str:
    return emptied_account(sandbox)


# --- every error of the vendor's, classified ------------------------------------------------------


def failure(message: str, field: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": message, "field": field, "help": None}]}


UNVERIFIED = "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved."
SAMPLES: list[tuple[int, Any, type[errors.ProviderError], str]] = [
    (
        400,
        failure("Does not contain a valid address.", "personalizations.0.to.0.email"),
        errors.Rejected,
        "campo",
    ),
    (400, failure("Bad Request"), errors.Rejected, ""),
    (400, failure("x", "a field\nof ana@example.com"), errors.Rejected, ""),
    (401, failure("The provided authorization grant is invalid"), errors.AuthFailed, "chave"),
    (401, failure("authorization required"), errors.AuthFailed, "chave"),
    (401, failure("Maximum credits exceeded"), errors.Misconfigured, "créditos"),
    (401, failure("authenticated user is not authorized to send mail"), errors.AuthFailed, "conta"),
    (403, failure("access forbidden"), errors.AuthFailed, "permissão"),
    (403, failure(UNVERIFIED, "from"), errors.Misconfigured, "remetente"),
    (404, failure("not found"), errors.Misconfigured, "região"),
    (405, failure("method not allowed"), errors.Unsupported, ""),
    (408, None, errors.TimedOut, ""),
    (413, failure("payload too large"), errors.Rejected, "grande demais"),
    (415, None, errors.Rejected, ""),
    (429, failure("too many requests"), errors.RateLimited, ""),
    (500, failure("internal error"), errors.Unavailable, ""),
    (500, failure(UNVERIFIED), errors.Unavailable, ""),
    (502, "<html>", errors.Unavailable, ""),
    (503, failure("unavailable"), errors.Unavailable, ""),
    (504, None, errors.TimedOut, ""),
    (301, None, errors.ProtocolError, ""),
    (307, None, errors.ProtocolError, ""),
]


@pytest.mark.parametrize(("status", "body", "expected", "word"), SAMPLES, ids=lambda value: str(value)[:40])
def test_classifies(status: int, body: Any, expected: type[errors.ProviderError], word: str) -> None:
    error = error_of(httpx.Response(status, json=body))
    assert type(error) is expected
    assert error.http_status == status
    assert word in error.message and error.message
    assert "ana@" not in error.message


def test_names_the_field_that_was_not_accepted() -> None:
    error = error_of(httpx.Response(400, json=failure("x", "personalizations.0.to.0.email")))
    assert error.message == ("O SendGrid recusou o pedido por causa do campo personalizations.0.to.0.email.")


@given(
    st.integers(300, 599),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["errors", "message", "field"]), inner)
        ),
        max_leaves=8,
    ),
)
def test_every_json_failure_has_a_class(status: int, body: Any) -> None:
    assert isinstance(error_of(httpx.Response(status, json=body)), errors.ProviderError)


@given(st.integers(300, 599), st.binary(max_size=100), st.text(st.characters(codec="latin-1"), max_size=20))
def test_every_failure_has_a_class(status: int, content: bytes, header: str) -> None:
    headers = [(b"X-RateLimit-Reset", header.encode("latin-1"))]
    error = error_of(httpx.Response(status, content=content, headers=headers))
    assert isinstance(error, errors.ProviderError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "X-RateLimit-Reset": "1767225690"}, 7.0),
        ({"X-RateLimit-Reset": "1767225690"}, 90.0),
        ({"X-RateLimit-Reset": "1767225500"}, 0.0),
        ({"X-RateLimit-Reset": "1767225600000"}, None),
        ({"X-RateLimit-Reset": "999999999999"}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "-5"}, None),
        ({}, None),
    ],
)
def test_waits_as_long_as_the_vendor_says(
    clock_stands: Clock, headers: dict[str, str], seconds: float | None
) -> None:
    clock_stands.at = datetime(2026, 1, 1, tzinfo=UTC)  # epoch 1767225600
    error = error_of(httpx.Response(429, headers=headers))
    assert type(error) is errors.RateLimited
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("fault", "expected", "arrived"),
    [
        ({"kind": "status", "status": 401, "body": failure("no")}, errors.AuthFailed, False),
        ({"kind": "status", "status": 503}, errors.Unavailable, False),
        ({"kind": "status", "status": 429, "retry_after": 3}, errors.RateLimited, False),
        ({"kind": "status", "status": 200, "body": {"ok": True}}, errors.ProtocolError, False),
        ({"kind": "drop"}, errors.TimedOut, False),
        ({"kind": "accept_then_hang"}, errors.TimedOut, True),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_scripted_failure_is_what_it_is(
    sandbox: Vendor,
    url: str,
    environment: Callable[..., None],
    fault: dict[str, Any],
    expected: type[errors.ProviderError],
    arrived: bool,
) -> None:
    environment(provider_timeout_seconds=0.5)
    sandbox.script(fault)
    with pytest.raises(errors.ProviderError) as raised:
        send(url)
    assert isinstance(raised.value, expected)
    assert raised.value.uncertain == issubclass(expected, errors.TimedOut | errors.ProtocolError)
    assert len(sent(sandbox)) == 1  # and it was not tried again here
    assert send(url).provider_message_id


def test_only_202_says_that_a_mail_was_taken() -> None:
    for status in ("200 OK", "201 Created", "204 No Content"):
        with listening(closing(http_answer("", status))) as peer, pytest.raises(errors.ProtocolError):
            send(peer.url(""))
    with listening(closing(http_answer("", "201 Created"))) as peer, pytest.raises(errors.ProtocolError):
        send(peer.url(""), sandbox_mode=True)


def test_a_refused_connection_sent_nothing() -> None:
    with pytest.raises(errors.Unavailable) as raised:
        send(f"http://127.0.0.1:{closed_port()}")
    assert raised.value.retryable and not raised.value.uncertain


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        http_answer("<html>OK</html>"),
        b"",
    ],
    ids=["ssh", "no-status", "cut-short", "page", "nothing"],
)
def test_whatever_a_server_does_the_fate_of_the_mail_is_uncertain(answer: bytes) -> None:
    with listening(closing(answer)) as peer, pytest.raises(errors.ProviderError) as raised:
        send(peer.url(""))
    assert raised.value.uncertain and not raised.value.retryable


def test_a_redirect_is_not_followed_and_the_key_stays_here() -> None:
    with (
        listening(answering(http_answer("", "202 Accepted"))) as elsewhere,
        listening(
            closing(http_answer("", "307 Temporary Redirect", f"Location: {elsewhere.url('/')}"))
        ) as peer,
    ):
        with pytest.raises(errors.ProtocolError):
            send(peer.url(""))
        assert len(peer.heard) == 1
        assert elsewhere.heard == []


def test_no_proxy_of_the_environment_is_used(
    sandbox: Vendor, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(answering(http_answer("", "202 Accepted"))) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        send(url)
        assert proxy.heard == []
    assert len(sent(sandbox)) == 1


def test_a_server_that_drips_or_hangs_is_given_up_after_the_time_out(
    environment: Callable[..., None],
) -> None:
    environment(provider_timeout_seconds=0.5)

    def drip(connection: socket.socket, peer: Any, over: threading.Event) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.1):
            connection.sendall(b"{")

    for behaviour in (drip, hanging):
        with listening(behaviour) as peer:
            started = time.monotonic()
            with pytest.raises(errors.TimedOut):
                send(peer.url(""))
            assert time.monotonic() - started < 1.5
