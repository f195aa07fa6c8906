"""The backends of this process, chosen by URL in settings: STORE_URL and MESSAGE_SERVICE_URL."""

import functools
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from apps.messaging.ports import MessageService, Store


@functools.cache
def store() -> Store:
    backend: Store = import_string(settings.STORE_BACKENDS[urlsplit(settings.STORE_URL).scheme])(settings.STORE_URL)
    return backend


@functools.cache
def message_service() -> MessageService:
    url: str = settings.MESSAGE_SERVICE_URL
    backend: MessageService = import_string(settings.MESSAGE_SERVICE_BACKENDS[urlsplit(url).scheme])(url)
    return backend
