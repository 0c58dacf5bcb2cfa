"""The `Idempotency-Key` header on both sends: what a client repeats is sent once (rule I2)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from integrations.delivery import limits
from integrations.models import OutboundMessage
from integrations.tests.contracts import accepted, make_connection, post, refused
from integrations.tests.helpers import (
    Vendor,
    all_outbound,
    connect_vendor,
    dispatch,
    dispatcher_running,
    in_background,
    reread,
)
from renum import clock
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.concurrency import run_together

WHATSAPP, EMAIL = "/api/integrations/whatsapp/send", "/api/integrations/email/send"
TEXT = {"phone": "+5511987654321", "message": "Olá! Como posso ajudar?"}
MAIL = {
    "to": ["ana@cliente.example"],
    "subject": "Consulta",
    "body": "Até amanhã.",
    "cc": ["bia@cliente.example"],
}
DOORS = [(WHATSAPP, TEXT), (EMAIL, MAIL)]
both_doors = pytest.mark.parametrize(("door", "body"), DOORS, ids=["whatsapp", "email"])


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor) -> Cast:
    """Acme with both channels at the sandbox, and Globex with WhatsApp."""
    connect_vendor(committed_cast.acme, sandbox)
    connect_vendor(committed_cast.globex, sandbox)
    smtp = {
        "host": "localhost",
        "port": sandbox.smtp_port,
        "security": "plain",
        "from_email": "contato@acme.example",
    }
    make_connection(committed_cast.acme, "smtp", smtp)
    return committed_cast


@pytest.fixture
def alice(acme: Cast, api: Callable[..., APIClient]) -> APIClient:
    return api(acme.alice)


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def arrived(sandbox: Vendor) -> int:
    return len(sandbox.sends()) + len(sandbox.journal(provider="smtp"))


@both_doors
def test_i2_the_same_request_twice_is_one_message_sent_once(
    acme: Cast, alice: APIClient, sandbox: Vendor, door: str, body: dict[str, Any]
) -> None:
    first = accepted(post(alice, door, body, **keyed('"k-1"')), 202)
    again = accepted(post(alice, door, body, **keyed('"k-1"')), 202)
    assert again == first
    (row,) = all_outbound(acme.acme)
    assert str(row.id) == first["message_id"]
    assert dispatch() == 1
    assert arrived(sandbox) == 1

    after = accepted(post(alice, door, body, **keyed('"k-1"')), 200)
    assert (after["message_id"], after["status"]) == (first["message_id"], "sent")
    assert after["sent_at"] == clock.iso(reread(row).sent_at)
    assert dispatch() == 0
    assert arrived(sandbox) == len(all_outbound(acme.acme)) == 1


@both_doors
def test_i2_a_key_with_quotes_and_without_is_the_same_key(
    acme: Cast, alice: APIClient, door: str, body: dict[str, Any]
) -> None:
    ids = {
        accepted(post(alice, door, body, **keyed(key)), 202)["message_id"]
        for key in ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324")
    }
    assert len(ids) == len(all_outbound(acme.acme)) == 1


OTHERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (WHATSAPP, TEXT, {"message": "Outra coisa"}),
    (WHATSAPP, TEXT, {"phone": "+5511987654322"}),
    (EMAIL, MAIL, {"subject": "Outro"}),
    (EMAIL, MAIL, {"body": "Outro"}),
    (EMAIL, MAIL, {"to": ["caio@cliente.example"]}),
    (EMAIL, MAIL, {"to": ["ana@cliente.example", "caio@cliente.example"]}),
    (EMAIL, MAIL, {"cc": []}),
    (EMAIL, MAIL, {"bcc": ["caio@cliente.example"]}),
    (EMAIL, MAIL, {"reply_to": "caio@cliente.example"}),
]


@pytest.mark.parametrize(("door", "body", "other"), OTHERS, ids=lambda value: str(value)[:40])
def test_i2_the_same_key_with_another_body_is_422(
    acme: Cast, alice: APIClient, sandbox: Vendor, door: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    first = accepted(post(alice, door, body, **keyed('"k-1"')), 202)
    refused(post(alice, door, {**body, **other}, **keyed('"k-1"')), 422, "IDEMPOTENCY_KEY_REUSED")
    assert [str(row.id) for row in all_outbound(acme.acme)] == [first["message_id"]]
    assert dispatch() == 1
    assert arrived(sandbox) == 1


def test_i2_a_key_used_on_one_door_does_not_open_the_other(acme: Cast, alice: APIClient) -> None:
    accepted(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    refused(post(alice, EMAIL, MAIL, **keyed('"k-1"')), 422, "IDEMPOTENCY_KEY_REUSED")
    assert len(all_outbound(acme.acme)) == 1


@pytest.mark.parametrize("phone", ["(11) 98765-4321", "+55 11 98765-4321", "11987654321"])
def test_i2_another_spelling_of_the_same_request_is_the_same_request(
    acme: Cast, alice: APIClient, phone: str
) -> None:
    first = accepted(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    again = accepted(post(alice, WHATSAPP, {**TEXT, "phone": phone}, **keyed('"k-1"')), 202)
    assert again["message_id"] == first["message_id"]


@pytest.mark.parametrize(
    "key",
    [
        "",
        '""',
        '"',
        '"a',
        'a"',
        '"a"b',
        'a"b',
        "a b",
        "chave-ç",
        '"chave-ç"',
        "x" * 191,
        f'"{"x" * 191}"',
        "a\tb",
    ],
    ids=lambda key: repr(key)[:20],
)
@both_doors
def test_i2_a_malformed_key_is_400_and_queues_nothing(
    acme: Cast, alice: APIClient, door: str, body: dict[str, Any], key: str
) -> None:
    answer = refused(post(alice, door, body, **keyed(key)), 400, "INVALID_IDEMPOTENCY_KEY")
    assert list(answer["details"]) == ["Idempotency-Key"]
    assert all_outbound(acme.acme) == []


@pytest.mark.parametrize("key", ["x" * 190, f'"{"x" * 190}"', '"a b"', "!", '"\'<>&;,=%2F"'])
def test_i2_an_unusual_key_is_a_key(acme: Cast, alice: APIClient, key: str) -> None:
    ids = {accepted(post(alice, WHATSAPP, TEXT, **keyed(key)), 202)["message_id"] for _ in range(2)}
    assert len(ids) == 1


def test_i2_without_a_key_nothing_is_the_same(acme: Cast, alice: APIClient) -> None:
    assert len({accepted(post(alice, WHATSAPP, TEXT), 202)["message_id"] for _ in range(3)}) == 3


@both_doors
def test_i2_while_the_first_request_is_under_way_the_second_is_409(
    acme: Cast, api: Callable[..., APIClient], door: str, body: dict[str, Any]
) -> None:
    inside, go_on = threading.Event(), threading.Event()
    first, second = api(acme.alice), api(acme.alice)

    def pause(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "outbound_messages"'):
            inside.set()
            assert go_on.wait(10)
        return execute(sql, *rest)

    def ask() -> Any:
        with connection.execute_wrapper(pause):
            return post(first, door, body, **keyed('"k-1"'))

    with in_background(ask) as response:
        assert inside.wait(10)
        answer = post(second, door, body, **keyed('"k-1"'))
        refused(answer, 409, "IDEMPOTENCY_KEY_IN_USE")
        assert answer["Retry-After"] == "1"
        # Neither another key nor another client has to wait.
        someone_else = {"phone": "+5511987654322"} if door == WHATSAPP else {}
        accepted(post(second, door, {**body, **someone_else}, **keyed('"k-2"')), 202)
        accepted(post(api(acme.bob), WHATSAPP, TEXT, **keyed('"k-1"')), 202)
        go_on.set()
    done = accepted(response.result(), 202)
    again = accepted(post(second, door, body, **keyed('"k-1"')), 202)
    assert again["message_id"] == done["message_id"]
    assert len(all_outbound(acme.acme)) == 2


@both_doors
def test_i2_twenty_at_once_are_one_row(
    acme: Cast, api: Callable[..., APIClient], sandbox: Vendor, door: str, body: dict[str, Any]
) -> None:
    clients = [api(acme.alice) for _ in range(20)]
    answers = run_together(lambda number: post(clients[number], door, body, **keyed('"k-1"')), 20)
    codes = {answer.status_code for answer in answers}
    assert codes <= {202, 409} and 202 in codes
    (row,) = all_outbound(acme.acme)
    assert {answer.json()["message_id"] for answer in answers if answer.status_code == 202} == {str(row.id)}
    assert {answer.json()["error_code"] for answer in answers if answer.status_code == 409} <= {
        "IDEMPOTENCY_KEY_IN_USE"
    }
    assert dispatch() == 1
    assert arrived(sandbox) == 1


def test_i2_a_key_belongs_to_a_client(acme: Cast, api: Callable[..., APIClient]) -> None:
    ours = accepted(post(api(acme.alice), WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    other = {**TEXT, "message": "Outra coisa"}
    theirs = accepted(post(api(acme.bob), WHATSAPP, other, **keyed('"k-1"')), 202)
    assert ours["message_id"] != theirs["message_id"]
    assert [len(all_outbound(client)) for client in (acme.acme, acme.globex)] == [1, 1]


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ({"kind": "status", "status": 400}, "failed", "REJECTED"),
        ({"kind": "drop"}, "unknown", "TIMED_OUT"),
    ],
    ids=["failed", "unknown"],
)
def test_i2_a_key_is_remembered_whatever_became_of_its_message(
    acme: Cast, alice: APIClient, sandbox: Vendor, fault: dict[str, Any], state: str, code: str
) -> None:
    sandbox.script(fault)
    first = accepted(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    dispatch()
    (row,) = all_outbound(acme.acme)
    assert row.state == state
    for _ in range(2):
        answer = refused(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 502, code)
        assert answer["details"] == {"message_id": first["message_id"], "status": state}
    other = {**TEXT, "message": "Outra coisa"}
    refused(post(alice, WHATSAPP, other, **keyed('"k-1"')), 422, "IDEMPOTENCY_KEY_REUSED")
    assert dispatch() == 0
    assert len(sandbox.sends()) == len(all_outbound(acme.acme)) == 1


def test_i2_a_key_is_remembered_though_its_connection_is_gone(acme: Cast, alice: APIClient) -> None:
    first = accepted(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    (row,) = all_outbound(acme.acme)
    accepted(alice.delete(f"/api/integrations/{row.integration_id}"))
    again = accepted(post(alice, WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    assert again["message_id"] == first["message_id"]
    refused(post(alice, WHATSAPP, TEXT, **keyed('"k-2"')), 404, "INTEGRATION_NOT_FOUND")


@pytest.mark.parametrize(
    ("door", "body", "wrong"),
    [
        (WHATSAPP, TEXT, {"phone": "123"}),
        (WHATSAPP, TEXT, {"message": ""}),
        (WHATSAPP, TEXT, {"surprise": 1}),
        (EMAIL, MAIL, {"to": ["nobody"]}),
        (EMAIL, MAIL, {"subject": "a\nBcc: x@y.example"}),
        (EMAIL, MAIL, {"to": []}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_i2_a_request_that_is_malformed_does_not_use_its_key_up(
    acme: Cast, alice: APIClient, door: str, body: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert post(alice, door, {**body, **wrong}, **keyed('"k-1"')).status_code == 400
    assert all_outbound(acme.acme) == []
    accepted(post(alice, door, body, **keyed('"k-1"')), 202)
    assert len(all_outbound(acme.acme)) == 1


@both_doors
def test_i2_a_request_that_comes_too_often_does_not_use_its_key_up(
    acme: Cast, alice: APIClient, monkeypatch: pytest.MonkeyPatch, door: str, body: dict[str, Any]
) -> None:
    monkeypatch.setitem(limits.RATES, "send", "1/minute")
    accepted(post(alice, door, body), 202)
    answer = post(alice, door, body, **keyed('"k-1"'))
    refused(answer, 429, "RATE_LIMIT_EXCEEDED")
    assert 1 <= int(answer["Retry-After"]) <= 60
    monkeypatch.setitem(limits.RATES, "send", "600/minute")
    accepted(post(alice, door, body, **keyed('"k-1"')), 202)
    assert len(all_outbound(acme.acme)) == 2


def test_i2_who_waits_for_the_outcome_does_not_keep_others_from_asking_for_it(
    acme: Cast, api: Callable[..., APIClient], sandbox: Vendor
) -> None:
    clients = [api(acme.alice) for _ in range(2)]
    first = accepted(post(clients[0], WHATSAPP, TEXT, **keyed('"k-1"')), 202)
    with dispatcher_running():
        answers = run_together(
            lambda number: post(clients[number], WHATSAPP, TEXT, Prefer="wait=8", **keyed('"k-1"')), 2
        )
    outcomes = {answer.status_code for answer in answers}
    assert outcomes <= {200, 409} and 200 in outcomes
    assert {answer.json().get("message_id", first["message_id"]) for answer in answers} == {
        first["message_id"]
    }
    assert len(sandbox.sends()) == 1


def test_i2_no_key_of_a_client_s_meets_those_that_we_make(acme: Cast, alice: APIClient) -> None:
    """A key that is spelled like one of ours, a task's or a trigger's, is a client's all the same."""
    accepted(post(alice, WHATSAPP, TEXT), 202)
    with service_scope(reason="test"):
        ours = OutboundMessage.objects.get().idempotency_key
    accepted(post(alice, WHATSAPP, {**TEXT, "message": "Outra"}, **keyed(ours)), 202)
    accepted(post(alice, WHATSAPP, {**TEXT, "message": "Outra"}, **keyed(f"task:{uuid.uuid4()}")), 202)
    with service_scope(reason="test"):
        keys = OutboundMessage.objects.values_list("idempotency_key", flat=True)
        assert sorted(key.split(":")[0] for key in keys) == ["api", "key", "key"]
