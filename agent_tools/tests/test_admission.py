"""Whether an agent takes a run: switched on, at work, and not talking to another machine."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from agent_tools import runs
from agent_tools.admission import next_opening
from agent_tools.defaults import ALL_TOOLS
from agent_tools.models import Agent, AgentRun
from agent_tools.runs import Ended
from agent_tools.services import ask_agent
from agent_tools.sessions import session_of
from agent_tools.tests.chat import hear, outcomes_of, runs_of, waiting_texts, work
from agent_tools.using import use_tool
from integrations.models import OutboundMessage
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.cause import Cause
from renum.events.models import Event
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
GAP = 3  # seconds, above the quiet gap of a burst
NINE, SIX = time(9), time(18)
WEEKDAYS = [0, 1, 2, 3, 4]


@pytest.fixture
def talk(committed_cast: Cast) -> Conversation:
    """Committed, since a person is called after the commit."""
    factories.make_integration(committed_cast.acme)
    return factories.make_conversation(committed_cast.acme)


def at(text: str) -> datetime:
    """A moment by the clock of São Paulo."""
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO)


def fresh(conversation: Conversation) -> Conversation:
    with service_scope(reason="test"):
        return Conversation.objects.get(id=conversation.id)


def events_of(conversation: Conversation) -> list[tuple[str, dict[str, object]]]:
    with service_scope(reason="test"):
        rows = Event.objects.filter(conversation_id=conversation.id).order_by("occurred_at")
        return list(rows.values_list("kind", "data"))


# --- Hours --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "hours", "now", "opens"),
    [
        (list(range(7)), (None, None), "2026-11-29T03:00", None),
        (WEEKDAYS, (None, None), "2026-11-27T23:59", None),  # Friday
        (WEEKDAYS, (None, None), "2026-11-28T00:00", "2026-11-30T00:00"),
        (WEEKDAYS, (NINE, SIX), "2026-11-27T09:00", None),
        (WEEKDAYS, (NINE, SIX), "2026-11-27T08:59", "2026-11-27T09:00"),
        (WEEKDAYS, (NINE, SIX), "2026-11-27T18:00", "2026-11-30T09:00"),
        (WEEKDAYS, (NINE, SIX), "2026-11-29T12:00", "2026-11-30T09:00"),
        (list(range(7)), (SIX, NINE), "2026-11-29T03:00", None),  # works at night
        (list(range(7)), (SIX, NINE), "2026-11-29T12:00", "2026-11-29T18:00"),
        ([6], (NINE, SIX), "2026-11-29T19:00", "2026-12-06T09:00"),
        ([], (None, None), "2026-11-29T12:00", "2026-12-06T12:00"),
    ],
)
def test_an_agent_opens_when_its_hours_say(
    days: list[int], hours: tuple[time | None, time | None], now: str, opens: str | None
) -> None:
    agent = Agent(active_days=days, active_from=hours[0], active_until=hours[1])
    found = next_opening(agent, SAO_PAULO, at(now))
    assert found == (at(opens) if opens else None)


def test_what_comes_outside_the_hours_waits_for_them_and_is_answered_once(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    agent = factories.make_agent(talk.client)
    closes = moving_clock.now().astimezone(SAO_PAULO)
    with service_scope(reason="test"):
        Agent.objects.filter(id=agent.id).update(
            active_from=(closes + timedelta(hours=2)).time(),
            active_until=(closes - timedelta(hours=2)).time(),
        )
    hear(talk, "Quero agendar")
    moving_clock.advance(seconds=GAP)
    assert work() == 0
    assert runs_of(talk) == [("pending", "OUTSIDE_HOURS")]
    with service_scope(reason="test"):
        waiting = AgentRun.objects.get()
    assert (waiting.attempts, waiting.lease_token) == (0, None)
    assert outcomes_of(talk) == []

    hear(talk, "Pode ser amanhã")
    moving_clock.advance(hours=2)
    assert work() == 1
    assert runs_of(talk) == [("done", "")]
    assert waiting_texts(talk) == ["Quero agendar | Pode ser amanhã"]


# --- Switched off ---------------------------------------------------------------------------------------


def test_a_disabled_agent_answers_nobody(talk: Conversation, moving_clock: MovableClock) -> None:
    factories.make_agent(talk.client, enabled=False)
    hear(talk, "Quero agendar")
    moving_clock.advance(seconds=GAP)
    assert work() == 0
    assert runs_of(talk) == [("skipped", "AGENT_DISABLED")]
    assert outcomes_of(talk) == []


def test_the_agent_that_answers_is_the_one_that_the_client_chose(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_agent(talk.client, answers_whatsapp=False)
    factories.make_agent(talk.client, "vendas", answers_whatsapp=True)
    hear(talk, "Quero agendar")
    moving_clock.advance(seconds=GAP)
    assert work() == 1
    with service_scope(reason="test"):
        assert AgentRun.objects.get().agent == "vendas"


def test_a_client_without_agents_is_given_those_that_everybody_has(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Quero agendar")
    moving_clock.advance(seconds=GAP)
    assert work() == 1
    with service_scope(reason="test"):
        assert set(Agent.objects.values_list("client_id", "name")) == {
            (talk.client_id, name) for name in ("discovery", "isa", "renus")
        }


# --- Loops --------------------------------------------------------------------------------------------


def test_two_machines_that_answer_each_other_are_stopped_and_a_person_is_called(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_agent(talk.client, replies_per_hour=3)
    for number in range(10):
        hear(talk, f"Obrigado, posso ajudar em algo mais? {number}")
        moving_clock.advance(seconds=GAP)
        work()
        _deliver(talk)
    assert len(outcomes_of(talk)) == 3
    states = runs_of(talk)
    assert states[:3] == [("done", "")] * 3
    assert states[3] == ("skipped", "AGENT_LOOP")
    assert set(states[4:]) == {("pending", "AGENT_PAUSED")}
    stopped = fresh(talk)
    assert stopped.attention_reason == "AGENT_LOOP"
    assert stopped.agent_paused_until is not None
    assert ("attention_wanted", {"reason_code": "AGENT_LOOP"}) in events_of(talk)


def test_a_loop_that_goes_slowly_ends_with_the_day_s_limit(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    factories.make_agent(talk.client, replies_per_hour=1)
    for number in range(8):
        hear(talk, f"Olá {number}")
        moving_clock.advance(seconds=GAP)
        work()
        _deliver(talk)
        moving_clock.advance(hours=1)
    assert len(outcomes_of(talk)) == 5
    assert ("skipped", "AGENT_LOOP") in runs_of(talk)


def test_who_writes_seldom_is_answered_for_ever(talk: Conversation, moving_clock: MovableClock) -> None:
    factories.make_agent(talk.client, replies_per_hour=1)
    for number in range(8):
        hear(talk, f"Olá {number}")
        moving_clock.advance(seconds=GAP)
        work()
        _deliver(talk)
        moving_clock.advance(hours=5)
    assert len(outcomes_of(talk)) == 8


def _deliver(talk: Conversation) -> None:
    with service_scope(reason="test"):
        OutboundMessage.objects.filter(conversation=talk, state="queued").update(
            state="sent", sent_at=datetime.now(UTC)
        )


# --- Fair to others ----------------------------------------------------------------------------------------


def test_a_client_with_slow_models_leaves_room_for_the_others(committed_cast: Cast) -> None:
    for _ in range(5):
        factories.make_agent_run(factories.make_conversation(committed_cast.acme))
    theirs = factories.make_agent_run(factories.make_conversation(committed_cast.globex))
    taken = [turn.run_id for _ in range(4) if (turn := runs.claim_next())]
    assert len(taken) == runs.AT_ONCE + 1
    assert theirs.id in taken


def test_who_writes_comes_before_what_is_asked(committed_cast: Cast) -> None:
    asked = factories.make_agent(committed_cast.acme, "renus")
    with service_scope(reason="test"):
        ask_agent(asked, "Ajuda", idempotency_key="1", cause=Cause())
    written = factories.make_agent_run(factories.make_conversation(committed_cast.acme))
    first = runs.claim_next()
    assert first is not None
    assert first.run_id == written.id


# --- A turn that is over ------------------------------------------------------------------------------------

ACTS = [
    ("change_status", {"status": "closed"}),
    ("request_human", {"reason": "other"}),
    ("detect_intent", {"intent": "duvida"}),
    ("send_email", {"to": ["alice@acme.test"], "subject": "Olá", "body": "Texto."}),
    ("send_whatsapp_message", {"message": "Olá!"}),
]


@pytest.mark.parametrize(("tool", "arguments"), ACTS)
def test_a_turn_that_is_over_does_nothing_any_more(
    talk: Conversation, moving_clock: MovableClock, tool: str, arguments: dict[str, object]
) -> None:
    factories.make_integration(talk.client, type="email_smtp", provider="smtp", name="SMTP")
    factories.make_agent(talk.client, tools=list(ALL_TOOLS))
    hear(talk, "Encerre, por favor")
    moving_clock.advance(seconds=GAP)
    turn = runs.claim_next()
    assert turn is not None
    before, said = fresh(talk), events_of(talk)
    hear(talk, "Não, não encerre!")
    answer = use_tool(session_of(turn), tool, arguments)
    assert (answer["ok"], answer["error_code"]) == (False, "SUPERSEDED")
    after = fresh(talk)
    assert (after.status, after.agent_paused_until) == (before.status, before.agent_paused_until)
    assert after.attention_at is None
    assert [event for event in events_of(talk) if event not in said and event[0] != "message_received"] == []
    with service_scope(reason="test"):
        assert not OutboundMessage.objects.exists()


def test_a_turn_that_says_nothing_calls_a_person(talk: Conversation, moving_clock: MovableClock) -> None:
    hear(talk, "Oi")
    moving_clock.advance(seconds=GAP)
    assert runs.run_pending(lambda turn: Ended("stub", 0)) == 1
    assert runs_of(talk) == [("done", "")]
    assert fresh(talk).attention_reason == "AGENT_SILENT"


def test_a_worker_that_dies_after_calling_a_person_is_made_good_within_the_pause(
    talk: Conversation, moving_clock: MovableClock
) -> None:
    hear(talk, "Quero falar com uma pessoa")
    moving_clock.advance(seconds=GAP)
    turn = runs.claim_next()
    assert turn is not None
    assert use_tool(session_of(turn), "request_human", {"reason": "customer_asked"})["ok"]
    moving_clock.advance(minutes=5)
    assert work() == 1
    assert runs_of(talk) == [("done", "")]
    assert len(outcomes_of(talk)) == 1
