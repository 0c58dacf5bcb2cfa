"""Whatever the times at which a contact writes: when agents start, and what each of them is given."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_tools import runs
from agent_tools.models import AgentRun, AgentRunInput
from agent_tools.runs import Ended, Turn
from agent_tools.tests.chat import answer, hear, set_outbound
from renum.accounts.scope import service_scope
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock

GAP, LONGEST = 2.0, 10.0  # the defaults of a client's rules


@pytest.fixture
def sending_cast(cast: Cast) -> Cast:
    factories.make_integration(cast.acme)
    return cast


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 60).map(lambda tenths: tenths / 10),  # seconds after the last one
        st.sampled_from(["silent", "queued", "sent"]),  # what becomes of an answer that is given before
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS)
def test_a_run_starts_in_time_and_each_text_is_in_one_run_that_was_not_superseded(
    sending_cast: Cast, moving_clock: MovableClock, arrivals: list[tuple[float, str]]
) -> None:
    conversation = factories.make_conversation(sending_cast.acme)
    now = moving_clock.stop()
    heard: dict[str, float] = {}
    starts: list[tuple[float, tuple[str, ...]]] = []
    fate = "silent"

    def perform(turn: Turn) -> Ended:
        starts.append(((moving_clock.now() - now).total_seconds(), turn.texts))
        if fate == "silent":
            return Ended("stub", 0)
        ended = answer(turn)
        if fate == "sent":
            set_outbound(conversation, "sent")
        return ended

    def work_until(instant: float) -> None:
        """A worker at each instant when something is due, up to but not at `instant`."""
        while True:
            with service_scope(reason="test"):
                due = AgentRun.objects.filter(state="pending", conversation=conversation).first()
            at = (due.next_attempt_at - now).total_seconds() if due else instant
            if at >= instant:
                return
            moving_clock.stop(now + timedelta(seconds=at - 1e-6))
            assert not due or at <= max(heard.values()) or runs.run_pending(perform) == 0, "too early"
            moving_clock.stop(now + timedelta(seconds=at))
            assert runs.run_pending(perform) == 1

    at = 0.0
    for number, (after, fate_of_answers) in enumerate(arrivals):
        fate = fate_of_answers
        at = round(at + after, 1)
        work_until(at)
        moving_clock.stop(now + timedelta(seconds=at))
        heard[str(number)] = at
        hear(conversation, str(number))
    work_until(1e6)

    for started, texts in starts:
        first, last = (heard[texts[place]] for place in (0, -1))
        assert started >= min(last + GAP, max(first + LONGEST, last)) - 1e-6
        assert started <= max(first + LONGEST, last) + 1e-6
    with service_scope(reason="test"):
        states = {run.id: run.state for run in AgentRun.objects.filter(conversation=conversation)}
        places = AgentRunInput.objects.filter(run__conversation=conversation).values_list("run_id", flat=True)
        assert len(places) == len(arrivals)
        assert {states[run_id] for run_id in places} == {"done"}
    final = [texts for number, (_, texts) in enumerate(starts) if not overtaken(starts, number)]
    assert [text for texts in final for text in texts] == [str(number) for number in range(len(arrivals))]


def overtaken(starts: list[tuple[float, tuple[str, ...]]], number: int) -> bool:
    """Whether a later turn was given the texts of this one again."""
    return any(set(starts[number][1]) < set(later) for _, later in starts[number + 1 :])
