"""The doors that other services of RENUM use."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import OperationalError

from integrations import tasks
from integrations.errors import IntegrationNotFound
from integrations.tasks import send_whatsapp_message, sweep_outbox
from integrations.tests.helpers import Vendor, all_outbound, connect_vendor, dispatch, noted
from renum.conversations.errors import InvalidPhone
from tests.cast import Cast
from tests.factories import make_integration

PHONE = "(11) 98765-4321"


def ask(cast: Cast, *, task_id: str, phone: str = PHONE, message: str = "Olá!") -> Any:
    return send_whatsapp_message.apply(args=(str(cast.acme.id), phone, message), task_id=task_id)


def test_is_known_by_the_name_that_other_services_call() -> None:
    assert send_whatsapp_message.name == "send_whatsapp_message"
    assert sweep_outbox.name == "integrations.sweep_outbox"


def test_i2_a_task_that_is_delivered_twice_sends_once(committed_cast: Cast, sandbox: Vendor) -> None:
    connect_vendor(committed_cast.acme, sandbox)
    answers = [ask(committed_cast, task_id="11111111-2222").get() for _ in range(2)]
    (row,) = all_outbound(committed_cast.acme)
    assert answers == [str(row.id)] * 2
    assert row.idempotency_key == "task:11111111-2222"
    assert row.cause == ["task:11111111-2222"]
    assert noted(row).author == "api"
    assert dispatch() == 1
    assert [entry["body"]["number"] for entry in sandbox.sends()] == ["5511987654321"]


def test_two_tasks_with_the_same_text_are_two_messages(committed_cast: Cast) -> None:
    make_integration(committed_cast.acme)
    assert ask(committed_cast, task_id="one").get() != ask(committed_cast, task_id="two").get()
    assert len(all_outbound(committed_cast.acme)) == 2


def test_can_be_called_by_keyword(committed_cast: Cast) -> None:
    make_integration(committed_cast.acme)
    arguments = {"client_id": str(committed_cast.acme.id), "phone": PHONE, "message": "Olá!"}
    assert uuid.UUID(send_whatsapp_message.apply(kwargs=arguments, task_id="one").get())


@pytest.mark.parametrize(
    ("integration", "phone", "error"), [(False, PHONE, IntegrationNotFound), (True, "123", InvalidPhone)]
)
def test_a_refusal_is_the_task_s_result_and_leaves_nothing(
    committed_cast: Cast, integration: bool, phone: str, error: type[Exception]
) -> None:
    if integration:
        make_integration(committed_cast.acme)
    with pytest.raises(error):
        ask(committed_cast, task_id="one", phone=phone).get()
    assert all_outbound(committed_cast.acme) == []


def test_i1_a_database_that_is_away_for_a_moment_does_not_lose_the_message(
    committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that fails is acknowledged: nobody would deliver it again."""
    make_integration(committed_cast.acme)
    real = tasks.send_whatsapp_text
    calls = 0

    def away_at_first(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OperationalError("the database system is starting up")
        return real(*args, **kwargs)

    monkeypatch.setattr(tasks, "send_whatsapp_text", away_at_first)
    ask(committed_cast, task_id="one")
    assert len(all_outbound(committed_cast.acme)) == 1
