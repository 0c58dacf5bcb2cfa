"""Periodic tasks as migration operations: rows that operators edit in the admin from then on."""

from __future__ import annotations

import json
from typing import Any

from django.db import migrations


def every(
    seconds: int, task: str, *, queue: str, name: str | None = None, kwargs: dict[str, str] | None = None
) -> migrations.RunPython:
    """Create the `PeriodicTask` `name` (default: the task's) unless there is one of that name.

    A run not begun when the next is due is dropped: after an outage one is as good as a hundred.
    """
    title = name or task

    def create(apps: Any, _schema_editor: Any) -> None:
        schedule, _ = apps.get_model("django_celery_beat", "IntervalSchedule").objects.get_or_create(
            every=seconds, period="seconds"
        )
        apps.get_model("django_celery_beat", "PeriodicTask").objects.get_or_create(
            name=title,
            defaults={
                "task": task,
                "interval": schedule,
                "queue": queue,
                "kwargs": json.dumps(kwargs or {}),
                "expire_seconds": seconds,
            },
        )

    def delete(apps: Any, _schema_editor: Any) -> None:
        apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=title).delete()

    return migrations.RunPython(create, delete)
