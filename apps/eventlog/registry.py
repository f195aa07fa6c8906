"""The backends of this process, chosen by URL in settings: LOG_URL and CHANNEL_LAYERS, TAIL."""

import functools
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from apps.eventlog.ports import Broadcast, Log, Tail


@functools.cache
def log() -> Log:
    backend: Log = import_string(settings.LOG_BACKENDS[urlsplit(settings.LOG_URL).scheme])(settings.LOG_URL)
    return backend


@functools.cache
def broadcast() -> Broadcast:
    backend: Broadcast = import_string(settings.BROADCAST_BACKEND)()
    return backend


@functools.cache
def tail() -> Tail:
    backend: Tail = import_string(settings.TAIL)()
    return backend
