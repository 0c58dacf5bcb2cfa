from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from triggers.errors import TriggerNotFound
from triggers.models import Trigger


def list_triggers(client_id: UUID, *, active: bool | None = None) -> QuerySet[Trigger]:
    """The client's triggers, the newest first."""
    found = Trigger.objects.filter(client_id=client_id).order_by("-created_at", "-id")
    return found if active is None else found.filter(active=active)


def get_trigger(client_id: UUID, trigger_id: UUID) -> Trigger:
    """One trigger; raises `TriggerNotFound`, also for another client's."""
    found = Trigger.objects.filter(client_id=client_id, id=trigger_id).first()
    if found is None:
        raise TriggerNotFound
    return found
