"""What staff do to periodic tasks, told to the triggers that they belong to; and what they may not do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django_celery_beat.models import PeriodicTask
from pydantic import ValidationError as PydanticError

from renum import clock
from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from renum.validation import in_portuguese
from triggers.bells import RING, Stored, delete_task, is_syncing, stored_of, sync_schedule, wanted_of
from triggers.errors import InvalidTriggerConfig
from triggers.models import AutomationPolicy, Trigger, TriggerSchedule
from triggers.schedules import record_due_slots
from triggers.services import switch_triggers, update_trigger
from triggers.when.calendar import Schedule

SCHEDULER = "trigger_scheduler"
MIN_SWEEP, MAX_SWEEP = timedelta(seconds=10), timedelta(minutes=10)
SCHEDULES = ("crontab", "interval", "clocked")


def settle_task(task: PeriodicTask) -> None:
    """Record what is due by the schedule that a trigger's task has still, before another is saved."""
    if task.task != RING or is_syncing():
        return
    before = PeriodicTask.objects.filter(pk=task.pk).select_related(*SCHEDULES).first()
    if before is not None and stored_of(before) != stored_of(task):
        _settle([before.pk])


def settle_schedule(schedule: Any) -> None:
    """The same for all triggers that run by a crontab, an interval or a moment."""
    if schedule.pk is not None:
        _settle(schedule.periodictask_set.filter(task=RING).values("pk"))


def _settle(tasks: Any) -> None:
    now = clock.now()
    with service_scope(reason="record slots before their schedule changes"):
        due = TriggerSchedule.objects.filter(periodic_task__in=tasks, next_slot_at__lte=now)
        for trigger_id in due.values_list("trigger_id", flat=True):
            record_due_slots(now, trigger_id)


def follow_task(task: PeriodicTask) -> None:
    """Let a trigger follow its periodic task, which was saved; raises `InvalidTriggerConfig`."""
    if task.task != RING or is_syncing():
        return
    with service_scope(reason="a trigger follows its periodic task"):
        row = TriggerSchedule.objects.filter(periodic_task=task).select_related("trigger__client").first()
        if row is None:
            return
        stored, written = stored_of(task), _written(row.trigger)
        if written is None:  # mended where people edit it, not here
            return
        if stored != written:
            _rewrite(row.trigger, stored, is_on=_is_on(task, row.trigger))
        elif _is_on(task, row.trigger) != row.trigger.active:
            switch_triggers([row.trigger], active=task.enabled)


def follow_schedule(schedule: Any) -> None:
    """Let triggers follow a crontab, an interval or a moment, which was saved."""
    for task in schedule.periodictask_set.filter(task=RING):
        follow_task(task)


def lose_task(task: PeriodicTask) -> None:
    """Switch off the trigger of a task that is about to be deleted; switched on again, it has a new one."""
    if task.task != RING or is_syncing():
        return
    with service_scope(reason="a trigger loses its periodic task"):
        switch_triggers(Trigger.objects.filter(calendar__periodic_task=task), active=False)
        # Here, and not by the database's cascade, which sees only what the scope of the deletion sees.
        TriggerSchedule.objects.filter(periodic_task=task).update(periodic_task=None)


def follow_deletion(row: TriggerSchedule) -> None:
    """A schedule is gone, with its trigger or without: so is its task."""
    delete_task(row)


def follow_client(client: Client) -> None:
    """Move the wall times of a client's triggers to its time zone, which may have changed."""
    with service_scope(reason="triggers follow their client's time zone"):
        rows = TriggerSchedule.objects.filter(client=client, trigger__active=True)
        for row in rows.select_related("trigger__client", "periodic_task"):
            written = _written(row.trigger)
            stored = stored_of(row.periodic_task) if row.periodic_task else None
            if written is not None and stored not in (None, written):
                sync_schedule(row.trigger, row.trigger.parts)


def resume(policy: AutomationPolicy) -> None:
    """Pass over the slots of the time for which automations were paused, if they are so no more."""
    was_paused = AutomationPolicy.objects.filter(id=policy.id, paused=True).exists()
    if was_paused and not policy.paused:
        now = clock.now()
        rows = TriggerSchedule.objects.filter(client_id=policy.client_id, recorded_until__lt=now)
        rows.update(recorded_until=now)


def check_ring(before: PeriodicTask | None, after: PeriodicTask) -> None:
    """What a trigger's periodic task cannot be; raises `ValidationError`."""
    if before is None or before.task != RING:
        raise ValidationError({"task": "As tarefas de gatilhos são criadas com o gatilho."})
    with service_scope(reason="check the periodic task of a trigger"):
        row = TriggerSchedule.objects.filter(periodic_task_id=after.pk).select_related("trigger").first()
    if after.task != RING or _arguments(after) != _arguments(before):
        raise ValidationError("Esta tarefa é de um gatilho: a tarefa e os argumentos não podem mudar.")
    if after.start_time or after.expires:
        raise ValidationError("Esta tarefa é de um gatilho: não pode ter início nem expiração.")
    if after.one_off != (after.clocked is not None):
        raise ValidationError({"one_off": "Execução única é só para uma data e hora, e sempre para ela."})
    stored = stored_of(after)
    try:
        _config_of(stored)
    except ValueError as error:
        raise ValidationError(str(error)) from None
    if stored.at is not None and stored.at <= clock.now() and stored != stored_of(before):
        raise ValidationError({"clocked": "Este momento já passou."})
    if row is not None and after.enabled and not row.trigger.active:
        try:
            _ = row.trigger.parts
        except InvalidTriggerConfig:
            raise ValidationError(
                "A configuração do gatilho é inválida: corrija-a antes de ligá-lo."
            ) from None


def check_scheduler(before: PeriodicTask | None, after: PeriodicTask) -> None:
    """The sweep must go on, often enough; raises `ValidationError`."""
    if after.task != SCHEDULER or _arguments(after) != ("[]", "{}"):
        raise ValidationError("Os gatilhos dependem desta tarefa: a tarefa e os argumentos não podem mudar.")
    period = stored_of(after).period
    if period is None or not MIN_SWEEP <= period <= MAX_SWEEP:
        raise ValidationError({"interval": "Use um intervalo de 10 segundos a 10 minutos."})


def _arguments(task: PeriodicTask) -> tuple[str, str]:
    read = (json.loads(task.args or "[]"), json.loads(task.kwargs or "{}"))
    return json.dumps(read[0]), json.dumps(read[1], sort_keys=True)


def _is_on(task: PeriodicTask, trigger: Trigger) -> bool:
    """Whether the task says that the trigger is on. Beat switches off what is to ring once, when it rang."""
    rang = task.clocked is not None and task.clocked.clocked_time <= clock.now()
    return trigger.active if rang and not task.enabled else bool(task.enabled)


def _written(trigger: Trigger) -> Stored | None:
    """What the trigger's own config says that its task rings by; None if it says nothing valid."""
    try:
        schedule = Schedule.model_validate(trigger.trigger_config["schedule"])
    except (PydanticError, KeyError, TypeError):
        return None
    return wanted_of(schedule, trigger.client.timezone)


def _config_of(stored: Stored) -> dict[str, Any]:
    """The schedule that a task rings by as people would write it; raises `ValueError` with a sentence."""
    config: dict[str, Any]
    if stored.crontab is not None:
        config = {"crontab": stored.crontab, "timezone": stored.zone}
    elif stored.at is not None:
        config = {"once": stored.at.isoformat()}
    elif stored.period is not None:
        minutes, rest = divmod(stored.period, timedelta(minutes=1))
        if rest or not minutes:
            raise ValueError("O intervalo de um gatilho é de 1 minuto ou mais, em minutos inteiros.")
        config = {"every": minutes, "period": "minutes"}
        for unit, size in (("days", 24 * 60), ("hours", 60)):
            if minutes % size == 0:
                config = {"every": minutes // size, "period": unit}
                break
    else:
        raise ValueError("Um gatilho precisa de um crontab, de um intervalo ou de uma data e hora.")
    try:
        Schedule.model_validate(config)
    except PydanticError as error:
        raise ValueError("; ".join(in_portuguese(problem) for problem in error.errors())) from None
    return config


def _rewrite(trigger: Trigger, stored: Stored, *, is_on: bool) -> None:
    try:
        config = _config_of(stored)
    except ValueError as error:
        raise InvalidTriggerConfig(details={"trigger_config.schedule": [str(error)]}) from None
    before = trigger.trigger_config.get("schedule") or {}
    if config.get("timezone") == str(trigger.client.timezone) and "timezone" not in before:
        del config["timezone"]
    if "catch_up" in before:
        config["catch_up"] = before["catch_up"]
    locked = Trigger.objects.select_for_update(no_key=True).get(id=trigger.id)
    update_trigger(
        locked,
        name=locked.name,
        description=locked.description,
        active=is_on,
        trigger_type=locked.trigger_type,
        trigger_config={**locked.trigger_config, "schedule": config},
        condition_type=locked.condition_type,
        condition_config=locked.condition_config,
        action_type=locked.action_type,
        action_config=locked.action_config,
    )
