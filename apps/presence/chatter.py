"""Typing, from gateway to gateway and to the sockets that follow a channel. Never in the log, no more than a signal a
second and channel, off where too many listen.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from apps.core.clock import now_ms
from apps.eventlog import streams
from apps.eventlog.events import Batch, Ephemeral
from apps.eventlog.ports import Broadcast
from apps.presence.typists import TTL_MS, Key, Stamp, Typists

EVERY_S = 1.0
STEP_S = 0.25
AGAIN_MS = 1_000  # who says it twice within this says nothing
CHANNELS_MAX = 10_000
log = logging.getLogger(__name__)

Signal = Callable[[str, list[dict[str, str | int | None]]], None]
_decoder = msgspec.msgpack.Decoder(list[tuple[int, int | None, int, bool]])


class _Channel:
    __slots__ = ("news", "outgoing", "published_at", "signalled_at", "typists")

    def __init__(self) -> None:
        self.typists = Typists()
        self.outgoing: dict[Key, Stamp] = {}
        self.news = False
        self.published_at = self.signalled_at = float("-inf")


class Chatter:
    def __init__(
        self,
        *,
        broadcast: Callable[[], Broadcast],
        signal: Signal,
        followers: Callable[[str], int],
        max_followers: int,
        clock: Callable[[], float] = time.monotonic,
        wall_ms: Callable[[], int] = now_ms,
    ) -> None:
        """`signal(stream, typing)` writes to the sockets that follow the stream here; `followers` counts them."""
        self._broadcast, self._signal, self._followers = broadcast, signal, followers
        self._max_followers = max_followers
        self._clock, self._wall_ms = clock, wall_ms
        self._channels: dict[str, _Channel] = {}
        self._task: asyncio.Task[None] | None = None

    def is_off(self, channel_id: int) -> bool:
        return self._followers(streams.channel(channel_id)) > self._max_followers

    def repeats(self, channel_id: int, key: Key, *, on: bool) -> bool:
        """Whether this says nothing that is not said already: asked before anything that costs."""
        channel = self._channels.get(streams.channel(channel_id))
        at_ms, cleared = (channel.typists.stamps.get(key) if channel else None) or (0, True)
        return cleared is not on and self._wall_ms() - at_ms < AGAIN_MS if on else cleared

    async def put(self, channel_id: int, key: Key, *, on: bool) -> None:
        name = streams.channel(channel_id)
        channel = self._channels.get(name)
        if channel is None:
            if len(self._channels) >= CHANNELS_MAX:
                return
            channel = self._channels[name] = _Channel()
        at_ms = self._wall_ms()
        if channel.typists.put(key, at_ms, on=on):
            channel.outgoing[key] = (at_ms, not on)
            channel.news = True
            await self._send(name, channel)

    def heard(self, stream: str, body: bytes) -> None:
        """Another gateway's word."""
        latest = self._wall_ms() + TTL_MS  # a clock that is far ahead would make somebody type for hours
        stamps = {
            Key(user_id, thread_id): (at_ms, cleared)
            for user_id, thread_id, at_ms, cleared in _decoder.decode(body)
            if at_ms <= latest
        }
        channel = self._channels.get(stream)
        if channel is None:
            if len(self._channels) >= CHANNELS_MAX:
                return
            channel = self._channels[stream] = _Channel()
        if channel.typists.merge(stamps):
            channel.news = True
            self._say(stream, channel)

    def posted(self, stream: str, user_id: int, thread_id: int | None) -> None:
        """The message is there, so its author is not typing it any more; clients see that by themselves."""
        channel = self._channels.get(stream)
        if channel is not None:
            key = Key(user_id, thread_id)
            stamp = channel.typists.stamps.get(key)
            if stamp is not None and not stamp[1]:
                channel.typists.put(key, max(stamp[0], self._wall_ms()), on=False)
                channel.outgoing.pop(key, None)

    async def step(self) -> None:
        at_ms = self._wall_ms()
        for name, channel in list(self._channels.items()):
            await self._send(name, channel)
            channel.typists.prune(at_ms)
            if not channel.typists.stamps:
                del self._channels[name]

    async def _send(self, name: str, channel: _Channel) -> None:
        self._say(name, channel)
        if channel.outgoing and self._clock() - channel.published_at >= EVERY_S:
            channel.published_at = self._clock()
            outgoing, channel.outgoing = channel.outgoing, {}
            if self._followers(name) <= self._max_followers:
                body = msgspec.msgpack.encode([(*key, *stamp) for key, stamp in outgoing.items()])
                ephemeral = Ephemeral(type="typing", key="", body=body)
                await self._broadcast().publish(Batch(name, ephemeral=[ephemeral]))

    def _say(self, name: str, channel: _Channel) -> None:
        if not channel.news or self._clock() - channel.signalled_at < EVERY_S:
            return
        channel.news = False
        if self._followers(name) > self._max_followers:
            return
        channel.signalled_at = self._clock()
        shown = channel.typists.shown(self._wall_ms())
        self._signal(
            name,
            [
                {
                    "user_id": str(key.user_id),
                    "thread_id": None if key.thread_id is None else str(key.thread_id),
                    "for_ms": left_ms,
                }
                for key, left_ms in shown.items()
            ],
        )

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="typing")

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            try:
                await self.step()
            except Exception:
                log.exception("typing failed; it goes on")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
