"""Carry out what matched: look again, act once, write down what happened and why."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.db.models import F

from renum.accounts.scope import service_scope
from renum.errors import DomainError
from renum.events.cause import Cause
from triggers import actions, conditions
from triggers.actions.base import Occasion
from triggers.errors import TriggerExecutionFailed
from triggers.models import Trigger, TriggerExecution

log = structlog.get_logger(__name__)

State = TriggerExecution.State
BATCH = 100
MAX_REPEATS = 5


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
    total = failures = 0
    while True:
        try:
            count = _run_batch(now)
        except OperationalError as error:  # somebody else held the same rows in another order
            failures += 1
            log.warning("trigger_batch_repeated", reason=type(error).__name__)
            if failures > MAX_REPEATS:
                raise
            continue
        total += count
        if count < BATCH:
            return total


def _run_batch(now: datetime) -> int:
    with service_scope(reason="carry out matched triggers"):
        batch = list(
            TriggerExecution.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=State.MATCHED)
            .select_related("trigger", "conversation__contact")
            .order_by("created_at", "conversation_id", "id")[:BATCH]
        )
        # Rows that several workers write are taken in one order, so that nobody waits in a circle.
        batch.sort(key=lambda execution: execution.conversation_id)
        acted = Counter(one.trigger_id for one in batch if _carry_out(one, now))
        for trigger_id, count in sorted(acted.items()):
            Trigger.objects.filter(id=trigger_id).update(
                last_executed_at=now, execution_count=F("execution_count") + count
            )
    return len(batch)


def _carry_out(execution: TriggerExecution, now: datetime) -> bool:
    """Look again, act, and write down the result; True if it acted."""
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
    except OperationalError:
        raise
    except Exception:
        # One execution that we cannot digest must not stop the others, minute after minute.
        log.exception("trigger_crashed", execution_id=str(execution.id))
        failed = TriggerExecutionFailed()
        changes = {"state": State.FAILED, "reason_code": failed.code, "error_message": failed.message}
    execution_time = round((time.monotonic() - started) * 1000)
    TriggerExecution.objects.filter(id=execution.id).update(
        executed_at=now, execution_time_ms=execution_time, **changes
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
    return bool(changes["state"] == State.DONE)


def _check_and_act(execution: TriggerExecution, now: datetime) -> dict[str, Any]:
    trigger, conversation = execution.trigger, execution.conversation
    if not trigger.active:
        raise Skip("TRIGGER_INACTIVE", condition_met=True)
    parts = trigger.parts
    # Its idle period is over once somebody wrote. What another trigger sent meanwhile does not count.
    if conversation.quiet_since != execution.occurrence:
        raise Skip("NO_LONGER_IDLE", condition_met=False)
    # Not idle for long enough, though nothing was written since it matched: the delay was raised.
    if now - parts.when.delay < conversation.last_message_at < execution.created_at:
        raise Skip("NO_LONGER_IDLE", condition_met=False)
    if not conditions.REGISTRY[trigger.condition_type].matches(parts.condition, conversation):
        raise Skip("CONDITION_NOT_MET", condition_met=False)
    cause = Cause(tuple(execution.cause)).then("trigger", trigger.id).then("execution", execution.id)
    occasion = Occasion(execution.id, conversation, cause)
    return actions.REGISTRY[trigger.action_type].run(parts.action, occasion)
