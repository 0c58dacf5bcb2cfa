"""How SendGrid is told where to post its events."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from integrations import errors
from integrations.sandbox.sendgrid import READING_KEY
from integrations.tests.helpers import Vendor, http_answer
from integrations.tests.sendgrid_helpers import (
    AUTH,
    HOOK,
    SETTINGS,
    emptied_account,
    listed,
    register,
    settings_for,
)
from renum.security.tests.peers import Peer, closing, listening, read_request


@pytest.fixture
def url(sandbox: Vendor) -> str:
    return emptied_account(sandbox)


# --- the event webhook ----------------------------------------------------------------------------

WANTED = {"deferred", "delivered", "bounce", "dropped", "spam_report", "unsubscribe", "group_unsubscribe"}
UNWANTED = {"processed", "open", "click", "group_resubscribe"}


def make_webhook(sandbox: Vendor, hook: str, **more: Any) -> dict[str, Any]:
    body = {"url": hook, "enabled": True, "open": True, **more}
    made: dict[str, Any] = sandbox.http.post(SETTINGS, headers=AUTH, json=body).raise_for_status().json()
    return made


def test_makes_a_signed_webhook_and_learns_its_key(sandbox: Vendor, url: str) -> None:
    learned = register(url)
    (webhook,) = listed(sandbox)
    assert learned == {"webhook_public_key": webhook["public_key"]}
    assert settings_for(url, **learned).webhook_public_key == webhook["public_key"]
    assert (webhook["url"], webhook["enabled"]) == (HOOK, True)
    assert {name for name in WANTED | UNWANTED if webhook[name]} == WANTED


def test_registering_again_changes_nothing(sandbox: Vendor, url: str) -> None:
    first, before = register(url), listed(sandbox)
    assert register(url) == first
    assert listed(sandbox) == before


def test_takes_over_our_webhook_and_leaves_the_others_alone(sandbox: Vendor, url: str) -> None:
    others = [
        make_webhook(sandbox, "https://other.example/webhooks/sendgrid/the-key"),
        make_webhook(sandbox, "https://renum.example/webhooks/uazapi/the-key"),
        make_webhook(sandbox, "https://renum.example/webhooks/sendgrid/the-key/deeper"),
    ]
    ours = make_webhook(sandbox, "https://renum.example/webhooks/sendgrid/a-former-key", enabled=False)
    register(url)
    after = {webhook["id"]: webhook for webhook in listed(sandbox)}
    assert [after[other["id"]] for other in others] == others
    assert len(after) == len(others) + 1
    taken = after[ours["id"]]
    assert (taken["url"], taken["enabled"], taken["open"]) == (HOOK, True, False)


def test_prefers_the_webhook_with_this_very_address(sandbox: Vendor, url: str) -> None:
    neighbour = make_webhook(sandbox, "https://renum.example/webhooks/sendgrid/of-a-neighbour")
    ours = make_webhook(sandbox, HOOK, enabled=False)
    register(url)
    after = {webhook["id"]: webhook for webhook in listed(sandbox)}
    assert after[neighbour["id"]] == neighbour
    assert after[ours["id"]]["enabled"] is True


def test_a_key_without_the_scope_is_told_so_and_nothing_is_changed(sandbox: Vendor, url: str) -> None:
    with pytest.raises(errors.AuthFailed) as raised:
        register(url, api_key=READING_KEY)
    assert raised.value.message == "A chave de API do SendGrid não tem permissão para esta operação."
    assert listed(sandbox) == []


def test_an_account_without_room_for_one_more_is_rejected(sandbox: Vendor, url: str) -> None:
    others = [make_webhook(sandbox, f"https://other.example/{number}") for number in range(5)]
    with pytest.raises(errors.Rejected):
        register(url)
    assert listed(sandbox) == others


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"webhooks": None},
        {"webhooks": [{"url": HOOK}]},
        {"webhooks": [{"url": HOOK, "id": "../../scopes"}]},
        {"webhooks": [{"url": HOOK, "id": 7}]},
        {"webhooks": [{"url": HOOK, "id": "known"}]},  # and no key when it is signed
    ],
)
def test_settings_outside_the_contract_are_a_protocol_error(body: Any) -> None:
    with listening(closing(http_answer(body))) as peer:
        with pytest.raises(errors.ProtocolError):
            register(peer.url(""))
        assert not any(b"scopes" in request for request in peer.heard)


@pytest.mark.parametrize("key", [None, "", 7, "AAAA", "não"])
def test_a_key_that_cannot_be_used_is_not_learned(key: Any) -> None:
    """Kept, it would make the settings unreadable, and nothing could be sent any more."""
    answers = {
        b"GET ": {"webhooks": [{"url": HOOK, "id": "known"}]},
        b"PATC": {"id": "known", "public_key": key},
    }

    def answer(connection: socket.socket, peer: Peer, over: threading.Event) -> None:
        request = read_request(connection)
        peer.heard.append(request)
        connection.sendall(http_answer(answers[request[:4]]))

    with listening(answer) as peer:
        with pytest.raises(errors.ProtocolError):
            register(peer.url(""))
        assert [request.split(b" ")[0] for request in peer.heard] == [b"GET", b"PATCH", b"PATCH"]
