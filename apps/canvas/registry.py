"""The process's one writer."""

import functools

from apps.canvas.writer import Writer


@functools.cache
def writer() -> Writer:
    return Writer()
