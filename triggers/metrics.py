"""Figures on triggers and their executions, for operators."""

from __future__ import annotations

from collections.abc import Iterator

from renum.health.gauges import Gauge, age_seconds, fetch, register_gauges, single, with_zeros
from triggers.models import Trigger, TriggerExecution

_ACTIVE = "SELECT trigger_type, count(*) FROM triggers WHERE active GROUP BY trigger_type"
_MATCHED = "SELECT count(*), min(matched_at) FROM trigger_executions WHERE state = 'matched'"
_EXECUTED = """
SELECT state, count(*), coalesce(sum(execution_time_ms), 0) / 1000.0 FROM trigger_executions
WHERE executed_at >= %(hour)s AND state <> 'matched' GROUP BY state
"""
_OUTCOMES = [state for state in TriggerExecution.State.values if state != TriggerExecution.State.MATCHED]


def gauges() -> Iterator[Gauge]:
    yield Gauge(
        "renum_triggers_active",
        "Triggers that are switched on.",
        with_zeros(Trigger.Type.values, {(kind,): count for kind, count in fetch(_ACTIVE)}),
        ["type"],
    )
    ((count, oldest),) = fetch(_MATCHED)
    yield Gauge("renum_trigger_executions_waiting", "Matches still to be carried out.", single(count))
    yield Gauge(
        "renum_trigger_executions_oldest_waiting_seconds",
        "For how long the oldest of them has waited; 0 if none does.",
        single(age_seconds(oldest)),
    )
    rows = fetch(_EXECUTED)
    yield Gauge(
        "renum_trigger_executions_last_hour",
        "Executions of the last hour.",
        with_zeros(_OUTCOMES, {(state,): count for state, count, _took in rows}),
        ["outcome"],
    )
    yield Gauge(
        "renum_trigger_execution_seconds_last_hour",
        "Time that they took, summed.",
        with_zeros(_OUTCOMES, {(state,): float(took) for state, _count, took in rows}),
        ["outcome"],
    )
    yield Gauge(
        "renum_trigger_execution_average_seconds_last_hour",
        "Time that one of them took on average.",
        {(state,): float(took) / count for state, count, took in rows},
        ["outcome"],
    )


def register() -> None:
    """Tell `/metrics` what this app knows."""
    register_gauges("triggers", gauges)
