"""Each example of the brief's API contracts, posted as it is written there and answered in its shape.

Addresses and credentials are those of the sandbox wherever a connection is to succeed; nothing else of a
body is changed.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from rest_framework.test import APIClient

from integrations.sandbox.sendgrid import KEY
from integrations.sandbox.server import Addresses
from integrations.sandbox.testing import sandbox_in_thread
from integrations.tests.brief import (
    CONFIGURED,
    DATABASE,
    DATABASE_TESTED,
    EMAIL_SEND,
    SENDGRID,
    SENT,
    SMTP,
    TESTED,
    WHATSAPP,
    WHATSAPP_SEND,
    in_shape_of,
)
from integrations.tests.contracts import (
    INSTANT,
    accepted,
    events,
    integrations_of,
    make_connection,
    post,
    refused,
)
from integrations.tests.databases import SECRET_KEY
from integrations.tests.helpers import (
    Vendor,
    all_outbound,
    dispatcher_running,
    http_answer,
    make_backlog,
    reread_integration,
)
from integrations.tests.sendgrid_helpers import emptied_account
from renum import clock
from renum.security.tests.peers import answering, listening
from tests.cast import Cast

API = "/api/integrations"

# --- the stage ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A sandbox whose mail server has a certificate, as the tests of this module use it."""

    vendor: Vendor
    addresses: Addresses

    def smtp(self) -> dict[str, Any]:
        at = {"host": "localhost", "port": self.addresses.smtp_port}
        return {**SMTP, **at, "username": "demo", "password": "demo-password"}

    def sendgrid(self) -> dict[str, Any]:
        return {**SENDGRID, "api_key": KEY, "api_host": f"{self.addresses.url}/sendgrid"}

    def whatsapp(self) -> dict[str, Any]:
        return {**WHATSAPP, "api_url": self.vendor.api_url("v1"), "api_token": "demo-token"}

    def database(self) -> dict[str, Any]:
        at = {"supabase_url": f"{self.addresses.url}/supabase", "supabase_key": SECRET_KEY}
        return {**DATABASE, **at}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def _addresses(authority: trustme.CA) -> Iterator[Addresses]:
    certificate = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(certificate)
    with sandbox_in_thread(certificate=certificate) as addresses:
        yield addresses


@pytest.fixture
def stage(
    _addresses: Addresses,
    authority: trustme.CA,
    environment: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with (
        httpx.Client(base_url=_addresses.url) as http,
        listening(answering(http_answer({"success": True}))) as us,
    ):
        environment(public_url=us.url(""))
        vendor = Vendor(http, _addresses.url, _addresses.smtp_port)
        vendor.reset()
        emptied_account(vendor)
        yield Stage(vendor, _addresses)


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


# --- configure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind", "type_"),
    [
        ("whatsapp", "whatsapp", "whatsapp"),
        ("email", "smtp", "email_smtp"),
        ("email", "sendgrid", "email_sendgrid"),
        ("database", "database", "database"),
    ],
)
def test_configure_answers_as_the_brief_shows(
    committed_cast: Cast, alice: APIClient, stage: Stage, channel: str, kind: str, type_: str
) -> None:
    body = getattr(stage, kind)()
    answer = accepted(post(alice, f"{API}/{channel}/configure", body))
    in_shape_of(CONFIGURED, answer)
    (saved,) = integrations_of(committed_cast.acme)
    shown = answer["integration"]
    assert (shown["id"], shown["type"], shown["status"]) == (str(saved.id), type_, "connected")
    assert (channel != "database") or shown["read_only"] is True
    assert saved.status == "connected" and saved.last_error is None
    asked = {entry["provider"] for entry in stage.vendor.journal()}
    assert asked <= {"uazapi", "sendgrid", "supabase"}


@pytest.mark.parametrize(
    ("channel", "kind", "asked"),
    [("whatsapp", "whatsapp", "uazapi"), ("email", "smtp", "smtp"), ("database", "database", "supabase")],
)
def test_a_body_that_names_no_provider_means_the_one_whose_fields_it_has(
    committed_cast: Cast, alice: APIClient, stage: Stage, channel: str, kind: str, asked: str
) -> None:
    body = {name: value for name, value in getattr(stage, kind)().items() if name != "provider"}
    accepted(post(alice, f"{API}/{channel}/configure", body))
    (saved,) = integrations_of(committed_cast.acme)
    assert saved.provider == asked


@pytest.mark.parametrize(
    ("channel", "body"),
    [("whatsapp", WHATSAPP), ("email", SMTP), ("email", SENDGRID), ("database", DATABASE)],
    ids=["whatsapp", "smtp", "sendgrid", "database"],
)
def test_the_brief_s_own_hosts_cannot_be_reached_from_here_and_that_changes_nothing(
    committed_cast: Cast,
    alice: APIClient,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    body: dict[str, Any],
) -> None:
    asked: list[str] = []
    real = socket.getaddrinfo

    def nobody_outside(host: Any, *args: Any, **more: Any) -> Any:
        if host not in ("127.0.0.1", "localhost", None):
            asked.append(str(host))
            raise socket.gaierror(socket.EAI_NONAME, "no names in this test")
        return real(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", nobody_outside)
    answer = refused(post(alice, f"{API}/{channel}/configure", body), 502, "CONNECTION_FAILED")
    (host,) = set(asked)
    assert host in ("api.uazapi.com", "smtp.gmail.com", "api.sendgrid.com", "client-project.supabase.co")
    assert integrations_of(committed_cast.acme) == []
    assert stage.vendor.journal() == []
    secrets = [body.get(name) for name in ("api_token", "password", "api_key", "supabase_key")]
    assert not [secret for secret in secrets if secret and secret in json.dumps(answer)]
    (event,) = events(committed_cast.acme, "integration_refused")
    assert event.data["error_code"] == "CONNECTION_FAILED"


@pytest.mark.parametrize(
    ("channel", "kind", "wrong"),
    [
        ("whatsapp", "whatsapp", {"api_token": WHATSAPP["api_token"]}),
        ("email", "smtp", {"username": SMTP["username"], "password": SMTP["password"]}),
        ("email", "sendgrid", {"api_key": SENDGRID["api_key"]}),
        ("database", "database", {"supabase_key": DATABASE["supabase_key"]}),
    ],
)
def test_the_brief_s_own_credentials_are_refused_and_that_changes_nothing(
    committed_cast: Cast, alice: APIClient, stage: Stage, channel: str, kind: str, wrong: dict[str, Any]
) -> None:
    right = getattr(stage, kind)()
    path = f"{API}/{channel}/configure"
    answer = refused(post(alice, path, {**right, **wrong}), 400, "INVALID_CREDENTIALS")
    assert not [value for value in wrong.values() if value in json.dumps(answer)]
    assert integrations_of(committed_cast.acme) == []

    accepted(post(alice, path, right))
    (before,) = integrations_of(committed_cast.acme)
    refused(post(alice, path, {**right, **wrong}), 400, "INVALID_CREDENTIALS")
    after = reread_integration(before)
    assert after.settings == before.settings
    assert (after.status, after.updated_at) == (before.status, before.updated_at)
    assert after.candidate_config is None


# --- status ---------------------------------------------------------------------------------------


def test_whatsapp_s_status_is_the_brief_s_to_the_letter(
    committed_cast: Cast, alice: APIClient, stage: Stage
) -> None:
    tested_at = clock.now()
    integration = make_connection(
        committed_cast.acme,
        "uazapi",
        {**stage.whatsapp(), "dialect": "v1"},
        daily_limit=100,
        last_tested_at=tested_at,
    )
    make_backlog(integration, 45, state="sent", sent_at=clock.now())
    assert accepted(alice.get(f"{API}/whatsapp/status")) == {
        "success": True,
        "status": "connected",
        "last_tested_at": clock.iso(tested_at),
        "phone_number": "+5511999999999",
        "messages_sent_today": 45,
        "rate_limit_remaining": 55,
    }
    assert stage.vendor.journal() == []


def test_email_s_status_names_what_stands_in(committed_cast: Cast, alice: APIClient, stage: Stage) -> None:
    path = f"{API}/email/status"
    refused(alice.get(path), 404, "INTEGRATION_NOT_FOUND")
    accepted(post(alice, f"{API}/email/configure", stage.sendgrid()))
    assert (accepted(alice.get(path))["provider"], alice.get(path).json()["fallback"]) == ("sendgrid", None)
    accepted(post(alice, f"{API}/email/configure", stage.smtp()))
    answer = accepted(alice.get(path))
    assert INSTANT.fullmatch(answer.pop("last_tested_at"))
    assert answer == {
        "success": True,
        "status": "connected",
        "provider": "smtp",
        "fallback": "sendgrid",
        "from_email": "noreply@renum.com.br",
        "messages_sent_today": 0,
        "rate_limit_remaining": 2000,
    }


def test_the_database_s_status_says_what_may_be_read(alice: APIClient, stage: Stage) -> None:
    accepted(post(alice, f"{API}/database/configure", stage.database()))
    answer = accepted(alice.get(f"{API}/database/status"))
    assert INSTANT.fullmatch(answer.pop("last_tested_at"))
    assert answer == {
        "success": True,
        "status": "connected",
        "provider": "supabase",
        "read_only": True,
        "sql_mode": False,
        "allowed_tables": ["distribuidores", "vendas"],
    }


# --- test -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind", "example"),
    [
        ("whatsapp", "whatsapp", TESTED),
        ("email", "smtp", TESTED),
        ("email", "sendgrid", TESTED),
        ("database", "database", DATABASE_TESTED),
    ],
)
def test_test_answers_as_the_brief_shows(
    alice: APIClient, stage: Stage, channel: str, kind: str, example: dict[str, Any]
) -> None:
    refused(post(alice, f"{API}/{channel}/test"), 404, "INTEGRATION_NOT_FOUND")
    accepted(post(alice, f"{API}/{channel}/configure", getattr(stage, kind)()))
    answer = accepted(post(alice, f"{API}/{channel}/test"))
    in_shape_of(example, answer)
    assert set(answer) == set(example)
    assert answer["message"] == "Connection successful"
    assert 0 <= answer["latency_ms"] < 5000
    assert set(example.get("tables_found", [])) <= set(answer.get("tables_found", []))


# --- send -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind", "body"),
    [
        ("whatsapp", "whatsapp", WHATSAPP_SEND),
        ("email", "smtp", EMAIL_SEND),
        ("email", "sendgrid", EMAIL_SEND),
    ],
)
def test_send_is_202_when_queued_and_as_the_brief_shows_when_waited_for(
    committed_cast: Cast, alice: APIClient, stage: Stage, channel: str, kind: str, body: dict[str, Any]
) -> None:
    accepted(post(alice, f"{API}/{channel}/configure", getattr(stage, kind)()))
    queued = accepted(post(alice, f"{API}/{channel}/send", body), 202)
    assert queued == {
        "success": True,
        "message_id": str(all_outbound(committed_cast.acme)[0].id),
        "status": "queued",
        "sent_at": None,
    }
    with dispatcher_running():
        sent = accepted(post(alice, f"{API}/{channel}/send", body, Prefer="wait=5"), 200)
    in_shape_of(SENT, sent)
    assert sent["status"] == "sent"
    assert [row.state for row in all_outbound(committed_cast.acme)] == ["sent", "sent"]


def test_the_brief_s_mail_arrives_as_it_was_written(
    committed_cast: Cast, alice: APIClient, stage: Stage
) -> None:
    accepted(post(alice, f"{API}/email/configure", stage.smtp()))
    with dispatcher_running():
        accepted(post(alice, f"{API}/email/send", EMAIL_SEND, Prefer="wait=5"), 200)
    (entry,) = stage.vendor.journal(provider="smtp")
    mail = entry["body"]
    assert mail["from"] == "noreply@renum.com.br"
    assert (mail["to"], mail["cc"]) == (["user@example.com", "admin@renum.com.br"], ["admin@renum.com.br"])
    assert mail["subject"] == EMAIL_SEND["subject"]
    assert mail["html"].strip() == EMAIL_SEND["body"]
    assert "Relatório" in mail["text"] and "<" not in mail["text"]
    assert mail["tls"] is True and mail["user"] == "demo"
    assert mail["list_unsubscribe"] == ""  # somebody asked for this one


# --- errors ---------------------------------------------------------------------------------------

DOORS = [
    ("post", "whatsapp/configure"),
    ("get", "whatsapp/status"),
    ("post", "whatsapp/send"),
    ("post", "whatsapp/test"),
    ("post", "email/configure"),
    ("get", "email/status"),
    ("post", "email/send"),
    ("post", "email/test"),
    ("post", "database/configure"),
    ("get", "database/status"),
    ("post", "database/test"),
    ("post", "database/query"),
]


@pytest.mark.parametrize(("method", "door"), DOORS)
def test_whatever_goes_wrong_at_a_door_is_told_in_the_envelope(
    committed_cast: Cast, api: Callable[..., APIClient], method: str, door: str
) -> None:
    alice = api(committed_cast.alice)
    path = f"{API}/{door}"
    other = alice.get if method == "post" else alice.post
    refused(other(path), 405, "METHOD_NOT_ALLOWED")
    refused(alice.delete(path), 405, "METHOD_NOT_ALLOWED")
    refused(getattr(api(None), method)(path), 401, "NOT_AUTHENTICATED")
    refused(
        getattr(api(committed_cast.bob), method)(f"{path}?client_id={committed_cast.acme.id}"),
        404,
        "CLIENT_NOT_FOUND",
    )
    assert alice.get(f"{path}/").status_code == 404  # no trailing slash
    if method == "get":
        refused(alice.get(path), 404, "INTEGRATION_NOT_FOUND")
    elif not door.endswith("/test"):
        refused(alice.post(path, "{", content_type="application/json"), 400, "INVALID_JSON")
        refused(alice.post(path, "x", content_type="text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE")
        refused(post(alice, path, []), 400, "VALIDATION_ERROR")
