"""Somebody of the client answers from the phone, from Uazapi's post to what waits in the outbox."""

from __future__ import annotations

import pytest

from agent_tools.tests.chat import runs_of, work
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.models import Event
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks.tests.chat import Chat
from webhooks.tests.helpers import connect


@pytest.fixture
def chat(cast: Cast, moving_clock: MovableClock) -> Chat:
    moving_clock.stop()
    connect(cast.acme)
    return Chat(moving_clock)


def runs() -> list[tuple[str, str]]:
    with service_scope(reason="test"):
        return runs_of(Conversation.objects.get())


def test_the_agent_keeps_out_for_an_hour_and_then_returns(chat: Chat) -> None:
    chat.hear("Oi")
    chat.clock.advance(seconds=1)
    chat.hear("Olá, aqui é a Paula", by="phone")
    assert runs() == [("skipped", "ANSWERED_BY_PERSON")]
    with service_scope(reason="test"):
        assert Event.objects.get(kind=Event.Kind.AGENT_PAUSED).conversation_id is not None
    chat.clock.advance(minutes=30)
    chat.hear("Paula?")
    chat.clock.advance(seconds=10)
    assert work() == 0
    assert runs()[1:] == [("pending", "AGENT_PAUSED")]
    chat.clock.advance(minutes=30)
    assert work() == 1
    assert chat.outbox() == [("queued", "", "Paula?")]


def test_an_answer_that_waits_is_taken_back_when_a_person_writes(chat: Chat) -> None:
    chat.hear("Oi")
    chat.clock.advance(seconds=2)
    work()
    chat.clock.advance(seconds=1)
    chat.hear("Olá, aqui é a Paula", by="phone")
    assert chat.outbox() == [("failed", "TAKEN_OVER", "")]
    assert runs() == [("skipped", "TAKEN_OVER")]
    chat.clock.advance(hours=2)
    assert work() == 0


def test_a_message_from_the_phone_that_is_told_hours_later_takes_nothing_over(chat: Chat) -> None:
    chat.hear("Oi")
    chat.hear("Bom dia", by="phone", seconds_ago=7200)
    chat.clock.advance(seconds=2)
    assert work() == 1
    assert chat.outbox() == [("queued", "", "Oi")]


def test_another_system_s_message_does_not_pause_the_agent(chat: Chat) -> None:
    chat.hear("Oi")
    chat.hear("Recebemos a sua mensagem", by="api")
    chat.clock.advance(seconds=2)
    assert work() == 1
    assert chat.outbox() == [("queued", "", "Oi")]
