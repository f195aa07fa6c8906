"""Celery's door to this room."""

from celery import shared_task

from apps.files import upkeep


@shared_task(name="files.purge")  # type: ignore[untyped-decorator]  # Celery has no types
def purge() -> None:
    """Meant for beat, once an hour."""
    upkeep.purge()
