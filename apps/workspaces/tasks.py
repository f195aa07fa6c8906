"""Celery's door to this room."""

from celery import shared_task

from apps.workspaces import mail


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="workspaces.send_invitation", autoretry_for=(OSError,), retry_backoff=5, retry_jitter=True, max_retries=5
)
def send_invitation(invitation_id: str, code: str) -> None:
    mail.send_invitation(int(invitation_id), code)
