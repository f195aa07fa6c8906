"""The store of this process, chosen by URL in settings: STORE_URL."""

import functools
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from apps.messaging.ports import Store


@functools.cache
def store() -> Store:
    backend: Store = import_string(settings.STORE_BACKENDS[urlsplit(settings.STORE_URL).scheme])(settings.STORE_URL)
    return backend
