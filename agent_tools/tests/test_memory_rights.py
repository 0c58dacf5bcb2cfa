"""What agents remember is shown to whom it is about, and gone when their erasure is committed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from redis import Redis

from agent_tools import memory, runs
from agent_tools.memory import Exchange, recall, remember
from agent_tools.models import AgentRun
from agent_tools.runs import Ended, Turn
from agent_tools.tests.chat import hear
from integrations.models import OutboundMessage
from integrations.tests.helpers import closed_port, in_background, wait_until
from renum.accounts.scope import service_scope
from renum.api.tests.envelopes import assert_envelope
from renum.conversations import privacy
from renum.conversations.holdings import UNREADABLE
from renum.conversations.models import Contact, Conversation, Message
from renum.events.cause import Cause
from renum.events.models import Event
from renum.redis_client import redis_client
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import console_of, text_of


def know(conversation: Conversation, said: str = "Tenho asma") -> Exchange:
    """Have something remembered of a run of the conversation."""
    run = factories.make_agent_run(conversation)
    exchange = Exchange(run.id, said, "Anotado")
    remember(conversation.client_id, conversation.id, exchange)
    return exchange


def remembered(conversation: Conversation) -> list[Exchange]:
    return recall(conversation.client_id, conversation.id)


def count(model: Any, **filters: Any) -> int:
    with service_scope(reason="test look"):
        return int(model.objects.filter(**filters).count())


def address(conversation: Conversation, view: str = "") -> str:
    return f"/api/contacts/{conversation.contact_id}{view}"


def erase(conversation: Conversation) -> dict[str, int]:
    with service_scope(reason="test"):
        return privacy.erase_contact(conversation.client_id, conversation.contact_id, cause=Cause())


@pytest.fixture
def redis_down(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Redis is out of the memory's reach while a block runs."""

    @contextmanager
    def down() -> Iterator[None]:
        with monkeypatch.context() as patch, Redis(host="127.0.0.1", port=closed_port()) as gone:
            patch.setattr(memory, "redis_client", lambda: gone)
            yield

    return down


# --- shown ------------------------------------------------------------------------------------------------


def test_an_export_shows_what_agents_remember_of_the_contact_and_of_nobody_else(cast: Cast, api: Any) -> None:
    talk, other = (factories.make_conversation(cast.acme) for _ in range(2))
    exchange, _ = know(talk), know(other, "Texto alheio")
    answer = api(cast.alice).get(address(talk, "/export"))
    assert answer.json()["held"]["agent_memory"] == [
        {
            "conversation_id": str(talk.id),
            "exchanges": [{"run_id": str(exchange.run_id), "said": "Tenho asma", "answered": "Anotado"}],
        }
    ]
    assert "alheio" not in answer.content.decode()
    assert_envelope(api(cast.bob).get(address(talk, "/export")), 404, "CONTACT_NOT_FOUND")


def test_an_export_says_that_something_is_held_that_does_not_open(cast: Cast, api: Any) -> None:
    talk = factories.make_conversation(cast.acme)
    redis_client().set(f"renum:memory:{talk.id}", b"garbage", ex=60)
    held = api(cast.alice).get(address(talk, "/export")).json()["held"]
    assert held["agent_memory"] == [{"conversation_id": str(talk.id), "exchanges": UNREADABLE}]


def test_an_export_is_refused_rather_than_leave_out_what_is_held(
    cast: Cast, api: Any, redis_down: Callable[[], Any]
) -> None:
    talk = factories.make_conversation(cast.acme)
    know(talk)
    url = reverse("admin:conversations_contact_export", args=[talk.contact_id])
    with redis_down():
        refused = api(cast.alice).get(address(talk, "/export"))
        assert "memória dos agentes está fora do ar" in text_of(console_of(cast.sofia).post(url, follow=True))
    assert_envelope(refused, 503, "AGENT_MEMORY_UNAVAILABLE")
    assert refused["Retry-After"] == "5"
    assert count(Event, kind=Event.Kind.CONTACT_EXPORTED) == 0
    assert api(cast.alice).get(address(talk, "/export")).status_code == 200


# --- erased -----------------------------------------------------------------------------------------------


def test_an_erasure_takes_what_agents_remember_along(cast: Cast, api: Any) -> None:
    talk, other = (factories.make_conversation(cast.acme) for _ in range(2))
    know(talk), know(other, "Fica")
    assert_envelope(api(cast.bob).delete(address(talk)), 404, "CONTACT_NOT_FOUND")
    assert len(remembered(talk)) == 1
    erased = api(cast.alice).delete(address(talk)).json()["erased"]
    assert erased["agent_memory"] == 1
    assert redis_client().exists(f"renum:memory:{talk.id}") == 0
    assert [one.said for one in remembered(other)] == ["Fica"]


def test_with_redis_down_nothing_is_erased_and_whoever_asked_is_told(
    cast: Cast, api: Any, redis_down: Callable[[], Any]
) -> None:
    talk = factories.make_conversation(cast.acme)
    factories.make_message(talk)
    factories.make_outbound(talk, text="Seu exame")
    know(talk)
    models = (Contact, Conversation, Message, OutboundMessage, AgentRun)
    before = [count(model) for model in models]
    assert 0 not in before
    url = reverse("admin:conversations_contact_erase", args=[talk.contact_id])
    with redis_down():
        refused = api(cast.alice).delete(address(talk))
        assert "memória dos agentes está fora do ar" in text_of(console_of(cast.sofia).post(url, follow=True))
    assert_envelope(refused, 503, "AGENT_MEMORY_UNAVAILABLE")
    assert refused["Retry-After"] == "5"
    assert [count(model) for model in models] == before
    assert count(OutboundMessage, state="queued") == 1
    assert count(Event, kind=Event.Kind.CONTACT_ERASED) == 0
    assert len(remembered(talk)) == 1

    assert api(cast.alice).delete(address(talk)).status_code == 200
    assert (count(Contact), remembered(talk)) == (0, [])


def test_an_erasure_that_cannot_be_done_costs_the_agent_its_thread_and_nothing_else(
    cast: Cast, api: Any
) -> None:
    talk = factories.make_conversation(cast.acme)
    factories.make_outbound(talk, state=OutboundMessage.State.SENDING)
    know(talk)
    assert_envelope(api(cast.alice).delete(address(talk)), 409, "CONTACT_IN_USE")
    assert remembered(talk) == []
    assert (count(Contact), count(AgentRun)) == (1, 1)
    exchange = Exchange(uuid.uuid4(), "De novo", "")
    remember(talk.client_id, talk.id, exchange)
    assert remembered(talk) == [exchange]


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def test_a_turn_that_is_recorded_while_its_contact_is_erased_is_erased_along(committed_cast: Cast) -> None:
    """Whoever records the end of a run has it locked, so the erasure comes after that."""
    talk = factories.make_conversation(committed_cast.acme)
    run = factories.make_agent_run(talk)
    is_locked = threading.Event()

    def erase_then() -> dict[str, int]:
        assert is_locked.wait(10)
        return erase(talk)

    with in_background(erase_then) as erasure, service_scope(reason="test: a run is recorded"):
        AgentRun.objects.select_for_update(no_key=True).get(id=run.id)
        is_locked.set()
        wait_until(_somebody_waits)
        remember(talk.client_id, talk.id, Exchange(run.id, "Tenho asma", "Anotado"))
        assert len(remembered(talk)) == 1
    assert erasure.result()["agent_memory"] == 1
    assert redis_client().exists(f"renum:memory:{talk.id}") == 0
    assert (count(AgentRun), count(Contact)) == (0, 0)


def test_a_turn_whose_contact_was_erased_meanwhile_is_not_remembered(
    cast: Cast, moving_clock: MovableClock
) -> None:
    factories.make_integration(cast.acme)
    talk, other = (factories.make_conversation(cast.acme) for _ in range(2))
    hear(talk, "Tenho asma")
    hear(other, "Oi")
    moving_clock.advance(seconds=30)

    def perform(turn: Turn) -> Ended:
        if turn.conversation_id == talk.id:
            erase(talk)
        return Ended("stub", 0)

    assert runs.run_pending(perform) == 2
    assert redis_client().exists(f"renum:memory:{talk.id}") == 0
    assert [one.said for one in remembered(other)] == ["Oi"]
