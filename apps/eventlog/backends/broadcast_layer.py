"""Broadcast over the Channels layer of settings: docs/adr/0003-broadcast-layer.md.

One layer channel a process joins a stream's group with the first handler and leaves it with the last. A ping sent
through the layer to our own channel tells whether we hear; when we don't, everything is set up afresh until we do.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import channel_layers

from apps.eventlog.events import Batch, decode_batch, encode
from apps.eventlog.ports import Handler

_logger = logging.getLogger(__name__)

CALL_S = 1.0  # a layer that answers later counts as down
_LOOKS = 10
PING_EVERY_S = 1.0
# The in-memory layer and the core Redis layer forget members after a day.
REFRESH_S = 3600.0
_BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
_JOIN_AT_ONCE = 100


class LayerBroadcast:
    def __init__(self, layer: Any = None) -> None:
        # A layer of our own, so that setting it up afresh disturbs nobody else's channels.
        self._layer = layer or channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)
        self._handlers: dict[str, list[Handler]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._joined: set[str] = set()
        self._channel: str | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._trouble = asyncio.Event()
        self._attempted = asyncio.Event()
        self._pinged: asyncio.Future[None] | None = None
        self._healthy = True

    @property
    def healthy(self) -> bool:
        return self._healthy

    async def publish(self, batch: Batch) -> None:
        await self._start()
        if not self._healthy:
            return  # nobody would hear it, and each attempt would cost its time-out
        try:
            async with _deadline():
                await self._layer.group_send(_group(batch.stream), {"type": "batch", "batch": encode(batch)})
        except Exception as error:  # noqa: BLE001 - a layer raises whatever its client does
            self._report(error)

    async def subscribe(self, stream: str, handler: Handler) -> None:
        self._handlers.setdefault(stream, []).append(handler)
        await self._start()
        await self._agree(stream)

    async def unsubscribe(self, stream: str, handler: Handler) -> None:
        handlers = self._handlers.get(stream, [])
        if handler in handlers:
            handlers.remove(handler)
        if not handlers:
            self._handlers.pop(stream, None)
            await self._agree(stream)

    async def close(self) -> None:
        self._handlers.clear()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        await self._tear_down()

    # -- groups

    async def _agree(self, stream: str) -> None:
        """Be in the stream's group exactly when somebody here wants it. Down: the keeper will see to it."""
        lock = self._locks.setdefault(stream, asyncio.Lock())
        try:
            async with lock:
                wanted, channel = stream in self._handlers, self._channel
                if channel is None or wanted == (stream in self._joined):
                    return
                async with _deadline():
                    if wanted:
                        await self._layer.group_add(_group(stream), channel)
                        if channel == self._channel:
                            self._joined.add(stream)
                    else:
                        self._joined.discard(stream)
                        await self._layer.group_discard(_group(stream), channel)
        except Exception as error:  # noqa: BLE001 - a layer raises whatever its client does
            self._report(error)
        finally:
            if stream not in self._handlers and not lock.locked():
                self._locks.pop(stream, None)

    async def _agree_all(self) -> None:
        waiting = list(self._handlers)
        for start in range(0, len(waiting), _JOIN_AT_ONCE):
            await asyncio.gather(*(self._agree(stream) for stream in waiting[start : start + _JOIN_AT_ONCE]))

    # -- the connection

    async def _start(self) -> None:
        """Begin on first use, since only then there is an event loop. Waits for the first attempt to connect."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name="broadcast-keeper")
        if not self._attempted.is_set():
            await self._attempted.wait()

    def _report(self, error: BaseException) -> None:
        if self._healthy:
            self._healthy = False
            _logger.warning("broadcast is down: %s: %s", type(error).__name__, error)
        self._trouble.set()

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._trouble.clear()
            try:
                await self._set_up()
                if failures:
                    _logger.warning("broadcast is back")
                failures = 0
                self._attempted.set()
                await self._watch()
            except Exception as error:  # noqa: BLE001 - a layer raises whatever its client does
                self._report(error)
                await self._tear_down()
                self._attempted.set()
                pause = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
                failures += 1
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def _set_up(self) -> None:
        async with _deadline():
            self._channel = await self._layer.new_channel()
        self._receiver = asyncio.create_task(self._receive(self._channel), name="broadcast-receiver")
        await self._ping()
        await self._agree_all()
        if self._trouble.is_set():
            raise ConnectionError("lost again while the groups were joined")
        self._healthy = True

    async def _watch(self) -> None:
        """Return when the groups are due again; raise when the layer is lost."""
        loop = asyncio.get_running_loop()
        refresh_at = loop.time() + REFRESH_S
        while loop.time() < refresh_at:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._trouble.wait(), PING_EVERY_S)
            if self._trouble.is_set():
                raise ConnectionError("a call failed")
            await self._ping()
        channel, self._joined = self._channel, set()
        if channel is not None:
            await self._agree_all()

    async def _ping(self) -> None:
        self._pinged = asyncio.get_running_loop().create_future()
        async with _deadline():
            await self._layer.send(self._channel, {"type": "ping"})
            await self._pinged

    async def _tear_down(self) -> None:
        receiver, self._receiver = self._receiver, None
        self._channel = None
        self._joined.clear()
        if receiver is not None:
            receiver.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await receiver
        with contextlib.suppress(Exception):
            async with _deadline():
                await self._layer.flush()

    async def _receive(self, channel: str) -> None:
        while True:
            try:
                message = await self._layer.receive(channel)
            except Exception as error:  # noqa: BLE001 - a layer raises whatever its client does
                self._report(error)
                return
            if message["type"] == "ping":
                if self._pinged is not None and not self._pinged.done():
                    self._pinged.set_result(None)
                continue
            try:
                batch = decode_batch(message["batch"])
            except (msgspec.DecodeError, KeyError):
                _logger.exception("broadcast: a message that is none")
                continue
            for handler in list(self._handlers.get(batch.stream, ())):
                try:
                    handler(batch)
                except Exception:
                    _logger.exception("broadcast: a handler of %s failed", batch.stream)


@contextlib.asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    """CALL_S, looked at in steps: a loop that is so busy that it comes late to the answer is not the layer's fault.

    After a gateway died thousands of sockets come to the next one at once, and setting the broadcast up afresh in the
    middle of that would make it worse.
    """
    loop = asyncio.get_running_loop()
    left = _LOOKS
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal left, timer
        left -= 1
        if left <= 0:
            deadline.reschedule(loop.time())
        else:
            timer = loop.call_later(CALL_S / _LOOKS, look)

    async with asyncio.timeout(None) as deadline:
        timer = loop.call_later(CALL_S / _LOOKS, look)
        try:
            yield
        finally:
            timer.cancel()


def _group(stream: str) -> str:
    """Layers allow no colon in a group's name."""
    return f"stream.{stream.replace(':', '.')}"
