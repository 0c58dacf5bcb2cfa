"""Match what happened with the triggers that wait for it, each event once."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from renum.accounts.scope import service_scope
from renum.events.cause import Cause
from renum.events.models import Event
from triggers.engine.ledger import Match, record_matches
from triggers.engine.matching import load_triggers
from triggers.facts import Facts, load_facts, no_facts
from triggers.models import Trigger
from triggers.when import EventBasedConfig
from triggers.when.event_based import EVENTS

BATCH = 500


def match_events(now: datetime) -> int:
    """Record an execution for every (trigger, event) that belong together; returns how many.

    An event is considered in the transaction that records its matches: never lost, and never twice.
    """
    total = 0
    while True:
        considered, matched = _match_batch(now)
        total += matched
        if considered < BATCH:
            return total


def _match_batch(now: datetime) -> tuple[int, int]:
    with service_scope(reason="match events with triggers"):
        events = list(
            Event.objects.select_for_update(skip_locked=True)
            .filter(is_considered=False)
            .order_by("client_id")[:BATCH]
        )
        matched = record_matches(_matches(events, now))
        Event.objects.filter(id__in=[event.id for event in events]).update(is_considered=True)
    return len(events), matched


def _matches(events: list[Event], now: datetime) -> list[Match]:
    waiting: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    rows = Trigger.objects.filter(
        active=True,
        trigger_type="event_based",
        client_id__in={event.client_id for event in events},
        event_kind__in={event.kind for event in events} & set(EVENTS),
    )
    for trigger_id, client_id, kind in rows.values_list("id", "client_id", "event_kind"):
        waiting[client_id, kind].append(trigger_id)
    pairs = [
        (trigger_id, event)
        for event in events
        for trigger_id in waiting.get((event.client_id, event.kind), ())
    ]
    known = load_triggers({trigger_id for trigger_id, _ in pairs}, now)
    facts = load_facts({event.conversation_id for _, event in pairs if event.conversation_id}, now)
    matches = []
    for trigger_id, event in pairs:
        if trigger_id not in known:
            continue
        parts = known[trigger_id].parts
        assert isinstance(parts.when, EventBasedConfig)
        seen = facts_of(event, facts, now)
        # What happened before the trigger was there, or while it was off, is over.
        if event.occurred_at < known[trigger_id].trigger.active_since or not parts.when.admits(event.data):
            continue
        matches.append(
            Match(
                trigger_id=trigger_id,
                client_id=event.client_id,
                conversation_id=event.conversation_id if event.conversation_id in facts else None,
                subject=event.id,
                event_id=event.id,
                occurrence=event.occurred_at,
                matched_at=now,
                condition_met=parts.may_match(seen),
                values_seen=seen.seen(parts.fields),
                cause=Cause(tuple(event.cause)).noting("event", event.id).as_list(),
            )
        )
    return matches


def facts_of(event: Event, facts: dict[UUID, Facts], now: datetime) -> Facts:
    """What is known of its conversation, if that is there, and what the event says."""
    seen = facts.get(event.conversation_id) if event.conversation_id else None
    return (seen or no_facts(now)).with_event(event)
