"""Rule I7: what the log says about a send names no person, no secret and no word of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import structlog

from integrations import providers
from integrations.delivery import outcomes
from integrations.models import Integration, OutboundMessage
from integrations.tests.helpers import (
    GO_TOKEN,
    NORMAL,
    Clock,
    Vendor,
    Written,
    claim_due,
    connect_vendor,
    dispatch,
    make_talk,
    reread,
)
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.factories import make_outbound

TEXT = "Seu exame de sangue chegou"


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox)


def queue(integration: Integration, **fields: Any) -> OutboundMessage:
    return make_outbound(make_talk(integration.client), text=TEXT, integration=integration, **fields)


def says_nothing_about(message: OutboundMessage, logged: Written) -> list[dict[str, Any]]:
    whole = logged.getvalue()
    with service_scope(reason="test"):
        digits = str(message.conversation.contact.phone).removeprefix("+")
    key = message.integration.webhook_key
    hidden = [TEXT, "exame", digits, digits[2:], digits[-8:], GO_TOKEN, key, str(message.recipient_index)]
    assert not [one for one in hidden if one in whole]
    return logged.lines()


def test_i7_the_log_of_a_send(acme: Integration, logged: Written) -> None:
    message = queue(acme)
    dispatch()
    lines = says_nothing_about(message, logged)
    (line,) = [line for line in lines if line["event"] == "message_attempted"]
    assert line["message_id"] == str(message.id)
    assert (line["outcome"], line["code"], line["level"]) == ("sent", None, "info")
    assert line["latency_ms"] >= 0 and line["client_id"] == str(message.client_id)


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ({"kind": "status", "status": 400, "body": {"error": TEXT}}, "failed"),
        ({"kind": "status", "status": 401, "body": {"error": f"Invalid token {GO_TOKEN}"}}, "failed"),
        ({"kind": "status", "status": 503, "body": {"error": True, "message": TEXT}}, "queued"),
        ({"kind": "drop"}, "unknown"),
    ],
    ids=["400", "401", "503", "drop"],
)
def test_i7_the_log_of_a_send_that_fails(
    acme: Integration, sandbox: Vendor, logged: Written, fault: dict[str, Any], state: str
) -> None:
    sandbox.script(fault)
    message = queue(acme)
    dispatch()
    assert reread(message).state == state
    lines = says_nothing_about(message, logged)
    assert [line["message_id"] for line in lines if line["event"] == "message_attempted"] == [str(message.id)]
    row = reread(message)
    assert TEXT not in row.error_message and GO_TOKEN not in row.error_message


def test_i7_the_log_of_a_number_that_is_not_on_whatsapp(acme: Integration, logged: Written) -> None:
    message = queue(acme, recipient="5500010000000")
    dispatch()
    says_nothing_about(message, logged)
    assert "5500010000000" not in logged.getvalue()


def test_i7_the_log_of_a_mistake_of_ours(
    acme: Integration, logged: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crashing:
        async def send_text(self, message: providers.TextMessage) -> providers.SendResult:
            raise RuntimeError(f"cannot send to +{message.recipient} with token={GO_TOKEN}")

        async def aclose(self) -> None:
            """It holds nothing."""

    crashing = dataclasses.replace(providers.get("uazapi"), open=lambda config, http: Crashing())
    monkeypatch.setitem(providers.REGISTRY, "uazapi", crashing)
    message = queue(acme)
    dispatch()
    lines = says_nothing_about(message, logged)
    (line,) = [line for line in lines if line["event"] == "attempt_crashed"]
    assert line["level"] == "error" and "RuntimeError" in line["exception"]


def test_i7_the_log_of_a_worker_that_was_lost(
    acme: Integration, logged: Written, clock_stands: Clock
) -> None:
    message = queue(acme)
    (claimed,) = claim_due(NORMAL, 1)
    clock_stands.advance(60)
    outcomes.reap_expired_leases()
    outcomes.record_results([outcomes.Result(claimed, "vendor-1", None, latency_ms=1)])
    lines = says_nothing_about(message, logged)
    assert {"message_unknown", "lease_lost"} <= {line["event"] for line in lines}


def test_this_test_s_log_is_what_the_log_holds(logged: Written) -> None:
    structlog.get_logger("renum.tests").info("hello", answer=42, phone="+5511987654321")
    (line,) = logged.lines()
    assert (line["event"], line["answer"], line["phone"]) == ("hello", 42, "***")
