"""The periodic task of a trigger by the calendar follows it through all that its client does."""

from __future__ import annotations

from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from renum.accounts.models import Client
from renum.accounts.scope import profile_scope, service_scope
from tests import factories
from tests.cast import Cast
from tests.clocks import MovableClock
from triggers.models import Trigger
from triggers.services import create_trigger, delete_trigger, switch_triggers
from triggers.tasks import trigger_scheduler
from triggers.tests.calendars import TO_STAFF, WEEKDAYS_AT_NINE, acme, change_of, make, slots, task_of
from triggers.tests.helpers import delay

__all__ = ["acme"]


def test_a_client_makes_edits_and_deletes_one_under_its_own_scope(cast: Cast) -> None:
    with profile_scope(cast.alice.id):
        trigger = create_trigger(
            cast.acme.id,
            name="Relatório",
            trigger_type="time_based",
            trigger_config={"schedule": WEEKDAYS_AT_NINE},
            condition_type="always",
            condition_config={},
            action_type="send_message",
            action_config=TO_STAFF,
        )
        assert task_of(trigger).enabled
        change_of(trigger, name="Outro", trigger_config={"schedule": {"every": 1, "period": "days"}})
        assert task_of(trigger).interval.period == "days"
        switch_triggers([trigger], active=False)
        assert not task_of(trigger).enabled
        delete_trigger(trigger)
    assert not PeriodicTask.objects.filter(name=f"Gatilho {trigger.id}").exists()


def test_the_task_follows_its_trigger(acme: Client) -> None:
    trigger = make(acme, WEEKDAYS_AT_NINE, name="Relatório")
    task = task_of(trigger)
    assert (task.task, task.queue, task.description) == ("triggers.ring", "normal", "Relatório")
    assert (str(task.crontab), str(task.crontab.timezone)) == (
        "0 9 * * 1-5 (m/h/dM/MY/d) America/Sao_Paulo",
        "America/Sao_Paulo",
    )
    changed_at = PeriodicTasks.last_change()
    change_of(trigger, trigger_config={"schedule": {"every": 120, "period": "minutes"}})
    edited = task_of(trigger)
    assert (edited.id, edited.crontab, str(edited.interval)) == (task.id, None, "a cada 2 horas")
    assert PeriodicTasks.last_change() > changed_at
    change_of(trigger, trigger_config=delay(delay_days=3), action_config=factories.FOLLOW_UP)
    assert not PeriodicTask.objects.filter(id=task.id).exists()
    change_of(trigger, trigger_config={"schedule": WEEKDAYS_AT_NINE}, action_config=TO_STAFF)
    assert task_of(trigger).crontab == task.crontab


def test_triggers_share_schedules_and_take_none_from_others(acme: Client) -> None:
    first, second = make(acme, WEEKDAYS_AT_NINE), make(acme, WEEKDAYS_AT_NINE)
    assert task_of(first).crontab_id == task_of(second).crontab_id
    change_of(first, trigger_config={"schedule": {"crontab": "0 10 * * *"}})
    with service_scope(reason="test"):
        delete_trigger(Trigger.objects.get(id=first.id))
    assert task_of(second).crontab.hour == "9"
    assert CrontabSchedule.objects.filter(hour="10").exists()
    assert IntervalSchedule.objects.exists()


def test_a_client_that_is_deleted_leaves_no_task(acme: Client) -> None:
    make(acme, WEEKDAYS_AT_NINE)
    with service_scope(reason="test"):
        acme.delete()
    assert not PeriodicTask.objects.filter(task="triggers.ring").exists()


def test_wall_times_move_with_the_client(acme: Client, moving_clock: MovableClock) -> None:
    own = make(acme, WEEKDAYS_AT_NINE)
    fixed = make(acme, {**WEEKDAYS_AT_NINE, "timezone": "America/Sao_Paulo"})
    with service_scope(reason="test"):
        stored = Client.objects.get(id=acme.id)
        stored.timezone = "America/Manaus"
        stored.save()
    assert [str(task_of(one).crontab.timezone) for one in (own, fixed)] == [
        "America/Manaus",
        "America/Sao_Paulo",
    ]
    moving_clock.advance(hours=1, minutes=1)
    trigger_scheduler()
    assert "07 13:00" in dict(slots(own))
