"""`POST /api/integrations/whatsapp/send` and the ledger `/api/messages`."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from integrations.api import prefer
from integrations.api.prefer import wait_seconds
from integrations.delivery.contents import MAX_TEXT_LENGTH
from integrations.models import OutboundMessage
from integrations.tests.helpers import (
    Vendor,
    all_outbound,
    connect_vendor,
    dispatch,
    dispatcher_running,
    idle_in_transaction,
    in_background,
    make_backlog,
    noted,
    wait_until,
)
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from tests.cast import Cast
from tests.factories import (
    make_attempt,
    make_conversation,
    make_integration,
    make_outbound,
    make_suppression,
)

SEND = "/api/integrations/whatsapp/send"
LEDGER = "/api/messages"
ENVELOPE = {"success", "error", "error_code", "details", "timestamp"}
ANSWER = {"success", "message_id", "status", "sent_at"}
BODY = {"phone": "+5511987654321", "message": "Olá! Como posso ajudar?"}


@pytest.fixture
def alice(committed_cast: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(committed_cast.alice)


def send(client: APIClient, body: Any = BODY, *, prefer: str | None = None, path: str = SEND) -> Any:
    headers = {"Prefer": prefer} if prefer is not None else {}
    return client.post(path, body, format="json", headers=headers)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["error_code"]) == (status, code), body
    assert set(body) == ENVELOPE
    assert body["success"] is False and body["error"]
    return body


def nothing_was_written() -> bool:
    with service_scope(reason="test"):
        return not any(model.objects.exists() for model in (OutboundMessage, Message, Conversation, Contact))


# --- 202 ------------------------------------------------------------------------------------------


def test_i1_answers_202_once_the_message_is_queued(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    response = send(alice)
    assert response.status_code == 202
    (row,) = all_outbound(committed_cast.acme)
    assert response.json() == {
        "success": True,
        "message_id": str(row.id),
        "status": "queued",
        "sent_at": None,
    }
    assert sandbox.journal() == []
    assert row.cause == [f"profile:{committed_cast.alice.id}"]
    assert noted(row).author == "api"
    assert dispatch() == 1
    (request,) = sandbox.sends()
    assert (request["body"]["number"], request["body"]["text"]) == ("5511987654321", BODY["message"])


def test_the_same_text_twice_is_two_messages(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme)
    assert send(alice).json()["message_id"] != send(alice).json()["message_id"]
    assert len(all_outbound(committed_cast.acme)) == 2


@pytest.mark.parametrize("phone", ["(11) 98765-4321", "11987654321", "+55 11 98765 4321", "+551187654321"])
def test_understands_phones_as_people_type_them(committed_cast: Cast, alice: APIClient, phone: str) -> None:
    make_integration(committed_cast.acme)
    assert send(alice, {**BODY, "phone": phone}).status_code == 202
    with service_scope(reason="test"):
        assert [contact.phone for contact in Contact.objects.all()] == ["+5511987654321"]


def test_keeps_the_text_as_it_is(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme)
    text = "  *Olá*\n\n👋🏽  tudo bem?\n"
    assert send(alice, {**BODY, "message": text}).status_code == 202
    assert all_outbound(committed_cast.acme)[0].body == {"text": text}


# --- refusals -------------------------------------------------------------------------------------


def test_without_an_integration(alice: APIClient) -> None:
    refused(send(alice), 404, "INTEGRATION_NOT_FOUND")
    assert nothing_was_written()


def test_with_the_integration_switched_off(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme, enabled=False)
    refused(send(alice), 409, "INTEGRATION_DISABLED")
    assert nothing_was_written()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**BODY, "phone": "123"}, "INVALID_PHONE"),
        ({**BODY, "phone": "+5500010000000"}, "INVALID_PHONE"),
        ({**BODY, "phone": ""}, "VALIDATION_ERROR"),
        ({**BODY, "phone": None}, "VALIDATION_ERROR"),
        ({**BODY, "phone": 5511987654321}, "VALIDATION_ERROR"),
        ({**BODY, "phone": "9" * 33}, "INVALID_PHONE"),
        ({**BODY, "message": ""}, "VALIDATION_ERROR"),
        ({**BODY, "message": " \n "}, "VALIDATION_ERROR"),
        ({**BODY, "message": "x" * (MAX_TEXT_LENGTH + 1)}, "VALIDATION_ERROR"),
        ({**BODY, "message": "a\u0000b"}, "VALIDATION_ERROR"),
        ({**BODY, "message": {"text": "x"}}, "VALIDATION_ERROR"),
        ({**BODY, "message": True}, "VALIDATION_ERROR"),
        ({**BODY, "priority": "high"}, "VALIDATION_ERROR"),
        ({"phone": BODY["phone"]}, "VALIDATION_ERROR"),
        ({"message": BODY["message"]}, "VALIDATION_ERROR"),
        ({}, "VALIDATION_ERROR"),
        ([], "VALIDATION_ERROR"),
        ("x", "VALIDATION_ERROR"),
    ],
)
def test_refuses_malformed_requests(committed_cast: Cast, alice: APIClient, body: Any, code: str) -> None:
    make_integration(committed_cast.acme)
    refused(send(alice, body), 400, code)
    assert nothing_was_written()


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "INVALID_JSON"),
        (b"", 400, "VALIDATION_ERROR"),
        (b'{"phone": "+5511987654321", "message": "a", "message": "b"}', 400, "INVALID_JSON"),
        (b'{"phone": "+5511987654321", "message": "\\ud800"}', 400, "INVALID_JSON"),
        (b'{"phone": "+5511987654321", "message": "' + b"x" * 1_100_000 + b'"}', 413, "PAYLOAD_TOO_LARGE"),
        (b"[" * 200_000, 400, "INVALID_JSON"),
    ],
    ids=["broken", "empty", "twice", "surrogate", "large", "deep"],
)
def test_refuses_bodies_that_are_not_requests(
    committed_cast: Cast, alice: APIClient, content: bytes, status: int, code: str
) -> None:
    make_integration(committed_cast.acme)
    response = alice.post(SEND, content, content_type="application/json")
    if content:
        refused(response, status, code)
    else:
        assert response.status_code == 400
    assert nothing_was_written()


def test_a_suspended_client_s_token_is_worth_nothing(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme)
    with service_scope(reason="test"):
        Client.objects.filter(id=committed_cast.acme.id).update(status=Client.Status.SUSPENDED)
    assert send(alice).status_code in (401, 403)
    assert nothing_was_written()


def test_i6_for_another_client(committed_cast: Cast, api: Callable[..., APIClient]) -> None:
    make_integration(committed_cast.acme)
    response = send(api(committed_cast.bob), path=f"{SEND}?client_id={committed_cast.acme.id}")
    assert response.status_code == 404
    assert nothing_was_written()


def test_anonymous(committed_cast: Cast, api: Callable[..., APIClient]) -> None:
    make_integration(committed_cast.acme)
    refused(send(api(None)), 401, "NOT_AUTHENTICATED")
    assert nothing_was_written()


# --- Prefer: wait ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="5"', 5),
        ("respond-async, wait=3", 3),
        ("respond-async;wait=3", 3),
        ("wait=0", 0),
        ("wait=10", 10),
        ("wait=11", 10),
        ("wait=999", 10),
        ("wait=999999999999999999999", 10),
        ("wait=-5", 0),
        ("wait=abc", 0),
        ("wait", 0),
        ("await=5", 0),
        ("x-wait=5", 0),
        ("respond-async", 0),
    ],
)
def test_reads_how_long_the_caller_would_wait(header: str, seconds: int) -> None:
    assert wait_seconds(header) == seconds


@given(st.text(max_size=60) | st.integers().map(lambda number: f"wait={number}"))
def test_waits_ten_seconds_at_most_whatever_the_header_says(header: str) -> None:
    assert 0 <= wait_seconds(header) <= 10


def test_answers_200_when_the_outcome_was_waited_for(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    with dispatcher_running():
        response = send(alice, prefer="wait=5")
    assert response.status_code == 200
    body = response.json()
    (row,) = all_outbound(committed_cast.acme)
    assert set(body) == ANSWER
    assert (body["success"], body["message_id"], body["status"]) == (True, str(row.id), "sent")
    assert body["sent_at"] == clock.iso(row.sent_at)
    assert len(sandbox.sends()) == 1


def test_a_wait_that_ends_with_the_vendor_s_refusal_is_an_error(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    sandbox.script({"kind": "status", "status": 400})
    with dispatcher_running():
        response = send(alice, prefer="wait=5")
    body = refused(response, 502, "REJECTED")
    (row,) = all_outbound(committed_cast.acme)
    assert body["details"]["message_id"] == str(row.id)
    assert body["details"]["status"] == "failed"


def test_a_wait_that_ends_with_a_rule_of_ours_says_which(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    make_suppression(committed_cast.acme, phone=BODY["phone"])
    with dispatcher_running():
        response = send(alice, prefer="wait=5")
    body = refused(response, 422, "OPTED_OUT")
    assert "pediu para não receber" in body["error"]
    assert body["details"]["status"] == "failed"
    assert sandbox.sends() == []


def test_a_wait_that_ends_with_nobody_knowing_is_an_error_that_says_so(
    committed_cast: Cast, alice: APIClient, sandbox: Vendor
) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    sandbox.script({"kind": "drop"})
    with dispatcher_running():
        response = send(alice, prefer="wait=5")
    body = refused(response, 502, "TIMED_OUT")
    assert body["details"]["status"] == "unknown"
    assert "Não se sabe" in body["error"]
    assert len(sandbox.sends()) == 1


def test_a_wait_that_ends_before_the_outcome_is_202(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme)
    started = time.monotonic()
    response = send(alice, prefer="wait=1")
    assert 1 <= time.monotonic() - started < 3
    assert response.status_code == 202
    assert response.json()["status"] == "queued"


def test_a_long_wait_ends_after_ten_seconds(
    committed_cast: Cast, alice: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten seconds of the process's clock, which goes a hundred times as fast here."""
    make_integration(committed_cast.acme)
    real, start = time.monotonic, time.monotonic()

    class Fast:
        monotonic = staticmethod(lambda: start + (real() - start) * 100)
        sleep = staticmethod(lambda seconds: time.sleep(seconds / 100))

    monkeypatch.setattr("integrations.api.views.sending.time", Fast)
    assert prefer.MAX_WAIT_SECONDS == 10
    response = send(alice, prefer="wait=999")
    assert response.status_code == 202
    assert 0.1 <= real() - start < 2


def test_i5_a_caller_who_waits_holds_no_transaction(committed_cast: Cast, alice: APIClient) -> None:
    make_integration(committed_cast.acme)
    with in_background(lambda: send(alice, prefer="wait=1")) as response:
        wait_until(lambda: all_outbound(committed_cast.acme))
        looks = [idle_in_transaction() for _ in range(15)]
    # Its polls are transactions of a millisecond each; one that spans the wait would show every time.
    assert looks.count(0) > len(looks) / 2
    assert response.result().status_code == 202


def test_many_wait_at_once(committed_cast: Cast, api: Callable[..., APIClient], sandbox: Vendor) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    clients = [api(committed_cast.alice) for _ in range(6)]
    answers: list[Any] = []

    def ask(client: APIClient) -> None:
        try:
            answers.append(send(client, prefer="wait=8"))
        finally:
            connections.close_all()

    with dispatcher_running():
        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len({answer.json()["message_id"] for answer in answers}) == len(sandbox.sends()) == 6


# --- the ledger -----------------------------------------------------------------------------------


def test_the_ledger_shows_each_message_with_its_attempts(cast: Cast, api: Callable[..., APIClient]) -> None:
    message = make_outbound(
        make_conversation(cast.acme), text="segredo", state="sent", sent_at=clock.now(), cause=["trigger:1"]
    )
    make_attempt(message, outcome="retry", error_code="CONNECTION_FAILED", http_status=503)
    make_attempt(message)
    alice = api(cast.alice)
    listed = alice.get(LEDGER).json()
    assert set(listed) == {"success", "messages", "next_cursor"}
    (entry,) = listed["messages"]
    assert set(entry) == {
        "message_id",
        "conversation_id",
        "channel",
        "kind",
        "status",
        "reason_code",
        "error_message",
        "queued_at",
        "next_attempt_at",
        "not_after",
        "sent_at",
        "delivered_at",
        "finished_at",
        "cause",
        "attempts",
    }
    assert (entry["message_id"], entry["status"], entry["cause"]) == (str(message.id), "sent", ["trigger:1"])
    assert entry["conversation_id"] == str(message.conversation_id)
    assert [(one["number"], one["outcome"], one["http_status"]) for one in entry["attempts"]] == [
        (1, "retry", 503),
        (2, "sent", None),
    ]
    single = alice.get(f"{LEDGER}/{message.id}").json()
    assert single == {"success": True, "message": {**entry, "waiting": None}}


def test_the_ledger_is_read_in_pages_the_latest_first(cast: Cast, api: Callable[..., APIClient]) -> None:
    at = clock.now() - timedelta(hours=1)
    rows = make_backlog(make_integration(cast.acme), 7, queued_at=at)
    same = make_backlog(rows[0].integration, 1, queued_at=at)  # at the very instant of the first
    expected = {str(row.id) for row in (*rows, *same)}
    alice = api(cast.alice)
    seen: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(10):
        page = alice.get(f"{LEDGER}?limit=3" + (f"&cursor={cursor}" if cursor else "")).json()
        assert len(page["messages"]) <= 3
        seen += page["messages"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen[0]["message_id"] == str(rows[-1].id)
    assert len(seen) == len(expected)
    assert {entry["message_id"] for entry in seen} == expected


def test_a_long_page_costs_the_queries_of_a_short_one(cast: Cast, api: Callable[..., APIClient]) -> None:
    for row in make_backlog(make_integration(cast.acme), 30, state="sent", sent_at=clock.now()):
        make_attempt(row)
        make_attempt(row)
    alice = api(cast.alice)
    alice.get(LEDGER)  # what is done once a process
    costs = []
    for limit in (2, 30):
        with CaptureQueriesContext(connection) as captured:
            assert len(alice.get(f"{LEDGER}?limit={limit}").json()["messages"]) == limit
        costs.append(len(captured))
    assert costs[0] == costs[1] <= 15


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=abc", "limit=100000", "cursor=%00", "cursor=xyz"]
)
def test_a_strange_page_is_no_mistake_of_ours(cast: Cast, api: Callable[..., APIClient], query: str) -> None:
    make_backlog(make_integration(cast.acme), 2)
    response = api(cast.alice).get(f"{LEDGER}?{query}")
    assert response.status_code in (200, 400, 404)
    assert response.json()["success"] is (response.status_code == 200)


def test_i6_another_client_s_message_is_not_found(cast: Cast, api: Callable[..., APIClient]) -> None:
    message = make_outbound(make_conversation(cast.acme))
    bob = api(cast.bob)
    assert bob.get(LEDGER).json()["messages"] == []
    refused(bob.get(f"{LEDGER}/{message.id}"), 404, "MESSAGE_NOT_FOUND")
    refused(bob.get(f"{LEDGER}/{uuid.uuid4()}"), 404, "MESSAGE_NOT_FOUND")
    assert bob.get(f"{LEDGER}?client_id={cast.acme.id}").status_code == 404
    assert bob.get(LEDGER, headers={"X-Client-Id": str(cast.acme.id)}).status_code == 404
    assert bob.get(f"{LEDGER}/not-a-uuid").status_code == 404
    assert api(cast.sofia).get(f"{LEDGER}?client_id={cast.acme.id}").json()["messages"]


def test_i6_the_ledger_refuses_anonymous(cast: Cast, api: Callable[..., APIClient]) -> None:
    message = make_outbound(make_conversation(cast.acme))
    for path in (LEDGER, f"{LEDGER}/{message.id}"):
        refused(api(None).get(path), 401, "NOT_AUTHENTICATED")


def test_the_ledger_is_read_only(cast: Cast, api: Callable[..., APIClient]) -> None:
    message = make_outbound(make_conversation(cast.acme))
    alice = api(cast.alice)
    for method in (alice.post, alice.put, alice.patch, alice.delete):
        refused(method(f"{LEDGER}/{message.id}", {}, format="json"), 405, "METHOD_NOT_ALLOWED")
    with service_scope(reason="test"):
        assert OutboundMessage.objects.get(id=message.id).state == "queued"


def test_i7_the_ledger_holds_no_words_no_phone_and_no_secret(
    cast: Cast, api: Callable[..., APIClient]
) -> None:
    integration = make_integration(cast.acme, api_token="token-of-the-vendor")
    message = make_outbound(make_conversation(cast.acme), text="palavras secretas", integration=integration)
    make_attempt(message)
    alice = api(cast.alice)
    digits = str(message.conversation.contact.phone).removeprefix("+")
    for path in (LEDGER, f"{LEDGER}/{message.id}"):
        whole = alice.get(path).content.decode()
        hidden = ["palavras", digits, digits[-8:], "token-of-the-vendor", message.fingerprint]
        hidden += [message.recipient_index, message.idempotency_key, integration.webhook_key]
        assert not [one for one in hidden if one in whole]


def test_a_message_s_whole_story_can_be_read(committed_cast: Cast, alice: APIClient, sandbox: Vendor) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    sandbox.script({"kind": "status", "status": 503})
    message_id = send(alice).json()["message_id"]
    dispatch()
    story = alice.get(f"{LEDGER}/{message_id}").json()["message"]
    assert (story["status"], story["reason_code"]) == ("queued", "CONNECTION_FAILED")
    assert story["next_attempt_at"] >= story["queued_at"]
    (attempt,) = story["attempts"]
    assert (attempt["outcome"], attempt["error_code"], attempt["http_status"]) == (
        "retry",
        "CONNECTION_FAILED",
        503,
    )
    assert json.dumps(story)
