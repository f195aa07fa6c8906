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
_RAISED = float("inf")


# It is not taken back by asking for None: in CPython 3.11 that leaves the interpreter looking for something to raise at
# every call for ever, and a traced function never begins.
def _raise_in(thread_id: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))


def _step() -> None:
    """Something that was to be raised in this thread is raised here at the latest."""


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
            self._leave(me, outer)

    def _leave(self, me: int, outer: float | None) -> None:
        """What was about to be raised when the work was done is swallowed here and nowhere else."""
        raised, left = False, False
        while not left:
            try:
                with self._lock:
                    raised = self._running.pop(me, 0.0) == _RAISED or raised
                    if outer is not None:
                        self._running[me] = outer
                    left = True
            except SoftTimeLimitExceeded:
                raised = False
        try:  # the call of suppress() would be such a step, outside of it
            if raised:
                _step()
        except SoftTimeLimitExceeded:
            pass

    def _watch(self) -> None:
        while True:
            time.sleep(self._tick_s)
            with self._lock:
                now = self._clock()
                for thread_id, until in list(self._running.items()):
                    if until <= now:
                        # once: while it cleans up nothing more is raised in it
                        self._running[thread_id] = _RAISED
                        _raise_in(thread_id, SoftTimeLimitExceeded)


limits = Limits()


class LimitedTask(Task):  # type: ignore[misc]  # Celery has no types
    """Of all tasks of this product. `limit_s`: its own limit, where it has one."""

    abstract = True
    limit_s: float | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with limits.limit(self.limit_s or settings.TASK_LIMIT_S):
            return super().__call__(*args, **kwargs)
