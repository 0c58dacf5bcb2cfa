"""What goes wrong between us and a Supabase project, and what we make of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import errors
from integrations.providers.base import Filter, Health, Select, Table
from integrations.providers.supabase.client import _error_of
from integrations.providers.supabase.config import SupabaseSettings
from integrations.tests.databases import SECRET_KEY, ask
from integrations.tests.helpers import Vendor, closed_port, http_answer
from renum.security.tests.peers import answering, closing, hanging, listening, read_request

SELECT = Select("produtos", ("id",), (Filter("id", "lte", 3),), (("id", False),))


def config(url: str, **more: Any) -> SupabaseSettings:
    values = {"supabase_url": url, "supabase_key": SECRET_KEY, "allowed_tables": ["produtos"], **more}
    return SupabaseSettings.model_validate(values)


def talk(url: str, verb: str, *arguments: Any, **more: Any) -> Any:
    return ask("supabase", config(url, **more), lambda provider: getattr(provider, verb)(*arguments))


def failure(url: str, verb: str = "select", **more: Any) -> errors.ProviderError:
    arguments = (SELECT,) if verb == "select" else ()
    with pytest.raises(errors.ProviderError) as raised:
        talk(url, verb, *arguments, **more)
    return raised.value


# --- every error, classified ----------------------------------------------------------------------

GATEWAY = {
    "message": "Invalid API key",
    "hint": "Double check your Supabase `anon` or `service_role` API key.",
}
SAMPLES: list[tuple[int, Any, type[errors.ProviderError], str]] = [
    (401, GATEWAY, errors.AuthFailed, "INVALID_CREDENTIALS"),
    (401, "", errors.AuthFailed, "INVALID_CREDENTIALS"),
    (403, {"message": "forbidden"}, errors.AuthFailed, "INVALID_CREDENTIALS"),
    (401, {"code": "PGRST301"}, errors.AuthFailed, "INVALID_CREDENTIALS"),
    (401, {"code": "PGRST302"}, errors.AuthFailed, "INVALID_CREDENTIALS"),
    (401, {"code": "PGRST303"}, errors.AuthFailed, "INVALID_CREDENTIALS"),
    (403, {"code": "42501"}, errors.Rejected, "PERMISSION_DENIED"),
    (401, {"code": "42501"}, errors.Rejected, "PERMISSION_DENIED"),
    (404, {"code": "42P01"}, errors.Rejected, "TABLE_NOT_FOUND"),
    (404, {"code": "PGRST205"}, errors.Rejected, "TABLE_NOT_FOUND"),
    (400, {"code": "42703"}, errors.Rejected, "COLUMN_NOT_FOUND"),
    (400, {"code": "PGRST204"}, errors.Rejected, "COLUMN_NOT_FOUND"),
    (400, {"code": "22P02"}, errors.Rejected, "INVALID_QUERY"),
    (400, {"code": "PGRST100"}, errors.Rejected, "INVALID_QUERY"),
    (404, {"code": "42883"}, errors.Rejected, "INVALID_QUERY"),
    (405, {"code": "25006"}, errors.Rejected, "READ_ONLY"),
    (406, {"code": "PGRST106"}, errors.Misconfigured, "MISCONFIGURED"),
    (404, {"code": "PGRST125"}, errors.Misconfigured, "MISCONFIGURED"),
    (404, "<html>", errors.Misconfigured, "MISCONFIGURED"),
    (416, {"code": "PGRST103"}, errors.Rejected, "REJECTED"),
    (429, {"message": "slow down"}, errors.RateLimited, "RATE_LIMIT_EXCEEDED"),
    (500, {"code": "57014"}, errors.TimedOut, "TIMED_OUT"),
    (504, {"code": "PGRST003"}, errors.TimedOut, "TIMED_OUT"),
    (504, "<html>", errors.TimedOut, "TIMED_OUT"),
    (503, {"code": "PGRST000"}, errors.Unavailable, "CONNECTION_FAILED"),
    (503, {"code": "PGRST001"}, errors.Unavailable, "CONNECTION_FAILED"),
    (503, {"code": "PGRST002"}, errors.Unavailable, "CONNECTION_FAILED"),
    (503, {"code": "53300"}, errors.Unavailable, "CONNECTION_FAILED"),
    (500, {"code": "XX000"}, errors.Unavailable, "CONNECTION_FAILED"),
    (400, {"code": "P0001"}, errors.Rejected, "REJECTED"),
    (500, "<html>", errors.Unavailable, "CONNECTION_FAILED"),
    (400, {"code": 5}, errors.Rejected, "REJECTED"),
    (400, {"code": ""}, errors.Rejected, "REJECTED"),
    (400, ["a list"], errors.Rejected, "REJECTED"),
    (302, "", errors.ProtocolError, "PROTOCOL_ERROR"),
    (301, {"code": "ZZZZZ"}, errors.ProtocolError, "PROTOCOL_ERROR"),
]


@pytest.mark.parametrize(("status", "body", "expected", "code"), SAMPLES, ids=lambda value: str(value)[:30])
def test_classifies(status: int, body: Any, expected: type[errors.ProviderError], code: str) -> None:
    if isinstance(body, dict) and "code" in body:
        body = {**body, "message": "Maria 11987654321", "details": "Key (cpf)=(123)", "hint": None}
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = _error_of(httpx.Response(status, content=content, headers={"Retry-After": "7"}))
    assert (type(error), error.code, error.http_status) == (expected, code, status)
    assert error.message.endswith(".") and not any(char.isdigit() for char in error.message)
    assert error.retry_after == (7.0 if expected is errors.RateLimited else error.retry_after)


@given(
    st.integers(300, 599),
    st.binary(max_size=100) | st.text(max_size=8).map(lambda code: json.dumps({"code": code}).encode()),
)
def test_every_failure_has_a_class(status: int, content: bytes) -> None:
    assert isinstance(_error_of(httpx.Response(status, content=content)), errors.ProviderError)


# --- answers outside the contract -----------------------------------------------------------------

OUTSIDE = {
    "html": http_answer("<html>OK</html>"),
    "empty": http_answer(b""),
    "object": http_answer({"id": 1}),
    "null": http_answer("null"),
    "scalars": http_answer([1, 2]),
    "mixed": http_answer([{"id": 1}, None]),
    "nan": http_answer(b'[{"id": NaN}]'),
    "not-utf8": http_answer(b'[{"id": "\xff"}]'),
    "surrogate": http_answer(b'[{"id": "\\ud800"}]'),
    "deep": http_answer("[" * 50_000),
    "deep-value": http_answer('[{"id":' + "[" * 980 + "]" * 980 + "}]"),
    "huge-number": http_answer(b'[{"id": ' + b"9" * 5000 + b"}]"),
    "redirect": http_answer("", "302 Found", "Location: http://127.0.0.1:1/"),
    "cut": http_answer([{"id": 1}])[:-3],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_answer_outside_the_contract_is_a_provider_error(name: str) -> None:
    with listening(closing(OUTSIDE[name])) as peer:
        try:
            rows = talk(peer.url(""), "select", SELECT).rows
        except errors.ProviderError as error:
            assert error.uncertain and not error.retryable
        else:
            assert name == "deep-value" and json.dumps(rows)


@pytest.mark.parametrize("verb", ["select", "check", "list_tables"])
def test_a_redirect_is_not_followed(verb: str) -> None:
    with (
        listening(answering(http_answer([{"id": "stolen"}]))) as elsewhere,
        listening(
            answering(http_answer("", "307 Temporary Redirect", f"Location: {elsewhere.url('/')}"))
        ) as peer,
    ):
        assert type(failure(peer.url(""), verb)) is errors.ProtocolError
        assert peer.heard and elsewhere.heard == []


def test_an_answer_that_is_always_too_large_is_told_as_such() -> None:
    """Nothing of it is kept, and the asking ends."""
    with listening(answering(http_answer(b'[{"id": "' + b"x" * 2_200_000 + b'"}]'))) as peer:
        error = failure(peer.url(""))
        assert (type(error), error.code) == (errors.Rejected, "RESULT_TOO_LARGE")
        limits = [parse_qs(urlsplit(heard.split()[1].decode()).query)["limit"] for heard in peer.heard]
        assert limits == [["51"], ["50"], ["12"], ["3"], ["1"]]


def test_a_description_that_is_too_large_leaves_the_declared_tables() -> None:
    def behave(connection: socket.socket, peer: Any, over: threading.Event) -> None:
        path = read_request(connection).split()[1]
        large = b'{"paths": {"/' + b"x" * 2_200_000 + b'": {}}}'
        connection.sendall(
            http_answer(large if path.startswith(b"/rest/v1/?") or path == b"/rest/v1/" else b"[]")
        )

    with listening(behave) as peer:
        assert talk(peer.url(""), "list_tables") == [Table("produtos")]
        assert talk(peer.url(""), "check") == Health(connected=True)


def test_a_refused_connection_sent_nothing() -> None:
    error = failure(f"http://127.0.0.1:{closed_port()}")
    assert type(error) is errors.Unavailable and error.retryable


@pytest.mark.parametrize("verb", ["select", "check"])
def test_a_server_that_never_answers_is_given_up_in_time(environment: Callable[..., None], verb: str) -> None:
    environment(provider_timeout_seconds=0.5)
    with listening(hanging) as peer:
        started = time.monotonic()
        assert type(failure(peer.url(""), verb)) is errors.TimedOut
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "garbage"}, errors.ProtocolError),
        ({"kind": "drop", "times": 2}, errors.TimedOut),  # aiohttp itself asks once more
        ({"kind": "cut"}, errors.ProviderError),
        ({"kind": "status", "status": 503, "body": {"code": "PGRST002"}}, errors.Unavailable),
        ({"kind": "status", "status": 429, "retry_after": 3}, errors.RateLimited),
    ],
)
def test_misfortune_ends_as_a_provider_error(
    sandbox: Vendor, fault: dict[str, Any], expected: type[errors.ProviderError]
) -> None:
    sandbox.script({**fault, "path": "/supabase"})
    assert isinstance(failure(f"{sandbox.url}/supabase"), expected)
    assert len(talk(f"{sandbox.url}/supabase", "select", SELECT).rows) == 3
