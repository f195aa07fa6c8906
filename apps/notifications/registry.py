"""The backends of this process, chosen in settings: ACKS and PUSHERS."""

import functools
from collections.abc import Mapping

from django.conf import settings
from django.utils.module_loading import import_string

from apps.notifications.ports import Acks, Pusher


@functools.cache
def acks() -> Acks:
    backend: Acks = import_string(settings.ACKS)()
    return backend


@functools.cache
def pushers() -> Mapping[str, Pusher]:
    """By kind of device."""
    return {kind: import_string(path)() for kind, path in settings.PUSHERS.items()}
