"""Celery's door to this room."""

from celery import shared_task

from apps.core import background
from apps.core.errors import UnavailableError
from apps.desk.actions import sweep

_TIMEOUT_S = 120.0


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="desk.sweep", autoretry_for=(UnavailableError, TimeoutError), max_retries=1, retry_backoff=2
)
def sweep_desks() -> None:
    """Meant for beat, every few seconds. Two rounds at once do no harm."""
    background.run(sweep(), timeout_s=_TIMEOUT_S)
