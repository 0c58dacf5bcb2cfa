"""A client's switch for all of its triggers: read anywhere, changed in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from renum import clock
from renum.events.cause import Cause
from renum.events.models import Event
from renum.events.services import record_event
from triggers.models import AutomationPolicy, Trigger


def policy_of(client_id: UUID) -> AutomationPolicy:
    """The client's switch; the default, unsaved, for one that never used it."""
    found = AutomationPolicy.objects.filter(client_id=client_id).first()
    return found or AutomationPolicy(client_id=client_id)


def change_policy(client_id: UUID, changes: Mapping[str, Any], *, cause: Cause) -> AutomationPolicy:
    """Pause all of a client's triggers or let them go on, on record: `changes` holds `paused`.

    When they go on, the next sweep looks at all that holds, since some of it became due meanwhile.
    """
    policy, _ = AutomationPolicy.objects.select_for_update().get_or_create(client_id=client_id)
    was_paused = policy.paused
    for name, value in changes.items():
        setattr(policy, name, value)
    policy.save()
    if was_paused and not policy.paused:
        _look_again(client_id)
    record_event(
        client_id,
        Event.Kind.AUTOMATION_POLICY_CHANGED,
        cause=cause,
        data={"fields": sorted(changes), "paused": policy.paused},
    )
    return policy


def _look_again(client_id: UUID) -> None:
    triggers = Trigger.objects.filter(client_id=client_id, active=True).exclude(trigger_type="event_based")
    ids = list(triggers.select_for_update().order_by("id").values_list("id", flat=True))
    # A sweep that is under way takes back the mark of those that were not changed since it began.
    Trigger.objects.filter(id__in=ids).update(rematch=True, updated_at=clock.now())
