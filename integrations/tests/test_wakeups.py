"""Valkey carries wake-ups only: they are few, and losing them all loses nothing."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from redis import Redis

from integrations.delivery.outbox import DISPATCH_TASK
from integrations.tasks import dispatch, sweep_outbox
from integrations.tests.helpers import (
    HIGH,
    LOW,
    NORMAL,
    Vendor,
    closed_port,
    connect_vendor,
    make_backlog,
    reread,
)
from renum import clock, wakeups
from renum.celery import QUEUES
from renum.security.tests.peers import listening
from renum.wakeups import wake_after_commit, wake_later, woken
from tests.cast import Cast
from tests.factories import make_conversation, make_integration, make_outbound


def valkey() -> Any:
    return wakeups._redis()


def waiting() -> dict[str, int]:
    """How many tasks wait in each queue."""
    return {queue: valkey().llen(queue) for queue in QUEUES}


def test_ten_wake_ups_are_one_task_until_it_runs(committed: None) -> None:
    for _ in range(10):
        wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
    assert waiting() == {"high": 0, "normal": 1, "low": 0}
    woken(DISPATCH_TASK, "normal")
    for _ in range(10):
        wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
    assert waiting() == {"high": 0, "normal": 2, "low": 0}


def test_a_wake_up_that_was_lost_silences_later_ones_for_seconds_only(committed: None) -> None:
    wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
    assert 0 < valkey().ttl(f"renum:wake:{DISPATCH_TASK}:normal") <= 3


def test_wake_ups_of_different_queues_and_tasks_are_not_merged(committed: None) -> None:
    for lane in QUEUES:
        wake_after_commit(DISPATCH_TASK, lane, lane=lane)
    wake_after_commit("webhooks.process_inbox", "high")
    assert waiting() == {"high": 2, "normal": 1, "low": 1}


def test_a_wake_up_for_later_stands_in_for_none_that_is_wanted_sooner(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(wakeups.current_app, "send_task", lambda *_, countdown, **__: asked.append(countdown))
    monkeypatch.setattr(time, "time", lambda: 1_000_000.0)
    for seconds in (9.0, 2.0, 2.0, 1.95, 60.0):
        wake_later(DISPATCH_TASK, "normal", seconds, lane="normal")
    assert asked == pytest.approx([9.0, 2.0, 10.0])


def test_the_task_that_is_woken_is_the_lane_s_dispatcher(committed: None) -> None:
    wake_after_commit(DISPATCH_TASK, "low", lane="low")
    with current_app.connection_for_read() as broker:
        message = broker.SimpleQueue("low").get(timeout=2)
        message.ack()
    assert message.headers["task"] == DISPATCH_TASK
    assert message.payload[1] == {"lane": "low"}


def test_a_transaction_s_wake_up_waits_for_its_commit(committed: None) -> None:
    with transaction.atomic():
        wake_after_commit(DISPATCH_TASK, "high", lane="high")
        assert waiting()["high"] == 0
    assert waiting()["high"] == 1


def test_the_dispatcher_task_makes_room_for_the_next_wake_up_before_it_looks(
    committed_cast: Cast, sandbox: Vendor
) -> None:
    message = make_outbound(
        make_conversation(committed_cast.acme), integration=connect_vendor(committed_cast.acme, sandbox)
    )
    wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
    dispatch("normal")
    assert reread(message).state == "sent"
    assert not valkey().exists(f"renum:wake:{DISPATCH_TASK}:normal")


# --- flushed --------------------------------------------------------------------------------------


def test_i1_a_flush_loses_nothing_the_sweep_wakes_again(committed_cast: Cast) -> None:
    integration = make_integration(committed_cast.acme)
    for priority in (HIGH, NORMAL, LOW):
        make_backlog(integration, 2, priority=priority)
    sweep_outbox()
    assert waiting() == {"high": 1, "normal": 1, "low": 1}
    valkey().flushall()
    assert waiting() == {"high": 0, "normal": 0, "low": 0}
    sweep_outbox()
    assert waiting() == {"high": 1, "normal": 1, "low": 1}


def test_i10_the_sweep_wakes_nobody_when_nothing_is_due(committed_cast: Cast) -> None:
    integration = make_integration(committed_cast.acme)
    make_backlog(integration, 1, state="sent")
    make_backlog(integration, 1, next_attempt_at=clock.now().replace(year=clock.now().year + 1))
    sweep_outbox()
    assert waiting() == {"high": 0, "normal": 0, "low": 0}


@pytest.mark.parametrize("queue", QUEUES)
def test_i1_tasks_reach_their_queue_and_no_other_after_a_flush(committed: None, queue: str) -> None:
    """kombu keeps its bindings in Valkey, too, and declares each of them once a connection."""
    for name in QUEUES:
        current_app.send_task(DISPATCH_TASK, kwargs={"lane": name}, queue=name, ignore_result=True)
    valkey().flushall()
    current_app.send_task(DISPATCH_TASK, kwargs={"lane": queue}, queue=queue, ignore_result=True)
    assert waiting() == {name: int(name == queue) for name in QUEUES}


# --- gone -----------------------------------------------------------------------------------------


def test_with_valkey_gone_nobody_waits_and_nothing_is_raised(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Redis(host="127.0.0.1", port=closed_port(), socket_connect_timeout=1, socket_timeout=1)
    monkeypatch.setattr(wakeups, "_redis", lambda: gone)
    started = time.monotonic()
    for _ in range(50):
        wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
    woken(DISPATCH_TASK, "normal")
    assert time.monotonic() - started < 2
    gone.close()


def test_a_valkey_that_hangs_holds_up_one_caller_not_each(
    committed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()
    with listening(lambda *_: over.wait(10) and None) as peer:
        hung = Redis(host="127.0.0.1", port=peer.port, socket_connect_timeout=1, socket_timeout=0.5)
        monkeypatch.setattr(wakeups, "_redis", lambda: hung)
        started = time.monotonic()
        for _ in range(20):
            wake_after_commit(DISPATCH_TASK, "normal", lane="normal")
        took = time.monotonic() - started
        over.set()
        hung.close()
    assert took < 3
