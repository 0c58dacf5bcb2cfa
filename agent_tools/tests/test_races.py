"""Texts, workers and the dispatcher at the same time, each on a connection of its own."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from agent_tools import runs
from agent_tools.runs import Ended, Turn
from agent_tools.tests.chat import answer, hear, outcomes_of, runs_of, step_in, work
from agent_tools.tests.helpers import kept, outbox
from integrations.delivery.claims import claim_due
from integrations.delivery.outcomes import Result, record_results
from integrations.models import OutboundMessage
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from tests import factories
from tests.cast import Cast
from tests.concurrency import run_together

CHATS, TEXTS = 4, 10


def test_i2_every_text_is_answered_once_and_no_answer_leaves_after_a_newer_text(
    committed_cast: Cast,
) -> None:
    factories.make_integration(committed_cast.acme, daily_limit=10_000)
    factories.make_conversation_policy(committed_cast.acme, burst_quiet_seconds=0)
    chats = [factories.make_conversation(committed_cast.acme) for _ in range(CHATS)]
    heard: dict[str, float] = {}
    left: dict[str, list[tuple[float, list[str]]]] = defaultdict(list)
    writing = threading.Semaphore(0)

    def write() -> None:
        for number in range(TEXTS):
            for place, chat in enumerate(chats):
                text = f"{place}-{number}"
                hear(chat, text)
                heard[text] = time.monotonic()
            time.sleep(0.01 * (number % 4))

    def think(turn: Turn) -> Ended:
        time.sleep(0.004)
        return answer(turn)

    def dispatch() -> None:
        begun = time.monotonic()
        claim = claim_due(OutboundMessage.Priority.HIGH, 3)
        for one in claim.messages:
            words = one.message.text.split(" | ")  # type: ignore[union-attr]
            left[words[0].partition("-")[0]].append((begun, words))
        record_results([Result(one, str(one.message_id), None, 1) for one in claim.messages])

    def play(role: int) -> None:
        if role == 0:
            try:
                write()
            finally:
                writing.release()
            return
        while not writing.acquire(blocking=False):
            runs.run_pending(think, run_seconds=0.05) if role < 3 else dispatch()
            time.sleep(0.002)
        writing.release()

    assert run_together(play, 4) == [None] * 4
    while work() or outbox(state="queued"):
        dispatch()

    for place, chat in enumerate(chats):
        said = [text for _, words in left[str(place)] for text in words]
        assert said == [f"{place}-{number}" for number in range(TEXTS)]
        for begun, words in left[str(place)]:
            newer = f"{place}-{int(words[-1].partition('-')[2]) + 1}"
            assert newer not in heard or begun < heard[newer], f"{words} left after {newer}"
        assert {state for state, _ in outcomes_of(chat)} <= {"sent", "failed"}
        assert {state for state, _ in runs_of(chat)} <= {"done", "superseded"}
    assert sum(len(answers) for answers in left.values()) >= CHATS


def test_i2_a_takeover_and_a_claim_at_the_same_moment_agree(committed_cast: Cast) -> None:
    factories.make_integration(committed_cast.acme, daily_limit=10_000)
    factories.make_conversation_policy(committed_cast.acme, burst_quiet_seconds=0)
    for _ in range(8):
        chat = factories.make_conversation(committed_cast.acme)
        hear(chat, "Oi")
        work()
        acts = (lambda chat=chat: step_in(chat), lambda: claim_due(OutboundMessage.Priority.HIGH, 5))
        taken = run_together(lambda number, acts=acts: acts[number](), 2)[1]
        assert not isinstance(taken, Exception), taken
        ((state, reason),) = outcomes_of(chat)
        assert (state, reason) == (("sending", "") if taken.messages else ("failed", "TAKEN_OVER"))
        assert _texts_left(chat) == []
        record_results([Result(one, str(one.message_id), None, 1) for one in taken.messages])


def _texts_left(chat: Conversation) -> list[str]:
    with service_scope(reason="test"):
        return [text for run in chat.agentrun_set.all() for text in kept(run)]
