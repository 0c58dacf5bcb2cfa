"""Staff edit the periodic task of a trigger: the trigger follows, or the edit is refused with a sentence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from renum.accounts.models import Client
from renum.accounts.scope import service_scope
from tests.cast import Cast
from tests.clocks import MovableClock
from tests.console import add_url, console_of, delete_url, page_url, run_action, text_of
from triggers.models import Trigger
from triggers.services import switch_triggers
from triggers.tasks import trigger_scheduler
from triggers.tests.calendars import MONDAY, NINE, WEEKDAYS_AT_NINE, acme, make, slots, task_of
from triggers.tests.helpers import change, executions, fresh

SAO_PAULO = ZoneInfo("America/Sao_Paulo")


__all__ = ["acme"]


@pytest.fixture
def sofia(cast: Cast) -> Browser:
    return console_of(cast.sofia)


def form_of(task: PeriodicTask, changes: dict[str, Any]) -> dict[str, Any]:
    """What the form of the task sends, with some of it changed."""
    values = {
        "name": task.name,
        "regtask": "",
        "task": task.task,
        "enabled": "on" if task.enabled else "",
        "one_off": "on" if task.one_off else "",
        "interval": task.interval_id or "",
        "crontab": task.crontab_id or "",
        "clocked": task.clocked_id or "",
        "args": task.args,
        "kwargs": task.kwargs,
        "headers": task.headers or "{}",
        "queue": task.queue or "",
        "expire_seconds": task.expire_seconds or "",
        "description": task.description,
        **changes,
    }
    return {name: value for name, value in values.items() if value != ""}


def edit(sofia: Browser, row: PeriodicTask, **changes: Any) -> list[str]:
    """Send the task's form; returns what is wrong with it."""
    response = sofia.post(page_url(row), form_of(row, changes))
    if response.status_code == 302:
        return []
    errors = response.context["adminform"].form.errors
    return [str(sentence) for sentences in errors.values() for sentence in sentences]


def at(schedule: CrontabSchedule | IntervalSchedule | ClockedSchedule) -> dict[str, Any]:
    """The fields that say that a task runs by this schedule."""
    name = {CrontabSchedule: "crontab", IntervalSchedule: "interval", ClockedSchedule: "clocked"}
    chosen = name[type(schedule)]
    return {**dict.fromkeys(name.values(), ""), chosen: schedule.pk, "one_off": "on" * (chosen == "clocked")}


def crontab(**fields: Any) -> CrontabSchedule:
    return CrontabSchedule.objects.create(**{"minute": "0", "timezone": SAO_PAULO, **fields})


def schedule_of(trigger: Trigger) -> dict[str, Any]:
    return dict(fresh(trigger).trigger_config["schedule"])


def test_a_crontab_chosen_in_the_console_is_the_triggers(
    acme: Client, sofia: Browser, moving_clock: MovableClock
) -> None:
    trigger = make(acme, {**WEEKDAYS_AT_NINE, "catch_up": {"mode": "skip"}})
    assert edit(sofia, task_of(trigger), **at(crontab(hour="10"))) == []
    assert schedule_of(trigger) == {"crontab": "0 10 * * *", "catch_up": {"mode": "skip"}}
    moving_clock.stop(NINE + timedelta(minutes=1))
    trigger_scheduler()
    assert executions() == []
    moving_clock.stop(NINE + timedelta(hours=1))
    trigger_scheduler()
    assert slots(trigger) == [("07 13:00", "done")]


def test_a_time_zone_chosen_in_the_console_is_the_triggers_own(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    assert edit(sofia, task_of(trigger), **at(crontab(hour="9", timezone=ZoneInfo("Asia/Tokyo")))) == []
    assert schedule_of(trigger) == {"crontab": "0 9 * * *", "timezone": "Asia/Tokyo"}


def test_an_interval_or_a_moment_chosen_in_the_console_is_the_triggers(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, {**WEEKDAYS_AT_NINE, "timezone": "Asia/Tokyo"})
    interval = IntervalSchedule.objects.create(every=180, period="minutes")
    assert edit(sofia, task_of(trigger), **at(interval)) == []
    assert schedule_of(trigger) == {"every": 3, "period": "hours"}
    assert task_of(trigger).interval == interval
    moment = ClockedSchedule.objects.create(clocked_time=datetime(2026, 12, 24, 18, tzinfo=SAO_PAULO))
    assert edit(sofia, task_of(trigger), **at(moment)) == []
    assert schedule_of(trigger) == {"once": "2026-12-24T21:00:00+00:00"}


def test_an_edit_of_a_schedule_reaches_all_triggers_that_run_by_it(acme: Client, sofia: Browser) -> None:
    triggers = [make(acme, WEEKDAYS_AT_NINE), make(acme, WEEKDAYS_AT_NINE)]
    row = task_of(triggers[0]).crontab
    values = {"minute": "30", "hour": "7", "day_of_month": "*", "month_of_year": "*", "day_of_week": "*"}
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    response = sofia.post(page_url(row), {**values, "timezone": "America/Sao_Paulo", **inline})
    assert response.status_code == 302, response.context["errors"]
    assert [schedule_of(trigger) for trigger in triggers] == [{"crontab": "30 7 * * *"}] * 2


@pytest.mark.parametrize("shared", [True, False])
def test_an_edit_begins_with_the_edit_and_keeps_what_was_due(
    acme: Client, sofia: Browser, moving_clock: MovableClock, shared: bool
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    moving_clock.advance(minutes=1)  # 9:00:30
    task = task_of(trigger)
    if shared:
        task.crontab.hour, task.crontab.minute = "8,9", "45"
        task.crontab.save()
    else:
        assert edit(sofia, task, **at(crontab(hour="8,9", minute="45"))) == []
    trigger_scheduler()
    assert slots(trigger) == [("07 12:00", "done")]
    moving_clock.advance(minutes=45)
    trigger_scheduler()
    assert slots(trigger) == [("07 12:00", "done"), ("07 12:45", "done")]


def test_switching_either_off_or_on_switches_both(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    assert edit(sofia, task_of(trigger), enabled="") == []
    assert not fresh(trigger).active
    text_of(run_action(sofia, "enable_tasks", task_of(trigger)))
    assert fresh(trigger).active
    text_of(run_action(sofia, "toggle_tasks", task_of(trigger)))
    assert not fresh(trigger).active
    text_of(run_action(sofia, "switch_on", fresh(trigger)))
    assert task_of(trigger).enabled
    text_of(run_action(sofia, "disable_tasks", task_of(trigger)))
    assert not fresh(trigger).active


def test_a_deleted_task_switches_its_trigger_off_until_it_is_switched_on(
    acme: Client, sofia: Browser
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    before = task_of(trigger)
    assert sofia.post(delete_url(before), {"post": "yes"}).status_code == 302
    assert not fresh(trigger).active
    assert schedule_of(trigger) == WEEKDAYS_AT_NINE
    with service_scope(reason="test"):
        switch_triggers([trigger], active=True)
    assert (task_of(trigger).crontab, task_of(trigger).enabled) == (before.crontab, True)


def test_a_deleted_schedule_deletes_the_task_and_switches_the_trigger_off(acme: Client) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    task_of(trigger).crontab.delete()
    assert not PeriodicTask.objects.filter(name=f"Gatilho {trigger.id}").exists()
    assert not fresh(trigger).active


def test_a_change_of_other_things_leaves_the_trigger_alone(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    before = fresh(trigger).updated_at
    assert edit(sofia, task_of(trigger), description="Combinado com a Ana") == []
    assert task_of(trigger).description == "Combinado com a Ana"
    assert fresh(trigger).updated_at == before


def _two(task: PeriodicTask) -> dict[str, Any]:
    return {"interval": IntervalSchedule.objects.create(every=1, period="hours").pk}


def _interval(every: int, period: str) -> dict[str, Any]:
    return at(IntervalSchedule.objects.create(every=every, period=period))


def _past(task: PeriodicTask) -> dict[str, Any]:
    return at(ClockedSchedule.objects.create(clocked_time=MONDAY - timedelta(minutes=1)))


REFUSED = {
    "two schedules": (_two, "Escolha exatamente um"),
    "none": (lambda _: {"crontab": ""}, "Escolha exatamente um"),
    "seconds": (lambda _: _interval(30, "seconds"), "1 minuto ou mais"),
    "broken minutes": (lambda _: _interval(90, "seconds"), "1 minuto ou mais"),
    "years": (lambda _: _interval(500, "days"), "366 dias"),
    "a day that never comes": (lambda _: at(crontab(day_of_month="31", month_of_year="2")), "este dia não"),
    "a moment that passed": (_past, "já passou"),
    "a crontab once": (lambda _: {"one_off": "on"}, "Execução única"),
    "another task": (lambda _: {"task": "renum.sing"}, "não podem mudar"),
    "another registered task": (lambda _: {"regtask": "trigger_scheduler"}, "não podem mudar"),
    "other arguments": (lambda _: {"kwargs": "{}"}, "não podem mudar"),
    "an argument more": (lambda _: {"args": '["x"]'}, "não podem mudar"),
    "a beginning": (lambda _: {"start_time_0": "2026-12-24", "start_time_1": "10:00:00"}, "nem expiração"),
}


@pytest.mark.parametrize(("changes", "sentence"), REFUSED.values(), ids=REFUSED)
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(
    acme: Client, sofia: Browser, changes: Any, sentence: str
) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    task = task_of(trigger)
    errors = edit(sofia, task, **changes(task))
    assert errors
    assert all(sentence in error for error in errors), errors
    assert schedule_of(trigger) == WEEKDAYS_AT_NINE
    assert task_of(trigger).crontab == task.crontab


def test_a_trigger_that_is_not_valid_any_more_is_not_switched_on(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE)
    text_of(run_action(sofia, "disable_tasks", task_of(trigger)))
    change(trigger, action_type="abolished")
    page = text_of(run_action(sofia, "enable_tasks", task_of(trigger)))
    assert "A configuração do gatilho é inválida" in page
    assert not task_of(trigger).enabled
    assert "inválida" in " ".join(edit(sofia, task_of(trigger), enabled="on"))


def test_a_schedule_that_a_trigger_cannot_run_by_is_refused(acme: Client, sofia: Browser) -> None:
    trigger = make(acme, {"every": 90, "period": "minutes"})
    row = task_of(trigger).interval
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    response = sofia.post(page_url(row), {"every": 5, "period": "seconds", **inline})
    assert "1 minuto ou mais" in text_of(response)
    row.refresh_from_db()
    assert (row.every, row.period) == (90, "minutes")


def test_a_crontab_that_celery_cannot_read_is_refused(sofia: Browser) -> None:
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    values = {"minute": "0", "hour": "9", "day_of_month": "*", "month_of_year": "*", "day_of_week": "7"}
    response = sofia.post(add_url(CrontabSchedule), {**values, "timezone": "America/Sao_Paulo", **inline})
    assert "o domingo, por exemplo, é 0" in text_of(response)
    assert not CrontabSchedule.objects.filter(day_of_week="7").exists()


def test_nobody_makes_a_triggers_task_by_hand(acme: Client, sofia: Browser) -> None:
    task = task_of(make(acme, WEEKDAYS_AT_NINE))
    response = sofia.post(add_url(PeriodicTask), form_of(task, {"name": "Outra"}))
    assert "criadas com o gatilho" in text_of(response)


@pytest.mark.parametrize(
    ("every", "period", "allowed"),
    [(10, "seconds", True), (10, "minutes", True), (9, "seconds", False), (11, "minutes", False)],
)
def test_the_sweep_may_be_made_slower_or_faster_within_bounds(
    sofia: Browser, every: int, period: str, allowed: bool
) -> None:
    task = PeriodicTask.objects.get(task="trigger_scheduler")
    errors = edit(sofia, task, **_interval(every, period))
    assert errors == ([] if allowed else ["Use um intervalo de 10 segundos a 10 minutos."])
    task.refresh_from_db()
    assert ((task.interval.every, task.interval.period) == (every, period)) is allowed


@pytest.mark.parametrize("changes", [{"task": "renum.sing"}, {"kwargs": '{"queue": "low"}'}])
def test_the_sweep_stays_the_sweep(sofia: Browser, changes: dict[str, Any]) -> None:
    task = PeriodicTask.objects.get(task="trigger_scheduler")
    assert "Os gatilhos dependem desta tarefa" in " ".join(edit(sofia, task, **changes))


def test_the_interval_that_the_sweep_runs_by_is_no_way_around(sofia: Browser) -> None:
    row = PeriodicTask.objects.get(task="trigger_scheduler").interval
    inline = {"periodictask_set-TOTAL_FORMS": 0, "periodictask_set-INITIAL_FORMS": 0}
    response = sofia.post(page_url(row), {"every": 1, "period": "seconds", **inline})
    assert "10 segundos a 10 minutos" in text_of(response)
