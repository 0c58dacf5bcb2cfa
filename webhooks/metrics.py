"""Figures on the inbox, for operators."""

from __future__ import annotations

from collections.abc import Iterator

from renum.health.gauges import Gauge, age_seconds, fetch, register_gauges, single, with_zeros
from webhooks.models import InboundEvent

_PENDING = "SELECT count(*), min(received_at) FROM inbound_events WHERE state = 'pending'"
_LATELY = "SELECT state, count(*) FROM inbound_events WHERE received_at >= %(hour)s GROUP BY state"


def gauges() -> Iterator[Gauge]:
    ((count, oldest),) = fetch(_PENDING)
    yield Gauge("renum_inbox_pending", "Events of providers still to be processed.", single(count))
    yield Gauge(
        "renum_inbox_oldest_pending_seconds",
        "For how long the oldest of them has waited; 0 if none does.",
        single(age_seconds(oldest)),
    )
    yield Gauge(
        "renum_inbox_events_last_hour",
        "Events received in the last hour, by what became of them so far.",
        with_zeros(InboundEvent.State.values, {(state,): count for state, count in fetch(_LATELY)}),
        ["state"],
    )


def register() -> None:
    """Tell `/metrics` what this app knows."""
    register_gauges("webhooks", gauges)
