"""Rows that prove nothing any more are deleted after a while."""

from datetime import datetime, timedelta
from importlib import import_module

from django.conf import settings
from django.db.models import Q

from apps.accounts.models import AuthSession, RefreshToken
from apps.core.clock import now

KEPT_AFTER_END = timedelta(days=7)
_ROWS = 5_000


def purge_ended(*, at: datetime | None = None) -> int:
    """A bounded number of rows at a time. Returns how many of ours went; Django's expired sessions go as well."""
    before = (at or now()) - KEPT_AFTER_END
    sessions = AuthSession.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=before))
    gone, _ = AuthSession.objects.filter(id__in=list(sessions.values_list("id", flat=True)[:_ROWS])).delete()
    # A used token is the tripwire against its thief for as long as it would have been valid.
    spent = RefreshToken.objects.filter(expires_at__lt=before)
    gone += RefreshToken.objects.filter(id__in=list(spent.values_list("id", flat=True)[:_ROWS])).delete()[0]
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
    return gone
