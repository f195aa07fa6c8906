"""Waiting until an event that was just appended is sequenced and stored: read your own write.

The broadcast tells at once; should it be down or lose the batch, the head of the stream in the store tells a little
later.
"""

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator, Callable

from django.conf import settings

from apps.core.clock import now_ms
from apps.eventlog import registry
from apps.eventlog.events import Batch, Duplicate, Position, Sequenced
from apps.eventlog.ports import Broadcast
from apps.messaging.ports import Original, StoreUnavailableError
from apps.messaging.registry import store

_FIRST_POLL_S = 0.1
_SLOWEST_POLL_S = 0.8
_LINGER_S = 2.0  # a stream is heard for a little longer, since posts come in runs


class Passed:
    """The store is past the record; the broadcast did not say what became of it."""


Outcome = Sequenced | Duplicate | Passed
Result = asyncio.Future[Sequenced | Duplicate]


class _Stream:
    def __init__(self, name: str, forget: Callable[[str], None]) -> None:
        self.name = name
        self.waiting: dict[int, Result] = {}
        self.heard = asyncio.Lock()
        self.subscribed = False
        self.users = 0
        self._forget = forget
        self._leaving: asyncio.TimerHandle | None = None

    def hear(self, batch: Batch) -> None:
        if not self.waiting:
            return
        for event in batch.events:
            self._settle(event.envelope.event_id, event)
        for duplicate in batch.duplicates:
            self._settle(duplicate.event_id, duplicate)

    def _settle(self, event_id: int, outcome: Sequenced | Duplicate) -> None:
        result = self.waiting.get(event_id)
        if result is not None and not result.done():
            result.set_result(outcome)

    async def enter(self, broadcast: Broadcast) -> None:
        self.users += 1
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        async with self.heard:
            if not self.subscribed:
                await broadcast.subscribe(self.name, self.hear)
                self.subscribed = True

    def leave(self) -> None:
        self.users -= 1
        if self.users == 0:
            self._leaving = asyncio.get_running_loop().call_later(_LINGER_S, self._forget, self.name)


class _Listener:
    """The streams on which somebody waits, in one event loop."""

    def __init__(self, broadcast: Broadcast) -> None:
        self.broadcast = broadcast
        self._streams: dict[str, _Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def waiting(self, name: str, event_id: int) -> AsyncIterator[Result]:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream(name, self._forget)
        await stream.enter(self.broadcast)
        result: Result = asyncio.get_running_loop().create_future()
        stream.waiting[event_id] = result
        try:
            yield result
        finally:
            stream.waiting.pop(event_id, None)
            stream.leave()

    def _forget(self, name: str) -> None:
        stream = self._streams.get(name)
        if stream is not None and stream.users == 0:
            del self._streams[name]
            task = asyncio.get_running_loop().create_task(self.broadcast.unsubscribe(name, stream.hear))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


_listeners: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Listener] = weakref.WeakKeyDictionary()


class Wait:
    def __init__(self, stream: str, result: Result) -> None:
        self._stream = stream
        self._result = result

    async def outcome(self, position: Position, deadline_s: float, dedupe: str | None = None) -> Outcome | None:
        """None when the deadline passed first: the event is durable, and will come."""
        deadline = asyncio.get_running_loop().time() + deadline_s
        pause = _FIRST_POLL_S
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            done, _ = await asyncio.wait({self._result}, timeout=min(pause, left))
            if done:
                return self._result.result()
            pause = min(pause * 2, _SLOWEST_POLL_S)
            with contextlib.suppress(StoreUnavailableError, TimeoutError):
                async with asyncio.timeout_at(deadline):
                    passed = await self._passed(position, dedupe)
                if self._result.done():
                    return self._result.result()
                if passed:
                    return Passed()
        return None

    async def _passed(self, position: Position, dedupe: str | None) -> bool:
        """A duplicate moves no head, but what it repeats can be found."""
        head = (await store().heads([self._stream])).get(self._stream)
        if head is not None and head.position.offset >= position.offset:
            return True
        return dedupe is not None and await original_before(self._stream, dedupe, position.offset) is not None


async def original_before(stream: str, dedupe: str, offset: int) -> Original | None:
    """What holds the key before `offset`, if it is not so old that the sequencer would let the key be used again."""
    key = (stream, dedupe, offset)
    found = (await store().originals([key])).get(key)
    if found is None or now_ms() - found.timestamp_ms >= settings.DEDUPE_WINDOW_S * 1000:
        return None
    return found


@contextlib.asynccontextmanager
async def awaiting(stream: str, event_id: int) -> AsyncIterator[Wait]:
    """To be entered before the append, so that nothing is missed."""
    loop = asyncio.get_running_loop()
    broadcast = registry.broadcast()
    listener = _listeners.get(loop)
    if listener is None or listener.broadcast is not broadcast:
        listener = _listeners[loop] = _Listener(broadcast)
    async with listener.waiting(stream, event_id) as result:
        yield Wait(stream, result)
