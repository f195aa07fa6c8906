"""The index of this process, chosen by URL in settings: SEARCH_URL."""

import functools
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.module_loading import import_string

from apps.search.ports import Index


@functools.cache
def index() -> Index:
    url: str = settings.SEARCH_URL
    backend: Index = import_string(settings.SEARCH_BACKENDS[urlsplit(url).scheme])(url)
    return backend
