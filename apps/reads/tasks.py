"""Celery's door to this room."""

from celery import shared_task
from django.conf import settings

from apps.core.clock import now_ms
from apps.reads.actions.follow_log import prune_activity, prune_mentions

_DAY_MS = 86_400_000


@shared_task(name="reads.prune")  # type: ignore[untyped-decorator]  # Celery has no types
def prune() -> None:
    """Meant for beat, once a day."""
    before_ms = now_ms() - settings.ACTIVITY_DAYS * _DAY_MS
    prune_activity(before_ms=before_ms)
    prune_mentions(before_ms=before_ms)
