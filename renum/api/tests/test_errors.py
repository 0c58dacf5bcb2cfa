"""Every failure has the envelope, tells nothing of the inside, and undoes what the request wrote."""

from __future__ import annotations

import importlib
import inspect
import io
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from rest_framework.test import APIClient

from renum import errors
from renum.accounts.scope import service_scope
from renum.api.errors import STATUS, domain_response, status_of
from renum.api.tests.envelopes import assert_envelope
from renum.api.tests.views import SECRET
from renum.conversations.models import Suppression
from tests.cast import Cast

LOGIN = "/api/auth/login"


def _client(client: APIClient) -> APIClient:
    client.raise_request_exception = False
    return client


# --- Addresses and methods -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api/nothing",
        "/api/conversations/",
        "/api/conversations/not-a-uuid",
        "/api/conversations/%00",
        "/api//conversations",
        "/api/../admin",
        "/api/triggers/00000000-0000-0000-0000-00000000000",
        "/webhooks/",
        "/webhooks/another-provider",
        "/webhooks/uazapi/a/b",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_address_is_404_in_the_envelope(db: None, path: str, method: str) -> None:
    assert_envelope(getattr(APIClient(), method)(path), 404, "NOT_FOUND")


def test_an_unknown_address_elsewhere_is_a_page(db: None) -> None:
    response = APIClient().get("/nothing")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", LOGIN),
        ("put", LOGIN),
        ("delete", "/api/conversations"),
        ("post", "/api/conversations"),
        ("put", "/api/triggers"),
        ("get", "/api/integrations/whatsapp/send"),
        ("trace", "/api/conversations"),
    ],
)
def test_a_wrong_method_is_405_in_the_envelope(cast: Cast, api: Any, method: str, path: str) -> None:
    response = api(cast.alice).generic(method.upper(), path)
    assert_envelope(response, 405, "METHOD_NOT_ALLOWED")
    assert response["Allow"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "x",
    ],
)
def test_another_content_type_is_415_in_the_envelope(db: None, content_type: str) -> None:
    response = APIClient().post(LOGIN, '{"email": "a"}', content_type=content_type)
    assert_envelope(response, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*"])
def test_a_format_that_there_is_not_is_refused_in_the_envelope(cast: Cast, api: Any, accept: str) -> None:
    assert_envelope(api(cast.alice).get("/api/conversations", HTTP_ACCEPT=accept), 406, "NOT_ACCEPTABLE")


def test_a_format_in_the_query_is_404_in_the_envelope(cast: Cast, api: Any) -> None:
    assert_envelope(api(cast.alice).get("/api/conversations?format=xml"), 404, "NOT_FOUND")


# --- Bodies ----------------------------------------------------------------------------------------

NOT_JSON = {
    "truncated": b'{"email": "a"',
    "single quotes": b"{'email': 'a'}",
    "trailing comma": b'{"email": "a",}',
    "comment": b'{"email": "a"} // x',
    "two values": b"{}{}",
    "a duplicate key": b'{"email": "a", "email": "b"}',
    "a duplicate key deep inside": b'{"a": [{"b": 1, "b": 2}]}',
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": Infinity}',
    "-Infinity": b"[-Infinity]",
    "100k of nesting": b"[" * 100_000,
    "100k of closed nesting": b"[" * 100_000 + b"]" * 100_000,
    "100k of nested objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a number of 5,000 digits": b'{"email": ' + b"9" * 5_000 + b"}",
    "not UTF-8": b'{"email": "\xff\xfe"}',
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "Latin-1": '{"email": "ç"}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a control character": b'{"email": "a\nb"}',
    "blank": b"   ",
    "null bytes": b"\x00" * 10,
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_json_is_400_in_the_envelope(db: None, body: bytes) -> None:
    response = APIClient().post(LOGIN, body, content_type="application/json")
    assert_envelope(response, 400, "INVALID_JSON")


def test_no_body_at_all_names_the_missing_fields(db: None) -> None:
    response = APIClient().post(LOGIN, content_type="application/json")
    assert set(assert_envelope(response, 400, "VALIDATION_ERROR")["details"]) == {"email", "password"}


def test_a_content_length_over_the_cap_is_413_before_anything_is_read_if_it_is_far_over(db: None) -> None:
    class Untouchable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

    response = _client(APIClient()).generic(
        "POST",
        LOGIN,
        b"{}",
        content_type="application/json",
        CONTENT_LENGTH=str(6 * 1024 * 1024),
        **{"wsgi.input": Untouchable()},
    )
    assert_envelope(response, 413, "PAYLOAD_TOO_LARGE")


def test_a_body_of_just_the_cap_is_read(db: None) -> None:
    body = b'{"email": "' + b"x" * (1024 * 1024 - 13) + b'"}'
    assert len(body) == 1024 * 1024
    response = APIClient().post(LOGIN, body, content_type="application/json")
    assert_envelope(response, 400, "VALIDATION_ERROR")
    assert_envelope(APIClient().post(LOGIN, body + b" ", content_type="application/json"), 413)


def _chunked(body: bytes) -> Any:
    """A request with a chunked body, as the server hands it over: without a length."""
    client = _client(APIClient())
    return client.generic(
        "POST",
        LOGIN,
        b"x",
        content_type="application/json",
        CONTENT_LENGTH="",
        HTTP_TRANSFER_ENCODING="chunked",
        **{"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True},
    )


def test_a_chunked_body_is_read(committed_cast: Cast) -> None:
    response = _chunked(b'{"email": "alice@acme.test", "password": "alice-password-1"}')
    assert response.status_code == 200, response.json()


def test_a_chunked_body_over_the_cap_is_413(db: None) -> None:
    assert_envelope(_chunked(b" " * (1024 * 1024 + 1)), 413, "PAYLOAD_TOO_LARGE")


# --- Failures inside -------------------------------------------------------------------------------

EXPECTED = {
    "runtime": (500, "INTERNAL_ERROR"),
    "key": (500, "INTERNAL_ERROR"),
    "assertion": (500, "INTERNAL_ERROR"),
    "recursion": (500, "INTERNAL_ERROR"),
    "domain": (500, "INTERNAL_ERROR"),
    "operational": (503, "SERVICE_UNAVAILABLE"),
    "interface": (503, "SERVICE_UNAVAILABLE"),
    "unavailable": (503, "SERVICE_UNAVAILABLE"),
    "upstream": (502, "CONNECTION_FAILED"),
    "conflict": (409, "CONFLICT"),
    "limited": (429, "RATE_LIMIT_EXCEEDED"),
    "throttled": (429, "RATE_LIMIT_EXCEEDED"),
    "invalid": (400, "VALIDATION_ERROR"),
    "validation": (400, "VALIDATION_ERROR"),
    "forbidden": (403, "PERMISSION_DENIED"),
    "denied": (403, "PERMISSION_DENIED"),
    "drf-denied": (403, "PERMISSION_DENIED"),
    "absent": (404, "NOT_FOUND"),
    "http404": (404, "NOT_FOUND"),
    "suspicious": (400, None),
}


def _suppressions() -> int:
    with service_scope(reason="test"):
        return Suppression.objects.count()


@pytest.mark.urls("renum.api.tests.views")
@pytest.mark.parametrize("view", ["write", "network"])
@pytest.mark.parametrize("failure", EXPECTED)
def test_a_failure_has_the_envelope_and_undoes_what_was_written(
    committed_cast: Cast, api: Any, view: str, failure: str
) -> None:
    client = _client(api(committed_cast.alice))
    response = client.post(f"/api/{view}/{failure}", {}, format="json")
    assert_envelope(response, *EXPECTED[failure])
    assert SECRET not in response.content.decode()
    assert _suppressions() == 0
    assert client.post(f"/api/{view}/none", {}, format="json").status_code == 200
    assert _suppressions() == 1


@pytest.mark.urls("renum.api.tests.views")
@pytest.mark.parametrize(("failure", "seconds"), [("limited", "3"), ("throttled", "8")])
def test_too_often_says_when_to_come_back(committed_cast: Cast, api: Any, failure: str, seconds: str) -> None:
    response = api(committed_cast.alice).post(f"/api/write/{failure}", {}, format="json")
    assert response["Retry-After"] == seconds


@pytest.mark.urls("renum.api.tests.views")
@pytest.mark.parametrize(
    ("failure", "status"), [("runtime", 500), ("denied", 403), ("http404", 404), ("suspicious", 400)]
)
def test_a_plain_view_that_fails_has_the_envelope_too(committed: None, failure: str, status: int) -> None:
    response = _client(APIClient()).get(f"/api/plain/{failure}")
    assert_envelope(response, status)
    assert SECRET not in response.content.decode()


@pytest.mark.urls("renum.api.tests.views")
@pytest.mark.parametrize(
    ("failure", "status"), [("runtime", 500), ("denied", 403), ("http404", 404), ("suspicious", 400)]
)
def test_a_page_that_fails_is_a_page(committed: None, failure: str, status: int) -> None:
    response = _client(APIClient()).get(f"/elsewhere/{failure}")
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert SECRET not in response.content.decode()


@pytest.fixture
def without_database(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Nobody listens where the database was."""
    connection.close()
    with monkeypatch.context() as gone:
        gone.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        gone.setitem(connection.settings_dict, "PORT", "9")
        yield
        connection.close()


def test_with_the_database_gone_a_log_in_is_503(without_database: None) -> None:
    body = {"email": "alice@acme.test", "password": "x"}
    response = _client(APIClient()).post(LOGIN, body, format="json")
    assert_envelope(response, 503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("path", ["/api/conversations", "/api/integrations/whatsapp/test"])
def test_with_the_database_gone_a_request_is_503(
    committed_cast: Cast, api: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = _client(api(committed_cast.alice))
    connection.close()
    with monkeypatch.context() as gone:
        gone.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        gone.setitem(connection.settings_dict, "PORT", "9")
        method = client.post if path.endswith("test") else client.get
        response = method(path)
        connection.close()
    assert_envelope(response, 503, "SERVICE_UNAVAILABLE")


# --- The table of domain errors --------------------------------------------------------------------


def _import_everything() -> None:
    for config in apps.get_app_configs():
        if not Path(config.path).is_relative_to(Path(__file__).resolve().parents[3]):
            continue
        for module in pkgutil.walk_packages([config.path], f"{config.name}."):
            if module.name.endswith(".errors") or module.name.split(".")[-1] in ("cause", "services"):
                importlib.import_module(module.name)


def _subclasses(cls: type) -> set[type]:
    return {cls} | {deeper for sub in cls.__subclasses__() for deeper in _subclasses(sub)}


_import_everything()
DOMAIN_ERRORS = sorted(_subclasses(errors.DomainError), key=lambda cls: (cls.__module__, cls.__name__))
# These are no request's answer: they are recorded where they happen.
INTERNAL = {"DomainError", "TriggerExecutionFailed"}


@pytest.mark.parametrize("cls", DOMAIN_ERRORS, ids=lambda cls: f"{cls.__module__}.{cls.__name__}")
def test_every_domain_error_has_a_status_a_code_and_a_sentence(cls: type[errors.DomainError]) -> None:
    error = cls()
    body, status, _ = domain_response(error)
    assert status == status_of(error) == next(STATUS[base] for base in cls.__mro__ if base in STATUS)
    assert (status == 500) == (cls.__name__ in INTERNAL)
    assert 400 <= status <= 599
    assert body["error_code"] == cls.code
    assert cls.code.isascii() and cls.code == cls.code.upper() and " " not in cls.code
    assert cls.__doc__ and inspect.getdoc(cls).splitlines()[0] == body["error"]
    assert body["error"].endswith(".")


def test_the_walk_over_domain_errors_found_those_of_every_app() -> None:
    modules = {cls.__module__.split(".")[0] for cls in DOMAIN_ERRORS}
    assert {"renum", "integrations", "triggers", "webhooks"} <= modules
    assert len(DOMAIN_ERRORS) > 20


def test_a_message_code_and_details_given_to_an_error_are_shown() -> None:
    error = errors.Conflict("Outra coisa.", code="OTHER", details={"a": 1}, retry_after=0.2)
    body, status, headers = domain_response(error)
    assert (body["error"], body["error_code"], body["details"], status) == (
        "Outra coisa.",
        "OTHER",
        {"a": 1},
        409,
    )
    assert headers == {"Retry-After": "1"}
