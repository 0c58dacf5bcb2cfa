"""Figures on what agents do, for operators."""

from __future__ import annotations

from collections.abc import Iterator

from agent_tools.models import UNFINISHED, AgentRun
from renum.health.gauges import Gauge, age_seconds, fetch, register_gauges, single, with_zeros

_UNFINISHED = """
SELECT state, count(*), min(next_attempt_at) FROM agent_runs
WHERE state IN ('pending', 'running') GROUP BY state
"""
_LATELY = """
SELECT state, count(*), coalesce(sum(latency_ms), 0) / 1000.0 FROM agent_runs
WHERE created_at >= %(hour)s GROUP BY state
"""


def gauges() -> Iterator[Gauge]:
    rows = fetch(_UNFINISHED)
    yield Gauge(
        "renum_agent_runs_unfinished",
        "Runs that wait or are under way.",
        with_zeros(UNFINISHED, {(state,): count for state, count, _due in rows}),
        ["state"],
    )
    due = {state: due for state, _count, due in rows}
    yield Gauge(
        "renum_agent_runs_oldest_due_seconds",
        "For how long the run that waits longest has been due; 0 if none is.",
        single(age_seconds(due.get(AgentRun.State.PENDING))),
    )
    rows = fetch(_LATELY)
    yield Gauge(
        "renum_agent_runs_last_hour",
        "Runs that began in the last hour, by what became of them so far.",
        with_zeros(AgentRun.State.values, {(state,): count for state, count, _took in rows}),
        ["state"],
    )
    yield Gauge(
        "renum_agent_run_seconds_last_hour",
        "Time that they took, summed.",
        with_zeros(AgentRun.State.values, {(state,): float(took) for state, _count, took in rows}),
        ["state"],
    )


def register() -> None:
    """Tell `/metrics` what this app knows."""
    register_gauges("agent_tools", gauges)
