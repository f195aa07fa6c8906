"""A cache of this process for what the database (or Redis) knows, exact at the moment of a change.

- Single flight, batched: misses of one turn of the event loop, and those that arrive while reads are under way, are
  read together.
- A read that was under way when its key was forgotten is not kept, and whoever asks after that starts a new one.
- With a lease, an answer lives `lease_s` from the moment before it was read, so a change made in another process is
  certain to be seen that much later: whoever takes a right away waits for it.
- With `ahead`, what was asked for is read again before its lease ends, all of it together, up to `ahead` times without
  anybody asking: a key that is read again in bulk costs a twentieth of one that somebody waits for.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
Fill = Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]

MAX_KEYS = 200_000
_BATCH = 500
_RUNNERS = 4
_WARM_MAX = 20_000
# How often, in leases, what ends before the next look is read again.
_LOOK_EVERY, _ENDS_SOON = 0.4, 0.5


class _Flight(Generic[V]):
    __slots__ = ("future", "stale")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[V | None] = loop.create_future()
        self.stale = False


class _Queue(Generic[K, V]):
    """The misses of one event loop."""

    def __init__(self) -> None:
        self.flights: dict[K, _Flight[V]] = {}
        self.waiting: dict[K, _Flight[V]] = {}
        self.runners: set[asyncio.Task[None]] = set()


class LocalCache(Generic[K, V]):
    def __init__(
        self,
        fill: Fill[K, V],
        *,
        lease_s: float | None = None,
        ahead: int = 0,
        max_keys: int = MAX_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fill = fill
        self._lease_s = lease_s
        self._ahead = ahead
        self._warm: dict[K, int] = {}
        self._warming: asyncio.AbstractEventLoop | None = None
        self._max_keys = max_keys
        self._clock = clock
        self._known: dict[K, tuple[V, float]] = {}
        self._queues: dict[asyncio.AbstractEventLoop, _Queue[K, V]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    async def get(self, keys: Collection[K]) -> dict[K, V]:
        """What is known under `keys`; without those of which the fill knows nothing. Raises what the fill raises."""
        not_before = None if self._lease_s is None else self._clock() - self._lease_s
        found: dict[K, V] = {}
        missing: list[K] = []
        for key in keys:
            known = self._known.get(key)
            if known is None or (not_before is not None and known[1] <= not_before):
                missing.append(key)
            else:
                found[key] = known[0]
        if missing:
            for key, future in self._join(missing).items():
                value = await asyncio.shield(future)
                if value is not None:
                    found[key] = value
        if self._ahead:
            self._keep_warm(found)
        return found

    def forget(self, keys: Iterable[K]) -> None:
        """From any thread: after this no one who asks gets an answer that was read before."""
        with self._lock:
            for key in keys:
                self._known.pop(key, None)
                for queue in self._queues.values():
                    flight = queue.flights.pop(key, None)
                    if flight is not None:
                        flight.stale = True

    def clear(self) -> None:
        with self._lock:
            keys = [*self._known, *(key for queue in self._queues.values() for key in queue.flights)]
        self.forget(keys)

    def _keep_warm(self, keys: Iterable[K]) -> None:
        for key in keys:
            if key in self._warm or len(self._warm) < _WARM_MAX:
                self._warm[key] = self._ahead
        if self._warm and (self._warming is None or self._warming.is_closed()):
            self._warming = asyncio.get_running_loop()
            self._warming.call_later((self._lease_s or 0.0) * _LOOK_EVERY, self._look_ahead)

    def _look_ahead(self) -> None:
        """Read again what is about to end."""
        lease_s, due = self._lease_s or 0.0, []
        ends_soon = self._clock() - lease_s * _ENDS_SOON
        for key, left in list(self._warm.items()):
            known = self._known.get(key)
            if known is None or left == 0:
                del self._warm[key]
            elif known[1] <= ends_soon:
                self._warm[key] = left - 1
                due.append(key)
        if due:
            self._join(due)
        loop, self._warming = self._warming, None
        if self._warm and loop is not None:
            self._warming = loop
            loop.call_later(lease_s * _LOOK_EVERY, self._look_ahead)

    def _join(self, keys: Sequence[K]) -> dict[K, "asyncio.Future[V | None]"]:
        loop = asyncio.get_running_loop()
        joined: dict[K, asyncio.Future[V | None]] = {}
        with self._lock:
            queue = self._queues.get(loop)
            if queue is None:
                queue = self._queues[loop] = _Queue()
            for key in keys:
                flight = queue.flights.get(key)
                if flight is None:
                    superseded = queue.waiting.get(key)
                    flight = queue.flights[key] = _Flight(loop)
                    if superseded is not None:
                        # not read yet, so the newer flight's read serves it as well
                        _chain(flight.future, superseded.future)
                    queue.waiting[key] = flight
                joined[key] = flight.future
            if queue.waiting and len(queue.runners) < _RUNNERS:
                queue.runners.add(loop.create_task(self._run(loop, queue)))
        return joined

    async def _run(self, loop: asyncio.AbstractEventLoop, queue: _Queue[K, V]) -> None:
        task = asyncio.current_task()
        batch: dict[K, _Flight[V]] = {}
        try:
            while True:
                with self._lock:
                    batch = {key: queue.waiting.pop(key) for key in list(queue.waiting)[:_BATCH]}
                    if not batch:
                        return
                await self._read(queue, batch)
        finally:
            with self._lock:
                if task is not None:
                    queue.runners.discard(task)
                # only a runner that was cancelled, since its loop is closing, leaves someone behind
                left = dict(batch)
                if not queue.runners:
                    left |= queue.waiting
                    self._queues.pop(loop, None)
                for key, flight in left.items():
                    self._land(queue, key, flight)
                    flight.future.cancel()

    async def _read(self, queue: _Queue[K, V], batch: Mapping[K, _Flight[V]]) -> None:
        started = self._clock()
        try:
            values = await self._fill(list(batch))
        except Exception as error:  # noqa: BLE001 - handed to everyone who waits
            with self._lock:
                for key, flight in batch.items():
                    self._land(queue, key, flight)
                    if not flight.future.done():
                        flight.future.set_exception(error)
                        flight.future.exception()  # a waiter that was cancelled does not fetch it
            return
        with self._lock:
            for key, flight in batch.items():
                value = values.get(key)
                self._land(queue, key, flight)
                if value is not None and not flight.stale:
                    self._known.pop(key, None)
                    self._known[key] = (value, started)
                if not flight.future.done():
                    flight.future.set_result(value)
            while len(self._known) > self._max_keys:
                del self._known[next(iter(self._known))]

    @staticmethod
    def _land(queue: _Queue[K, V], key: K, flight: _Flight[V]) -> None:
        if queue.flights.get(key) is flight:
            del queue.flights[key]


def _chain(source: "asyncio.Future[V | None]", target: "asyncio.Future[V | None]") -> None:
    def copy(done: "asyncio.Future[V | None]") -> None:
        if target.done():
            return
        if done.cancelled():
            target.cancel()
        elif (error := done.exception()) is not None:
            target.set_exception(error)
            target.exception()
        else:
            target.set_result(done.result())

    source.add_done_callback(copy)
