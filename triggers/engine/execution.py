"""Carry out what matched: look again, act once, write down what happened and why."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from renum.accounts.scope import service_scope
from renum.errors import DomainError
from renum.events.cause import Cause
from triggers import actions, conditions
from triggers.actions.base import Occasion
from triggers.models import Trigger, TriggerExecution

log = structlog.get_logger(__name__)

State = TriggerExecution.State
BATCH = 100


class Skip(Exception):
    """The match no longer holds."""

    def __init__(self, reason_code: str, *, condition_met: bool):
        self.reason_code = reason_code
        self.condition_met = condition_met
        super().__init__(reason_code)


def run_matched(now: datetime) -> int:
    """Carry out all matched executions in batches; returns how many.

    Actions only write rows, so each batch is one transaction: a worker that dies leaves its
    executions matched, and none of their effects.
    """
    total = 0
    while True:
        with service_scope(reason="carry out matched triggers"):
            batch = list(
                TriggerExecution.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(state=State.MATCHED)
                .select_related("trigger", "conversation__contact")
                .order_by("created_at", "id")[:BATCH]
            )
            for execution in batch:
                _carry_out(execution, now)
        total += len(batch)
        if len(batch) < BATCH:
            return total


def _carry_out(execution: TriggerExecution, now: datetime) -> None:
    started = time.monotonic()
    changes: dict[str, Any]
    try:
        with transaction.atomic():
            result = _check_and_act(execution, now)
        changes = {"state": State.DONE, "action_executed": True, "result": result}
    except Skip as skip:
        changes = {
            "state": State.SKIPPED,
            "reason_code": skip.reason_code,
            "condition_met": skip.condition_met,
        }
    except DomainError as error:
        changes = {"state": State.FAILED, "reason_code": error.code, "error_message": error.message}
    execution_time = round((time.monotonic() - started) * 1000)
    TriggerExecution.objects.filter(id=execution.id).update(
        executed_at=now, execution_time_ms=execution_time, **changes
    )
    if changes["state"] == State.DONE:
        Trigger.objects.filter(id=execution.trigger_id).update(
            last_executed_at=now, execution_count=F("execution_count") + 1
        )
    log.info(
        "trigger_executed",
        client_id=str(execution.client_id),
        trigger_id=str(execution.trigger_id),
        execution_id=str(execution.id),
        state=changes["state"].value,
        code=changes.get("reason_code"),
        execution_time_ms=execution_time,
    )


def _check_and_act(execution: TriggerExecution, now: datetime) -> dict[str, Any]:
    trigger, conversation = execution.trigger, execution.conversation
    if not trigger.active:
        raise Skip("TRIGGER_INACTIVE", condition_met=True)
    parts = trigger.parts
    if conversation.last_message_at > now - parts.when.delay:
        raise Skip("NO_LONGER_IDLE", condition_met=False)
    if not conditions.REGISTRY[trigger.condition_type].matches(parts.condition, conversation):
        raise Skip("CONDITION_NOT_MET", condition_met=False)
    cause = Cause(tuple(execution.cause)).then("trigger", trigger.id).then("execution", execution.id)
    occasion = Occasion(execution.id, conversation, cause)
    return actions.REGISTRY[trigger.action_type].run(parts.action, occasion)
