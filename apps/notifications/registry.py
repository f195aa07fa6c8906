"""The backends of this process, chosen in settings: ACKS."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from apps.notifications.ports import Acks


@functools.cache
def acks() -> Acks:
    backend: Acks = import_string(settings.ACKS)()
    return backend
