"""Pushes to many give way: to the services that take them, to what is pushed to few, and to chat.

Two brakes. A token bucket, shared by all workers, bounds pushes a second (settings.BULK_PUSHES_PER_S). And each slice's
database step is timed: the database and the processors are what bulk shares with the way of a message, so a step that
takes longer than CALM times the quickest of late says that they are busy, and the worker rests REST times the excess.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

from apps.core import background, registry

CALM = 2.0
REST = 10.0
REST_MAX_S = 1.0
# What was quick once, on an empty table, is forgotten: the floor rises by so much with every step.
_FORGET = 1.01
_FLOOR_S = 0.001
_BURST = 2
_WAIT_MAX_S = 5.0
_CALL_S = 5.0


def take(people: int) -> float:
    """Seconds until so many pushes may go; 0.0: now, and they are taken from the bucket."""
    if settings.BULK_PUSHES_PER_S <= 0:
        return 0.0
    rate = settings.BULK_PUSHES_PER_S / people
    taken = registry.rate_limiter().take(f"bulk-pushes:{people}", rate_per_s=rate, burst=_BURST)
    return background.run(taken, timeout_s=_CALL_S)


class Pace:
    """Of one thread. `slice_size`: how many pushes a turn is for."""

    def __init__(
        self,
        slice_size: int,
        *,
        take: Callable[[int], float] = take,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._slice_size, self._take, self._clock, self._sleep = slice_size, take, clock, sleep
        self._floor_s: float | None = None
        self._rest_s = 0.0

    def turn(self) -> None:
        """Returns when a slice may go."""
        if self._rest_s:
            self._sleep(self._rest_s)
            self._rest_s = 0.0
        waited_s = 0.0
        while waited_s < _WAIT_MAX_S and (wait_s := self._take(self._slice_size)):
            self._sleep(min(wait_s, 1.0))
            waited_s += wait_s

    @contextmanager
    def timed(self) -> Iterator[None]:
        began = self._clock()
        yield
        took_s = max(self._clock() - began, _FLOOR_S)
        floor_s = took_s if self._floor_s is None else min(took_s, self._floor_s * _FORGET)
        self._floor_s = floor_s
        self._rest_s = min(REST_MAX_S, REST * max(0.0, took_s - CALM * floor_s))


_of_thread = threading.local()


def of_thread(slice_size: int) -> Pace:
    """A thread keeps its pace from task to task."""
    pace: Pace | None = getattr(_of_thread, "pace", None)
    if pace is None or getattr(_of_thread, "process", None) != os.getpid():
        pace = _of_thread.pace = Pace(slice_size)
        _of_thread.process = os.getpid()
    return pace
