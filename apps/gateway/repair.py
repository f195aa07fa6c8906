"""What is missing: where streams stand, what a follower missed, and events that the broadcast lost.

Each is read once for all who want it: from the ring, else from the tail that all processes share, else from the store.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence

from apps.core.batching import Batcher
from apps.core.errors import UnavailableError
from apps.eventlog.events import Sequenced
from apps.eventlog.ports import Tail
from apps.gateway import frames, server
from apps.gateway.metrics import Stats
from apps.gateway.ports import Presenter
from apps.gateway.stream import Stream
from apps.messaging.ports import Head, Store, StoreUnavailableError

logger = logging.getLogger(__name__)

MAX_REPLAY_EVENTS = 1000
# What followers who are here are walked through before they are told to resync; a slow one is closed sooner.
MAX_REPAIR_EVENTS = 20_000
MAX_REPLAY_BYTES = 512 * 1024
_STORE_READ = 500
_AHEAD_MAX = 4096
_BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0)
_PATIENCE_S = 2.0


class Repair:
    """`streams` are the hub's; `advance` takes in the next events of one; `tick` counts the sweeps."""

    def __init__(
        self,
        stats: Stats,
        *,
        streams: Mapping[str, Stream],
        store: Callable[[], Store],
        tail: Callable[[], Tail],
        presenter: Presenter,
        advance: Callable[[Stream, Sequence[Sequenced]], None],
        tick: Callable[[], int],
    ) -> None:
        self._stats, self._streams, self._store, self._tail = stats, streams, store, tail
        self._presenter, self._advance, self._tick = presenter, advance, tick
        self._heads = Batcher[str, Head](lambda names: self._store().heads(names), under_way=2)
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _grew(self, size: int) -> None:
        self._stats.ring_bytes += size

    async def missed(self, stream: Stream, after: int) -> list[bytes] | None:
        """Frames of everything after `after` up to the stream's place at the return, or None when it is too much.

        From the ring, else from the tail that all processes share, else from the store: one read however many ask at
        once, since what is read goes into the ring. Raises UnavailableError.
        """
        if after > (stream.seq or 0):
            await self._look(stream)
        if after > (stream.seq or 0):
            return None
        if stream.repair is not None:
            await asyncio.wait([stream.repair], timeout=_PATIENCE_S)
        for _ in range(4):
            if (stream.seq or 0) - after > MAX_REPLAY_EVENTS:
                return None
            found = stream.after(after)
            if found is not None:
                return found if sum(map(len, found)) <= MAX_REPLAY_BYTES else None
            if stream.lock is None:
                stream.lock = asyncio.Lock()
            async with stream.lock:
                if stream.after(after) is None:
                    found = await self._backfill(stream, after)
                    if found is not None:
                        return found if sum(map(len, found)) <= MAX_REPLAY_BYTES else None
        return None

    async def _backfill(self, stream: Stream, after: int) -> list[bytes] | None:
        """Read what lies between `after` and the ring, and put it in front of the ring when it fits."""
        start = max(0, min(after, after // 64 * 64))  # rounded, so that those who missed a little less find it too
        read = list(await self._tail().read(stream.name, after=start, upto=stream.ring_start) or ())
        if read:
            self._stats.tail_reads += 1
        try:
            while (upto := stream.ring_start) > start + len(read):
                part = await self._store().events(
                    stream.name, after=start + len(read), limit=min(_STORE_READ, upto - start - len(read))
                )
                self._stats.store_reads += 1
                if not part or part[0].seq != start + len(read) + 1:
                    return None
                read.extend(part)
            await self._presenter.warm(read)
        except StoreUnavailableError as error:
            raise UnavailableError(retry_after=1) from error
        if stream.ring_start > start + len(read):
            return None  # the ring moved on meanwhile
        older = [server.frame(self._presenter.present(event)) for event in read[: stream.ring_start - start]]
        newer = list(stream.ring or ())
        self._grew(-stream.trim())
        for frame in older + newer:
            self._grew(stream.push(frame))
        return (older + newer)[after - start :]

    async def place(self, unknown: Sequence[Stream]) -> None:
        try:
            asked = [self._heads.ask(stream.name) for stream in unknown]
            heads = await asyncio.gather(*asked) if len(asked) > 1 else [await asked[0]]
        except StoreUnavailableError as error:
            raise UnavailableError(retry_after=1) from error
        for stream, head in zip(unknown, heads, strict=True):
            if stream.seq is None:
                stream.seq, stream.count = (head.seq, head.count) if head else (0, 0)
                self.catch_up(stream)
            elif head is not None and head.seq > stream.seq:
                self.behind(stream, head.seq)

    def set_aside(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        if stream.ahead is None:
            stream.ahead = {}
        for event in events:
            if len(stream.ahead) < _AHEAD_MAX:
                stream.ahead[event.seq] = event
        stream.target = max(stream.target, events[-1].seq)

    def behind(self, stream: Stream, seq: int) -> None:
        """The store has, or soon has, an event `seq` of this stream."""
        stream.target = max(stream.target, seq)
        self.catch_up(stream)

    def catch_up(self, stream: Stream) -> None:
        if stream.seq is None or stream.repair is not None:
            return
        if stream.ahead or stream.target > stream.seq:
            stream.repair = asyncio.get_running_loop().create_task(self._run(stream))
            self._tasks.add(stream.repair)
            stream.repair.add_done_callback(self._tasks.discard)

    async def _run(self, stream: Stream) -> None:
        tries = 0
        try:
            while stream.seq is not None and self._streams.get(stream.name) is stream:
                events = self._contiguous(stream)
                if not events:
                    if stream.target <= stream.seq:
                        return
                    if stream.target - stream.seq > MAX_REPAIR_EVENTS:
                        # Hours of deafness, not a lost batch: a snapshot, and on from there.
                        self._skip_to(stream, stream.target)
                        continue
                    events = await self._read_missing(stream)
                try:
                    await self._presenter.warm(events)
                    self._advance(stream, events)
                except UnavailableError:
                    events = []
                except Exception:
                    logger.exception("events of a stream can't be shown")
                    events = []
                    if tries >= len(_BACKOFF_S):
                        self._skip_to(stream, stream.target)
                        return
                if events:
                    tries = 0
                    continue
                await asyncio.sleep(_BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)] * random.uniform(0.8, 1.2))  # noqa: S311
                tries += 1
        finally:
            stream.repair = None
            if not stream.ahead:
                stream.ahead = None

    def _contiguous(self, stream: Stream) -> list[Sequenced]:
        """Set-aside events that come next, taken out."""
        ahead, place = stream.ahead, stream.seq or 0
        if not ahead:
            return []
        for seq in [seq for seq in ahead if seq <= place]:
            del ahead[seq]
        events: list[Sequenced] = []
        while (event := ahead.get(place + len(events) + 1)) is not None:
            events.append(event)
        return events

    async def _read_missing(self, stream: Stream) -> list[Sequenced]:
        place = stream.seq or 0
        self._stats.repairs += 1
        self._stats.store_reads += 1
        try:
            events = await self._store().events(stream.name, after=place, limit=_STORE_READ)
        except StoreUnavailableError:
            return []
        dense = [event for index, event in enumerate(events) if event.seq == place + 1 + index]
        self._stats.repaired += len(dense)
        return dense

    def _skip_to(self, stream: Stream, seq: int) -> None:
        stream.seq = max(seq, stream.seq or 0)
        stream.pending.clear()
        self._grew(-stream.trim())
        if stream.pull is None:  # who pulls will ask, and is told then
            told = server.frame(frames.encode(frames.Resync(stream=stream.name, seq=stream.seq)))
            for socket in stream.followers:
                socket.write(told)
            self._stats.resyncs += len(stream.followers)

    async def check(self, checked: Sequence[Stream]) -> None:
        """Fetch what the broadcast lost without a trace: the store's heads tell. Raises UnavailableError."""
        known = [stream for stream in checked if stream.seq is not None]
        unknown = [stream for stream in checked if stream.seq is None]
        if unknown:
            await self.place(unknown)
        if not known:
            return
        try:
            heads: Mapping[str, Head] = await self._store().heads([stream.name for stream in known])
        except StoreUnavailableError as error:
            raise UnavailableError(retry_after=1) from error
        self._stats.checked += len(known)
        for stream in known:
            head = heads.get(stream.name)
            if head is not None and head.seq > (stream.seq or 0):
                self.behind(stream, head.seq)

    async def _look(self, stream: Stream) -> None:
        """Somebody has seen more of this stream than is known here: ask the store, once for all who say so."""
        if stream.lock is None:
            stream.lock = asyncio.Lock()
        async with stream.lock:
            if stream.looked_tick == self._tick():
                return
            stream.looked_tick = self._tick()
            await self.check([stream])
            if stream.repair is not None:
                await asyncio.wait([stream.repair], timeout=_PATIENCE_S)
