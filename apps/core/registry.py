"""The backends of this process, chosen in settings: RATE_LIMITER and FACTS."""

import functools

from django.conf import settings
from django.utils.module_loading import import_string

from apps.core.ports import Facts, RateLimiter


@functools.cache
def rate_limiter() -> RateLimiter:
    backend: RateLimiter = import_string(settings.RATE_LIMITER)()
    return backend


@functools.cache
def facts() -> Facts:
    backend: Facts = import_string(settings.FACTS)()
    return backend
