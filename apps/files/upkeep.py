"""Uploads that no message took, and the rows of files that are gone."""

from datetime import datetime, timedelta

from apps.core.clock import now
from apps.files import parts
from apps.files.models import File, State

UNATTACHED_KEPT = timedelta(days=1)
_ROWS = 500


def purge(*, at: datetime | None = None) -> int:
    """A bounded number at a time; returns how many went."""
    before = (at or now()) - UNATTACHED_KEPT
    old = list(File.objects.filter(channel_id=None, created_at__lt=before)[:_ROWS])
    old += list(File.objects.filter(state=State.GONE, created_at__lt=before)[:_ROWS])
    for row in old:
        parts.remove(workspace_id=row.workspace_id, file_id=row.pk, size=row.size)
    File.objects.filter(id__in=[row.pk for row in old]).delete()
    return len(old)
