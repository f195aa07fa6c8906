"""Outside of a request: in the language and the time zone of whoever reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation

from apps.accounts.models import User


@contextmanager
def spoken_to(user: User | None) -> Iterator[None]:
    """What is not known of a person, or of nobody, is as the server's settings have it."""
    language = user.language if user is not None else ""
    zone = user.timezone if user is not None else ""
    with translation.override(language or settings.LANGUAGE_CODE), timezone.override(ZoneInfo(zone or "UTC")):
        yield
