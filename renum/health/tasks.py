from celery import shared_task

from renum.health import canaries


@shared_task(name="renum.sing", expires=60)
def sing(queue: str) -> None:
    """The canary: proves that `queue` has a worker."""
    canaries.record(queue)
