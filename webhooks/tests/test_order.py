"""Many workers on one inbox: order per chat, poisoned events, workers that die."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest

from agent_tools.models import AgentRun
from integrations.models import Integration
from renum.accounts.scope import service_scope
from renum.conversations.models import Contact, Conversation, Message
from renum.events.models import Event
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together
from webhooks import endpoints, handlers, querysets, receiving, services
from webhooks.models import InboundEvent
from webhooks.parsers.base import Inbound
from webhooks.tests.helpers import connect, encode, go, inbox, text


class Poison(Exception):
    pass


class Handler:
    """Records what it is given, in order, and raises for what it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, str]] = []
        self.poisoned: dict[str, BaseException] = {}
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._genuine = handlers.HANDLERS[Inbound]
        monkeypatch.setitem(handlers.HANDLERS, Inbound, self)

    def __call__(self, event: InboundEvent, parsed: Inbound) -> Any:
        if self.seconds:
            time.sleep(self.seconds)
        with self._lock:
            self.seen.append((parsed.peer.wa_digits, parsed.text))
        result = self._genuine(event, parsed)
        if parsed.text in self.poisoned:
            raise self.poisoned[parsed.text]
        return result

    def of(self, phone: str) -> list[str]:
        return [words for seen, words in self.seen if seen == phone]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Handler:
    return Handler(monkeypatch)


def phone(chat: int) -> str:
    return f"55119876500{chat:02}"


def take_in(integration: Integration, chat: int, words: str) -> None:
    payload = go(text(words, phone=phone(chat), message_id=f"{chat}-{words}"))
    endpoint = endpoints.find_by_key(integration.provider, str(integration.webhook_key))
    assert endpoint is not None
    assert receiving.take_in(endpoint, receiving.as_rows(endpoint, payload, encode(payload)), [])


def states() -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for event in inbox():
        found[event.state] += 1
    return dict(found)


def texts_noted() -> int:
    with service_scope(reason="test"):
        return Message.objects.count()


def test_a_chat_is_processed_in_order_by_two_workers(
    committed_cast: Cast, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 7)
    handler.seconds = 0.001
    integration = connect(committed_cast.acme)
    expected: dict[str, list[str]] = defaultdict(list)
    for number in range(100):
        chat = (number * number) % 5
        take_in(integration, chat, str(number))
        expected[phone(chat)].append(str(number))

    results = run_together(lambda _: services.process_inbox(), 2)
    assert all(isinstance(result, int) for result in results), results
    services.process_inbox()  # as the sweep does

    assert {chat: handler.of(chat) for chat in expected} == dict(expected)
    assert states() == {"done": 100}
    assert texts_noted() == 100


def test_workers_leave_nothing_to_the_sweep(
    committed_cast: Cast, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that hold each other's chats up must not both go home: the sweep is seconds away."""
    monkeypatch.setattr(services, "BATCH", 5)
    handler.seconds = 0.002
    integration = connect(committed_cast.acme)
    for number in range(60):
        take_in(integration, 0, str(number))

    results = run_together(lambda _: services.process_inbox(), 4)

    assert all(isinstance(result, int) for result in results), results
    assert states() == {"done": 60}
    assert handler.of(phone(0)) == [str(number) for number in range(60)]


def test_a_poisoned_event_is_tried_again_with_growing_delays_and_then_fails(
    cast: Cast, handler: Handler, moving_clock: MovableClock
) -> None:
    integration = connect(cast.acme)
    handler.poisoned["bad"] = Poison()
    take_in(integration, 0, "bad")

    now = moving_clock.stop(moving_clock.advance(seconds=1))
    for attempt, seconds in enumerate([1, 2, 4, 8], start=1):
        services.process_inbox()
        (event,) = inbox()
        assert (event.state, event.attempts) == ("pending", attempt)
        assert event.next_attempt_at == now + timedelta(seconds=seconds)
        assert event.payload is not None
        moving_clock.advance(seconds=seconds - 0.001)
        services.process_inbox()
        assert inbox()[0].attempts == attempt, "too early"
        now = moving_clock.advance(seconds=0.001)
    services.process_inbox()

    (event,) = inbox()
    assert (event.state, event.reason_code, event.attempts) == ("failed", "PROCESSING_FAILED", 5)
    assert event.payload is None
    assert len(handler.seen) == 5
    with service_scope(reason="test"):
        for model in (Contact, Conversation, Message, Event, AgentRun):
            assert not model.objects.exists(), "each attempt is undone whole"


def test_a_poisoned_event_holds_up_its_own_chat_alone(
    cast: Cast, handler: Handler, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 1)
    integration = connect(cast.acme)
    handler.poisoned["bad"] = Poison()
    for chat, words in [(0, "bad"), (1, "a"), (0, "after"), (1, "b")]:
        take_in(integration, chat, words)
    moving_clock.stop(moving_clock.advance(seconds=1))

    services.process_inbox()
    assert handler.of(phone(1)) == ["a", "b"]
    assert handler.of(phone(0)) == ["bad"]

    handler.poisoned.clear()
    moving_clock.advance(seconds=1)
    services.process_inbox()
    assert handler.of(phone(0)) == ["bad", "bad", "after"]
    assert states() == {"done": 4}


def test_what_follows_a_poisoned_event_in_the_same_batch_waits_for_it(
    cast: Cast, handler: Handler, moving_clock: MovableClock
) -> None:
    integration = connect(cast.acme)
    handler.poisoned["bad"] = Poison()
    for chat, words in [(0, "bad"), (1, "a"), (0, "after"), (0, "later"), (1, "b")]:
        take_in(integration, chat, words)
    moving_clock.stop(moving_clock.advance(seconds=1))

    services.process_inbox()
    assert handler.of(phone(1)) == ["a", "b"]
    assert handler.of(phone(0)) == ["bad"]

    handler.poisoned.clear()
    moving_clock.advance(seconds=1)
    services.process_inbox()
    assert handler.of(phone(0)) == ["bad", "bad", "after", "later"]


def test_a_long_queue_behind_a_poisoned_event_holds_up_no_other_chat(
    cast: Cast, handler: Handler, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 5)
    integration = connect(cast.acme)
    handler.poisoned["bad"] = Poison()
    take_in(integration, 0, "bad")
    moving_clock.stop(moving_clock.advance(seconds=1))
    services.process_inbox()
    for number in range(12):
        take_in(integration, 0, str(number))
    take_in(integration, 1, "a")
    moving_clock.advance(seconds=0.5)

    services.process_inbox()

    assert handler.of(phone(1)) == ["a"]
    assert handler.of(phone(0)) == ["bad"]


def test_the_chat_goes_on_after_its_poisoned_event_has_failed(
    cast: Cast, handler: Handler, moving_clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "BATCH", 1)
    integration = connect(cast.acme)
    handler.poisoned["bad"] = Poison()
    take_in(integration, 0, "bad")
    take_in(integration, 0, "after")
    for _ in range(services.MAX_ATTEMPTS):
        moving_clock.advance(seconds=20)
        services.process_inbox()

    assert states() == {"failed": 1, "done": 1}
    assert handler.of(phone(0)) == ["bad"] * 5 + ["after"]


@pytest.mark.parametrize("death", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_a_worker_that_dies_in_the_middle_leaves_nothing_half_done(
    committed_cast: Cast, handler: Handler, death: BaseException
) -> None:
    integration = connect(committed_cast.acme)
    for number in range(5):
        take_in(integration, number, str(number))
    handler.poisoned["3"] = death

    with pytest.raises(type(death)):
        services.process_inbox()

    assert states() == {"pending": 5}
    assert {event.attempts for event in inbox()} == {0}
    with service_scope(reason="test"):
        for model in (Contact, Conversation, Message, Event, AgentRun):
            assert not model.objects.exists()

    handler.poisoned.clear()
    services.process_inbox()
    assert states() == {"done": 5}
    assert texts_noted() == 5


def test_two_workers_never_hold_the_same_event(committed_cast: Cast) -> None:
    integration = connect(committed_cast.acme)
    for number in range(20):
        take_in(integration, number, "x")
    holding = threading.Barrier(4)

    def claim(_: int) -> list[Any]:
        with service_scope(reason="test"):
            ids = [event.id for event in querysets.claim_pending(5)[0]]
            holding.wait(10)
            return ids

    claimed = run_together(claim, 4)
    assert sorted(len(ids) for ids in claimed) == [5, 5, 5, 5]
    assert len({event_id for ids in claimed for event_id in ids}) == 20
