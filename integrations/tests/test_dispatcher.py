"""From the outbox to the vendor and back, against the sandbox in both dialects."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from integrations import providers
from integrations.delivery import dispatcher, outcomes
from integrations.models import Integration, OutboundMessage
from integrations.providers.uazapi.client import neutralize_placeholders
from integrations.tests.helpers import (
    HIGH,
    LOW,
    NORMAL,
    Clock,
    Vendor,
    all_outbound,
    attempts_of,
    change,
    closed_port,
    connect_vendor,
    dispatch,
    events_about,
    http_answer,
    in_background,
    make_backlog,
    make_clients,
    make_talk,
    noted,
    reread,
    reread_integration,
    wait_until,
)
from renum import clock
from renum.accounts.scope import service_scope
from renum.security.tests.peers import closing, listening
from tests.cast import Cast
from tests.concurrency import run_together
from tests.factories import make_conversation, make_integration, make_outbound, make_suppression

TEXT = "Olá! Sua consulta é amanhã. 🙂"
NOT_ON_WHATSAPP = "5500010000000"


@pytest.fixture(params=["go", "v1"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def acme(committed_cast: Cast, sandbox: Vendor, dialect: str) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox, dialect)


@pytest.fixture
def acme_go(committed_cast: Cast, sandbox: Vendor) -> Integration:
    return connect_vendor(committed_cast.acme, sandbox)


def queue(integration: Integration, text: str = TEXT, **fields: Any) -> OutboundMessage:
    talk = make_talk(integration.client)
    return make_outbound(talk, text=text, integration=integration, cause=["inbound:1"], **fields)


def fault(status: int, **more: Any) -> dict[str, Any]:
    return {"kind": "status", "status": status, **more}


def ended(message: OutboundMessage, state: str, code: str, event: str) -> OutboundMessage:
    """The message ended so, everywhere; nothing of what it said is left."""
    row = reread(message)
    assert (row.state, row.reason_code) == (state, code)
    assert row.body is None and row.recipient is None
    assert row.lease_token is None and row.leased_until is None
    assert row.finished_at is not None
    assert noted(message).state == state
    (found,) = events_about(message)
    assert (found.kind, found.client_id, found.conversation_id) == (event, row.client_id, row.conversation_id)
    assert found.cause == [*row.cause, f"message:{row.id}"]
    assert found.data == {"message_id": str(row.id), "reason_code": code}
    return row


# --- it is sent -----------------------------------------------------------------------------------


def test_sends_with_our_reference_and_forgets_the_words(
    acme: Integration, sandbox: Vendor, dialect: str
) -> None:
    message = queue(acme)
    digits = str(message.conversation.contact.phone).removeprefix("+")
    assert dispatch() == 1

    (request,) = sandbox.sends()
    to, text = ("number", "text") if dialect == "go" else ("phone", "message")
    assert request["outcome"] == "accepted"
    assert request["body"][text] == TEXT
    assert request["body"][to].removeprefix("+") == digits
    assert request["body"]["track_id"] == str(message.id)

    row = ended(message, "sent", "", "message_sent")
    assert row.sent_at == row.finished_at
    assert row.attempts == 1
    assert row.provider_message_id is not None
    assert row.provider_message_id.startswith("3EB0" if dialect == "go" else "msg_")
    assert noted(message).provider_message_id == row.provider_message_id
    (attempt,) = attempts_of(message)
    assert (attempt.outcome, attempt.error_code, attempt.provider) == ("sent", "", "uazapi")
    assert attempt.latency_ms is not None and 0 <= attempt.latency_ms < 2000
    assert attempt.finished_at is not None and attempt.started_at <= attempt.finished_at


def test_a_second_run_has_nothing_to_do(acme_go: Integration, sandbox: Vendor) -> None:
    queue(acme_go)
    assert dispatch() == 1
    assert dispatch() == dispatch(HIGH) == dispatch(LOW) == 0
    assert len(sandbox.sends()) == 1


def test_sends_everything_that_is_due_in_order_per_person(acme_go: Integration, sandbox: Vendor) -> None:
    make_backlog(acme_go, 12, phones=["+5511987654321", "+5511987654322", "+5511987654323"])
    assert dispatch() == 12
    arrived: dict[str, list[str]] = {}
    for entry in sandbox.sends():
        arrived.setdefault(entry["body"]["number"], []).append(entry["body"]["text"])
    assert len(arrived) == 3
    for texts in arrived.values():
        numbers = [int(text.split()[-1]) for text in texts]
        assert numbers == sorted(numbers) and len(numbers) == 4


def test_only_its_own_lane_is_sent(acme_go: Integration, sandbox: Vendor) -> None:
    message = queue(acme_go, priority=LOW)
    assert dispatch(HIGH) == dispatch(NORMAL) == 0
    assert sandbox.sends() == []
    assert dispatch(LOW) == 1
    assert reread(message).state == "sent"


@pytest.mark.parametrize(
    "text", ["Olá {{name}}", "CPF {{lead_personalid}} {{ name }}", "{{{name}}}", "{{{{name}}}}", "{{", "}}{{"]
)
def test_i7_placeholders_do_not_reach_the_vendor(acme: Integration, sandbox: Vendor, text: str) -> None:
    queue(acme, text)
    dispatch()
    (request,) = sandbox.sends()
    on_the_wire = request["body"].get("text") or request["body"]["message"]
    assert "{{" not in on_the_wire
    assert on_the_wire.replace("\u2060", "") == text


def test_a_text_without_placeholders_is_left_alone() -> None:
    assert neutralize_placeholders("{a} { {b} }} json: {}") == "{a} { {b} }} json: {}"


# --- definite failures are retried ----------------------------------------------------------------


def test_i3_retries_after_1_5_and_25_seconds_and_then_gives_up(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    sandbox.script(fault(503, times=4))
    message = queue(acme)
    for number, seconds in enumerate((1, 5, 25), start=1):
        assert dispatch() == 1
        row = reread(message)
        assert (row.state, row.reason_code, row.attempts) == ("queued", "CONNECTION_FAILED", number)
        assert 0.8 * seconds <= (row.next_attempt_at - clock_stands.at).total_seconds() <= 1.2 * seconds
        assert row.body == {"text": TEXT} and row.lease_token is None and row.leased_until is None
        assert noted(message).state == "queued" and events_about(message) == []
        assert [one.outcome for one in attempts_of(message)] == ["retry"] * number
        clock_stands.at = row.next_attempt_at - timedelta(milliseconds=1)
        assert dispatch() == 0
        clock_stands.advance(0.001)
    assert dispatch() == 1
    row = ended(message, "failed", "CONNECTION_FAILED", "message_failed")
    assert row.attempts == 4 and row.sent_at is None and row.error_message
    attempts = attempts_of(message)
    assert [(one.number, one.outcome) for one in attempts] == [
        (1, "retry"),
        (2, "retry"),
        (3, "retry"),
        (4, "failed"),
    ]
    assert {(one.http_status, one.error_code) for one in attempts} == {(503, "CONNECTION_FAILED")}
    assert all(one.finished_at and one.latency_ms is not None for one in attempts)
    clock_stands.advance(3600)
    assert dispatch() == 0
    assert [entry["outcome"] for entry in sandbox.sends()] == ["fault:503"] * 4


def test_a_retry_that_succeeds_arrives_once_and_leaves_no_error_behind(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    sandbox.script(fault(503))
    message = queue(acme)
    dispatch()
    clock_stands.advance(2)
    dispatch()
    row = ended(message, "sent", "", "message_sent")
    assert [entry["outcome"] for entry in sandbox.sends()] == ["fault:503", "accepted"]
    assert len({entry["body"]["track_id"] for entry in sandbox.sends()}) == 1
    assert [one.outcome for one in attempts_of(message)] == ["retry", "sent"]
    assert row.attempts == 2
    assert row.error_message == ""


def test_retries_when_the_connection_is_refused(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    integration = make_integration(committed_cast.acme, api_url=f"http://127.0.0.1:{closed_port()}")
    message = queue(integration)
    assert dispatch() == 1
    row = reread(message)
    assert (row.state, row.reason_code, row.attempts) == ("queued", "CONNECTION_FAILED", 1)
    assert 0.8 <= (row.next_attempt_at - clock_stands.at).total_seconds() <= 1.2
    assert attempts_of(message)[0].http_status is None


def test_obeys_retry_after(acme: Integration, sandbox: Vendor, clock_stands: Clock) -> None:
    sandbox.script(fault(429, retry_after=40))
    message = queue(acme)
    dispatch()
    row = reread(message)
    assert (row.state, row.reason_code) == ("queued", "RATE_LIMIT_EXCEEDED")
    assert row.next_attempt_at == clock_stands.at + timedelta(seconds=40)
    clock_stands.advance(39.9)
    assert dispatch() == 0
    clock_stands.advance(0.1)
    assert dispatch() == 1
    assert reread(message).state == "sent"
    assert [entry["outcome"] for entry in sandbox.sends()] == ["fault:429", "accepted"]


def test_while_one_message_waits_for_its_retry_the_next_person_s_leaves(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    first = queue(acme_go)
    target = str(first.conversation.contact.phone)
    sandbox.script(fault(503, target=target))
    second = queue(acme_go)
    assert dispatch() == 2
    assert (reread(first).state, reread(second).state) == ("queued", "sent")


# --- refusals for good ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 409, 413, 415, 422])
def test_does_not_retry_what_the_vendor_refused(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock, status: int
) -> None:
    sandbox.script(fault(status, times=5))
    message = queue(acme_go)
    dispatch()
    ended(message, "failed", "REJECTED", "message_failed")
    (attempt,) = attempts_of(message)
    assert (attempt.outcome, attempt.http_status) == ("failed", status)
    clock_stands.advance(3600)
    assert dispatch() == 0
    assert len(sandbox.sends()) == 1
    assert reread_integration(acme_go).status == "connected"


def test_a_refused_token_fails_the_message_and_marks_the_integration(
    committed_cast: Cast, sandbox: Vendor, dialect: str, clock_stands: Clock
) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox, dialect)
    healthy = connect_vendor(committed_cast.globex, sandbox, dialect)
    sandbox.script(fault(401))
    message = queue(integration)
    dispatch()
    ended(message, "failed", "INVALID_CREDENTIALS", "message_failed")
    integration = reread_integration(integration)
    assert integration.status == "error"
    assert integration.last_error
    assert reread_integration(healthy).status == "connected"
    clock_stands.advance(3600)
    assert dispatch() == 0
    assert len(sandbox.sends()) == 1


def test_says_in_portuguese_that_a_number_is_not_on_whatsapp(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    message = queue(acme, recipient=NOT_ON_WHATSAPP)
    dispatch()
    row = ended(message, "failed", "REJECTED", "message_failed")
    assert NOT_ON_WHATSAPP not in row.error_message
    clock_stands.advance(3600)
    assert dispatch() == 0
    assert len(sandbox.sends()) == 1
    assert row.error_message == "Este número não está no WhatsApp."


def test_does_not_retry_whatsapp_s_restriction_code(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    body = {
        "error_source": "whatsapp_server",
        "provider": "whatsapp",
        "provider_code": 463,
        "error_key": "WHATSAPP_REACHOUT_TIMELOCK",
        "message": "x",
    }
    sandbox.script(fault(500, body=body, times=5))
    message = queue(acme_go)
    dispatch()
    row = ended(message, "failed", "NEW_CHATS_BLOCKED", "message_failed")
    assert "novas conversas" in row.error_message
    clock_stands.advance(3600)
    assert dispatch() == 0
    assert len(sandbox.sends()) == 1


# --- nobody knows ---------------------------------------------------------------------------------


def stays_unknown(message: OutboundMessage, sandbox: Vendor, clock_stands: Clock, arrived: int = 1) -> None:
    for seconds in (2, 30, 3600, 86_400):
        clock_stands.advance(seconds)
        for lane in (HIGH, NORMAL, LOW):
            assert dispatch(lane) == 0
    assert reread(message).state == "unknown"
    assert len(sandbox.sends()) == arrived


def test_i3_an_answer_that_never_came_is_unknown_and_never_retried(
    acme: Integration, sandbox: Vendor, clock_stands: Clock, environment: Callable[..., None]
) -> None:
    environment(provider_timeout_seconds=0.4)
    sandbox.script({"kind": "accept_then_hang"})
    message = queue(acme)
    dispatch()
    row = ended(message, "unknown", "TIMED_OUT", "message_unknown")
    assert row.sent_at is None and row.attempts == 1
    (attempt,) = attempts_of(message)
    assert attempt.outcome == "unknown" and attempt.latency_ms is not None and attempt.latency_ms >= 350
    stays_unknown(message, sandbox, clock_stands)


def test_i3_a_connection_that_was_closed_without_an_answer_is_unknown(
    acme: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    """httpx-aiohttp calls this a connect time-out, which would be retried."""
    sandbox.script({"kind": "drop"})
    message = queue(acme)
    dispatch()
    ended(message, "unknown", "TIMED_OUT", "message_unknown")
    stays_unknown(message, sandbox, clock_stands)


@pytest.mark.parametrize("status", [408, 504, 520, 524])
def test_i3_a_gateway_that_gave_up_waiting_leaves_it_unknown(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock, status: int
) -> None:
    sandbox.script(fault(status))
    message = queue(acme_go)
    dispatch()
    ended(message, "unknown", "TIMED_OUT", "message_unknown")
    assert attempts_of(message)[0].http_status == status
    stays_unknown(message, sandbox, clock_stands)


def test_i3_an_answer_that_is_cut_short_leaves_it_unknown(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock
) -> None:
    cut = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"messageid":'
    with listening(closing(cut)) as peer:
        message = queue(make_integration(committed_cast.acme, api_url=peer.url("")))
        dispatch()
        assert reread(message).state == "unknown"
        stays_unknown(message, sandbox, clock_stands, arrived=0)
        assert len(peer.heard) == 1


@pytest.mark.parametrize(
    "answer",
    [
        http_answer("<html>OK</html>"),
        http_answer(b""),
        http_answer([]),
        http_answer(b"\xff\xfe"),
        http_answer("[" * 50_000),
        http_answer("", "302 Found", "Location: http://127.0.0.1:1/"),
        b"SSH-2.0-OpenSSH_9.7\r\n",
    ],
    ids=["html", "empty", "list", "not-utf8", "deep", "redirect", "not-http"],
)
def test_i3_an_answer_outside_the_contract_leaves_it_unknown(
    committed_cast: Cast, sandbox: Vendor, clock_stands: Clock, answer: bytes
) -> None:
    with listening(closing(answer)) as peer:
        message = queue(make_integration(committed_cast.acme, api_url=peer.url("")))
        dispatch()
        row = reread(message)
        assert (row.state, row.attempts) == ("unknown", 1)
        stays_unknown(message, sandbox, clock_stands, arrived=0)
        assert len(peer.heard) == 1


# --- one message does not cost another ------------------------------------------------------------


def test_others_results_are_recorded_while_one_hangs(
    committed_cast: Cast, sandbox: Vendor, environment: Callable[..., None]
) -> None:
    environment(provider_timeout_seconds=2.5)
    hanging = queue(connect_vendor(committed_cast.acme, sandbox))
    sandbox.script({"kind": "accept_then_hang", "target": str(hanging.conversation.contact.phone)})
    others = [queue(connect_vendor(client, sandbox)) for client in make_clients(5)]
    with in_background(dispatch):
        wait_until(lambda: all(reread(other).state == "sent" for other in others))
        assert reread(hanging).state == "sending"
        # and what is queued meanwhile is sent, too
        late = queue(others[0].integration)
        wait_until(lambda: reread(late).state == "sent")
        assert reread(hanging).state == "sending"
    assert reread(hanging).state == "unknown"


class Crashing:
    """A provider with a mistake in it."""

    async def send_text(self, message: providers.TextMessage) -> providers.SendResult:
        raise RuntimeError("a mistake of ours")

    async def aclose(self) -> None:
        """It holds nothing."""


def test_a_mistake_in_a_provider_costs_one_message_only(
    committed_cast: Cast, sandbox: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = [queue(connect_vendor(client, sandbox)) for client in make_clients(3)]
    bad = queue(make_integration(committed_cast.acme, api_url="http://crash.test"))
    real = providers.get("uazapi")

    def open_one(config: Any, http: Any) -> Any:
        return Crashing() if config.api_url == "http://crash.test" else real.open(config, http)

    monkeypatch.setitem(providers.REGISTRY, "uazapi", dataclasses.replace(real, open=open_one))
    assert dispatch() == 4
    ended(bad, "unknown", "PROTOCOL_ERROR", "message_unknown")
    for message in good:
        assert reread(message).state == "sent"
    assert len(sandbox.sends()) == 3


@pytest.mark.parametrize(
    "identifier", ["x" * 129, "x" * 100_000, "a\u0000b", "\ud800"], ids=["129", "100000", "nul", "surrogate"]
)
def test_an_id_that_does_not_fit_costs_one_message_at_most(
    committed_cast: Cast, sandbox: Vendor, identifier: str
) -> None:
    """The address is the client's own: whoever answers there must not disturb the other clients."""
    good = [queue(connect_vendor(client, sandbox)) for client in make_clients(3)]
    with listening(closing(http_answer({"messageid": identifier}))) as peer:
        bad = queue(make_integration(committed_cast.acme, api_url=peer.url("")))
        dispatch()
    assert [reread(message).state for message in good] == ["sent"] * 3
    assert reread(bad).state in ("sent", "unknown")


def test_an_id_that_is_taken_costs_one_message_at_most(committed_cast: Cast, sandbox: Vendor) -> None:
    good = [queue(connect_vendor(client, sandbox)) for client in make_clients(3)]
    with listening(closing(http_answer({"messageid": "always-the-same"}))) as peer:
        integration = make_integration(committed_cast.acme, api_url=peer.url(""))
        first, second = queue(integration), queue(integration)
        dispatch()
        assert len(peer.heard) == 2
    assert [reread(message).state for message in good] == ["sent"] * 3
    assert reread(first).state == reread(second).state == "sent"


def test_a_claim_that_fails_does_not_cost_what_is_in_flight(
    acme_go: Integration, sandbox: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = queue(acme_go)
    claims = 0
    real = dispatcher.claim_due

    def fail_later(*args: Any) -> Any:
        nonlocal claims
        claims += 1
        if claims > 1:
            raise OperationalError("the server closed the connection unexpectedly")
        return real(*args)

    sandbox.script({"kind": "delay", "seconds": 0.7})  # longer than a slice
    monkeypatch.setattr(dispatcher, "claim_due", fail_later)
    with suppress(OperationalError):
        dispatch()
    assert len(sandbox.sends()) == 1
    assert reread(message).state == "sent"


def test_a_result_that_the_database_did_not_take_is_offered_again(
    acme_go: Integration, sandbox: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = queue(acme_go)
    real, failures = outcomes._record_together, [OperationalError("away"), OperationalError("away")]

    def away_at_first(*args: Any) -> None:
        if failures:
            raise failures.pop()
        real(*args)

    monkeypatch.setattr(outcomes, "_record_together", away_at_first)
    dispatch()
    assert reread(message).state == "sent"
    assert len(sandbox.sends()) == 1


def test_what_the_gate_refuses_does_not_end_the_run(acme_go: Integration, sandbox: Vendor) -> None:
    late = clock.now() - timedelta(seconds=30)
    make_backlog(acme_go, 5, not_after=late)
    good = queue(acme_go)
    dispatch()
    assert reread(good).state == "sent"
    assert len(sandbox.sends()) == 1


# --- the gate on the way out ----------------------------------------------------------------------


def test_i4_nothing_leaves_for_who_opted_out_while_it_was_queued(
    acme_go: Integration, sandbox: Vendor
) -> None:
    message = queue(acme_go)
    make_suppression(acme_go.client, phone=str(message.conversation.contact.phone))
    assert dispatch() == 0
    assert sandbox.sends() == []
    ended(message, "failed", "OPTED_OUT", "message_failed")


def test_i4_an_opt_out_between_two_tries_stops_the_second(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    sandbox.script(fault(503))
    message = queue(acme_go)
    dispatch()
    make_suppression(acme_go.client, phone=str(message.conversation.contact.phone))
    clock_stands.advance(60)
    dispatch()
    ended(message, "failed", "OPTED_OUT", "message_failed")
    assert len(sandbox.sends()) == 1


def test_i4_a_retry_that_comes_too_late_is_not_made(
    acme_go: Integration, sandbox: Vendor, clock_stands: Clock
) -> None:
    sandbox.script(fault(429, retry_after=600))
    message = queue(acme_go, not_after=clock_stands.at + timedelta(minutes=5))
    dispatch()
    clock_stands.advance(600)
    dispatch()
    ended(message, "failed", "EXPIRED", "message_failed")
    assert len(sandbox.sends()) == 1


def test_i4_the_daily_limit_lets_exactly_so_many_through(committed_cast: Cast, sandbox: Vendor) -> None:
    integration = connect_vendor(committed_cast.acme, sandbox, daily_limit=3)
    make_backlog(integration, 7)
    dispatch()
    for _ in range(5):
        dispatch()
    states = [(row.state, row.reason_code) for row in all_outbound(committed_cast.acme)]
    assert states.count(("sent", "")) == 3
    assert {state for state, _ in states} == {"sent", "queued"}
    assert len(sandbox.sends()) == 3


def test_a_message_is_sent_with_the_settings_that_hold_when_it_leaves(
    committed_cast: Cast, sandbox: Vendor
) -> None:
    integration = make_integration(committed_cast.acme, api_url=f"http://127.0.0.1:{closed_port()}")
    message = queue(integration)
    with service_scope(reason="test"):
        integration.delete()
    with pytest.raises(OutboundMessage.DoesNotExist):
        reread(message)
    replacement = connect_vendor(committed_cast.acme, sandbox)
    queue(replacement)
    assert dispatch() == 1
    assert len(sandbox.sends()) == 1


def test_loopback_is_not_reached_when_it_is_not_allowed(
    acme_go: Integration, sandbox: Vendor, environment: Callable[..., None]
) -> None:
    environment(allow_loopback=False)
    message = queue(acme_go)
    dispatch()
    assert sandbox.journal() == []
    assert reread(message).state == "queued"
    assert attempts_of(message)[0].error_code == "CONNECTION_FAILED"


def test_i2_dispatchers_side_by_side_send_each_message_once(committed_cast: Cast, sandbox: Vendor) -> None:
    rows = [row for client in make_clients(8) for row in make_backlog(connect_vendor(client, sandbox), 5)]
    made = run_together(lambda _: dispatch(), 4)
    assert sum(made) == len(rows)
    tracked = [entry["body"]["track_id"] for entry in sandbox.sends()]
    assert sorted(tracked) == sorted(str(row.id) for row in rows)
    assert {reread(row).state for row in rows} == {"sent"}


def test_change_is_seen_by_the_next_claim(acme_go: Integration, sandbox: Vendor) -> None:
    message = queue(acme_go, next_attempt_at=clock.now() + timedelta(hours=1))
    assert dispatch() == 0 and sandbox.sends() == []
    change(message, next_attempt_at=clock.now())
    assert dispatch() == 1


def test_an_integration_of_nobody_else_is_used(committed_cast: Cast, sandbox: Vendor) -> None:
    connect_vendor(committed_cast.globex, sandbox)
    closed = make_integration(committed_cast.acme, api_url=f"http://127.0.0.1:{closed_port()}")
    make_outbound(make_conversation(committed_cast.acme), integration=closed)
    assert dispatch() == 1
    assert sandbox.journal() == []
