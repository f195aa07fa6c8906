"""A circuit breaker: while the other side does not answer, nobody waits for its time-out again and again."""

import random
import threading
import time
from collections.abc import Callable

_PAUSES_S = (0.5, 1.0, 2.0, 4.0)


class Breaker:
    """After a failure calls are refused for a pause that grows; then one call at a time may try."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._closed_from = 0.0
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        return self._failures > 0

    def allows(self) -> bool:
        if not self._failures:
            return True
        with self._lock:
            now = self._clock()
            if now < self._closed_from:
                return False
            self._closed_from = now + self._pause()  # who tries now tries for all
            return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._closed_from = self._clock() + self._pause()

    def _pause(self) -> float:
        pause = _PAUSES_S[min(self._failures, len(_PAUSES_S)) - 1]
        return pause * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
