"""The tail of each stream in a sorted set `tail:{stream}`, by seq: written behind, in one call for many streams.

A repeat writes the same members. What can't be written is left out; the reader sees the gap and goes to the store.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from redis.asyncio import Redis

from apps.core.redis import ERRORS, client
from apps.eventlog.events import Sequenced, encode

KEPT_EVENTS = 512
KEPT_S = 900
MAX_EVENT_BYTES = 16 * 1024
MAX_PENDING = 5_000
_AT_ONCE = 500
_BACK_OFF_S = 1.0

# KEYS the tails; ARGV how many events a tail keeps, for how many seconds, then for each key how many follow, and for
# each of these seq and event.
_KEEP = """
local at = 3
for i = 1, #KEYS do
  local last = at + 2 * ARGV[at]
  redis.call('ZADD', KEYS[i], unpack(ARGV, at + 1, last))
  redis.call('ZREMRANGEBYRANK', KEYS[i], 0, -ARGV[1] - 1)
  redis.call('EXPIRE', KEYS[i], ARGV[2])
  at = last + 1
end
"""

log = logging.getLogger(__name__)
_decode = msgspec.msgpack.Decoder(Sequenced).decode


class RedisTail:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = client,
        prefix: str = "tail:",
        kept_events: int = KEPT_EVENTS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect, self._prefix, self._kept_events, self._clock = connect, prefix, kept_events, clock
        self._pending: list[Sequenced] = []
        self._writer: asyncio.Task[None] | None = None
        self._down_until = 0.0

    def keep(self, events: Sequence[Sequenced]) -> None:
        if self._clock() < self._down_until:
            return
        self._pending.extend(events)
        if len(self._pending) > MAX_PENDING:
            del self._pending[: len(self._pending) - MAX_PENDING]
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._pending:
                some, self._pending = self._pending[:_AT_ONCE], self._pending[_AT_ONCE:]
                await self._write_some(some)
        except ERRORS as error:
            self._went_down(error)
        except Exception:
            log.exception("the tail of a stream could not be kept")
            self._pending.clear()

    async def _write_some(self, events: Sequence[Sequenced]) -> None:
        streams: dict[str, list[int | bytes]] = {}
        for event in events:
            encoded = encode(event)
            if len(encoded) <= MAX_EVENT_BYTES:
                streams.setdefault(event.stream, []).extend((event.seq, encoded))
        if not streams:
            return
        arguments: list[int | bytes] = [self._kept_events, KEPT_S]
        for members in streams.values():
            arguments.append(len(members) // 2)
            arguments.extend(members)
        redis = self._connect()
        keep = redis.register_script(_KEEP)
        await keep(keys=[self._prefix + name for name in streams], args=arguments)

    async def read(self, stream: str, *, after: int, upto: int) -> Sequence[Sequenced] | None:
        wanted = upto - after
        if wanted <= 0:
            return []
        if wanted > self._kept_events or self._clock() < self._down_until:
            return None
        try:
            found = cast(
                "list[bytes]", await self._connect().zrange(self._prefix + stream, after + 1, upto, byscore=True)
            )
        except ERRORS as error:
            self._went_down(error)
            return None
        if len(found) != wanted:
            return None
        try:
            events = [_decode(one) for one in found]
        except msgspec.MsgspecError:  # of another version
            return None
        return events if all(event.seq == after + 1 + index for index, event in enumerate(events)) else None

    async def newest(self, stream: str, *, limit: int) -> Sequence[Sequenced]:
        if self._clock() < self._down_until:
            return []
        try:
            found = cast("list[bytes]", await self._connect().zrange(self._prefix + stream, 0, limit - 1, desc=True))
            events = [_decode(one) for one in found]
        except ERRORS as error:
            self._went_down(error)
            return []
        except msgspec.MsgspecError:  # of another version
            return []
        dense = [event for index, event in enumerate(events) if event.seq == events[0].seq - index]
        return dense[::-1]

    def _went_down(self, error: BaseException) -> None:
        self._pending.clear()
        self._down_until = self._clock() + _BACK_OFF_S
        log.warning("the tails of streams are left out: Redis does not answer (%s)", error)

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=_BACK_OFF_S)
