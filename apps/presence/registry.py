"""The presence backend of this process, chosen in settings: PRESENCE."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from apps.presence.ports import Presence


@functools.cache
def presence() -> Presence:
    backend: Presence = import_string(settings.PRESENCE)()
    return backend
