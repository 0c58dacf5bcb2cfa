"""What staff may not do to a periodic task: rules that the app to which the task belongs registers."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django_celery_beat.models import PeriodicTask

# Called with the task as it is stored (None for a new one) and as it would be; raises `ValidationError`.
Rule = Callable[[PeriodicTask | None, PeriodicTask], None]

RULES: dict[str, Rule] = {}  # by the name of the Celery task


def check_edit(before: PeriodicTask | None, after: PeriodicTask) -> None:
    """Apply the rules of what it runs and of what it would run; raises `ValidationError`."""
    names = {task.task for task in (before, after) if task is not None}
    for name in sorted(names & RULES.keys()):
        RULES[name](before, after)


def check_schedule_edit(schedule: object, field: str, tasks: list[PeriodicTask]) -> None:
    """The same for tasks that run by a schedule which is edited; `field` is the tasks' name for it."""
    for task in tasks:
        after = PeriodicTask.objects.get(id=task.id)
        setattr(after, field, schedule)
        try:
            check_edit(task, after)
        except ValidationError as error:
            raise ValidationError([f"{task.name}: {message}" for message in error.messages]) from None
