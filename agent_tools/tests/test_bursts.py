"""Several messages in a row get one answer, and an answer that is overtaken does not leave."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from agent_tools import bursts, runs, services, tasks
from agent_tools.models import AgentRun, AgentRunInput
from agent_tools.runs import Ended, Turn
from agent_tools.sessions import session_of
from agent_tools.tests.chat import (
    answer,
    hear,
    outcomes_of,
    runs_of,
    set_outbound,
    waiting_texts,
    work,
)
from agent_tools.tests.helpers import kept, outbox
from agent_tools.tools.whatsapp import WhatsAppTool
from renum import wakeups
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock

GAP, LONGEST = 2.0, 10.0


@pytest.fixture
def sending_cast(cast: Cast) -> Cast:
    factories.make_integration(cast.acme)
    return cast


@pytest.fixture
def talk(sending_cast: Cast, moving_clock: MovableClock) -> Conversation:
    """With a client that can send; the clock stands still."""
    moving_clock.stop()
    return factories.make_conversation(sending_cast.acme)


def only_run(**filters: Any) -> AgentRun:
    with service_scope(reason="test"):
        return AgentRun.objects.get(**filters)


# --- gathering ----------------------------------------------------------------------------------------


def test_four_short_messages_get_one_answer_after_a_quiet_gap(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    for text in ("Oi", "tudo bem?", "quero marcar", "pode ser amanhã?"):
        hear(talk, text)
        moving_clock.advance(seconds=GAP - 0.001)
        assert work() == 0, "they are still writing"
    run = only_run()
    assert (run.text_count, run.dropped_count) == (4, 0)
    moving_clock.advance(seconds=0.001)
    assert work() == 1
    assert waiting_texts(talk) == ["Oi | tudo bem? | quero marcar | pode ser amanhã?"]
    assert runs_of(talk) == [("done", "")]
    assert work() == 0


def test_whoever_never_stops_is_answered_after_the_longest_wait(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    started = moving_clock.now()
    for number in range(7):
        assert work() == 0
        hear(talk, str(number))
        moving_clock.advance(seconds=1.5)
    assert only_run().next_attempt_at == started + timedelta(seconds=LONGEST)
    assert work() == 1
    assert waiting_texts(talk) == ["0 | 1 | 2 | 3 | 4 | 5 | 6"]


def test_the_client_s_rules_say_how_long_to_wait(talk: Conversation, moving_clock: MovableClock) -> None:
    factories.make_conversation_policy(talk.client, burst_quiet_seconds=0)
    hear(talk, "Oi")
    assert work() == 1
    factories.make_conversation_policy(talk.client, burst_quiet_seconds=30, burst_max_seconds=60)
    set_outbound(talk, "sent")
    hear(talk, "E aí?")
    moving_clock.advance(seconds=29.9)
    assert work() == 0
    moving_clock.advance(seconds=0.1)
    assert work() == 1


def test_a_corrected_text_takes_the_place_of_the_first_one(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    wrong = hear(talk, "amanha as 51h")
    hear(talk, "pode?")
    moving_clock.advance(seconds=1)
    hear(talk, "amanhã às 16h", replaces=wrong)
    hear(talk, "amanhã às 15h", replaces=wrong)
    assert kept(only_run()) == ["amanhã às 15h", "pode?"]
    moving_clock.advance(seconds=1.5)
    assert work() == 0, "a correction moves the gap too"
    moving_clock.advance(seconds=0.5)
    work()
    assert waiting_texts(talk) == ["amanhã às 15h | pode?"]


def test_a_correction_of_what_was_answered_is_a_text_of_its_own(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    first = hear(talk, "às 51h")
    moving_clock.advance(seconds=GAP)
    work()
    set_outbound(talk, "sent")
    hear(talk, "às 15h", replaces=first)
    moving_clock.advance(seconds=GAP)
    work()
    assert waiting_texts(talk) == ["às 15h"]
    assert runs_of(talk) == [("done", "")] * 2


def test_more_than_a_model_can_take_is_dropped_the_oldest_first(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    for number in range(bursts.MAX_TEXTS + 3):
        hear(talk, str(number))
    run = only_run()
    assert (run.text_count, run.dropped_count) == (bursts.MAX_TEXTS, 3)
    assert kept(run) == [str(number) for number in range(3, bursts.MAX_TEXTS + 3)]
    hear(talk, "x" * (bursts.MAX_CHARACTERS - 3))
    assert kept(run) == ["22", "x" * (bursts.MAX_CHARACTERS - 3)]
    hear(talk, "y" * (bursts.MAX_CHARACTERS + 1))
    assert kept(run) == ["y" * bursts.MAX_CHARACTERS]
    assert only_run().text_count == 1


def test_i7_texts_are_sealed_and_bound_to_their_row(talk: Conversation) -> None:
    hear(talk, "Zebra de quartzo")
    with service_scope(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT i::text, text FROM agent_run_inputs i")
        row, stored = cursor.fetchone()
    assert "Zebra" not in row
    assert b"Zebra" not in bytes(stored)


# --- overtaken ----------------------------------------------------------------------------------------


def test_i2_a_text_that_comes_while_the_agent_thinks_stops_its_answer(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    refused: list[str] = []

    def think(turn: Turn) -> Ended:
        hear(talk, "às 15h")
        tool = WhatsAppTool(session_of(turn))
        refused.append(tool.invoke({"message": "old"}))
        return Ended("stub", tool.calls, tool.refusal)

    hear(talk, "Quero marcar")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(think) == 1
    assert '"error_code":"SUPERSEDED"' in refused[0]
    assert outbox() == []
    assert runs_of(talk) == [("superseded", "SUPERSEDED"), ("pending", "")]
    assert only_run(state="superseded").successor_id == only_run(state="pending").id

    moving_clock.advance(seconds=GAP)
    assert work() == 1
    assert waiting_texts(talk) == ["Quero marcar | às 15h"]
    assert runs_of(talk) == [("superseded", "SUPERSEDED"), ("done", "")]


def test_i2_an_answer_that_waits_in_the_outbox_is_taken_back(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    asked_at = moving_clock.now()
    hear(talk, "Quero marcar")
    moving_clock.advance(seconds=GAP)
    work()
    with service_scope(reason="test"):
        assert Conversation.objects.get(id=talk.id).unanswered_since is None
    moving_clock.advance(seconds=60)
    hear(talk, "às 15h")

    assert outcomes_of(talk) == [("failed", "SUPERSEDED")]
    (withdrawn,) = outbox()
    assert (withdrawn.body, withdrawn.recipient) == (None, None)
    with service_scope(reason="test"):
        assert Message.objects.get(id=withdrawn.id).state == "failed"
        assert not Event.objects.filter(kind=Event.Kind.MESSAGE_FAILED).exists()
        assert Conversation.objects.get(id=talk.id).unanswered_since == asked_at
    moving_clock.advance(seconds=GAP)
    assert work() == 1
    assert waiting_texts(talk) == ["Quero marcar | às 15h"]


def test_an_answer_that_is_taken_back_does_not_begin_the_longest_wait_anew(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    started = moving_clock.now()
    hear(talk, "Quero marcar")
    moving_clock.advance(seconds=GAP)
    work()
    moving_clock.advance(seconds=7)
    hear(talk, "às 15h")
    assert only_run(state="pending").next_attempt_at == started + timedelta(seconds=LONGEST)


def test_an_answer_that_has_left_or_may_have_stands(talk: Conversation, moving_clock: MovableClock) -> None:
    wrong = []
    for state in ("sending", "sent", "unknown", "failed"):
        conversation = factories.make_conversation(talk.client)
        hear(conversation, "Quero marcar")
        moving_clock.advance(seconds=GAP)
        work()
        set_outbound(conversation, state)
        hear(conversation, "às 15h")
        stands = outcomes_of(conversation) == [(state, "")]
        moving_clock.advance(seconds=GAP)
        work()
        if not stands or waiting_texts(conversation) != ["às 15h"]:
            wrong.append((state, outcomes_of(conversation), waiting_texts(conversation)))
        if runs_of(conversation) != [("done", "")] * 2:
            wrong.append((state, runs_of(conversation)))
    assert wrong == []


def test_an_answer_of_which_a_part_has_left_is_not_added_to(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    """And it is not begun anew either: its texts were answered."""

    def speak_twice(turn: Turn) -> Ended:
        tool = WhatsAppTool(session_of(turn))
        tool.invoke({"message": "first part"})
        set_outbound(talk, "sent")
        hear(talk, "às 15h")
        tool.invoke({"message": "second part"})
        return Ended("stub", tool.calls, tool.refusal)

    hear(talk, "Quero marcar")
    moving_clock.advance(seconds=GAP)
    runs.run_pending(speak_twice)
    assert outcomes_of(talk) == [("sent", "")]
    assert runs_of(talk) == [("done", "SUPERSEDED"), ("pending", "")]
    assert kept(only_run(state="done")) == []
    moving_clock.advance(seconds=GAP)
    work()
    assert waiting_texts(talk) == ["às 15h"]


def test_a_failed_try_that_had_queued_its_answer_is_superseded_too(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    """Its next try would find its own answer, and leave the new text without one."""

    def answer_and_fail(turn: Turn) -> Ended:
        answer(turn)
        raise RuntimeError

    hear(talk, "Quero marcar")
    moving_clock.advance(seconds=GAP)
    runs.run_pending(answer_and_fail)
    assert runs_of(talk) == [("pending", "")]
    hear(talk, "às 15h")
    moving_clock.advance(seconds=GAP)
    work()
    assert waiting_texts(talk) == ["Quero marcar | às 15h"]
    assert outcomes_of(talk) == [("failed", "SUPERSEDED"), ("queued", "")]


def test_a_text_that_joins_a_run_that_failed_does_not_hurry_it(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    def fail(_: Turn) -> Ended:
        raise RuntimeError

    hear(talk, "Oi")
    moving_clock.advance(seconds=GAP)
    runs.run_pending(fail)
    hear(talk, "Olá?")
    moving_clock.advance(seconds=runs.RETRY_SECONDS - 0.1)
    assert work() == 0
    moving_clock.advance(seconds=0.1)
    assert work() == 1
    assert waiting_texts(talk) == ["Oi | Olá?"]


# --- i7: how long texts are kept ------------------------------------------------------------------------


def test_i7_texts_are_kept_while_their_answer_may_be_taken_back_and_no_longer(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Oi")
    moving_clock.advance(seconds=GAP)
    work()
    run = only_run()
    looks = 0
    for state, seconds in (("queued", 2), ("queued", 600), ("sending", 60)):
        set_outbound(talk, state)
        moving_clock.advance(seconds=seconds)
        assert bursts.erase_unneeded_texts() == 0
        assert kept(run) == ["Oi"]
        looks += bursts.erase_unneeded_texts()
    assert looks == 0
    with service_scope(reason="test"):
        assert AgentRun.objects.get().erase_texts_at == moving_clock.now() + timedelta(seconds=60)
        type(outbox()[0]).objects.update(state="sent")
    moving_clock.advance(seconds=60)
    assert bursts.erase_unneeded_texts() == 1
    assert kept(run) == []
    assert bursts.erase_unneeded_texts() == 0
    with service_scope(reason="test"):
        assert AgentRunInput.objects.count() == 1, "the guard against a second answer stays"


# --- in time ------------------------------------------------------------------------------------------


def test_a_worker_is_woken_when_the_run_is_due(committed_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[float | None] = []

    def note(task: str, *, countdown: float | None, **_: Any) -> None:
        if task == services.RUN_TASK:
            woken.append(countdown)

    monkeypatch.setattr(wakeups.current_app, "send_task", note)
    wakeups._redis().flushdb()
    hear(factories.make_conversation(committed_cast.acme), "Oi")
    (first,) = woken
    assert first is not None
    assert GAP <= first <= GAP + 2 * wakeups.SLOT_SECONDS

    wakeups._redis().flushdb()
    tasks.run_pending()  # came too early: it asks for another one
    assert len(woken) == 2
    assert woken[1] is not None
    assert 0 < woken[1] <= GAP + 2 * wakeups.SLOT_SECONDS
