"""The membership cache of this process, chosen in settings: MEMBERSHIP_CACHE."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from apps.conversations.ports import Members


@functools.cache
def members() -> Members:
    backend: Members = import_string(settings.MEMBERSHIP_CACHE)()
    return backend
