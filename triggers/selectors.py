"""Reads over triggers; callers are under a tenant or service scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from renum.accounts.models import Client, Profile
from renum.accounts.scope import service_scope
from renum.conversations.models import Conversation
from renum.events.models import Event
from triggers.errors import ExecutionNotFound, InvalidTriggerConfig, TriggerNotFound
from triggers.explain import Case, Happened
from triggers.facts import load_facts
from triggers.models import Trigger, TriggerEdge, TriggerExecution, TriggerOccurrence
from triggers.policies import policy_of
from triggers.schemas import Parts
from triggers.when import EventBasedConfig, TimeBasedConfig

MAX_SHOWN = 5  # executions of a trigger and a conversation
LOOKED_BACK = 50  # events among which the latest one that is meant is looked for


def list_triggers(client_id: UUID, *, active: bool | None = None) -> QuerySet[Trigger]:
    """The client's triggers, the newest first."""
    found = Trigger.objects.filter(client_id=client_id).order_by("-created_at", "-id")
    return found if active is None else found.filter(active=active)


def get_trigger(client_id: UUID, trigger_id: UUID, *, for_update: bool = False) -> Trigger:
    """One trigger; raises `TriggerNotFound`, also for another client's."""
    rows = Trigger.objects.filter(client_id=client_id, id=trigger_id)
    found = (rows.select_for_update() if for_update else rows).first()
    if found is None:
        raise TriggerNotFound
    return found


def list_executions(
    client_id: UUID,
    trigger_id: UUID,
    *,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[TriggerExecution]:
    """A trigger's executions, of a state, executed at `since` or later and before `until`."""
    conditions: dict[str, Any] = {"state": state, "executed_at__gte": since, "executed_at__lt": until}
    return TriggerExecution.objects.filter(
        client_id=client_id,
        trigger_id=trigger_id,
        **{name: value for name, value in conditions.items() if value is not None},
    )


def get_execution(client_id: UUID, execution_id: UUID) -> TriggerExecution:
    """One execution; raises `ExecutionNotFound`, also for another client's."""
    found = TriggerExecution.objects.filter(client_id=client_id, id=execution_id).first()
    if found is None:
        raise ExecutionNotFound
    return found


def owner_email(client: Client) -> str:
    """The address of the client's own log-in, whoever asks."""
    with service_scope(reason="staff are shown examples with the client's address"):
        return Profile.objects.get(id=client.profile_id).email


# --- Why ----------------------------------------------------------------------------------------------


def load_case(client: Client, trigger: Trigger, conversation: Conversation, now: datetime) -> Case:
    """What `triggers.explain` judges: a trigger and a conversation of the client, as they are now."""
    facts = load_facts([conversation.id], now)[conversation.id]
    try:
        parts = trigger.parts
    except InvalidTriggerConfig:
        parts = None
    event = _latest_event(client.id, parts, conversation)
    if event is not None:
        facts = facts.with_event(event)
    edge = TriggerEdge.objects.filter(client_id=client.id, trigger=trigger, conversation=conversation).first()
    of_pair = TriggerExecution.objects.filter(
        client_id=client.id, trigger=trigger, conversation=conversation
    ).order_by("-executed_at", "-id")
    subject: dict[str, Any] = {"subject": conversation.id, "occurrence": edge.since if edge else None}
    if parts is not None and isinstance(parts.when, TimeBasedConfig) and parts.when.schedule is None:
        subject["occurrence"] = parts.when.names_occurrence(facts)
    elif event is not None:
        subject = {"subject": event.id, "occurrence": event.occurred_at}
    is_known = subject["occurrence"] is not None
    recorded = TriggerOccurrence.objects.filter(client_id=client.id, trigger=trigger, **subject)
    return Case(
        trigger=trigger,
        parts=parts,
        facts=facts,
        timezone=client.timezone,
        is_paused=policy_of(client.id).paused,
        current=of_pair.filter(**subject).first() if is_known else None,
        was_recorded=is_known and recorded.exists(),
        executions=list(of_pair[:MAX_SHOWN]),
        edge_since=edge.since if edge else None,
        event=Happened(event.data, event.occurred_at, event.is_considered) if event else None,
    )


def _latest_event(client_id: UUID, parts: Parts | None, conversation: Conversation) -> Event | None:
    """The latest event that the trigger means; else the latest of its kind."""
    if parts is None or not isinstance(parts.when, EventBasedConfig):
        return None
    events = list(
        Event.objects.filter(
            client_id=client_id, conversation_id=conversation.id, kind=parts.when.event
        ).order_by("-occurred_at", "-id")[:LOOKED_BACK]
    )
    meant = (event for event in events if parts.when.admits(event.data))
    return next(meant, events[0] if events else None)
