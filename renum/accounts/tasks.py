from celery import shared_task

from renum.accounts import services


@shared_task(name="renum.delete_expired_sessions")
def delete_expired_sessions() -> None:
    """Forget refresh tokens that nobody can use any more."""
    services.delete_expired_sessions()
