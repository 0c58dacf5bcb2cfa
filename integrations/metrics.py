"""Figures on connections and the outbox, for operators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from integrations import providers
from integrations.models import DeliveryAttempt, Integration, OutboundMessage
from renum.conversations.models import Channel
from renum.health.gauges import Gauge, age_seconds, fetch, hours_ago, register_gauges, single, with_zeros

_CONNECTIONS = """
SELECT type, status, count(*), extract(epoch FROM max(last_tested_at))
FROM integrations WHERE removed_at IS NULL GROUP BY type, status
"""
_QUEUED = """
SELECT priority, count(*), min(next_attempt_at) FROM outbound_messages
WHERE state = 'queued' GROUP BY priority
"""
_OPEN = """
SELECT (SELECT count(*) FROM outbound_messages WHERE state = 'sending'),
       (SELECT count(*) FROM outbound_messages WHERE state = 'unknown')
"""
_ACCEPTED = """
SELECT channel, state, count(*) FROM outbound_messages WHERE queued_at >= %(hour)s GROUP BY channel, state
"""
# With an array the index of each connection, or client, is used however many there are.
_SENT = """
SELECT channel, count(*), extract(epoch FROM sum(sent_at - queued_at)) FROM outbound_messages
WHERE integration_id = ANY(ARRAY(SELECT id FROM integrations)) AND state = 'sent' AND sent_at >= %(hour)s
GROUP BY channel
"""
_SENT_OF_DAY = """
SELECT count(*) FROM outbound_messages
WHERE integration_id = ANY(ARRAY(SELECT id FROM integrations)) AND state = 'sent' AND sent_at >= %(day)s
"""
_ATTEMPTS = """
SELECT provider, outcome, count(*), coalesce(sum(latency_ms), 0) / 1000.0 FROM delivery_attempts
WHERE client_id = ANY(ARRAY(SELECT id FROM clients)) AND started_at >= %(hour)s
GROUP BY provider, outcome
"""
_LANES = {lane.value: lane.name.lower() for lane in OutboundMessage.Priority}


def gauges() -> Iterator[Gauge]:
    yield from _connections()
    yield from _waiting()
    yield from _sent()
    yield from _attempts()


def _connections() -> Iterator[Gauge]:
    rows = fetch(_CONNECTIONS)
    yield Gauge(
        "renum_integrations",
        "Connections of clients.",
        with_zeros(
            product(Integration.Type.values, Integration.Status.values),
            {(kind, status): count for kind, status, count, _tested in rows},
        ),
        ["type", "status"],
    )
    yield Gauge(
        "renum_integration_last_successful_test_timestamp_seconds",
        "When a connection of the type passed a test last.",
        {
            (kind,): float(tested)
            for kind, status, _count, tested in rows
            if status == Integration.Status.CONNECTED and tested is not None
        },
        ["type"],
    )


def _waiting() -> Iterator[Gauge]:
    rows = fetch(_QUEUED)
    lanes = _LANES.values()
    yield Gauge(
        "renum_outbound_queued",
        "Messages in the outbox, due or held.",
        with_zeros(lanes, {(_LANES[lane],): count for lane, count, _due in rows}),
        ["lane"],
    )
    yield Gauge(
        "renum_outbound_oldest_due_seconds",
        "For how long the message that waits longest has been due; 0 if none is.",
        with_zeros(lanes, {(_LANES[lane],): age_seconds(due) for lane, _count, due in rows}),
        ["lane"],
    )
    ((sending, unknown),) = fetch(_OPEN)
    yield Gauge("renum_outbound_sending", "Messages on their way to a provider.", single(sending))
    yield Gauge(
        "renum_outbound_unknown", "Messages of which nobody knows whether they left.", single(unknown)
    )


def _sent() -> Iterator[Gauge]:
    yield Gauge(
        "renum_outbound_messages_last_hour",
        "Messages queued in the last hour, by what became of them so far.",
        with_zeros(
            product(Channel.values, OutboundMessage.State.values),
            {(channel, state): count for channel, state, count in fetch(_ACCEPTED)},
        ),
        ["channel", "state"],
    )
    rows = fetch(_SENT)
    yield Gauge(
        "renum_outbound_sent_last_hour",
        "Messages sent in the last hour.",
        with_zeros(Channel.values, {(channel,): count for channel, count, _seconds in rows}),
        ["channel"],
    )
    yield Gauge(
        "renum_outbound_delivery_seconds_last_hour",
        "Time from queued to sent, summed over the messages sent in the last hour.",
        with_zeros(Channel.values, {(channel,): float(seconds) for channel, _count, seconds in rows}),
        ["channel"],
    )
    ((count,),) = fetch(_SENT_OF_DAY, day=hours_ago(24))
    yield Gauge("renum_outbound_sent_last_day", "Messages sent in the last 24 hours.", single(count))


def _attempts() -> Iterator[Gauge]:
    rows = fetch(_ATTEMPTS)
    known = list(product(providers.REGISTRY, DeliveryAttempt.Outcome.values))
    yield Gauge(
        "renum_delivery_attempts_last_hour",
        "Attempts of the last hour to hand a message to a provider.",
        with_zeros(known, {(provider, outcome): count for provider, outcome, count, _seconds in rows}),
        ["provider", "outcome"],
    )
    yield Gauge(
        "renum_delivery_attempt_seconds_last_hour",
        "Time that providers took to answer, summed over the attempts of the last hour.",
        with_zeros(known, {(provider, outcome): float(took) for provider, outcome, _count, took in rows}),
        ["provider", "outcome"],
    )


def register() -> None:
    """Tell `/metrics` what this app knows."""
    register_gauges("integrations", gauges)
