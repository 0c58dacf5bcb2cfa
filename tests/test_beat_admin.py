from __future__ import annotations

import subprocess
import sys

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from redis import Redis

from renum import settings
from renum.environment import BASE_DIR
from tests.cast import Cast
from tests.console import add_url, console_of, list_url, page_url, run_action, text_of


@pytest.fixture
def task(cast: Cast) -> PeriodicTask:
    return PeriodicTask.objects.get(task="trigger_scheduler")


def test_the_form_offers_the_registered_tasks(cast: Cast) -> None:
    page = text_of(console_of(cast.sofia).get(add_url(PeriodicTask)))
    for name in ("trigger_scheduler", "send_whatsapp_message", "agent_tools.run_pending"):
        assert f'<option value="{name}"' in page, name


def test_listing_the_tasks_does_not_load_langchain() -> None:
    code = (
        "import sys, django; django.setup()\n"
        "from renum.celery import app\n"
        "app.loader.import_default_modules()\n"
        "assert 'agent_tools.run_pending' in app.tasks\n"
        "assert not [name for name in sys.modules if name.partition('.')[0].startswith('langchain')]\n"
    )
    env = {"DJANGO_SETTINGS_MODULE": "renum.settings", **_environment()}
    done = subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_a_task_is_run_by_a_plain_post(cast: Cast, task: PeriodicTask) -> None:
    queue = Redis.from_url(settings.REDIS_URL)
    before = queue.llen(task.queue)
    page = text_of(run_action(console_of(cast.sofia), "run_tasks", task))
    assert "1" in page
    assert queue.llen(task.queue) == before + 1


def test_tasks_are_switched_by_plain_posts(cast: Cast, task: PeriodicTask) -> None:
    sofia = console_of(cast.sofia)
    for action, enabled in (("disable_tasks", False), ("enable_tasks", True), ("toggle_tasks", False)):
        text_of(run_action(sofia, action, task))
        task.refresh_from_db()
        assert task.enabled is enabled, action


def test_a_task_is_edited(cast: Cast, task: PeriodicTask) -> None:
    interval = IntervalSchedule.objects.create(every=7, period="minutes")
    values = {
        "name": "Varredura",
        "regtask": "trigger_scheduler",
        "task": "trigger_scheduler",
        "interval": interval.pk,
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
        "queue": "normal",
        "enabled": "on",
    }
    response = console_of(cast.sofia).post(page_url(task), values)
    assert response.status_code == 302, response.context["adminform"].form.errors
    task.refresh_from_db()
    assert (task.name, task.interval) == ("Varredura", interval)


def test_a_schedule_shows_the_tasks_that_use_it(cast: Cast, task: PeriodicTask) -> None:
    sofia = console_of(cast.sofia)
    assert task.name in text_of(sofia.get(page_url(task.interval)))
    CrontabSchedule.objects.create(minute="0", hour="9")
    assert "09:00" in text_of(sofia.get(list_url(CrontabSchedule)))


def test_the_pages_are_in_portuguese(cast: Cast) -> None:
    sofia = console_of(cast.sofia)
    page = text_of(sofia.get(list_url(PeriodicTask)))
    for words in ("Tarefas periódicas", "Executar agora", "a cada 60 segundos"):
        assert words in page, words
    form = text_of(sofia.get(add_url(PeriodicTask)))
    assert "Choose" not in form
    for english in ("Routing Key", "Execution Options", "Set only one schedule", "Clocked Schedule"):
        assert english not in form, english
