"""The write-behind buffer of this process."""

import functools

from django.conf import settings

from apps.reads.buffer import MarkerBuffer
from apps.reads.telling import tell


@functools.cache
def buffer() -> MarkerBuffer:
    return MarkerBuffer(max_markers=settings.MARKERS_MAX, flush_s=settings.MARKER_FLUSH_S, tell=tell)
