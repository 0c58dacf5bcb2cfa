"""`POST /webhooks/uazapi[/<key>]`: who is let in."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from django.test import Client as Browser

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks.tests.helpers import (
    KEY,
    SECRET,
    TOKEN,
    connect,
    encode,
    go,
    header_for,
    inbox,
    post,
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
