"""A time limit for tasks in a pool of threads, where Celery's own limits do nothing.

One thread watches all tasks of the process. A task over its limit gets SoftTimeLimitExceeded raised in it at its next
step. What waits inside one call of the system is reached when that call ends, so those have deadlines of their own.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery import Task
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings

_TICK_S = 0.5


def _raise_in(thread_id: int, error: type[BaseException] | None) -> None:
    """None takes back what was not raised yet."""
    wanted = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), wanted)


class Limits:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic, tick_s: float = _TICK_S) -> None:
        self._clock, self._tick_s = clock, tick_s
        self._lock = threading.Lock()
        self._running: dict[int, float] = {}
        self._watching: threading.Thread | None = None

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        me = threading.get_ident()
        with self._lock:
            outer = self._running.get(me)
            self._running[me] = min(self._clock() + seconds, outer if outer is not None else float("inf"))
            if self._watching is None or not self._watching.is_alive():
                self._watching = threading.Thread(target=self._watch, name="task-limits", daemon=True)
                self._watching.start()
        try:
            yield
        finally:
            with self._lock:
                if outer is None:
                    self._running.pop(me, None)
                    _raise_in(me, None)
                else:
                    self._running[me] = outer

    def _watch(self) -> None:
        while True:
            time.sleep(self._tick_s)
            with self._lock:
                now = self._clock()
                for thread_id, until in list(self._running.items()):
                    if until <= now:
                        # once: while it cleans up nothing more is raised in it
                        self._running[thread_id] = float("inf")
                        _raise_in(thread_id, SoftTimeLimitExceeded)


limits = Limits()


class LimitedTask(Task):  # type: ignore[misc]  # Celery has no types
    """Of all tasks of this product. `limit_s`: its own limit, where it has one."""

    abstract = True
    limit_s: float | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with limits.limit(self.limit_s or settings.TASK_LIMIT_S):
            return super().__call__(*args, **kwargs)
