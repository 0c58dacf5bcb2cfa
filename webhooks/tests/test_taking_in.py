"""What is kept of what providers post, before we say 200: all of it, once, and without credentials."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from redis import Redis

from agent_tools.models import AgentRun
from renum import wakeups
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from renum.events.models import Event
from tests.cast import Cast
from tests.concurrency import run_together
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.tests.helpers import (
    KEY,
    PHONE,
    SECRET,
    TOKEN,
    connect,
    go,
    inbox,
    outcomes,
    post,
    receipt,
    refusal,
    text,
    v1,
)

# --- what we do not know is kept, and ignored with a reason -----------------------------------------

UNKNOWN = {
    "list": [1, 2],
    "empty list": [],
    "string": "hello",
    "number": 7,
    "null": None,
    "true": True,
    "infinite number": b"1e999",
    "object": {},
    "other members": {"event": "x", "instance": "y", "data": {"a": [{}]}},
    "new event": {"EventType": "presence", "token": TOKEN},
    "event without name": {"EventType": None, "token": TOKEN},
    "event named by a list": {"EventType": ["messages"], "token": TOKEN},
    "event with a long name": {"EventType": "x" * 500, "token": TOKEN},
    "message is a list": {"EventType": "messages", "token": TOKEN, "message": []},
    "message without ids": {"EventType": "messages", "token": TOKEN, "message": {"text": "Oi"}},
    "receipt without ids": {
        "EventType": "messages_update",
        "token": TOKEN,
        "state": "Read",
        "event": {"MessageIDs": 3},
    },
    "deleted": {
        "EventType": "messages_update",
        "token": TOKEN,
        "state": "Deleted",
        "event": {"MessageIDs": ["A"]},
    },
    "history": {"EventType": "history", "token": TOKEN, "event": "messages", "messages": [go()["message"]]},
    "nested garbage": {"a": {"b": [{"c": [[[[{}]]]]}] * 50}},
    "nul": {"a\x00b": "c\x00d"},
}


@pytest.mark.parametrize("payload", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_shape_is_kept_and_then_ignored_with_a_reason(cast: Cast, payload: Any) -> None:
    connect(cast.acme)

    assert post(payload).status_code == 200
    assert [event.state for event in inbox()] == ["pending"]
    services.process_inbox()

    (event,) = inbox()
    assert event.state == "ignored"
    assert event.reason_code in {"UNKNOWN_SHAPE", "EVENT_NOT_HANDLED", "RECEIPT_NOT_HANDLED", "HISTORY"}
    assert event.payload is None
    assert event.processed_at is not None
    with service_scope(reason="test"):
        assert not Message.objects.exists()
        assert not Contact.objects.exists()
        assert not AgentRun.objects.exists()


def test_text_cut_in_the_middle_of_an_emoji_is_kept(cast: Cast) -> None:
    """A name or text that somebody's JavaScript cut off: half an emoji, valid as JSON."""
    connect(cast.acme)
    event = go(text="Oi \ud83d", senderName="Marina \ud83d")

    assert post(json.dumps(event).encode()).status_code == 200
    services.process_inbox()

    assert outcomes() == [("done", "")]


@pytest.mark.parametrize("member", ["EventType", "messageid", "chatid", "messageType", "track_id"])
def test_half_an_emoji_anywhere_is_no_crash(cast: Cast, member: str) -> None:
    connect(cast.acme)
    event = go()
    (event if member == "EventType" else event["message"])[member] = "\ud83d"

    assert post(json.dumps(event).encode()).status_code in (200, 400)
    services.process_inbox()
    assert all(state != "pending" for state, _ in outcomes())


@pytest.mark.parametrize("depth", [100, 400, 700, 800, 850, 900, 930, 950, 960, 970, 980, 990])
def test_deep_nesting_is_kept_or_refused_but_no_crash(cast: Cast, depth: int) -> None:
    connect(cast.acme)

    assert post(b"[" * depth + b"]" * depth).status_code in (200, 400)
    services.process_inbox()
    assert all(state == "ignored" for state, _ in outcomes())


# --- i1: durable first ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OperationalError("the database is gone"), InterfaceError("closed")])
@pytest.mark.parametrize("place", ["webhooks.endpoints.find_by_key", "webhooks.receiving._insert"])
def test_i1_answers_503_while_the_database_is_down_and_takes_the_retry(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, error: Exception, place: str
) -> None:
    connect(cast.acme)
    event = go()

    def fail(*_: Any, **__: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        down = refusal(post(event))
    assert (down["status"], down["error_code"]) == (503, "PROCESSING_FAILED")
    assert "gone" not in down["error"]
    assert inbox() == []

    assert post(event).status_code == 200
    assert len(inbox()) == 1


@pytest.fixture
def failing_commit(committed_cast: Cast) -> Iterator[None]:
    """The disk is full: found out when the transaction commits, as the last thing."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"
        )
        owner.execute(
            "CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON inbound_events DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION fill_disk()"
        )
        yield
        owner.execute("DROP FUNCTION IF EXISTS fill_disk CASCADE")


def test_i1_answers_503_when_the_commit_fails_and_takes_the_retry(
    committed_cast: Cast, failing_commit: None
) -> None:
    connect(committed_cast.acme)
    event = go()

    answers = run_together(lambda _: post(event), 8)

    assert {refusal(answer)["error_code"] for answer in answers} == {"PROCESSING_FAILED"}
    assert {(answer.status_code, answer["Retry-After"]) for answer in answers} == {(503, "5")}
    assert inbox() == []
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("DROP FUNCTION fill_disk CASCADE")
    assert post(event).status_code == 200
    assert len(inbox()) == 1


def test_i1_a_connection_that_broke_meanwhile_is_replaced(committed_cast: Cast) -> None:
    """The server was restarted: the first statement finds out, and is run again on a new connection."""
    connect(committed_cast.acme)
    assert post(go()).status_code == 200
    raw = connection.connection
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        ended = other.execute("SELECT pg_terminate_backend(%s)", [raw.info.backend_pid]).fetchone()
    assert ended == (True,)

    assert post(go()).status_code == 200
    assert connection.connection is not raw
    assert len(inbox()) == 2


def test_i1_a_statement_that_its_session_forgot_is_prepared_again(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    assert post(go()).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")

    assert post(go()).status_code == 200
    assert len(inbox()) == 2


def test_a_known_address_costs_one_statement(cast: Cast, django_assert_num_queries: Any) -> None:
    connect(cast.acme, secret=SECRET)
    post(v1())
    event = v1()
    # In a test's transaction the scope is set and set back by statements of its own, in a savepoint.
    with django_assert_num_queries(6) as asked:
        assert post(event).status_code == 200
    assert sum("EXECUTE" in query["sql"] for query in asked) == 1
    assert not any("webhook_key_index" in query["sql"] for query in asked)


def test_the_scope_of_one_message_ends_with_it(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    assert post(go()).status_code == 200
    assert post(go()).status_code == 200
    assert not connection.in_atomic_block
    assert InboundEvent.objects.count() == 0  # nobody's scope is left on the connection
    assert len(inbox()) == 2


def test_i1_takes_in_events_while_redis_is_down(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(committed_cast.acme)
    monkeypatch.setattr(wakeups, "_redis", lambda: Redis.from_url("redis://127.0.0.1:1/0"))

    assert post(go()).status_code == 200
    assert len(inbox()) == 1


# --- i7: credentials and words ----------------------------------------------------------------------


def test_i7_the_stored_payload_holds_no_credential(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    post({**go(), "admintoken": "an-admin-token", "apikey": "an-api-key"})
    signed = v1()
    post(signed)

    stored = json.dumps([event.payload for event in inbox()])

    for secret in (TOKEN, "an-admin-token", "an-api-key", signed["signature"]):
        assert secret not in stored


@pytest.mark.parametrize(
    "where",
    [
        lambda secret: {"instance": {"name": "x", "token": secret}},
        lambda secret: {"instance": [{"deep": {"apikey": secret}}]},
        lambda secret: {"Token": secret},
        lambda secret: {"AdminToken": secret},
    ],
    ids=["instance", "deeper", "capital", "admin"],
)
def test_i7_the_stored_payload_holds_no_credential_in_places_that_vary(cast: Cast, where: Any) -> None:
    """The status of an instance carries its token one level down, and header names vary in case."""
    connect(cast.acme)

    assert post({"EventType": "connection", "token": TOKEN, **where("hidden-credential")}).status_code == 200

    (event,) = inbox()
    assert "hidden-credential" not in json.dumps(event.payload)


def test_i7_the_payload_is_encrypted_at_rest_and_erased_when_done(cast: Cast) -> None:
    connect(cast.acme)
    post(go(text("Palavras reconhecíveis 4711")))

    def raw() -> tuple[str, bytes | None]:
        with service_scope(reason="test"), connection.cursor() as cursor:
            cursor.execute("SELECT t::text, payload FROM inbound_events t")
            return cursor.fetchone()

    row, payload = raw()
    assert payload is not None
    for plain in ("reconhec", PHONE, "Marina"):
        assert plain not in row
        assert plain.encode() not in bytes(payload)
    services.process_inbox()
    assert raw()[1] is None


def test_i7_a_crash_logs_neither_the_secret_address_nor_the_token(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("a mistake of ours")

    connect(cast.acme)
    monkeypatch.setattr("webhooks.receiving.as_rows", crash)
    root, written = logging.getLogger(), StringIO()
    listener = logging.StreamHandler(written)
    (listener.formatter,) = {one.formatter for one in root.handlers if type(one) is logging.StreamHandler}
    monkeypatch.setattr(root, "handlers", [*root.handlers, listener])

    response = post(go(text("Zebra de quartzo")))

    assert refusal(response)["error_code"] == "INTERNAL_ERROR"
    logged = written.getvalue()
    assert "a mistake of ours" in logged
    for secret in (KEY, TOKEN, PHONE, "Zebra"):
        assert secret not in logged
    assert inbox() == []


# --- i2: once ---------------------------------------------------------------------------------------


def counts() -> dict[str, int]:
    with service_scope(reason="test"):
        models = (InboundEvent, Contact, Conversation, Message, Event, AgentRun)
        return {model.__name__: model.objects.count() for model in models}


ONCE = {"InboundEvent": 1, "Contact": 1, "Conversation": 1, "Message": 1, "Event": 2, "AgentRun": 1}


@pytest.mark.parametrize("process_between", [False, True])
@pytest.mark.parametrize("dialect", [go, v1])
def test_i2_the_same_event_three_times_counts_once(cast: Cast, dialect: Any, process_between: bool) -> None:
    connect(cast.acme, secret=SECRET)
    body = dialect(text("Quero agendar"))
    for _ in range(3):
        assert post(body).status_code == 200
        if process_between:
            services.process_inbox()
    services.process_inbox()

    assert counts() == ONCE
    assert services.process_inbox() == 0
    assert counts() == ONCE
    assert outcomes() == [("done", "")]


def test_i2_fifty_deliveries_of_one_event_at_once_count_once(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    body = go(text("Quero agendar"))

    answers = run_together(lambda _: post(body).status_code, 50)
    assert answers == [200] * 50
    run_together(lambda _: services.process_inbox(), 4)

    assert counts() == ONCE


def test_i2_the_same_message_in_both_dialects_counts_once(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    message = text("Quero agendar")

    assert post(go(message)).status_code == post(v1(message)).status_code == 200
    services.process_inbox()

    assert counts() == ONCE


def test_i2_the_same_ids_at_two_integrations_are_two_events(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key", token="globex-token")
    event = go()

    post(event)
    post({**event, "token": "globex-token"}, key="globex-key")
    services.process_inbox()

    assert outcomes() == [("done", ""), ("done", "")]
    with service_scope(reason="test"):
        assert set(Message.objects.values_list("client_id", flat=True)) == {cast.acme.id, cast.globex.id}


def test_receipts_of_different_states_are_different_events(cast: Cast) -> None:
    connect(cast.acme)
    for state in ("Delivered", "Read", "Delivered"):
        assert post(receipt(["A", "B"], state)).status_code == 200
    assert post(receipt(["B", "A"], "Read")).status_code == 200

    assert len(inbox()) == 2
