"""Triggers by the calendar: every slot of the schedule that is stored for a trigger is recorded once.

Beat only rings. What is due is computed here, on its bell and on the minute's sweep, so a beat that is
lost, late, doubled or restarted changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from renum.accounts.scope import service_scope
from triggers.bells import next_slot, schedule_of, slots_of
from triggers.engine.ledger import Match, record_matches
from triggers.engine.matching import load_triggers
from triggers.models import Trigger, TriggerSchedule
from triggers.schemas import Parts
from triggers.slots import slots_between

SLOT_MISSED = "SLOT_MISSED"
BATCH = 50  # schedules in one transaction
MISSED_ROWS = 100  # at most so many in one transaction: of a long outage, one row says how many


def record_due_slots(now: datetime, trigger_id: UUID | None = None) -> int:
    """Record the slots that became due, of all triggers or of one, each once; returns how many are to be run.

    Whoever else records a schedule at this moment does so for both: locked ones are passed over.
    """
    total = 0
    while True:
        considered, recorded = _record_batch(now, trigger_id)
        total += recorded
        if considered < BATCH:
            return total


def _record_batch(now: datetime, trigger_id: UUID | None) -> tuple[int, int]:
    with service_scope(reason="record the slots of triggers by the calendar"):
        due = TriggerSchedule.objects.filter(next_slot_at__lte=now)
        if trigger_id is not None:
            due = due.filter(trigger_id=trigger_id)
        tasks = ("crontab", "interval", "clocked")
        rows = list(
            due.select_for_update(skip_locked=True, of=("self",))
            .select_related("trigger", *[f"periodic_task__{task}" for task in tasks])
            .order_by("next_slot_at", "id")[:BATCH]
        )
        known = load_triggers({row.trigger_id for row in rows}, now)
        runs: list[Match] = []
        missed: list[tuple[Trigger, list[datetime]]] = []
        for row in rows:
            if row.trigger_id in known and _rings(row):
                run, rest = _divide(row, known[row.trigger_id].parts, now)
                runs += [_match(row.trigger, slot, now) for slot in run]
                missed += [(row.trigger, rest)] if rest else []
            _move_on(row, now)
        record_matches(_missed(missed, now))
        recorded = record_matches(runs)
        TriggerSchedule.objects.bulk_update(rows, ["recorded_until", "next_slot_at"])
    return len(rows), recorded


def _rings(row: TriggerSchedule) -> bool:
    # A task for one moment is switched off by beat once it rang.
    task = row.periodic_task
    return task is not None and (task.enabled or task.clocked is not None)


def _divide(row: TriggerSchedule, parts: Parts, now: datetime) -> tuple[list[datetime], list[datetime]]:
    """The slots that became due: those to be run, and those that were missed."""
    slots, zone = slots_of(row.trigger, row.periodic_task)
    schedule = schedule_of(parts)
    if slots is None or schedule is None:
        return [], []
    after = max(row.recorded_until, row.trigger.active_since)
    due = slots_between(slots, zone, after, now)
    chosen = schedule.catch_up.choose(due, now)
    return chosen, due[: len(due) - len(chosen)]


def _move_on(row: TriggerSchedule, now: datetime) -> None:
    row.recorded_until = max(row.recorded_until, now)
    is_on = row.trigger.active and row.periodic_task is not None
    row.next_slot_at = next_slot(row.trigger, row.periodic_task, row.recorded_until) if is_on else None


def _match(trigger: Trigger, slot: datetime, now: datetime, **fields: Any) -> Match:
    return Match(
        trigger_id=trigger.id,
        client_id=trigger.client_id,
        conversation_id=None,
        subject=trigger.id,
        occurrence=slot,
        matched_at=now,
        values_seen={},
        **fields,
    )


def _missed(missed: list[tuple[Trigger, list[datetime]]], now: datetime) -> list[Match]:
    """What was not made good: a row a slot, or one that says how many the rest are."""
    allowance = max(MISSED_ROWS // max(len(missed), 1), 1)
    matches = []
    for trigger, slots in missed:
        alone = slots[len(slots) - allowance + 1 :] if len(slots) > allowance else slots
        together = slots[: len(slots) - len(alone)]
        for group in ([together] if together else []) + [[slot] for slot in alone]:
            result = {"slots": len(group), "first": group[0].isoformat(), "last": group[-1].isoformat()}
            fields = {"condition_met": False, "reason_code": SLOT_MISSED, "result": result}
            matches.append(_match(trigger, group[-1], now, **fields))
    return matches
