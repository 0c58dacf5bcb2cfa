"""`POST /webhooks/uazapi[/<key>]`: who is let in, and what is kept before we say 200."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client as Browser
from redis import Redis

from agent_tools.models import AgentRun
from renum import wakeups
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from renum.events.models import Event
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from webhooks import services
from webhooks.models import InboundEvent
from webhooks.tests.helpers import (
    KEY,
    PHONE,
    SECRET,
    TOKEN,
    connect,
    encode,
    go,
    header_for,
    inbox,
    outcomes,
    post,
    receipt,
    refusal,
    text,
    v1,
)

MIB = 1024 * 1024
UNAUTHORIZED = {
    "success": False,
    "error": "Assinatura inválida.",
    "error_code": "INVALID_SIGNATURE",
    "details": {},
    "status": 401,
}


def assert_refused(response: Any) -> None:
    assert refusal(response) == UNAUTHORIZED
    assert inbox() == []


# --- uazapiGO: the address is secret, and the body carries the token -------------------------------


def test_takes_in_a_go_event_at_its_secret_address(cast: Cast) -> None:
    integration = connect(cast.acme)

    response = post(go())

    assert response.status_code == 200
    assert set(response.json()) == {"success", "processed_at"}
    assert response.json()["success"] is True
    (event,) = inbox()
    assert (event.client_id, event.integration_id, event.state) == (cast.acme.id, integration.id, "pending")


def test_takes_in_a_go_event_by_api_key(cast: Cast) -> None:
    integration = connect(cast.acme)

    assert post(go(), key=None, api_key=KEY).status_code == 200
    assert [event.integration_id for event in inbox()] == [integration.id]


def test_takes_in_a_go_event_by_the_token_in_its_body_alone(cast: Cast) -> None:
    connect(cast.globex, key="globex-key", token="globex-token")
    integration = connect(cast.acme)

    assert post(go(), key=None).status_code == 200
    assert [event.integration_id for event in inbox()] == [integration.id]


@pytest.mark.parametrize(
    "token", ["wrong", "", None, 7, True, [TOKEN], {"token": TOKEN}, "dêmo-token", TOKEN + " "]
)
def test_refuses_a_go_event_with_a_wrong_token(cast: Cast, token: Any) -> None:
    connect(cast.acme)
    assert_refused(post({**go(), "token": token}))


def test_refuses_a_go_event_without_a_token(cast: Cast) -> None:
    connect(cast.acme)
    event = go()
    del event["token"]
    assert_refused(post(event))


def test_refuses_a_go_event_with_the_token_of_another_integration(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key", token="globex-token")
    assert_refused(post({**go(), "token": "globex-token"}))


def test_refuses_a_token_alone_that_two_integrations_share(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key")
    assert_refused(post(go(), key=None))


def test_refuses_an_unknown_shape_with_a_wrong_token(cast: Cast) -> None:
    connect(cast.acme)
    assert_refused(post({"token": "wrong", "anything": 1}))


def test_refuses_a_token_that_is_not_text_any_encoding_knows(cast: Cast) -> None:
    connect(cast.acme)
    body = json.dumps({**go(), "token": "\ud800"}).encode()
    assert_refused(post(body))
    assert_refused(post(body, key=None))


def test_a_v1_payload_needs_its_signature_even_with_the_token(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    payload = {**v1(), "token": TOKEN}
    del payload["signature"]
    assert_refused(post(payload))
    assert_refused(post(payload, key=None))


# --- v1: signed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["Olá", "😀 emoji 👩‍👩‍👧", "duas\nlinhas", "", "日本語", '"aspas" \\ \u2028']
)
def test_takes_in_a_v1_payload_signed_in_its_body(cast: Cast, words: str) -> None:
    connect(cast.acme, secret=SECRET)

    assert post(v1(text(words))).status_code == 200
    assert len(inbox()) == 1


def test_takes_in_a_v1_payload_by_api_key(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)

    assert post(v1(), key=None, api_key=KEY).status_code == 200
    assert len(inbox()) == 1


@pytest.mark.parametrize(
    "write",
    [
        lambda payload: json.dumps(payload).encode(),
        lambda payload: json.dumps(payload, ensure_ascii=False).encode(),
        lambda payload: json.dumps(payload, indent=4, sort_keys=True).encode() + b"\r\n",
        lambda payload: b" \n" + json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(),
    ],
    ids=["escaped", "utf-8", "pretty", "compact"],
)
def test_takes_in_a_v1_payload_signed_by_header_over_the_raw_bytes(cast: Cast, write: Any) -> None:
    connect(cast.acme, secret=SECRET)
    payload = v1(text("Não é só ASCII: 😀"))
    del payload["signature"]
    body = write(payload)

    assert post(body, signature=header_for(body)).status_code == 200
    assert post(write({**payload, "message_id": "other"}), signature=header_for(body)).status_code == 401
    assert len(inbox()) == 1


def test_takes_in_a_header_without_prefix_and_in_capitals(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    body = encode(v1())

    assert post(body, signature=header_for(body).removeprefix("sha256=").upper()).status_code == 200


@pytest.mark.parametrize(
    "signature", ["", "0" * 64, "sha256=", "ção", "😀", None, 7, [], {}, "a" * 100_000, "\ud800"]
)
def test_refuses_a_v1_payload_with_a_wrong_signature(cast: Cast, signature: Any) -> None:
    connect(cast.acme, secret=SECRET)
    assert_refused(post(json.dumps({**v1(), "signature": signature}).encode()))


def test_refuses_a_v1_payload_without_a_signature(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    payload = v1()
    del payload["signature"]
    assert_refused(post(payload))


@pytest.mark.parametrize(
    "signature", ["0" * 64, "sha256=" + "0" * 64, "sha256=", "sha1=abc", "\xe7\xe3o", "é"]
)
def test_a_wrong_header_is_not_saved_by_a_right_signature_in_the_body(cast: Cast, signature: str) -> None:
    connect(cast.acme, secret=SECRET)
    assert_refused(post(v1(), signature=signature))


def test_refuses_the_signature_of_another_integration(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    connect(cast.globex, key="globex-key", token="globex-token", secret="globex-secret-of-its-own")
    payload = v1(secret="globex-secret-of-its-own")
    assert_refused(post(payload))
    body = encode(payload)
    assert_refused(post(body, signature=header_for(body, "globex-secret")))


def test_refuses_v1_where_there_is_no_secret(cast: Cast) -> None:
    connect(cast.acme)
    assert_refused(post(v1(secret="")))
    assert_refused(post(v1(secret="None")))


def test_the_installation_s_secret_serves_those_without_one_of_their_own(cast: Cast, settings: Any) -> None:
    shared = type("Shared", (), {"get_secret_value": lambda self: "shared"})()
    environment = settings.ENVIRONMENT.model_copy(update={"uazapi_webhook_secret": shared})
    settings.ENVIRONMENT = environment
    connect(cast.acme)
    connect(cast.globex, key="globex-key", token="globex-token", secret="globex-secret-of-its-own")

    assert post(v1(secret="shared")).status_code == 200
    assert post(v1(secret="shared"), key="globex-key").status_code == 401
    assert [event.client_id for event in inbox()] == [cast.acme.id]


@pytest.mark.parametrize("field", ["from", "message", "message_id", "timestamp"])
def test_refuses_a_v1_payload_that_was_altered_after_signing(cast: Cast, field: str) -> None:
    connect(cast.acme, secret=SECRET)
    payload = v1()
    payload[field] += "0" if field != "timestamp" else ""
    if field == "timestamp":
        payload[field] = payload[field].replace("+00:00", "Z")
    assert_refused(post(payload))


def test_a_line_feed_cannot_move_text_from_one_signed_field_to_another(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    payload = v1(text("linha um\nlinha dois"))
    payload["from"], payload["message"] = payload["from"] + "\nlinha um", "linha dois"
    assert_refused(post(payload))


def test_refuses_v1_text_that_no_encoding_knows_with_a_wrong_signature(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    assert_refused(post(json.dumps({**v1(), "message": "cortado \ud83d"}).encode()))


# --- freshness -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-300, -299, 0, 299, 300])
def test_takes_in_what_was_signed_within_five_minutes(
    cast: Cast, moving_clock: MovableClock, seconds: int
) -> None:
    connect(cast.acme, secret=SECRET)
    payload = v1(text(sent_at=moving_clock.stop()))
    moving_clock.advance(seconds=seconds)

    assert post(payload).status_code == 200
    assert len(inbox()) == 1


@pytest.mark.parametrize("by_header", [False, True])
@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_refuses_what_was_signed_more_than_five_minutes_away(
    cast: Cast, moving_clock: MovableClock, seconds: int, by_header: bool
) -> None:
    connect(cast.acme, secret=SECRET)
    body = encode(v1(text(sent_at=moving_clock.stop())))
    moving_clock.advance(seconds=seconds)

    response = post(body, signature=header_for(body) if by_header else None)

    assert (response.status_code, response.json()["error_code"]) == (401, "INVALID_SIGNATURE")
    assert inbox() == []


@pytest.mark.parametrize("zone", ["Z", "+00:00", "-03:00", "+14:00"])
def test_takes_in_a_timestamp_in_any_zone(cast: Cast, moving_clock: MovableClock, zone: str) -> None:
    connect(cast.acme, secret=SECRET)
    now = moving_clock.stop()
    at = now if zone == "Z" else now.astimezone(datetime.fromisoformat(f"2026-01-01T00:00:00{zone}").tzinfo)

    assert post(v1(at=at.strftime("%Y-%m-%dT%H:%M:%S") + zone)).status_code == 200


@pytest.mark.parametrize(
    "spell",
    [
        lambda now: now.replace(tzinfo=None).isoformat(),
        lambda now: str(int(now.timestamp())),
        lambda now: now.strftime("%d/%m/%Y %H:%M:%S"),
        lambda now: now.date().isoformat(),
        lambda now: "0001-01-01T00:00:00+14:00",
        lambda now: "9999-12-31T23:59:59-14:00",
        lambda now: "",
        lambda now: "agora",
    ],
    ids=["naive", "epoch", "brazilian", "date", "first", "last", "empty", "words"],
)
def test_refuses_a_timestamp_that_names_no_instant_near_now(
    cast: Cast, moving_clock: MovableClock, spell: Any
) -> None:
    connect(cast.acme, secret=SECRET)

    response = post(v1(at=spell(moving_clock.stop())))

    assert (response.status_code, response.json()["error_code"]) == (401, "INVALID_SIGNATURE")
    assert inbox() == []


@pytest.mark.parametrize("timestamp", [None, 1_770_000_000, [], {}, True])
def test_refuses_a_timestamp_that_is_not_text(cast: Cast, timestamp: Any) -> None:
    connect(cast.acme, secret=SECRET)
    body = encode({**v1(), "timestamp": timestamp})

    assert post(body, signature=header_for(body)).status_code == 401
    assert inbox() == []


# --- from outside all refusals look alike -----------------------------------------------------------


def test_unknown_address_and_wrong_signature_look_the_same(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    connect(cast.globex, key="globex-key", token="globex-token")
    with service_scope(reason="test"):
        Client.objects.filter(id=cast.globex.id).update(status=Client.Status.SUSPENDED)
    answers = [
        post(go(), key="no-such-key"),
        post(go(), key=None, api_key="no-such-key"),
        post({**go(), "token": "no-such-token"}, key=None),
        post({"neither": "key nor token"}, key=None),
        post(b"{ not json", key="no-such-key"),
        post(b"\xff\xfe", key=None),
        post({**go(), "token": "wrong"}),
        post({**v1(), "signature": "0" * 64}),
        post({**go(), "token": "globex-token"}, key="globex-key"),  # suspended
    ]
    assert [refusal(answer) for answer in answers] == [UNAUTHORIZED] * len(answers)
    seen = [
        {name: value for name, value in answer.headers.items() if name != "Content-Length"}
        for answer in answers
    ]
    assert all(headers == seen[0] for headers in seen)
    assert inbox() == []


def test_refuses_a_suspended_client(cast: Cast) -> None:
    connect(cast.acme, secret=SECRET)
    with service_scope(reason="test"):
        Client.objects.filter(id=cast.acme.id).update(status=Client.Status.SUSPENDED)
    assert_refused(post(go()))
    assert_refused(post(go(), key=None))
    assert_refused(post(v1()))


@pytest.mark.parametrize("key", ["%00", "a" * 5000, "%F0%9F%98%80", "%FF%FE", "..%2F..", "' OR 1=1 --"])
def test_an_odd_address_is_an_unknown_one(cast: Cast, key: str) -> None:
    connect(cast.acme)
    response = post(go(), key=key)
    assert response.status_code in (401, 404)
    assert response.json()["success"] is False
    assert inbox() == []


# --- malformed, too large, other methods ------------------------------------------------------------

MALFORMED = {
    "empty": b"",
    "cut off": b'{"EventType": "messages"',
    "not utf-8": b'{"a": "\xff"}',
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "nan": b'{"a": NaN}',
    "infinity": b"[-Infinity]",
    "key twice": b'{"token": "a", "token": "b"}',
    "too deep": b"[" * 200_000,
    "endless number": b"1" * 10_000,
    "form": b"a=1&b=2",
    "two values": b"{}{}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json_is_named_so_only_to_who_has_a_valid_key(cast: Cast, body: bytes) -> None:
    connect(cast.acme)

    known, unknown = refusal(post(body)), refusal(post(body, key="no-such-key"))

    assert (known["status"], known["error_code"]) == (400, "INVALID_PAYLOAD")
    assert unknown == UNAUTHORIZED
    assert inbox() == []


def test_takes_in_a_mebibyte_and_not_a_byte_more(cast: Cast) -> None:
    connect(cast.acme)
    largest = json.dumps({"filler": ""}).encode()
    largest = json.dumps({"filler": "x" * (MIB - len(largest))}).encode()
    assert len(largest) == MIB

    assert post(largest).status_code == 200
    over = refusal(post(largest + b" "))
    assert (over["status"], over["error_code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert refusal(post(largest + b" ", key="no-such-key")) == over
    assert len(inbox()) == 1


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options"])
@pytest.mark.parametrize(
    "path", ["/webhooks/uazapi", f"/webhooks/uazapi/{KEY}", "/webhooks/uazapi/no-such-key"]
)
def test_other_methods_are_refused_in_the_envelope(cast: Cast, method: str, path: str) -> None:
    connect(cast.acme)

    response = getattr(Browser(), method)(path)

    assert refusal(response)["error_code"] == "METHOD_NOT_ALLOWED"
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert inbox() == []


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
