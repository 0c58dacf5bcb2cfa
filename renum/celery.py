"""The Celery application: three queues, and tasks that are wake-ups for rows in Postgres."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "renum.settings")

QUEUES = ("high", "normal", "low")

app = Celery("renum")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in QUEUES]
app.autodiscover_tasks()
app.autodiscover_tasks(["renum"], related_name="health.tasks")


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Connected so that Celery leaves the logging of `renum.settings` alone."""


@worker_ready.connect
def _announce(**_: Any) -> None:
    """Sing the first canary at once, so that `/health` need not wait for beat."""
    from renum.health.tasks import sing

    for queue in QUEUES:
        sing.apply_async((queue,), queue=queue)
