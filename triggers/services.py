"""Writes over triggers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from renum import clock
from renum.accounts.scope import service_scope
from triggers import schemas, when
from triggers.bells import sync_schedule
from triggers.models import Trigger, TriggerClock
from triggers.schedules import record_due_slots

SWITCHED = ("active", "active_since", "rematch", "paused_reason", "failures_in_a_row")


def create_trigger(
    client_id: UUID, *, name: str, description: str | None = None, active: bool = True, **parts: Any
) -> Trigger:
    """Validate and save a trigger; raises `InvalidTriggerConfig`.

    What holds already is found by the next sweep, once, unless its config says otherwise.
    """
    checked = schemas.validate_parts(**parts)
    schemas.check_references(checked, client_id)
    trigger = Trigger.objects.create(
        client_id=client_id,
        name=name,
        description=description,
        active=active,
        active_since=clock.now(),
        **checked.when.engine_columns(),
        **parts,
    )
    _set_clocks(trigger, checked)
    sync_schedule(trigger, checked)
    return trigger


def update_trigger(
    trigger: Trigger, *, name: str, description: str | None, active: bool, **parts: Any
) -> Trigger:
    """Validate and save all that people edit of a trigger; raises `InvalidTriggerConfig`.

    It holds from the next sweep, which looks again at all that holds already. What the engine writes
    (executions, their count) is left alone.
    """
    checked = schemas.validate_parts(**parts)
    schemas.check_references(checked, trigger.client_id)
    if "schedule" in trigger.trigger_config:
        record_due_slots(clock.now(), trigger.id)  # those of the schedule that it has still
    # What is stored, since a form may have written on the object already.
    was_active = Trigger.objects.filter(pk=trigger.pk, active=True).exists()
    changes = {
        "name": name,
        "description": description,
        "active": active,
        "active_since": trigger.active_since if was_active else clock.now(),
        "schema_version": schemas.SCHEMA_VERSION,
        "rematch": True,
        "paused_reason": "" if active else trigger.paused_reason,
        "failures_in_a_row": 0 if active else trigger.failures_in_a_row,
        **checked.when.engine_columns(),
        **parts,
    }
    for field, value in changes.items():
        setattr(trigger, field, value)
    trigger.save(update_fields=[*changes, "updated_at"])
    _set_clocks(trigger, checked)
    sync_schedule(trigger, checked)
    return trigger


def switch_triggers(triggers: Iterable[Trigger], *, active: bool) -> list[Trigger]:
    """Switch triggers on or off; returns those that were not so already."""
    ids = [trigger.pk for trigger in triggers]
    changed = list(
        Trigger.objects.select_for_update(no_key=True)
        .filter(pk__in=ids)
        .exclude(active=active)
        .order_by("pk")
    )
    for trigger in changed:
        trigger.active = active
        if active:
            trigger.rematch, trigger.active_since = True, clock.now()
            trigger.paused_reason, trigger.failures_in_a_row = "", 0
        trigger.save(update_fields=[*SWITCHED, "updated_at"])
        parts = trigger.parts if active else None
        _set_clocks(trigger, parts)
        sync_schedule(trigger, parts)
    return changed


def delete_trigger(trigger: Trigger) -> None:
    """Delete a trigger and its executions; messages that it sent stay."""
    with service_scope(reason="delete a trigger with its ledger, which its client cannot write"):
        trigger.delete()


def _set_clocks(trigger: Trigger, parts: schemas.Parts | None) -> None:
    """Let the sweep know at which moments the trigger may become due; an inactive one at none."""
    TriggerClock.objects.filter(trigger=trigger).delete()
    if parts is None or not trigger.active or isinstance(parts.when, when.EventBasedConfig):
        return
    clocks = {(*clock, True) for clock in parts.when.clocks()} | {(*clock, False) for clock in parts.clocks}
    TriggerClock.objects.bulk_create(
        TriggerClock(
            trigger=trigger, client_id=trigger.client_id, field=field, seconds=seconds, is_when=is_when
        )
        for field, seconds, is_when in sorted(clocks)
    )
