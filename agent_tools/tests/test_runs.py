"""Agent runs as a queue: claimed once, in order, under a lease; texts erased at the end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from agent_tools import runs
from agent_tools.runs import Ended, Turn
from agent_tools.services import request_reply
from agent_tools.tests.helpers import fresh, kept
from renum import clock
from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.concurrency import run_together

LEASE_SECONDS = 120


class Performer:
    """Notes the turns that it is given, and raises for the texts that it is told to."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.raises: dict[str, BaseException] = {}
        self.seconds = 0.0
        self._lock = threading.Lock()

    def __call__(self, turn: Turn) -> Ended:
        with self._lock:
            self.turns.append(turn)
        time.sleep(self.seconds)
        if error := self.raises.get(turn.text):
            raise error
        return Ended(model="stub", tool_calls=1)

    @property
    def texts(self) -> list[str]:
        return [turn.text for turn in self.turns]


@pytest.fixture
def performer() -> Performer:
    return Performer()


def test_a_turn_is_bound_to_its_client_and_conversation(cast: Cast, performer: Performer) -> None:
    conversation = factories.make_conversation(cast.acme)
    run = factories.make_agent_run(conversation, text="Oi", cause=["inbound:1"])
    assert runs.run_pending(performer) == 1
    (turn,) = performer.turns
    assert (turn.run_id, turn.client_id, turn.conversation_id) == (run.id, cast.acme.id, conversation.id)
    assert (turn.client_name, turn.profile_id) == ("Acme", cast.alice.id)
    assert (turn.text, turn.cause, turn.attempt) == ("Oi", Cause(("inbound:1",)), 1)
    assert runs.run_pending(performer) == 0


def test_runs_of_all_clients_are_taken(cast: Cast, performer: Performer) -> None:
    for client in (cast.acme, cast.globex):
        factories.make_agent_run(factories.make_conversation(client))
    assert runs.run_pending(performer) == 2
    assert {turn.client_id for turn in performer.turns} == {cast.acme.id, cast.globex.id}


def test_i7_the_text_is_encrypted_and_erased_in_the_end(cast: Cast, performer: Performer) -> None:
    def raw() -> Any:
        with service_scope(reason="test"), connection.cursor() as cursor:
            cursor.execute(
                "SELECT r::text || i::text, i.text FROM agent_runs r JOIN agent_run_inputs i ON i.run_id = r.id"
            )
            return cursor.fetchone()

    factories.make_agent_run(factories.make_conversation(cast.acme), text="Zebra de quartzo")
    row, stored = raw()
    assert "Zebra" not in row
    assert b"Zebra" not in bytes(stored)
    runs.run_pending(performer)
    assert raw()[1] is None


def test_i2_an_inbound_message_is_answered_by_one_run(cast: Cast, performer: Performer) -> None:
    factories.make_conversation_policy(cast.acme, burst_quiet_seconds=0)
    conversation, message_id = factories.make_conversation(cast.acme), uuid.uuid4()
    for _ in range(3):
        with service_scope(reason="test"):
            request_reply(conversation, message_id, "Oi", cause=Cause())
    assert runs.run_pending(performer) == 1
    with service_scope(reason="test"):
        request_reply(conversation, message_id, "Oi", cause=Cause())
    assert runs.run_pending(performer) == 0
    assert [turn.texts for turn in performer.turns] == [("Oi",)]


# --- many workers ---------------------------------------------------------------------------------------


def test_i2_a_conversation_has_one_run_that_is_not_over(cast: Cast) -> None:
    conversation = factories.make_conversation(cast.acme)
    factories.make_agent_run(conversation, state="done")
    factories.make_agent_run(conversation, state="running")
    with pytest.raises(IntegrityError, match="agent_runs_one_unfinished"), transaction.atomic():
        factories.make_agent_run(conversation)


def test_a_run_that_is_tried_again_later_holds_nobody_else_up(
    cast: Cast, performer: Performer, moving_clock: MovableClock
) -> None:
    for text in ("bad", "good"):
        factories.make_agent_run(factories.make_conversation(cast.acme), text=text)
    performer.raises["bad"] = RuntimeError()
    runs.run_pending(performer)
    assert sorted(performer.texts) == ["bad", "good"]
    performer.raises.clear()
    moving_clock.advance(seconds=6)
    runs.run_pending(performer)
    assert performer.texts[2:] == ["bad"]


def test_i2_many_workers_perform_each_turn_once(committed_cast: Cast, performer: Performer) -> None:
    performer.seconds = 0.002
    for number in range(20):
        factories.make_agent_run(factories.make_conversation(committed_cast.acme), text=str(number))
    results = run_together(lambda _: runs.run_pending(performer), 4)
    assert all(isinstance(result, int) for result in results), results
    runs.run_pending(performer)
    assert sorted(performer.texts, key=int) == [str(number) for number in range(20)]


def test_workers_at_the_same_moment_take_different_runs(committed_cast: Cast) -> None:
    for _ in range(8):
        factories.make_agent_run(factories.make_conversation(committed_cast.acme))
    turns = run_together(lambda _: runs.claim_next(), 8)
    taken = [turn.run_id for turn in turns if isinstance(turn, Turn)]
    assert all(turn is None or isinstance(turn, Turn) for turn in turns), turns
    assert len(taken) == len(set(taken))


# --- leases ---------------------------------------------------------------------------------------------


def test_a_lease_that_holds_keeps_the_run(cast: Cast, moving_clock: MovableClock) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))
    moving_clock.stop(moving_clock.advance(seconds=1))
    assert runs.claim_next() is not None
    assert fresh(run).leased_until == clock.now() + timedelta(seconds=LEASE_SECONDS)
    moving_clock.advance(seconds=LEASE_SECONDS)
    assert runs.claim_next() is None
    moving_clock.advance(microseconds=1)
    taken = runs.claim_next()
    assert taken is not None
    assert (taken.run_id, taken.attempt) == (run.id, 2)


def test_a_zombie_writes_nothing_over_the_new_owner(cast: Cast, moving_clock: MovableClock) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))

    def sleep_past_the_lease(_: Turn) -> Ended:
        moving_clock.advance(seconds=LEASE_SECONDS + 1)
        assert runs.run_pending(lambda turn: Ended("the new owner", 1)) == 1
        return Ended("the zombie", 7)

    runs.run_pending(sleep_past_the_lease)
    ended = fresh(run)
    assert (ended.state, ended.model, ended.tool_calls) == ("done", "the new owner", 1)


@pytest.mark.parametrize("error", [RuntimeError(), None])
def test_a_zombie_does_not_take_the_run_from_who_has_it_now(
    cast: Cast, moving_clock: MovableClock, error: Exception | None
) -> None:
    run = factories.make_agent_run(factories.make_conversation(cast.acme))

    def sleep_past_the_lease(turn: Turn) -> Ended:
        moving_clock.advance(seconds=LEASE_SECONDS + 1)
        assert runs.claim_next() is not None
        if error:
            raise error
        return Ended("the zombie", 7)

    runs.run_pending(sleep_past_the_lease)
    held = fresh(run)
    assert (held.state, held.model, held.attempts) == ("running", "", 2)
    assert held.lease_token is not None
    assert kept(run)


def test_a_run_that_kills_its_workers_is_given_up(
    cast: Cast, performer: Performer, moving_clock: MovableClock
) -> None:
    """Each death costs a worker and two minutes; without an end it would go on for ever."""
    run = factories.make_agent_run(factories.make_conversation(cast.acme), text="kill")
    performer.raises["kill"] = SystemExit()
    for _ in range(runs.MAX_ATTEMPTS):
        with pytest.raises(SystemExit):
            runs.run_pending(performer)
        moving_clock.advance(seconds=LEASE_SECONDS + 1)

    runs.run_pending(performer)

    assert len(performer.turns) == runs.MAX_ATTEMPTS
    ended = fresh(run)
    assert ended.state == "failed"
    assert ended.reason_code
    assert kept(run) == []


def test_a_text_that_cannot_be_decrypted_stops_nobody_else(
    cast: Cast, performer: Performer, moving_clock: MovableClock
) -> None:
    bad = factories.make_agent_run(factories.make_conversation(cast.acme), text="bad")
    factories.make_agent_run(factories.make_conversation(cast.globex), text="good")
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("UPDATE agent_run_inputs SET text = '\\x01' WHERE run_id = %s", [bad.id])

    for _ in range(runs.MAX_ATTEMPTS):
        runs.run_pending(performer)
        moving_clock.advance(minutes=5)

    assert performer.texts == ["good"]
    assert (fresh(bad).state, fresh(bad).reason_code) == ("failed", "TEXT_UNREADABLE")


def test_stops_taking_runs_when_its_time_is_up(cast: Cast, performer: Performer) -> None:
    for _ in range(3):
        factories.make_agent_run(factories.make_conversation(cast.acme))
    performer.seconds = 0.05
    assert runs.run_pending(performer, run_seconds=0.01) == 1
    assert runs.run_pending(performer, run_seconds=0) == 0


def test_asking_for_a_reply_loads_no_langchain() -> None:
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'renum.settings'; django.setup();"
        "import agent_tools.services, agent_tools.tasks, webhooks.handlers, renum.urls;"
        "sys.exit(any(name.split('.')[0] in ('langchain', 'langgraph', 'langchain_core') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
