"""An event loop in a daemon thread, for synchronous code that has none around it: Celery tasks.

One per process, begun at the first use (after a worker forked), so that connections bound to a loop are kept between
tasks.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # by process id


def run(work: Coroutine[Any, Any, T], *, timeout_s: float) -> T:
    """The result of `work`. Raises TimeoutError, and what `work` raises. Never call it from an event loop."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result(timeout_s)
    except TimeoutError:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        loop = _loops.get(os.getpid())
        if loop is None:
            loop = _loops[os.getpid()] = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="background-loop", daemon=True).start()
        return loop
