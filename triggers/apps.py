from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TriggersConfig(AppConfig):
    name = "triggers"
    verbose_name = _("Gatilhos")

    def ready(self) -> None:
        from triggers import holdings, metrics

        holdings.register()
        metrics.register()
        _watch_periodic_tasks()


def _watch_periodic_tasks() -> None:
    """Periodic tasks are edited in the console and written by beat: only the rows themselves can tell."""
    from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
    from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

    from renum import beat_rules
    from renum.accounts.models import Client
    from triggers import beat_edits
    from triggers.models import AutomationPolicy, TriggerSchedule

    def tell(signal: Any, sender: Any, follow: Any) -> None:
        def receive(instance: Any, raw: bool = False, **_: Any) -> None:
            if not raw:
                follow(instance)

        signal.connect(receive, sender=sender, weak=False, dispatch_uid=f"triggers.{follow.__name__}")

    tell(pre_save, PeriodicTask, beat_edits.settle_task)
    tell(post_save, PeriodicTask, beat_edits.follow_task)
    tell(pre_delete, PeriodicTask, beat_edits.lose_task)
    for schedule in (CrontabSchedule, IntervalSchedule, ClockedSchedule):
        tell(pre_save, schedule, beat_edits.settle_schedule)
        tell(post_save, schedule, beat_edits.follow_schedule)
    tell(post_delete, TriggerSchedule, beat_edits.follow_deletion)
    tell(post_save, Client, beat_edits.follow_client)
    tell(pre_save, AutomationPolicy, beat_edits.resume)
    beat_rules.RULES |= {
        "triggers.ring": beat_edits.check_ring,
        "trigger_scheduler": beat_edits.check_scheduler,
    }
