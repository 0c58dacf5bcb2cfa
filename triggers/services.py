"""Writes over triggers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from triggers import schemas
from triggers.models import Trigger


def create_trigger(client_id: UUID, *, name: str, description: str | None = None, **parts: Any) -> Trigger:
    """Validate and save a trigger, switched on; raises `InvalidTriggerConfig`.

    Conversations that are idle already are found by the next sweep, once.
    """
    checked = schemas.validate_parts(**parts)
    return Trigger.objects.create(
        client_id=client_id,
        name=name,
        description=description,
        delay_seconds=_delay_seconds(checked),
        **parts,
    )


def update_trigger(
    trigger: Trigger, *, name: str, description: str | None, active: bool, **parts: Any
) -> Trigger:
    """Validate and save all that people edit of a trigger; raises `InvalidTriggerConfig`.

    Conversations that are idle already are looked at again by the next sweep. What the engine writes
    (executions, their count) is left alone.
    """
    checked = schemas.validate_parts(**parts)
    changes = {
        "name": name,
        "description": description,
        "active": active,
        "delay_seconds": _delay_seconds(checked),
        "schema_version": schemas.SCHEMA_VERSION,
        "rematch": True,
        **parts,
    }
    for field, value in changes.items():
        setattr(trigger, field, value)
    trigger.save(update_fields=[*changes, "updated_at"])
    return trigger


def switch_triggers(triggers: Iterable[Trigger], *, active: bool) -> list[Trigger]:
    """Switch triggers on or off; returns those that were not so already."""
    ids = [trigger.pk for trigger in triggers]
    changed = list(Trigger.objects.select_for_update().filter(pk__in=ids).exclude(active=active))
    for trigger in changed:
        trigger.active = active
        trigger.rematch = trigger.rematch or active
        trigger.save(update_fields=["active", "rematch", "updated_at"])
    return changed


def _delay_seconds(parts: schemas.Parts) -> int:
    return int(parts.when.delay.total_seconds())
