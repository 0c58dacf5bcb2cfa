"""Configuring again: a candidate while the provider is asked, a swap if it accepts, the way back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from integrations.models import Integration
from integrations.sandbox.sendgrid import KEY
from integrations.tests.contracts import (
    CONNECTED,
    accepted,
    events,
    held_back,
    integrations_of,
    make_connection,
    post,
    refused,
    stored,
    uazapi_body,
)
from integrations.tests.helpers import (
    Vendor,
    closed_port,
    connect_vendor,
    dispatch,
    http_answer,
    in_background,
    reread,
    reread_integration,
    wait_until,
)
from integrations.tests.sendgrid_helpers import emptied_account
from renum.accounts.scope import service_scope
from renum.security.tests.peers import Peer, answering, closing, listening
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_conversation, make_outbound

CONFIGURE = "/api/integrations/whatsapp/configure"


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


@pytest.fixture
def slow(environment: Callable[..., None]) -> Iterator[tuple[Peer, threading.Event]]:
    """A vendor that answers when it is told to."""
    environment(provider_timeout_seconds=8)
    release = threading.Event()
    with listening(held_back(release)) as peer:
        yield peer, release
        release.set()


def token_of(integration: Integration) -> str:
    token: str = reread_integration(integration).settings.api_token.get_secret_value()
    return token


def item(integration: Integration) -> str:
    return f"/api/integrations/{integration.id}"


# --- while the provider is asked ------------------------------------------------------------------


def test_new_credentials_wait_beside_those_in_use_until_the_provider_accepts_them(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, slow: tuple[Peer, threading.Event]
) -> None:
    peer, release = slow
    old = connect_vendor(committed_cast.acme, sandbox)
    body = uazapi_body(peer.url(""), api_token="the-new-token")
    with in_background(lambda: post(alice, CONFIGURE, body)) as response:
        wait_until(lambda: peer.heard)
        during = reread_integration(old)
        assert during.settings == old.settings
        assert during.previous_config is None
        assert during.candidate_config["api_token"].get_secret_value() == "the-new-token"
        assert "the-new-token" not in stored(old)
        # What is in use goes on being used.
        message = make_outbound(make_conversation(committed_cast.acme), integration=during)
        assert dispatch() == 1
        assert reread(message).state == "sent"
        release.set()
    accepted(response.result())
    after = reread_integration(old)
    assert token_of(old) == "the-new-token"
    assert after.candidate_config is None
    assert after.previous_config["api_token"].get_secret_value() == "demo-token"
    assert after.webhook_key == old.webhook_key


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (http_answer({"error": "no"}, "401 Unauthorized"), 400, "INVALID_CREDENTIALS"),
        (http_answer("<html>", "503 Service Unavailable"), 502, "CONNECTION_FAILED"),
        (b"", 502, "CONNECTION_FAILED"),
    ],
    ids=["refused", "away", "cut"],
)
def test_credentials_that_are_not_accepted_leave_no_trace_but_an_event(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor, answer: bytes, status: int, code: str
) -> None:
    old = connect_vendor(committed_cast.acme, sandbox)
    with listening(closing(answer)) as peer:
        body = uazapi_body(peer.url(""), api_token="the-new-token")
        refused(post(alice, CONFIGURE, body), status, code)
    after = reread_integration(old)
    assert after.settings == old.settings
    assert (after.candidate_config, after.previous_config) == (None, None)
    assert (after.status, after.updated_at) == (old.status, old.updated_at)
    (event,) = events(committed_cast.acme, "integration_refused")
    assert event.cause == [f"profile:{committed_cast.alice.id}"]
    assert event.data == {
        "type": "whatsapp",
        "provider": "uazapi",
        "error_code": code,
        "integration_id": str(old.id),
    } or (answer == b"" and event.data["error_code"] == "TIMED_OUT")
    assert "the-new-token" not in json.dumps(event.data)
    assert events(committed_cast.acme, "integration_configured") == []


# --- several at once ------------------------------------------------------------------------------


def test_who_began_earlier_and_ended_later_does_not_overwrite_what_was_saved_meanwhile(
    committed_cast: Cast,
    api: Callable[..., APIClient],
    sandbox: Vendor,
    slow: tuple[Peer, threading.Event],
) -> None:
    peer, release = slow
    old = connect_vendor(committed_cast.acme, sandbox)
    first, second = api(committed_cast.alice), api(committed_cast.alice)
    with listening(answering(http_answer(CONNECTED))) as quick:
        body = uazapi_body(peer.url(""), api_token="the-first-token")
        with in_background(lambda: post(first, CONFIGURE, body)) as response:
            wait_until(lambda: peer.heard)
            accepted(post(second, CONFIGURE, uazapi_body(quick.url(""), api_token="the-second-token")))
            release.set()
        refused(response.result(), 409, "CONFIGURATION_SUPERSEDED")
    assert token_of(old) == "the-second-token"
    after = reread_integration(old)
    assert after.candidate_config is None
    assert after.previous_config["api_token"].get_secret_value() == "demo-token"
    assert len(events(committed_cast.acme, "integration_configured")) == 1


def test_who_ends_while_somebody_else_s_credentials_are_tried_gives_way_to_them(
    committed_cast: Cast,
    api: Callable[..., APIClient],
    sandbox: Vendor,
    slow: tuple[Peer, threading.Event],
) -> None:
    peer, release = slow
    later = threading.Event()
    old = connect_vendor(committed_cast.acme, sandbox)
    first, second = api(committed_cast.alice), api(committed_cast.alice)
    with listening(held_back(later)) as slower:
        one = uazapi_body(peer.url(""), api_token="the-first-token")
        two = uazapi_body(slower.url(""), api_token="the-second-token")
        with in_background(lambda: post(first, CONFIGURE, one)) as response:
            wait_until(lambda: peer.heard)
            with in_background(lambda: post(second, CONFIGURE, two)) as winner:
                wait_until(lambda: slower.heard)
                release.set()
                refused(response.result(10), 409, "CONFIGURATION_SUPERSEDED")
                assert token_of(old) == "demo-token"
                later.set()
        accepted(winner.result())
    assert token_of(old) == "the-second-token"


def test_a_connection_that_was_removed_while_new_credentials_were_tried_stays_removed(
    committed_cast: Cast,
    api: Callable[..., APIClient],
    sandbox: Vendor,
    slow: tuple[Peer, threading.Event],
) -> None:
    peer, release = slow
    old = connect_vendor(committed_cast.acme, sandbox)
    first, second = api(committed_cast.alice), api(committed_cast.alice)
    with in_background(lambda: post(first, CONFIGURE, uazapi_body(peer.url("")))) as response:
        wait_until(lambda: peer.heard)
        accepted(second.delete(item(old)))
        release.set()
    refused(response.result(), 409, "CONFIGURATION_SUPERSEDED")
    (only,) = integrations_of(committed_cast.acme)
    assert only.id == old.id and only.removed_at is not None
    assert (only.config, only.candidate_config, only.previous_config) == ({}, None, None)


def test_what_a_provider_tells_after_the_connection_was_removed_is_not_kept(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor
) -> None:
    """SendGrid names the key that it signs with when its webhook is registered, after the swap."""
    host = emptied_account(sandbox)
    sandbox.script({"kind": "delay", "seconds": 1, "path": "/signed/"})
    first, second = api(committed_cast.alice), api(committed_cast.alice)
    body = {"api_key": KEY, "from_email": "contato@acme.example", "api_host": host}
    with in_background(lambda: post(first, "/api/integrations/email/configure", body)) as response:
        wait_until(lambda: sandbox.journal(path="/signed/"))
        (saved,) = integrations_of(committed_cast.acme)
        accepted(second.delete(item(saved)))
    accepted(response.result())
    assert reread_integration(saved).config == {}


def test_what_a_provider_tells_is_kept_with_the_settings(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    body = {"api_key": KEY, "from_email": "contato@acme.example", "api_host": emptied_account(sandbox)}
    accepted(post(alice, "/api/integrations/email/configure", body))
    (saved,) = integrations_of(committed_cast.acme)
    assert saved.settings.webhook_public_key
    assert saved.settings.api_key.get_secret_value() == KEY


def test_two_first_configurations_at_once_make_one_row(
    committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor
) -> None:
    clients = [api(committed_cast.alice) for _ in range(2)]
    body = uazapi_body(sandbox.api_url(), api_token="demo-token")
    answers = run_together(lambda number: post(clients[number], CONFIGURE, body), 2)
    assert {answer.json()["success"] for answer in answers} == {True}
    (only,) = integrations_of(committed_cast.acme)
    assert {answer.json()["integration"]["id"] for answer in answers} == {str(only.id)}
    assert only.candidate_config is None


def test_a_first_configuration_that_is_refused_leaves_an_event_and_no_row(
    committed_cast: Cast, alice: APIClient
) -> None:
    body = uazapi_body(f"http://127.0.0.1:{closed_port()}")
    refused(post(alice, CONFIGURE, body), 502, "CONNECTION_FAILED")
    assert integrations_of(committed_cast.acme) == []
    (event,) = events(committed_cast.acme, "integration_refused")
    assert event.data == {"type": "whatsapp", "provider": "uazapi", "error_code": "CONNECTION_FAILED"}


# --- the way back ---------------------------------------------------------------------------------


def with_previous(cast: Cast, sandbox: Vendor, *, api_url: str, api_token: str) -> Integration:
    """A connection that uses the sandbox, and used something else before."""
    previous = make_connection(
        cast.globex, "uazapi", uazapi_body(api_url, api_token=api_token)
    ).settings.model_dump()
    integration = connect_vendor(cast.acme, sandbox)
    with service_scope(reason="test rows"):
        integration.previous_config = {"provider": "uazapi", **previous}
        integration.save()
    return integration


def test_restore_asks_the_provider_and_swaps(committed_cast: Cast, alice: APIClient, sandbox: Vendor) -> None:
    with listening(answering(http_answer(CONNECTED))) as peer:
        integration = with_previous(
            committed_cast, sandbox, api_url=peer.url(""), api_token="the-token-before"
        )
        shown = accepted(post(alice, f"{item(integration)}/restore"))["integration"]
        assert any(b"/instance/status" in request for request in peer.heard)
    assert (shown["id"], shown["can_restore"]) == (str(integration.id), True)
    after = reread_integration(integration)
    assert token_of(integration) == "the-token-before"
    assert after.previous_config["api_token"].get_secret_value() == "demo-token"
    # And there again.
    accepted(post(alice, f"{item(integration)}/restore"))
    assert token_of(integration) == "demo-token"


def test_restore_keeps_what_is_in_use_when_the_old_credentials_work_no_more(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    integration = with_previous(
        committed_cast, sandbox, api_url=sandbox.api_url(), api_token="the-token-before"
    )
    refused(post(alice, f"{item(integration)}/restore"), 400, "INVALID_CREDENTIALS")
    after = reread_integration(integration)
    assert token_of(integration) == "demo-token"
    assert after.previous_config["api_token"].get_secret_value() == "the-token-before"
    assert after.candidate_config is None
    assert len(events(committed_cast.acme, "integration_refused")) == 1


def test_restore_with_nothing_to_return_to(committed_cast: Cast, alice: APIClient, sandbox: Vendor) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox)
    refused(post(alice, f"{item(integration)}/restore"), 409, "NOTHING_TO_RESTORE")
    assert sandbox.journal() == []


def test_restore_of_a_slot_that_cannot_be_read_says_so(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    integration = with_previous(committed_cast, sandbox, api_url=sandbox.api_url(), api_token="before")
    with service_scope(reason="test rows"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations SET previous_config = previous_config || config WHERE id = %s",
            [integration.id],
        )
    refused(post(alice, f"{item(integration)}/restore"), 409, "INTEGRATION_UNREADABLE")
    assert sandbox.journal() == []


def test_a_connection_that_does_not_work_is_not_kept_for_a_return(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    integration = with_previous(committed_cast, sandbox, api_url=sandbox.api_url(), api_token="before")
    with service_scope(reason="test rows"):
        integration.status = "error"
        integration.save()
    accepted(post(alice, CONFIGURE, uazapi_body(sandbox.api_url(), api_token="demo-token")))
    previous: Any = reread_integration(integration).previous_config
    assert previous["api_token"].get_secret_value() == "before"
