"""What an agent said is known to its next turn, whatever comes of the turn that said it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

from agent_tools import memory, runs
from agent_tools.agents import runner
from agent_tools.memory import Exchange
from agent_tools.runs import Ended, Turn
from agent_tools.sessions import session_of
from agent_tools.tests.chat import hear, runs_of, set_outbound, step_in, work
from agent_tools.tests.helpers import ScriptedModel, say, send
from agent_tools.using import use_tool
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from tests.clocks import MovableClock

SEND = "send_whatsapp_message"
GAP = 3.0


@pytest.fixture
def talk(conversation: Conversation, moving_clock: MovableClock) -> Conversation:
    """The clock stands still."""
    moving_clock.stop()
    return conversation


def remembered(talk: Conversation) -> list[tuple[str, str]]:
    return [(one.said, one.answered) for one in memory.recall(talk.client_id, talk.id)]


def speak(turn: Turn, *words: str) -> Ended:
    session = session_of(turn)
    for one in words:
        use_tool(session, SEND, {"message": one})
    return Ended("stub", session.uses, session.refusal, answer="\n".join(session.words))


def test_what_left_is_remembered_though_the_contact_writes_before_the_turn_has_ended(
    talk: Conversation, moving_clock: MovableClock, script: Any
) -> None:
    known: list[tuple[str, str]] = []

    def interrupted(messages: list[BaseMessage]) -> AIMessage:
        set_outbound(talk, "sent")
        hear(talk, "E o prazo?")
        known.extend(remembered(talk))
        return say("")

    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    script(send("R$ 10."), interrupted)
    assert runs.run_pending(runner.perform) == 1
    assert known == [("Quanto custa?", "R$ 10.")], (
        "at once: the next turn may begin before this one has ended"
    )
    assert runs_of(talk) == [("done", "SUPERSEDED"), ("pending", "")]
    assert remembered(talk) == known

    moving_clock.advance(seconds=GAP)
    model: ScriptedModel = script(send("Dez dias."), say(""))
    assert runs.run_pending(runner.perform) == 1
    assert [str(one.content) for one in model.seen[0]][1:3] == ["Quanto custa?", "R$ 10."]
    assert remembered(talk) == [("Quanto custa?", "R$ 10."), ("E o prazo?", "Dez dias.")]


def test_what_is_taken_back_is_not_remembered(talk: Conversation, moving_clock: MovableClock) -> None:
    def interrupted(turn: Turn) -> Ended:
        ended = speak(turn, "R$ 10.")
        hear(talk, "E o prazo?")
        return ended

    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(interrupted) == 1
    assert remembered(talk) == []
    moving_clock.advance(seconds=GAP)
    work()
    assert [said for said, _ in remembered(talk)] == ["Quanto custa?\nE o prazo?"]


def test_of_two_messages_the_one_that_was_said_is_remembered(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    def speak_twice(turn: Turn) -> Ended:
        session = session_of(turn)
        assert use_tool(session, SEND, {"message": "Primeira parte."})["ok"]
        set_outbound(talk, "sent")
        hear(talk, "E o prazo?")
        assert not use_tool(session, SEND, {"message": "Segunda parte."})["ok"]
        return Ended("stub", 2, session.refusal, answer="\n".join(session.words))

    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(speak_twice) == 1
    assert remembered(talk) == [("Quanto custa?", "Primeira parte.")]


def test_what_left_before_a_person_took_over_is_remembered(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    def interrupted(turn: Turn) -> Ended:
        ended = speak(turn, "R$ 10.")
        set_outbound(talk, "sent")
        moving_clock.advance(seconds=1)
        step_in(talk)
        return ended

    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(interrupted) == 1
    assert remembered(talk) == [("Quanto custa?", "R$ 10.")]


def test_a_turn_that_is_begun_again_is_not_told_of_itself(
    talk: Conversation, moving_clock: MovableClock, script: Any
) -> None:
    def answer_and_fail(turn: Turn) -> Ended:
        speak(turn, "R$ 10.")
        raise RuntimeError

    memory.remember(talk.client_id, talk.id, Exchange(uuid.uuid4(), "Oi", "Olá!"))
    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(answer_and_fail) == 1
    moving_clock.advance(seconds=runs.RETRY_SECONDS)
    model: ScriptedModel = script(send("R$ 10."), say(""))
    assert runs.run_pending(runner.perform) == 1
    told = [str(one.content) for one in model.seen[0]][1:]
    assert (told[:2], told.count("Quanto custa?"), "R$ 10." in told) == (["Oi", "Olá!"], 1, False)
    assert remembered(talk) == [("Oi", "Olá!"), ("Quanto custa?", "R$ 10.")]


def test_i7_nothing_is_remembered_of_somebody_who_is_erased_meanwhile(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    refused: list[str] = []

    def interrupted(turn: Turn) -> Ended:
        session = session_of(turn)
        with service_scope(reason="test"):
            talk.contact.delete()
        use_tool(session, SEND, {"message": "R$ 10."})
        refused.append(session.refusal)
        return Ended("stub", 1, session.refusal)

    hear(talk, "Quanto custa?")
    moving_clock.advance(seconds=GAP)
    runs.run_pending(interrupted)
    assert refused == ["SUPERSEDED"]
    assert remembered(talk) == []
