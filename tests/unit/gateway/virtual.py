"""An event loop whose clock is only ever moved on by it: hours pass in no time, and the same way every time."""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.SelectSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everything waits, and for nothing")
        self.loop.now += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 1000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


class Clock:
    """Stands for the module `time` where the code under test reads it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic(self) -> float:
        return self._loop.now

    perf_counter = time = monotonic

    def time_ns(self) -> int:
        return int(self._loop.now * 1e9)
