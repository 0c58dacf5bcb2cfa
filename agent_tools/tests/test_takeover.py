"""The agent keeps out while a person has taken over, and does not talk over them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from agent_tools import runs
from agent_tools.models import AgentRun
from agent_tools.runs import Ended, Turn
from agent_tools.tests.chat import (
    answer,
    hear,
    outcomes_of,
    runs_of,
    set_outbound,
    step_in,
    waiting_texts,
    work,
)
from agent_tools.tests.helpers import kept, outbox
from renum.accounts.models import Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation, Message
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import console_of, list_url, page_url, text_of

PAUSE = timedelta(minutes=60)


@pytest.fixture
def talk(cast: Cast, moving_clock: MovableClock) -> Conversation:
    moving_clock.stop()
    factories.make_integration(cast.acme)
    return factories.make_conversation(cast.acme)


def only_run(**filters: str) -> AgentRun:
    with service_scope(reason="test"):
        return AgentRun.objects.get(**filters)


def test_texts_gather_while_a_person_has_taken_over_and_are_answered_afterwards(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    step_in(talk)
    for text in ("Oi?", "ainda está aí?"):
        moving_clock.advance(minutes=20)
        hear(talk, text)
        assert work() == 0
    assert runs_of(talk) == [("pending", "AGENT_PAUSED")]
    moving_clock.advance(minutes=20, microseconds=-1)
    assert work() == 0
    moving_clock.advance(microseconds=1)
    assert work() == 1
    assert waiting_texts(talk) == ["Oi? | ainda está aí?"]
    assert runs_of(talk) == [("done", "")]


def test_what_a_person_answered_the_agent_does_not(talk: Conversation, moving_clock: MovableClock) -> None:
    hear(talk, "Oi")
    moving_clock.advance(seconds=1)
    step_in(talk)
    assert runs_of(talk) == [("skipped", "ANSWERED_BY_PERSON")]
    assert kept(only_run()) == []
    moving_clock.advance(hours=2)
    assert work() == 0
    assert outbox() == []


def test_what_another_system_answered_during_the_pause_the_agent_does_not(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    step_in(talk)
    moving_clock.advance(minutes=1)
    hear(talk, "Oi?")
    moving_clock.advance(minutes=1)
    step_in(talk, author=Message.Author.OTHER)
    moving_clock.advance(minutes=58)
    assert work() == 0
    assert runs_of(talk) == [("skipped", "ANSWERED_BY_PERSON")]
    assert kept(only_run()) == []


def test_another_system_that_answers_everybody_does_not_silence_the_agent(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Oi")
    moving_clock.advance(seconds=1)
    step_in(talk, author=Message.Author.OTHER)
    moving_clock.advance(seconds=1)
    assert work() == 1
    assert waiting_texts(talk) == ["Oi"]


def test_each_message_of_the_person_prolongs_the_pause(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    step_in(talk)
    moving_clock.advance(minutes=10)
    hear(talk, "Oi?")
    said_at = moving_clock.now()
    # A webhook that came late: the person wrote before the contact did, so it is no answer to that.
    step_in(talk, at=said_at - timedelta(seconds=5))
    assert runs_of(talk) == [("pending", "AGENT_PAUSED")]
    assert only_run().next_attempt_at == said_at - timedelta(seconds=5) + PAUSE
    moving_clock.advance(minutes=50)
    assert work() == 0
    moving_clock.advance(minutes=10)
    assert work() == 1


def test_i2_a_person_who_steps_in_while_the_agent_thinks_is_not_talked_over(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    def think(turn: Turn) -> Ended:
        moving_clock.advance(seconds=5)
        step_in(talk)
        return answer(turn)

    hear(talk, "Oi")
    moving_clock.advance(seconds=2)
    runs.run_pending(think)
    assert outbox() == []
    assert runs_of(talk) == [("skipped", "TAKEN_OVER")]
    assert kept(only_run()) == []


def test_an_answer_in_the_outbox_is_taken_back_and_one_that_left_is_not(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    wrong = []
    for state, outcome, run in (
        ("queued", ("failed", "TAKEN_OVER"), ("skipped", "TAKEN_OVER")),
        ("sending", ("sending", ""), ("done", "")),
        ("sent", ("sent", ""), ("done", "")),
    ):
        conversation = factories.make_conversation(talk.client)
        hear(conversation, "Oi")
        moving_clock.advance(seconds=2)
        work()
        set_outbound(conversation, state)
        moving_clock.advance(seconds=1)
        step_in(conversation)
        if (outcomes_of(conversation), runs_of(conversation)) != ([outcome], [run]):
            wrong.append((state, outcomes_of(conversation), runs_of(conversation)))
        with service_scope(reason="test"):
            assert not any(kept(one) for one in AgentRun.objects.filter(conversation=conversation))
    assert wrong == []


def test_what_the_contact_wrote_after_the_person_waits_even_if_it_came_before(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    person_at = moving_clock.now()
    moving_clock.advance(seconds=1)
    hear(talk, "E agora?")
    moving_clock.advance(seconds=2)
    work()
    step_in(talk, at=person_at)  # its webhook comes last
    assert outcomes_of(talk) == [("failed", "TAKEN_OVER")]
    assert runs_of(talk) == [("superseded", "TAKEN_OVER"), ("pending", "AGENT_PAUSED")]
    waiting = only_run(state="pending")
    assert (kept(waiting), waiting.text_count) == (["E agora?"], 1)
    moving_clock.advance(hours=1)
    work()
    assert waiting_texts(talk) == ["E agora?"]


def test_without_a_pause_in_the_client_s_rules_the_agent_goes_on(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_conversation_policy(talk.client, handover_minutes=0)
    hear(talk, "Oi")
    moving_clock.advance(seconds=1)
    step_in(talk)
    moving_clock.advance(seconds=1)
    assert work() == 1
    step_in(talk)
    assert waiting_texts(talk) == ["Oi"]


def test_a_pause_that_the_run_does_not_know_of_holds_it_all_the_same(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Oi")
    moving_clock.advance(seconds=2)
    with service_scope(reason="test"):
        Conversation.objects.update(agent_paused_until=moving_clock.now() + timedelta(seconds=1))
    assert work() == 0
    moving_clock.advance(seconds=1)
    assert work() == 1


# --- the agent is resumed -------------------------------------------------------------------------------


def test_the_client_resumes_the_agent(
    cast: Cast, talk: Conversation, moving_clock: MovableClock, api: Callable[[Profile | None], APIClient]
) -> None:
    step_in(talk)
    moving_clock.advance(minutes=1)
    hear(talk, "Oi?")
    url, alice = f"/api/conversations/{talk.id}", api(cast.alice)
    assert alice.get(url).json()["conversation"]["agent_paused_until"] is not None
    refused = [
        client.patch(url, body, format="json").status_code
        for client, body in (
            (alice, {"agent_paused": True}),
            (alice, {"agent_paused": None}),
            (alice, {}),
            (api(cast.bob), {"agent_paused": False}),
            (api(None), {"agent_paused": False}),
        )
    ]
    assert refused == [400, 400, 400, 404, 401]
    moving_clock.advance(seconds=2)
    assert work() == 0

    answered = alice.patch(url, {"agent_paused": False}, format="json")
    assert answered.status_code == 200
    assert answered.json()["conversation"]["agent_paused_until"] is None
    assert only_run().next_attempt_at == moving_clock.now()
    assert work() == 1
    assert waiting_texts(talk) == ["Oi?"]
    with service_scope(reason="test"):
        event = Event.objects.get(kind=Event.Kind.AGENT_RESUMED)
    assert event.cause == [f"profile:{cast.alice.id}"]
    assert alice.patch(url, {"agent_paused": False}, format="json").status_code == 200
    with service_scope(reason="test"):
        assert Event.objects.filter(kind=Event.Kind.AGENT_RESUMED).count() == 1


def test_resuming_does_not_answer_what_a_person_answered(
    cast: Cast, talk: Conversation, moving_clock: MovableClock, api: Callable[[Profile | None], APIClient]
) -> None:
    hear(talk, "Oi?")
    moving_clock.advance(seconds=1)
    step_in(talk)
    api(cast.alice).patch(f"/api/conversations/{talk.id}", {"agent_paused": False}, format="json")
    assert work() == 0
    assert outbox() == []


def test_staff_resume_agents_and_see_who_waits_for_what(
    cast: Cast, talk: Conversation, moving_clock: MovableClock
) -> None:
    step_in(talk)
    moving_clock.advance(minutes=1)
    hear(talk, "Zebra de quartzo")
    sofia, run = console_of(cast.sofia), only_run()
    for url in (list_url(AgentRun), page_url(run), page_url(talk)):
        page = text_of(sofia.get(url))
        assert "Aguardando: uma pessoa assumiu a conversa até" in page
        assert "Zebra" not in page
    posted = sofia.post(
        list_url(Conversation),
        {"action": "resume_agents", "_selected_action": [str(talk.id), str(uuid.uuid4())]},
        follow=True,
    )
    assert "Agente retomado em 1 conversa." in text_of(posted)
    assert "Agente retomado." in text_of(sofia.get(f"{page_url(talk).removesuffix('change/')}history/"))
    assert work() == 1
