"""Carry out what matched: look again, act once, write down what happened and why."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Least

from renum.accounts.scope import service_scope
from renum.errors import DomainError
from renum.events.cause import Cause, CauseLoop
from renum.events.models import Event
from triggers import when
from triggers.actions.base import Occasion, Skip
from triggers.engine.pausing import REPEATED_FAILURE, pause_trigger
from triggers.errors import TriggerExecutionFailed
from triggers.facts import Facts, load_facts, no_facts
from triggers.models import AutomationPolicy, Trigger, TriggerEdge, TriggerExecution
from triggers.schemas import Parts, Step

log = structlog.get_logger(__name__)

State = TriggerExecution.State
Acted = tuple[list[dict[str, Any]], DomainError | None]  # a receipt for each action; the first failure
BATCH = 100
MAX_REPEATS = 5
NOT_ITS_FAULT = {"TRIGGER_INACTIVE", "AUTOMATIONS_PAUSED"}
FAILURES_TO_PAUSE = 5  # in a row: such a trigger will not mend itself


class _StepsFailed(Exception):
    """Some action failed; what was done before it stays done."""

    def __init__(self, error: DomainError, steps: list[dict[str, Any]]):
        self.error = error
        self.steps = steps
        super().__init__(error.code)


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
        if not count:  # what was carried out may have made others match
            return total


def _run_batch(now: datetime) -> int:
    with service_scope(reason="carry out matched triggers"):
        batch = list(
            TriggerExecution.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(state=State.MATCHED)
            .select_related("trigger", "conversation__contact")
            .order_by("matched_at", "conversation_id", "id")[:BATCH]
        )
        # Rows that several workers write are taken in one order, so that nobody waits in a circle.
        batch.sort(key=lambda execution: str(execution.conversation_id or ""))
        clients = {execution.client_id for execution in batch}
        paused = set(
            AutomationPolicy.objects.filter(paused=True, client_id__in=clients).values_list(
                "client_id", flat=True
            )
        )
        known = _FactsOfBatch(batch, now)
        states = [(one.trigger_id, _carry_out(one, known, paused=one.client_id in paused)) for one in batch]
        _count(states, now)
    return len(batch)


class _FactsOfBatch:
    """What is known of the conversations of a batch: read together, and anew once one was acted on."""

    def __init__(self, batch: list[TriggerExecution], now: datetime):
        self.now = now
        self._known = load_facts({one.conversation_id for one in batch if one.conversation_id}, now)
        events = Event.objects.filter(
            client_id__in={one.client_id for one in batch},
            id__in={one.event_id for one in batch if one.event_id},
        )
        self._events = {event.id: event for event in events}

    def take(self, execution: TriggerExecution) -> Facts:
        """What to judge an execution by; whatever it does, the next one of its conversation looks again."""
        facts = no_facts(self.now)
        if (conversation_id := execution.conversation_id) is not None:
            known = self._known.pop(conversation_id, None)
            facts = known or load_facts([conversation_id], self.now).get(conversation_id, facts)
        event = self._events.get(execution.event_id) if execution.event_id else None
        return facts if event is None else facts.with_event(event)


def _carry_out(execution: TriggerExecution, known: _FactsOfBatch, *, paused: bool) -> TriggerExecution.State:
    """Look again, act, and write down the result."""
    now = known.now
    started = time.monotonic()
    changes: dict[str, Any]
    try:
        with transaction.atomic():
            steps, failure = _check_and_act(execution, known, paused=paused)
        if failure is not None:
            raise _StepsFailed(failure, steps)
        changes = {"state": State.DONE, "action_executed": True, "result": steps[-1]["receipt"]}
        changes |= {"steps": steps, "reason_code": "", "error_message": None}
    except Skip as skip:
        if skip.reason_code in NOT_ITS_FAULT:
            # What made it true was not answered: it is an edge again when it is looked at again.
            TriggerEdge.objects.filter(
                trigger=execution.trigger_id, conversation=execution.conversation_id
            ).delete()
        changes = {
            "state": State.SKIPPED,
            "reason_code": skip.reason_code,
            "condition_met": skip.condition_met,
        }
    except CauseLoop as loop:
        changes = {"state": State.SKIPPED, "reason_code": loop.code, "error_message": loop.message}
    except _StepsFailed as failed:
        error = failed.error
        changes = {"state": State.FAILED, "reason_code": error.code, "error_message": error.message}
        changes |= {"steps": failed.steps, "action_executed": any(step["done"] for step in failed.steps)}
    except DomainError as error:
        changes = {"state": State.FAILED, "reason_code": error.code, "error_message": error.message}
    except OperationalError:
        raise
    except Exception:
        # One execution that we cannot digest must not stop the others, minute after minute.
        log.exception("trigger_crashed", execution_id=str(execution.id))
        unknown = TriggerExecutionFailed()
        changes = {"state": State.FAILED, "reason_code": unknown.code, "error_message": unknown.message}
    execution_time = round((time.monotonic() - started) * 1000)
    TriggerExecution.objects.filter(id=execution.id, created_at=execution.created_at).update(
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
    return State(changes["state"])


def _check_and_act(execution: TriggerExecution, known: _FactsOfBatch, *, paused: bool) -> Acted:
    trigger = execution.trigger
    if not trigger.active:
        raise Skip("TRIGGER_INACTIVE")
    if paused:
        raise Skip("AUTOMATIONS_PAUSED")
    parts = trigger.parts
    facts = known.take(execution)
    if not execution.steps:  # else it is carried on where it failed
        _look_again(execution, parts, facts)
    cause = Cause(tuple(execution.cause)).then("trigger", trigger.id).then("execution", execution.id)
    return _act(execution, parts, facts, cause)


def _look_again(execution: TriggerExecution, parts: Parts, facts: Facts) -> None:
    """Raise `Skip` if what it matched for does not hold any more."""
    if isinstance(parts.when, when.TimeBasedConfig) and execution.conversation_id == execution.subject:
        _look_at_the_moment(execution, parts.when, facts)
    if not parts.matches(facts):
        raise Skip("CONDITION_NOT_MET", condition_met=False)
    reentry = parts.when.reentry
    if reentry is None or execution.conversation_id is None:
        return
    since = facts.now - timedelta(days=reentry.days)
    done = TriggerExecution.objects.filter(
        conversation_id=execution.conversation_id,
        trigger_id=execution.trigger_id,
        state=State.DONE,
        executed_at__gt=since,
    )
    if done.count() >= reentry.times:
        raise Skip("REENTRY_LIMIT")


def _look_at_the_moment(execution: TriggerExecution, config: when.TimeBasedConfig, facts: Facts) -> None:
    # Its idle period is over once somebody wrote. What another trigger sent meanwhile does not count.
    if config.names_occurrence(facts) != execution.occurrence:
        raise Skip("NO_LONGER_IDLE", condition_met=False)
    # Not for long enough, though nothing happened since it matched: the delay was raised.
    moment = facts.moment(config.reference_field)
    if moment is not None and facts.now - config.offset < moment < execution.matched_at:
        raise Skip("NO_LONGER_IDLE", condition_met=False)


def _act(execution: TriggerExecution, parts: Parts, facts: Facts, cause: Cause) -> Acted:
    """Carry out the actions that have no receipt yet."""
    done = {step["number"]: step for step in execution.steps if step["done"]}
    steps: list[dict[str, Any]] = []
    failure: DomainError | None = None
    for number, step in enumerate(parts.steps):
        if number in done:
            steps.append(done[number])
            continue
        try:
            with transaction.atomic():
                receipt = _run_step(execution, number, step, facts, cause)
            steps.append(_receipt(number, step, receipt=receipt))
        except DomainError as error:
            failure = failure or error
            steps.append(_receipt(number, step, code=error.code))
            if parts.stop_on_failure:
                break
    return steps, failure


def _run_step(
    execution: TriggerExecution, number: int, step: Step, facts: Facts, cause: Cause
) -> dict[str, Any]:
    if execution.conversation is None and step.type.needs_conversation(step.config):
        raise Skip("NO_CONVERSATION")
    key = f"trigger:{execution.id}" + (f":{number}" if number else "")
    occasion = Occasion(
        client_id=execution.client_id,
        execution_id=execution.id,
        key=key,
        conversation=execution.conversation,
        facts=facts,
        cause=cause,
        now=facts.now,
    )
    return step.type.run(step.config, occasion)


def _receipt(
    number: int, step: Step, *, receipt: dict[str, Any] | None = None, code: str = ""
) -> dict[str, Any]:
    return {
        "number": number,
        "action_type": step.type_name,
        "done": receipt is not None,
        "receipt": receipt,
        "reason_code": code,
    }


def _count(states: list[tuple[Any, TriggerExecution.State]], now: datetime) -> None:
    """Note on the triggers what became of their executions; pause those that keep failing."""
    done = Counter(trigger_id for trigger_id, state in states if state == State.DONE)
    failed = Counter(trigger_id for trigger_id, state in states if state == State.FAILED)
    for trigger_id in sorted(done.keys() | failed.keys()):
        changes: dict[str, Any] = {}
        if done[trigger_id]:
            changes = {
                "last_executed_at": now,
                "execution_count": F("execution_count") + done[trigger_id],
                "failures_in_a_row": 0,
            }
        else:
            changes["failures_in_a_row"] = Least(F("failures_in_a_row") + failed[trigger_id], 1000)
        Trigger.objects.filter(id=trigger_id).update(**changes)
    if failed:
        _pause_failing(sorted(failed), now)


def _pause_failing(trigger_ids: list[Any], now: datetime) -> None:
    """Switch off triggers that failed too often in a row."""
    failing = Trigger.objects.filter(
        id__in=trigger_ids, active=True, failures_in_a_row__gte=FAILURES_TO_PAUSE
    )
    for trigger in failing.order_by("id"):
        pause_trigger(trigger, REPEATED_FAILURE, now)
