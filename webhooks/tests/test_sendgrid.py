"""`POST /webhooks/sendgrid/<key>`: who is let in, and what is kept."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client as Browser

from integrations.sandbox.sendgrid_webhooks import Account, encode
from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.events.models import Event
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from webhooks import services
from webhooks.tests.helpers import connect as connect_uazapi
from webhooks.tests.helpers import go, inbox, outcomes, refusal
from webhooks.tests.helpers import post as post_uazapi
from webhooks.tests.sendgrid_helpers import (
    ADDRESS,
    KEY,
    connect,
    event,
    make_mail,
    post,
    signed,
)

UNAUTHORIZED = {
    "success": False,
    "error": "Assinatura inválida.",
    "error_code": "INVALID_SIGNATURE",
    "details": {},
    "status": 401,
}
STALE = {**UNAUTHORIZED, "error": "Assinatura expirada: o horário difere em mais de 5 minutos."}


def take_in(*events: dict[str, Any], **more: Any) -> None:
    """Post a batch that is accepted, and process it."""
    assert post(list(events), **more).status_code == 200
    services.process_inbox()


# --- who is let in --------------------------------------------------------------------------------


def test_stores_every_event_of_a_signed_batch(cast: Cast) -> None:
    integration = connect(cast.acme)
    response = post([event("delivered"), event("bounce", type="bounce"), event("open")])
    assert response.status_code == 200
    assert set(response.json()) == {"success", "processed_at"}
    assert [(one.client_id, one.integration_id, one.state, one.chat_index) for one in inbox()] == [
        (cast.acme.id, integration.id, "pending", "")
    ] * 3
    assert {one.kind for one in inbox()} == {"delivered", "bounce", "open"}


def test_an_empty_batch_is_fine_and_leaves_nothing(cast: Cast) -> None:
    connect(cast.acme)
    assert post([]).status_code == 200
    assert inbox() == []


def test_takes_in_a_large_batch_as_one(cast: Cast) -> None:
    connect(cast.acme)
    assert post([event("delivered") for _ in range(2000)]).status_code == 200
    assert len(inbox()) == 2000


BODY = encode([event("delivered", reason="ção 😀")])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY.replace(b"delivered", b"delivereD"), signed(BODY)),
        (BODY.rstrip(), signed(BODY)),
        (BODY + b" ", signed(BODY)),
        (BODY.replace(b"\r\n", b"\n"), signed(BODY)),
        (b"", signed(BODY)),
        (BODY, signed(BODY, vendor=Account())),
        (BODY, signed(BODY, timestamp="1000")),
        (BODY, signed(BODY, timestamp="")),
        (BODY, signed(BODY, timestamp="١٧٦٧٢٢٥٦٠٠")),
        (BODY, signed(BODY, timestamp="9" * 400)),
        (BODY, signed(BODY, timestamp="-1")),
        (BODY, signed(BODY, timestamp=None)),
        (BODY, signed(BODY, signature="")),
        (BODY, signed(BODY, signature="não é")),
        (BODY, signed(BODY, signature="not base64")),
        (BODY, signed(BODY, signature=base64.b64encode(b"not DER").decode())),
        (BODY, signed(BODY, signature="A" * 100_000)),
        (BODY, signed(BODY, signature=None)),
        (BODY, {}),
    ],
    ids=["byte", "stripped", "space", "line-ends", "empty", "other-key", "other-time", "no-time", "arabic"]
    + ["long-time", "negative", "time-missing", "no-signature", "non-ascii", "not-base64", "not-der", "long"]
    + ["missing", "no-headers"],
)
def test_refuses_what_was_not_signed_like_this(cast: Cast, body: bytes, headers: dict[str, str]) -> None:
    connect(cast.acme)
    assert refusal(post(body, headers=headers)) == UNAUTHORIZED
    assert inbox() == []
    assert post(BODY).status_code == 200  # and the very body is taken with its own signature


def test_refuses_alike_an_unknown_key_and_an_integration_that_knows_no_key(cast: Cast) -> None:
    connect(cast.acme, vendor=None)
    assert refusal(post([event("delivered")])) == UNAUTHORIZED
    assert refusal(post([event("delivered")], key="no-such-key")) == UNAUTHORIZED
    assert refusal(post(b"no json", key="no-such-key")) == UNAUTHORIZED
    assert refusal(post(b"no json", headers={})) == UNAUTHORIZED
    assert inbox() == []


def test_refuses_the_events_of_another_clients_account(cast: Cast) -> None:
    other = Account()
    connect(cast.acme)
    connect(cast.globex, key="globex-key", vendor=other)
    assert refusal(post([event("delivered")], vendor=other)) == UNAUTHORIZED
    assert refusal(post([event("delivered")], key="globex-key")) == UNAUTHORIZED
    assert inbox() == []
    assert post([event("delivered")], key="globex-key", vendor=other).status_code == 200
    assert [one.client_id for one in inbox()] == [cast.globex.id]


@pytest.mark.parametrize("seconds", [-301, 301, -86_400])
def test_refuses_a_replay_after_five_minutes(cast: Cast, moving_clock: MovableClock, seconds: int) -> None:
    connect(cast.acme)
    now = moving_clock.stop(clock.now().replace(microsecond=0))
    at = int(now.timestamp()) + seconds
    assert refusal(post([event("delivered")], at=at)) == STALE
    assert inbox() == []
    assert post([event("delivered")], at=int(now.timestamp()) + 300).status_code == 200
    assert post([event("delivered")], at=int(now.timestamp()) - 300).status_code == 200


def test_the_addresses_of_two_providers_are_not_the_same(cast: Cast) -> None:
    connect(cast.acme)
    connect_uazapi(cast.globex, key="uazapi-key")
    assert refusal(post([event("delivered")], key="uazapi-key")) == UNAUTHORIZED
    assert refusal(post_uazapi(go(), key=KEY)) == UNAUTHORIZED
    assert inbox() == []


def test_a_removed_integration_and_a_suspended_client_are_not_there(cast: Cast) -> None:
    connect(cast.acme, removed_at=clock.now())
    connect(cast.globex, key="globex-key")
    with service_scope(reason="test rows"):
        Client.objects.filter(id=cast.globex.id).update(status=Client.Status.SUSPENDED)
    assert refusal(post([event("delivered")])) == UNAUTHORIZED
    assert refusal(post([event("delivered")], key="globex-key")) == UNAUTHORIZED
    assert inbox() == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"event":"delivered"}', b"null", b"7", b'"text"', b"[1]", b'[{"event":"open"},7]', b"[[]]"]
    + [b"[null]", b"[{]", b"\xff\xfe", b"[NaN]", b'[{"event":NaN}]', b"[" * 5000, b'[{"a":1,"a":2}]'],
    ids=lambda body: body[:12].decode("latin-1") or "empty",
)
def test_a_body_that_is_no_array_of_objects_is_400_and_stores_nothing(cast: Cast, body: bytes) -> None:
    connect(cast.acme)
    assert refusal(post(body))["status"] == 400
    assert refusal(post(body))["error_code"] == "INVALID_PAYLOAD"
    assert inbox() == []


def test_a_body_over_the_cap_is_413_and_another_method_405(cast: Cast) -> None:
    connect(cast.acme)
    assert refusal(post(b"[" + b" " * 1024 * 1024 + b"]"))["error_code"] == "PAYLOAD_TOO_LARGE"
    got = Browser().get(f"/webhooks/sendgrid/{KEY}")
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    assert Browser().post("/webhooks/sendgrid").status_code == 404
    assert inbox() == []


def test_i1_answers_503_while_the_database_is_down_and_takes_the_retry(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(cast.acme)
    batch = [event("delivered"), event("open")]

    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("the database is gone")

    with monkeypatch.context() as patch:
        patch.setattr("webhooks.receiving._insert", fail)
        assert refusal(post(batch))["status"] == 503
    assert inbox() == []
    assert post(batch).status_code == 200
    assert len(inbox()) == 2


# --- what is kept ---------------------------------------------------------------------------------


def test_i2_a_batch_that_is_posted_three_times_counts_once(cast: Cast) -> None:
    integration = connect(cast.acme)
    mail = make_mail(integration)
    batch = [event("delivered", message_id=str(mail.id)), event("spamreport", message_id=str(mail.id))]
    for _ in range(3):
        take_in(*batch)
    take_in(*reversed(batch))

    assert outcomes() == [("done", ""), ("done", "")]
    with service_scope(reason="test"):
        kinds = sorted(Event.objects.filter(client=cast.acme).values_list("kind", flat=True))
    assert kinds == ["contact_suppressed", "message_delivered"]


def test_i2_an_event_that_a_batch_repeats_is_one(cast: Cast) -> None:
    connect(cast.acme)
    one = event("delivered")
    assert post([one, one, {**one, "sg_event_id": "another"}]).status_code == 200
    assert len(inbox()) == 2


def test_i2_twenty_deliveries_of_one_batch_at_once_count_once(committed_cast: Cast) -> None:
    connect(committed_cast.acme)
    batch = [event("delivered") for _ in range(20)]
    answers = run_together(lambda number: post(batch if number % 2 else batch[::-1]).status_code, 20)
    assert answers == [200] * 20
    assert len(inbox()) == 20


def test_i2_the_same_event_at_two_integrations_is_two(cast: Cast) -> None:
    connect(cast.acme)
    connect(cast.globex, key="globex-key")
    one = event("delivered")
    assert post([one]).status_code == post([one], key="globex-key").status_code == 200
    assert {found.client_id for found in inbox()} == {cast.acme.id, cast.globex.id}


def test_i7_only_what_is_needed_is_kept_encrypted_and_erased_when_done(cast: Cast) -> None:
    connect(cast.acme)
    extra = {"ip": "203.0.113.9", "useragent": "Mozilla/5.0", "subject": "Sua consulta", "deep": {"a": [1]}}
    assert post([event("bounce", type="blocked", **extra)]).status_code == 200

    (stored,) = inbox()
    assert set(stored.payload) == {
        *("event", "email", "timestamp", "sg_event_id", "sg_message_id", "type"),
    }
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT t::text, payload FROM inbound_events t")
        row, payload = cursor.fetchone()
    assert ADDRESS not in row and ADDRESS.encode() not in bytes(payload)
    services.process_inbox()
    assert inbox()[0].payload is None
