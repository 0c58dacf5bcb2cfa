"""Find what became due, for all triggers at once, and record each match once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction

from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from triggers import when
from triggers.engine.candidates import Pair, find_candidates
from triggers.engine.ledger import Match, record_matches
from triggers.engine.pausing import pause_trigger
from triggers.engine.population import population
from triggers.errors import ConditionEvaluationError, InvalidTriggerConfig
from triggers.facts import Facts, load_facts
from triggers.models import AutomationPolicy, Sweep, Trigger, TriggerEdge
from triggers.schemas import Parts

log = structlog.get_logger(__name__)

IDLE = "idle"
# Transactions that were under way at the last sweep may have committed changes dated before it.
OVERLAP = timedelta(minutes=5)
CHUNK = 2_000  # pairs that are judged at once

# Triggers are locked last, as the executor does; one that was edited meanwhile is looked at again.
_REMATCHED = """
WITH looked_at AS (
    SELECT t.id FROM triggers t
    JOIN unnest(%s::uuid[], %s::timestamptz[]) AS seen(id, updated_at) USING (id, updated_at)
    ORDER BY t.id FOR UPDATE OF t
)
UPDATE triggers SET rematch = false FROM looked_at WHERE triggers.id = looked_at.id
"""
_RISE = """
INSERT INTO trigger_edges (id, trigger_id, client_id, conversation_id, since)
SELECT gen_random_uuid(), trigger_id, client_id, conversation_id, %s
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS risen (trigger_id, client_id, conversation_id)
ORDER BY trigger_id, conversation_id
ON CONFLICT (trigger_id, conversation_id) DO NOTHING
RETURNING trigger_id, conversation_id
"""
_FALL = """
DELETE FROM trigger_edges e USING unnest(%s::uuid[], %s::uuid[]) AS fallen (trigger_id, conversation_id)
WHERE e.trigger_id = fallen.trigger_id AND e.conversation_id = fallen.conversation_id
"""


@dataclass(frozen=True, slots=True)
class _Known:
    trigger: Trigger
    parts: Parts


def match_due(now: datetime) -> int:
    """Record an execution for every (trigger, conversation) that became due; returns how many.

    Sweeps wait for each other; one that is lost or late is made good by the next, since each begins
    where the last committed one ended.
    """
    with service_scope(reason="match triggers"):
        sweep = _lock_sweep(now)
        changed = list(Trigger.objects.filter(active=True, rematch=True).exclude(trigger_type="event_based"))
        # The new ones first: what is true for them already must not look like an edge.
        matched = sum(_match_apart(trigger, now) for trigger in changed)
        candidates = find_candidates(sweep.swept_until - OVERLAP, now)
        matched += sum(_match(chunk, now) for chunk in _chunks(candidates))
        with connection.cursor() as cursor:
            cursor.execute(_REMATCHED, [[one.id for one in changed], [one.updated_at for one in changed]])
        sweep.swept_until = max(now, sweep.swept_until)
        sweep.save(update_fields=["swept_until"])
    return matched


def _lock_sweep(now: datetime) -> Sweep:
    Sweep.objects.bulk_create([Sweep(name=IDLE, swept_until=now)], ignore_conflicts=True)
    return Sweep.objects.select_for_update().get(name=IDLE)


def _chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    chunk: list[Pair] = []
    for pair in pairs:
        chunk.append(pair)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _match(pairs: list[Pair], now: datetime) -> int:
    """Judge pairs of any triggers."""
    known = load_triggers({trigger_id for trigger_id, _ in pairs}, now)
    facts = load_facts({conversation_id for _, conversation_id in pairs}, now)
    of_time = [pair for pair in pairs if (found := known.get(pair[0])) and _is_timed(found.parts)]
    edges = [pair for pair in pairs if (found := known.get(pair[0])) and not _is_timed(found.parts)]
    return _match_moments(of_time, known, facts) + _match_edges(edges, known, facts, now)


def _is_timed(parts: Parts) -> bool:
    return isinstance(parts.when, when.TimeBasedConfig)


def _match_apart(trigger: Trigger, now: datetime) -> int:
    """`_match_anew`; what its condition does to the database must not stop the sweep of all others."""
    try:
        with transaction.atomic():
            return _match_anew(trigger, now)
    except OperationalError:
        raise
    except Exception:
        log.exception("trigger_not_matched", trigger_id=str(trigger.id))
        pause_trigger(trigger, ConditionEvaluationError.code, now)
        return 0


def _match_anew(trigger: Trigger, now: datetime) -> int:
    """Judge all conversations of a trigger that is new, edited or switched on."""
    known = load_triggers({trigger.id}, now)
    if trigger.id not in known:
        return 0
    parts = known[trigger.id].parts
    found = population(trigger.client_id, parts, now, active_since=trigger.active_since)
    if not _is_timed(parts):
        TriggerEdge.objects.filter(trigger=trigger).exclude(conversation__in=found).delete()
    matched = 0
    ids = found.values_list("id", flat=True).iterator(CHUNK)
    for chunk in _chunks((trigger.id, conversation_id) for conversation_id in ids):
        facts = load_facts([conversation_id for _, conversation_id in chunk], now)
        if _is_timed(parts):
            matched += _match_moments(chunk, known, facts)
        else:
            matched += _match_edges(chunk, known, facts, now, fires=_firing(chunk, known[trigger.id]))
    return matched


def _firing(pairs: list[Pair], one: _Known) -> set[UUID] | None:
    """For which conversations a new trigger fires: all, or those that changed since it was made or edited."""
    if one.parts.when.include_existing:
        return None
    changed = Conversation.objects.filter(
        id__in=[conversation_id for _, conversation_id in pairs], updated_at__gt=one.trigger.updated_at
    )
    return set(changed.values_list("id", flat=True))


def load_triggers(ids: set[UUID], now: datetime) -> dict[UUID, _Known]:
    """Those of them that are active, with their parts; not those of clients whose automations are paused.

    One whose parts are not valid any more is paused.
    """
    paused = AutomationPolicy.objects.filter(paused=True).values("client_id")
    known = {}
    for trigger in (
        Trigger.objects.filter(id__in=ids, active=True).exclude(client_id__in=paused).order_by("id")
    ):
        try:
            known[trigger.id] = _Known(trigger, trigger.parts)
        except InvalidTriggerConfig as error:  # of a version that knew more, or written past every check
            pause_trigger(trigger, error.code, now)
    return known


def _match_moments(pairs: list[Pair], known: dict[UUID, _Known], facts: dict[UUID, Facts]) -> int:
    matches = []
    for trigger_id, conversation_id in pairs:
        one, seen = known[trigger_id], facts.get(conversation_id)
        if seen is None:
            continue
        occurrence = one.parts.when.occurrence(seen, one.trigger.active_since)
        if occurrence is not None and one.parts.may_match(seen):
            matches.append(_match_of(one, conversation_id, occurrence, seen))
    return record_matches(matches)


def _match_edges(
    pairs: list[Pair],
    known: dict[UUID, _Known],
    facts: dict[UUID, Facts],
    now: datetime,
    *,
    fires: set[UUID] | None = None,
) -> int:
    """Record where a condition became true, and forget where it is true no more.

    `fires`: the conversations for which that matches; None for all.
    """
    true = [pair for pair in pairs if (seen := facts.get(pair[1])) and known[pair[0]].parts.may_match(seen)]
    false = set(pairs) - set(true)
    clients = [known[trigger_id].trigger.client_id for trigger_id, _ in true]
    with connection.cursor() as cursor:
        cursor.execute(_FALL, _columns(sorted(false)))
        triggers, conversations = _columns(true)
        cursor.execute(_RISE, [now, triggers, clients, conversations])
        risen = cursor.fetchall()
    return record_matches(
        [
            _match_of(known[trigger_id], one, now, facts[one])
            for trigger_id, one in risen
            if fires is None or one in fires
        ]
    )


def _columns(pairs: list[Pair]) -> list[list[UUID]]:
    return [[trigger_id for trigger_id, _ in pairs], [conversation_id for _, conversation_id in pairs]]


def _match_of(known: _Known, conversation_id: UUID, occurrence: datetime, facts: Facts) -> Match:
    return Match(
        trigger_id=known.trigger.id,
        client_id=known.trigger.client_id,
        conversation_id=conversation_id,
        subject=conversation_id,
        occurrence=occurrence,
        matched_at=facts.now,
        values_seen=facts.seen(known.parts.fields),
    )
