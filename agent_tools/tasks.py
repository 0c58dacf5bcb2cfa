"""Celery's door to the agents."""

from __future__ import annotations

from celery import shared_task
from celery.signals import worker_init

from agent_tools import bursts, runs
from agent_tools.services import RUN_QUEUE, RUN_TASK, wake_for_next
from renum.wakeups import woken


@worker_init.connect
def _load_langchain(**_: object) -> None:
    """Load it before the pool forks: once for all children, and not during the first answer."""
    import agent_tools.agents.runner  # noqa: F401


@shared_task(name=RUN_TASK, expires=60)
def run_pending() -> None:
    """Carry out the agent runs that are due, and erase what nothing waits for any more."""
    # Imported here because it takes seconds and the web process lists the tasks too.
    from agent_tools.agents import runner

    woken(RUN_TASK, RUN_QUEUE)
    runs.run_pending(runner.perform)
    bursts.erase_unneeded_texts()
    wake_for_next()
