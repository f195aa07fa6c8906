"""Celery's door to this room."""

from celery import shared_task

from apps.accounts import mail, upkeep


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="accounts.send_password_reset", autoretry_for=(OSError,), retry_backoff=5, retry_jitter=True, max_retries=5
)
def send_password_reset(email: str) -> None:
    mail.send_password_reset(email)


@shared_task(name="accounts.purge_ended")  # type: ignore[untyped-decorator]
def purge_ended() -> None:
    """Meant for beat, once an hour."""
    upkeep.purge_ended()
