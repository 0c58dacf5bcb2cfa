"""What a trigger would do now, saved or not: the engine's judgement, where nothing can be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from integrations.delivery.routes import active_integration
from renum.accounts.models import Client
from renum.conversations.models import ContactDate, Conversation
from renum.errors import DomainError
from renum.events.cause import Cause, CauseLoop
from renum.events.models import Event
from triggers.actions.words import WordsConfig
from triggers.bells import HORIZON, schedule_of
from triggers.engine.events import facts_of
from triggers.engine.population import population
from triggers.facts import load_facts, no_facts
from triggers.fields import REFERENCE_FIELDS, attribute_name
from triggers.models import Trigger, TriggerEdge, TriggerExecution, TriggerOccurrence
from triggers.policies import policy_of
from triggers.reasons import sentence_of
from triggers.schemas import Parts
from triggers.slots import iter_slots
from triggers.texts import StepPreview, Subject, preview
from triggers.when import EventBasedConfig, TimeBasedConfig
from triggers.when.base import Reentry
from triggers.when.calendar import Schedule

MAX_COUNTED = 10_000  # conversations, or events: of more it is only said that there are
MAX_SHOWN = 5
EVENT_WINDOW = timedelta(days=30)
CHUNK = 1_000

State = TriggerExecution.State


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the subjects, and what each step would say to it."""

    conversation_id: UUID | None
    event_id: UUID | None
    steps: list[StepPreview]


@dataclass(frozen=True, slots=True)
class Simulation:
    """`condition_met`: QUANDO and SE hold for something. `affected_conversations`: for which it would act,
    were nothing in the way; `reasons`: what is in the way, by `code` and `reason`, a sentence.

    `more`: there are more than were counted. `next_slot_at`: of a trigger by the calendar.
    """

    condition_met: bool
    action_would_execute: bool
    affected_conversations: int
    estimated_messages: int
    more: bool
    next_slot_at: datetime | None
    reasons: list[dict[str, str]]
    sample: list[Sample]


@dataclass(frozen=True, slots=True)
class _Found:
    """`runs`: executions there would be. `shown`: (conversation, event) of the first of them. `why_none`: a
    reason code for having none."""

    condition_met: bool = False
    affected: int = 0
    runs: int = 0
    more: bool = False
    shown: Sequence[tuple[UUID | None, Event | None]] = field(default=())
    next_slot_at: datetime | None = None
    why_none: str = "ALREADY_EXECUTED"


def simulate(client: Client, parts: Parts, now: datetime, *, trigger: Trigger | None = None) -> Simulation:
    """Say what the trigger would do if it were switched on and swept now.

    `trigger`: the one that these are the parts of, if it is saved: what it did already does not count.
    Events are those of the last 30 days.
    """
    with _nothing_written():
        found = _find(client, parts, now, trigger)
        messages = sum(step.type.messages(step.config) for step in parts.steps)
        codes = _obstacles(client.id, parts, trigger)
        if found.condition_met and not found.runs:
            codes.append(found.why_none)
        return Simulation(
            condition_met=found.condition_met,
            action_would_execute=found.runs > 0 and not codes,
            affected_conversations=found.affected,
            estimated_messages=found.runs * messages,
            more=found.more,
            next_slot_at=found.next_slot_at,
            reasons=[{"code": code, "reason": sentence_of(code)} for code in codes],
            sample=_sample(client.id, parts, found, now),
        )


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Have Postgres refuse every write; the transaction around goes on afterwards as it was."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        yield
        transaction.set_rollback(True)


def _find(client: Client, parts: Parts, now: datetime, trigger: Trigger | None) -> _Found:
    if schedule := schedule_of(parts):
        return _find_slot(schedule, client, now, trigger)
    if isinstance(parts.when, EventBasedConfig):
        return _find_events(client.id, parts, parts.when, now, trigger)
    return _find_conversations(client.id, parts, now, trigger)


def _obstacles(client_id: UUID, parts: Parts, trigger: Trigger | None) -> list[str]:
    codes = []
    if trigger is not None and not trigger.active:
        codes.append("TRIGGER_INACTIVE")
    if policy_of(client_id).paused:
        codes.append("AUTOMATIONS_PAUSED")
    channels = {step.config.channel for step in parts.steps if isinstance(step.config, WordsConfig)}
    for channel in sorted(channels):
        try:
            active_integration(client_id, channel)
        except DomainError as error:
            codes.append(error.code)
    return list(dict.fromkeys(codes))


def _sample(client_id: UUID, parts: Parts, found: _Found, now: datetime) -> list[Sample]:
    ids = {conversation_id for conversation_id, _ in found.shown if conversation_id}
    facts = load_facts(ids, now)
    talks = Conversation.objects.filter(client_id=client_id).select_related("contact").in_bulk(ids)
    samples = []
    for conversation_id, event in found.shown:
        talk = talks.get(conversation_id) if conversation_id else None
        seen = facts_of(event, facts, now) if event else facts[talk.id] if talk else no_facts(now)
        steps = preview(parts.steps, Subject(client_id, talk, seen))
        samples.append(Sample(talk.id if talk else None, event.id if event else None, steps))
    return samples


# --- By the calendar ----------------------------------------------------------------------------------


def _find_slot(schedule: Schedule, client: Client, now: datetime, trigger: Trigger | None) -> _Found:
    anchor = trigger.active_since if trigger and trigger.active else now
    slots = schedule.slots(client.timezone, anchor)
    following = next(iter_slots(slots, schedule.zone(client.timezone), now, now + HORIZON), None)
    if following is None:
        return _Found(condition_met=True, why_none="NO_SLOT_AHEAD")
    return _Found(condition_met=True, runs=1, shown=[(None, None)], next_slot_at=following)


# --- Conversations ------------------------------------------------------------------------------------


def _find_conversations(client_id: UUID, parts: Parts, now: datetime, trigger: Trigger | None) -> _Found:
    since = trigger.active_since if trigger and trigger.active else now
    holding = population(client_id, parts, now, active_since=since)
    if _passes_over(parts, trigger):
        return _Found(condition_met=holding.exists(), why_none="EXISTING_NOT_INCLUDED")
    acting = holding if trigger is None else _without_done(holding, parts, now, trigger)
    count = acting.order_by()[: MAX_COUNTED + 1].count()
    shown = acting.order_by("id").values_list("id", flat=True)[:MAX_SHOWN] if count else []
    return _Found(
        condition_met=count > 0 or holding.exists(),
        affected=min(count, MAX_COUNTED),
        runs=min(count, MAX_COUNTED),
        more=count > MAX_COUNTED,
        shown=[(conversation_id, None) for conversation_id in shown],
    )


def _passes_over(parts: Parts, trigger: Trigger | None) -> bool:
    """Whether an edge that is there when the trigger is switched on does not fire, as would be now."""
    is_looked_at_anew = trigger is None or not trigger.active or trigger.rematch
    return (
        not isinstance(parts.when, TimeBasedConfig) and not parts.when.include_existing and is_looked_at_anew
    )


def _without_done(
    holding: QuerySet[Conversation], parts: Parts, now: datetime, trigger: Trigger
) -> QuerySet[Conversation]:
    """Without those for which the trigger has acted already, or may not act again yet."""
    executions = TriggerExecution.objects.filter(trigger=trigger)
    if isinstance(parts.when, TimeBasedConfig):
        holding = holding.filter(~Exists(_acted(trigger).filter(_names(parts.when), subject=OuterRef("pk"))))
    else:
        edge = TriggerEdge.objects.filter(trigger=trigger, conversation=OuterRef("pk"))
        waiting = executions.filter(conversation=OuterRef("pk"), state=State.MATCHED)
        holding = holding.filter(~Exists(edge) | Exists(waiting))
    if reentry := parts.when.reentry:
        since = now - timedelta(days=reentry.days)
        done = executions.filter(conversation=OuterRef("pk"), state=State.DONE, executed_at__gt=since)
        count = done.order_by().values("trigger").annotate(count=Count("id")).values("count")
        holding = holding.annotate(done=Coalesce(Subquery(count, output_field=IntegerField()), 0))
        holding = holding.filter(done__lt=reentry.times)
    return holding


def _acted(trigger: Trigger) -> QuerySet[TriggerOccurrence]:
    """What it matched once and does not take up again."""
    open_still = TriggerExecution.objects.filter(
        id=OuterRef("execution_id"),
        created_at=OuterRef("recorded_at"),
        state__in=(State.MATCHED, State.SKIPPED),
    )
    return TriggerOccurrence.objects.filter(~Exists(open_still), trigger=trigger)


def _names(config: TimeBasedConfig) -> Q:
    """That an occurrence is the one that is due for the outer conversation."""
    if name := attribute_name(config.reference_field):
        dates = ContactDate.objects.filter(contact=OuterRef(OuterRef("contact")), name=name)
        return Q(occurrence__in=dates.values("at"))
    return Q(occurrence=OuterRef(REFERENCE_FIELDS[config.reference_field].occurrence))


# --- Events -------------------------------------------------------------------------------------------


def _find_events(
    client_id: UUID, parts: Parts, config: EventBasedConfig, now: datetime, trigger: Trigger | None
) -> _Found:
    happened = Event.objects.filter(
        client_id=client_id, kind=config.event, occurred_at__gt=now - EVENT_WINDOW
    ).order_by("-occurred_at", "-id")
    acting = happened
    if trigger is not None:
        acted = TriggerOccurrence.objects.filter(trigger=trigger, subject=OuterRef("pk"))
        waiting = TriggerExecution.objects.filter(
            trigger=trigger, event_id=OuterRef("pk"), state=State.MATCHED
        )
        acting = happened.filter(~Exists(acted) | Exists(waiting))
    matching = list(_matching(acting[:MAX_COUNTED], parts, config, now))
    needs_talk = any(step.type.needs_conversation(step.config) for step in parts.steps)
    reachable = [one for one in matching if one[0] is not None or not needs_talk]
    runs = _within(config.reentry, [one for one in reachable if not _loops(one[1], trigger)])
    met = bool(matching) or any(_matching(happened[:MAX_COUNTED], parts, config, now))
    return _Found(
        condition_met=met,
        affected=len({conversation_id for conversation_id, _ in runs if conversation_id}),
        runs=len(runs),
        more=acting[MAX_COUNTED : MAX_COUNTED + 1].exists(),
        shown=runs[:MAX_SHOWN],
        why_none="CAUSE_LOOP" if reachable else "NO_CONVERSATION" if matching else "ALREADY_EXECUTED",
    )


def _matching(
    events: QuerySet[Event], parts: Parts, config: EventBasedConfig, now: datetime
) -> Iterator[tuple[UUID | None, Event]]:
    """Those that are meant and for which SE is true, with the conversation if it is there."""
    rows = (event for event in events.iterator(CHUNK) if config.admits(event.data))
    while chunk := list(islice(rows, CHUNK)):
        facts = load_facts({event.conversation_id for event in chunk if event.conversation_id}, now)
        for event in chunk:
            if parts.matches(facts_of(event, facts, now)):
                yield (event.conversation_id if event.conversation_id in facts else None), event


def _loops(event: Event, trigger: Trigger | None) -> bool:
    cause = Cause(tuple(event.cause)).noting("event", event.id)
    try:
        cause.then("trigger", trigger.id if trigger else "new").then("execution", "new")
    except CauseLoop:
        return True
    return False


def _within(
    reentry: Reentry | None, runs: list[tuple[UUID | None, Event]]
) -> list[tuple[UUID | None, Event]]:
    """Of each conversation's no more than may be, the earliest first."""
    if reentry is None:
        return runs
    admitted: dict[UUID, list[datetime]] = {}
    kept = []
    for conversation_id, event in reversed(runs):
        if conversation_id is not None:
            since = event.occurred_at - timedelta(days=reentry.days)
            before = admitted.setdefault(conversation_id, [])
            if sum(at > since for at in before) >= reentry.times:
                continue
            before.append(event.occurred_at)
        kept.append((conversation_id, event))
    return kept[::-1]
