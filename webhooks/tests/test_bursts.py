"""Several messages in a row, from Uazapi's post to what waits in the outbox."""

from __future__ import annotations

import pytest

from agent_tools.models import AgentRun
from agent_tools.tests.chat import runs_of, work
from integrations.models import OutboundMessage
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.events.models import Event
from tests.cast import Cast
from tests.clocks import MovableClock
from webhooks.tests.chat import URL, Chat, vendor
from webhooks.tests.helpers import connect, echo, outcomes, text


@pytest.fixture
def chat(cast: Cast, moving_clock: MovableClock) -> Chat:
    moving_clock.stop()
    connect(cast.acme)
    return Chat(moving_clock)


def test_four_messages_and_a_redelivery_get_one_answer(chat: Chat) -> None:
    for words in ("Oi", "tudo bem?", "quero marcar"):
        chat.hear(words)
        chat.clock.advance(seconds=1)
        assert work() == 0
    last = vendor.spoken("text", text("amanhã", sent_at=chat.clock.now()), URL)
    chat.receive(last)
    chat.clock.advance(seconds=1.5)
    chat.receive(last, last)
    assert outcomes() == [("done", "")] * 4
    chat.clock.advance(seconds=0.5)
    assert work() == 1
    assert chat.outbox() == [("queued", "", "Oi | tudo bem? | quero marcar | amanhã")]
    with service_scope(reason="test"):
        run, messages = AgentRun.objects.get(), Message.objects.filter(direction="inbound")
        newest = messages.latest("occurred_at")
        assert run.cause[-1] == f"message:{newest.id}"
        assert OutboundMessage.objects.get().cause == [*run.cause, f"agent_run:{run.id}"]


def test_a_burst_that_arrives_in_one_batch_gets_one_answer(chat: Chat) -> None:
    chat.receive(*(vendor.spoken("text", text(words), URL) for words in ("Oi", "tudo bem?", "quero marcar")))
    chat.clock.advance(seconds=2)
    assert work() == 1
    ((_, _, words),) = chat.outbox()
    assert sorted(words.split(" | ")) == ["Oi", "quero marcar", "tudo bem?"]


def test_a_newer_message_takes_back_an_answer_that_has_not_left(chat: Chat) -> None:
    chat.hear("Quero marcar")
    chat.clock.advance(seconds=2)
    work()
    chat.clock.advance(seconds=1)
    chat.hear("às 15h")
    chat.clock.advance(seconds=2)
    work()
    assert chat.outbox() == [("failed", "SUPERSEDED", ""), ("queued", "", "Quero marcar | às 15h")]
    with service_scope(reason="test"):
        assert runs_of(Conversation.objects.get()) == [("superseded", "SUPERSEDED"), ("done", "")]
        assert not Event.objects.filter(kind=Event.Kind.MESSAGE_FAILED).exists()


def test_a_message_after_the_answer_left_is_answered_by_itself(chat: Chat) -> None:
    chat.hear("Quero marcar")
    chat.clock.advance(seconds=2)
    work()
    with service_scope(reason="test"):
        (answer,) = OutboundMessage.objects.all()
    chat.receive(echo(str(answer.id), "3EB0OURS"))
    chat.hear("às 15h")
    chat.clock.advance(seconds=2)
    work()
    assert chat.outbox() == [("sent", "ECHOED", ""), ("queued", "", "às 15h")]


def test_a_corrected_message_is_answered_as_corrected(chat: Chat) -> None:
    wrong = chat.hear("amanhã às 51h")
    chat.hear("pode?")
    chat.hear("amanhã às 15h", edits=wrong)
    chat.clock.advance(seconds=2)
    work()
    assert chat.outbox() == [("queued", "", "amanhã às 15h | pode?")]
