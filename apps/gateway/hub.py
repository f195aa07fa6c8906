"""The hub: every socket of a process, the streams that they follow, and delivery.

It takes part in the broadcast of a stream while somebody here looks at it. An event becomes a frame once, whoever
follows, and what waits for a socket leaves in one write. The broadcast may lose and repeat: what is older than the
stream's place is dropped, and on a gap, or when the store turns out to be ahead, the missing events are read from the
store, once for all, before anything later goes out. So what a socket gets of a stream is in seq order without a gap, or
a `resync`.
"""

import asyncio
import contextlib
import itertools
import logging
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from apps.canvas import actions as canvas
from apps.core.batching import Batcher
from apps.core.errors import UnavailableError
from apps.eventlog import streams as names
from apps.eventlog.events import Batch, Ephemeral, Sequenced
from apps.eventlog.ports import Broadcast, Tail
from apps.gateway import frames, hot, server
from apps.gateway.acks import Acknowledgements
from apps.gateway.canvases import AWARE, Canvases
from apps.gateway.metrics import Stats
from apps.gateway.ports import Notified, Presenter
from apps.gateway.presence import Presence
from apps.gateway.stream import Pull, Socket, Stream, Writing
from apps.messaging.ports import Head, Store, StoreUnavailableError

logger = logging.getLogger(__name__)

MAX_REPLAY_EVENTS = 1000
# What followers who are here are walked through before they are told to resync; a slow one is closed sooner.
MAX_REPAIR_EVENTS = 20_000
MAX_REPLAY_BYTES = 512 * 1024
LINGER_S = 30
TICK_S = 1.0
# After a stream was written to its followers it rests for a multiple of the time that this took, and what comes
# meanwhile is joined: half of it after a single event, up to twice after four or more, never beyond _MAX_JOIN_S.
_REST_PER_EVENT, _REST_MAX = 0.5, 2.0
_MAX_JOIN_S = 0.04
_MAX_WRITE_BYTES = 256 * 1024
_STORE_READ = 500
_AHEAD_MAX = 4096
_RING_BUDGET = 96 * 1024 * 1024
_RING_KEPT_S = 90
_BACKOFF_S = (0.05, 0.2, 0.5, 1.0, 2.0)
_IDLE_BUCKETS = 8
_OPEN_AT_ONCE = 64
_REPAIR_PATIENCE_S = 2.0
_DRAIN_GRACE_S = 1.0
# Writing to more followers than this is done in turns of about _TURN_S, between which pings, commands and other streams
# are seen to.
WRITE_AT_ONCE = 1024
_TURN_S = 0.005
_TURN_STEP = 64

CLOSE_SILENT, CLOSE_REPLACED, CLOSE_REVOKED, CLOSE_SLOW, CLOSE_RESTART = 4408, 4409, 4410, 4508, 1012


class Hub:
    def __init__(
        self,
        *,
        gateway: str,
        store: Callable[[], Store],
        broadcast: Callable[[], Broadcast],
        tail: Callable[[], Tail],
        presenter: Presenter,
        notified: Callable[[], Notified],
        max_sockets: int = 50_000,
        queue_bytes: int = 1024 * 1024,
        stalled_s: float = 8.0,
        heartbeat_s: float = 30.0,
        ack_deadline_s: float = 5.0,
        hot_limits: hot.Limits = hot.NEVER,
    ) -> None:
        self.gateway = gateway
        self.heartbeat_ms = int(heartbeat_s * 1000)
        self.stalled_s = stalled_s
        self.stats = Stats()
        self.max_sockets = max_sockets
        self.queue_bytes = queue_bytes
        self.draining = False
        self.stopped = asyncio.Event()
        self.tick = 1
        self.users: dict[int, list[Socket]] = {}
        self.streams: dict[str, Stream] = {}
        self.connected = 0  # handshakes included
        self.acks = Acknowledgements(self.users, notified=notified, deadline_s=ack_deadline_s, stats=self.stats)
        self.presence: Presence | None = None  # the registry joins them
        self._store, self._broadcast, self._tail, self._presenter = store, broadcast, tail, presenter
        self._heads = Batcher[str, Head](lambda streams: self._store().heads(streams), under_way=2)
        self._silent_s = heartbeat_s * 2.5
        self._paused: list[Socket] = []
        self._buckets: list[dict[Socket, None]] = [{} for _ in range(_IDLE_BUCKETS)]
        self._numbers = 0
        self._held: dict[Socket, tuple[int, float]] = {}
        self._slow: list[Socket] = []
        self._dirty: dict[Stream, None] = {}
        self._writing: dict[Stream, None] = {}
        self._hot_limits = hot_limits
        self._gauges: dict[Stream, hot.Gauge] = {}
        self._flush_at = 0.0
        self._flush_timer: asyncio.Handle | None = None
        self._tick_timer: asyncio.TimerHandle | None = None
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._controls: Mapping[str, Callable[[Stream, Sequenced], None]] = {
            "message.posted": self._on_posted,
            "channel.member_joined": self._on_member_joined,
            "channel.member_left": self._on_member_left,
            "membership.removed": self._on_membership_removed,
            "workspace.left": self._on_workspace_left,
            "workspace.member_updated": self._on_member_updated,
        }
        self.canvases = Canvases()
        self._internal: Mapping[str, Callable[[Stream, Ephemeral], None]] = {
            canvas.UPDATED: self.canvases.on_update,
            AWARE: self.canvases.on_awareness,
            "session.revoked": self._on_revoked,
            "session.claimed": self._on_claimed,
            "session.owed": self._on_owed,
            "typing": self._on_typing,
        }

    # -- sockets ----------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        return self.draining or self.connected >= self.max_sockets

    async def attach(self, socket: Socket) -> None:
        """Take in a socket whose user is known; on return a loss of its rights is seen here."""
        self._numbers = max(self._numbers + 1, time.time_ns())
        socket.number = self._numbers
        socket.seen = self.tick
        self.users.setdefault(socket.user_id, []).append(socket)
        self._buckets[socket.number % _IDLE_BUCKETS][socket] = None
        if self.presence is not None:
            self.presence.engine.arrived(socket)
        stream = self._stream(names.user(socket.user_id))
        stream.watched = True
        with contextlib.suppress(
            UnavailableError
        ):  # the place is unknown until the store answers; the sweep asks again
            await self._open([stream])

    def detach(self, socket: Socket) -> None:
        """Forget a socket that is gone. Idempotent."""
        socket.closed = True
        self.canvases.forget(socket)
        self.acks.closed(socket)
        for stream in socket.streams.values():
            stream.followers.pop(socket, None)
            if stream.pull is not None:
                stream.pull.places.pop(socket, None)
            if stream.idle:
                stream.idle_tick = self.tick
        socket.streams = {}
        socket.claims = None
        self._held.pop(socket, None)
        if self.presence is not None:
            self.presence.engine.left(socket)
        self._buckets[socket.number % _IDLE_BUCKETS].pop(socket, None)
        mine = self.users.get(socket.user_id)
        if mine is not None and socket in mine:
            mine.remove(socket)
            if not mine:
                del self.users[socket.user_id]
                own = self.streams.get(names.user(socket.user_id))
                if own is not None:
                    own.watched = False
                    own.idle_tick = self.tick

    def sockets(self) -> Iterable[Socket]:
        for bucket in self._buckets:
            yield from bucket

    def on_held(self, socket: Socket, size: int) -> None:
        """The socket's connection holds `size` bytes back, since the other end reads slowly."""
        if socket not in self._held:
            socket.held = True
            self._held[socket] = (socket.connection.taken(), time.monotonic())
        if size > self.queue_bytes and not socket.closed:
            self._slow.append(socket)
            if self._flush_timer is None:
                self._wake(0.0)

    async def claim_session(self, socket: Socket) -> None:
        """Close older sockets of the same session, here and at every other gateway."""
        for other in list(self.users.get(socket.user_id, ())):
            if other is not socket and other.session == socket.session:
                self._end(other, CLOSE_REPLACED)
        self.acks.adopt(socket, self.acks.take(socket.user_id, socket.session))
        body = msgspec.msgpack.encode([socket.session, socket.number])
        claimed = Ephemeral(type="session.claimed", key=f"session:{socket.session}", body=body)
        await self._broadcast().publish(Batch(names.user(socket.user_id), ephemeral=[claimed]))

    def resume_next_tick(self, socket: Socket) -> None:
        """Who sends more than is decent waits for the next second."""
        self._paused.append(socket)

    # -- following --------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def opened(self, wanted: Collection[str]) -> AsyncIterator[dict[str, Stream]]:
        """Take part in these streams and know where they stand, until the block ends. Raises UnavailableError."""
        found = {name: self._stream(name) for name in wanted}
        # Nobody looked at these lately, so nobody would have noticed that the broadcast lost something.
        lingering = [stream for stream in found.values() if stream.idle and stream.seq is not None]
        for stream in found.values():
            stream.pins += 1
        try:
            await self._open(found.values())
            with contextlib.suppress(UnavailableError):
                await self.check(lingering)
            yield found
        finally:
            for stream in found.values():
                stream.pins -= 1
                if stream.idle:
                    stream.idle_tick = self.tick

    def join(self, socket: Socket, stream: Stream) -> frames.Place:
        """Follow from now on: everything after the place returned."""
        if stream.followers and stream.pending:
            self._write_out(stream)
        stream.pending.clear()
        stream.followers[socket] = None
        socket.streams[stream.name] = stream
        mode: frames.Way = "push" if stream.pull is None else "pull"
        return frames.Place(seq=stream.seq or 0, count=stream.count, mode=mode)

    def leave(self, socket: Socket, name: str) -> bool:
        stream = socket.streams.pop(name, None)
        if stream is None:
            return False
        if socket.previews is not None:
            socket.previews.discard(name)
        if stream.pending:
            self._write_out(stream)
        else:
            self._hurry(stream, socket)
        stream.followers.pop(socket, None)
        if stream.pull is not None:
            stream.pull.places.pop(socket, None)
        if stream.idle:
            stream.idle_tick = self.tick
        return True

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
            await asyncio.wait([stream.repair], timeout=_REPAIR_PATIENCE_S)
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
            self.stats.tail_reads += 1
        try:
            while (upto := stream.ring_start) > start + len(read):
                part = await self._store().events(
                    stream.name, after=start + len(read), limit=min(_STORE_READ, upto - start - len(read))
                )
                self.stats.store_reads += 1
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
        self._ring_grew(-stream.trim())
        for frame in older + newer:
            self._ring_grew(stream.push(frame))
        return (older + newer)[after - start :]

    def _stream(self, name: str) -> Stream:
        stream = self.streams.get(name)
        if stream is None:
            stream = self.streams[name] = Stream(name)
            stream.idle_tick = self.tick
        return stream

    async def _open(self, wanted: Collection[Stream]) -> None:
        """Subscribe to those that are new, then read their heads in one go."""
        loop = asyncio.get_running_loop()
        fresh = [stream for stream in wanted if stream.opening is None]
        for stream in fresh:
            stream.opening = loop.create_future()
        try:
            await self._subscribe_all(fresh)
        except BaseException:
            for stream in fresh:
                self._unopen(stream)
            raise
        for stream in fresh:
            if stream.opening is not None and not stream.opening.done():
                stream.opening.set_result(None)
        for stream in wanted:
            if stream.opening is not None and not stream.opening.done():
                await asyncio.shield(stream.opening)
        unknown = [stream for stream in wanted if stream.seq is None]
        if unknown:
            await self._place(unknown)

    async def _subscribe_all(self, fresh: Sequence[Stream]) -> None:
        if len(fresh) == 1:  # a socket's own stream: no task for it
            await self._subscribe(fresh[0])
            return
        for start in range(0, len(fresh), _OPEN_AT_ONCE):
            await asyncio.gather(*map(self._subscribe, fresh[start : start + _OPEN_AT_ONCE]))

    async def _subscribe(self, stream: Stream) -> None:
        closing = self._closing.get(stream.name)
        if closing is not None:
            await asyncio.wait([closing])
        try:
            await self._broadcast().subscribe(stream.name, self.on_batch)
        except Exception as error:
            logger.exception("subscribing to a stream failed")
            raise UnavailableError(retry_after=1) from error

    def _unopen(self, stream: Stream) -> None:
        opening, stream.opening = stream.opening, None
        if opening is not None and not opening.done():
            opening.set_exception(UnavailableError(retry_after=1))
            opening.exception()

    async def _place(self, unknown: Sequence[Stream]) -> None:
        try:
            asked = [self._heads.ask(stream.name) for stream in unknown]
            heads = await asyncio.gather(*asked) if len(asked) > 1 else [await asked[0]]
        except StoreUnavailableError as error:
            raise UnavailableError(retry_after=1) from error
        for stream, head in zip(unknown, heads, strict=True):
            if stream.seq is None:
                stream.seq, stream.count = (head.seq, head.count) if head else (0, 0)
                self._catch_up(stream)
            elif head is not None and head.seq > stream.seq:
                self._behind(stream, head.seq)

    # -- what comes -------------------------------------------------------------------------------------------------

    def on_batch(self, batch: Batch) -> None:
        """The broadcast's handler. Never raises."""
        stream = self.streams.get(batch.stream)
        if stream is None:
            return
        if batch.events:
            try:
                self._take(stream, batch.events)
            except Exception:
                logger.exception("an event could not be delivered at once; it will be read again")
                self._behind(stream, batch.events[-1].seq)
        for ephemeral in batch.ephemeral:
            try:
                self._on_ephemeral(stream, ephemeral)
            except Exception:
                logger.exception("an ephemeral event was dropped")

    def _take(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        if stream.repair is not None:
            self._set_aside(stream, events)
            return
        if stream.seq is None:  # the store has not told yet, or can't
            stream.seq = events[0].seq - 1
        place = stream.seq
        if events[0].seq != place + 1:
            events = [event for event in events if event.seq > place]
            self.stats.repeated += 1
            if not events:
                return
        if events[0].seq != place + 1 or events[-1].seq - place != len(events) or not self._presenter.warmed(events):
            self._set_aside(stream, events)
            self._catch_up(stream)
            return
        self._advance(stream, events)

    def _set_aside(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        if stream.ahead is None:
            stream.ahead = {}
        for event in events:
            if len(stream.ahead) < _AHEAD_MAX:
                stream.ahead[event.seq] = event
        stream.target = max(stream.target, events[-1].seq)

    def _advance(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        """Take in the next events of a stream, in order."""
        stream.active_tick = self.tick
        if len(stream.followers) >= self._hot_limits.followers:
            stream.recent += len(events)
            if stream not in self._gauges:
                self._gauges[stream] = hot.Gauge()
        for event in events:
            frame = server.frame(self._presenter.present(event))
            stream.seq, stream.count = event.seq, event.count
            self._ring_grew(stream.push(frame))
            if stream.followers:
                if stream.pull is None:
                    stream.pending.append(frame)
                if event.envelope.type == "message.posted":
                    self._expect_acks(stream, event, frame)
            control = self._controls.get(event.envelope.type)
            if control is not None:
                try:
                    control(stream, event)
                except (msgspec.MsgspecError, KeyError, ValueError, TypeError):
                    logger.exception("the body of a %s can't be read", event.envelope.type)
        if stream.pending:
            self._soon(stream)

    def _expect_acks(self, stream: Stream, event: Sequenced, frame: bytes) -> None:
        try:
            concerned = self.acks.concerned(stream, event)
        except (msgspec.MsgspecError, ValueError):
            return  # not to be read: apps.messaging has said so
        for socket in concerned:
            self.acks.expect(socket, stream.name, event.seq, frame)
            if stream.pull is not None:
                # It can't wait for the next pull: its seq tells the client to pull now.
                if stream.pending:
                    self._write_out(stream)
                self._hurry(stream, socket)
                socket.write(frame)

    def _ring_grew(self, size: int) -> None:
        self.stats.ring_bytes += size

    def _on_ephemeral(self, stream: Stream, ephemeral: Ephemeral) -> None:
        internal = self._internal.get(ephemeral.type)
        if internal is not None:
            internal(stream, ephemeral)
        elif stream.followers:
            if stream.signals is None:
                stream.signals = {}
            data = msgspec.msgpack.decode(ephemeral.body) if ephemeral.body else None
            signal = frames.Signal(stream=stream.name, type=ephemeral.type, data=data)
            stream.signals[f"{ephemeral.type} {ephemeral.key}"] = server.frame(frames.encode(signal))
            self._soon(stream)

    def signal(self, name: str, kind: str, data: object) -> None:
        """To whoever follows the stream here; a later one of the same kind takes its place while it waits."""
        stream = self.streams.get(name)
        if stream is not None and stream.followers:
            if stream.signals is None:
                stream.signals = {}
            frame = frames.Signal(stream=name, type=kind, data=data)
            stream.signals[f"{kind} "] = server.frame(frames.encode(frame))
            self._soon(stream)

    def followers(self, name: str) -> int:
        stream = self.streams.get(name)
        return 0 if stream is None else len(stream.followers)

    # -- repair -----------------------------------------------------------------------------------------------------

    def _behind(self, stream: Stream, seq: int) -> None:
        """The store has, or soon has, an event `seq` of this stream."""
        stream.target = max(stream.target, seq)
        self._catch_up(stream)

    def _catch_up(self, stream: Stream) -> None:
        if stream.seq is None or stream.repair is not None:
            return
        if stream.ahead or stream.target > stream.seq:
            stream.repair = asyncio.get_running_loop().create_task(self._repair(stream))
            self._keep(stream.repair)

    async def _repair(self, stream: Stream) -> None:
        tries = 0
        try:
            while stream.seq is not None and self.streams.get(stream.name) is stream:
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
        self.stats.repairs += 1
        self.stats.store_reads += 1
        try:
            events = await self._store().events(stream.name, after=place, limit=_STORE_READ)
        except StoreUnavailableError:
            return []
        dense = [event for index, event in enumerate(events) if event.seq == place + 1 + index]
        self.stats.repaired += len(dense)
        return dense

    def _skip_to(self, stream: Stream, seq: int) -> None:
        stream.seq = max(seq, stream.seq or 0)
        stream.pending.clear()
        self._ring_grew(-stream.trim())
        if stream.pull is None:  # who pulls will ask, and is told then
            self._tell(stream.followers, frames.Resync(stream=stream.name, seq=stream.seq))
            self.stats.resyncs += len(stream.followers)

    async def check(self, checked: Sequence[Stream]) -> None:
        """Fetch what the broadcast lost without a trace: the store's heads tell. Raises UnavailableError."""
        known = [stream for stream in checked if stream.seq is not None]
        unknown = [stream for stream in checked if stream.seq is None]
        if unknown:
            await self._place(unknown)
        if not known:
            return
        try:
            heads: Mapping[str, Head] = await self._store().heads([stream.name for stream in known])
        except StoreUnavailableError as error:
            raise UnavailableError(retry_after=1) from error
        self.stats.checked += len(known)
        for stream in known:
            head = heads.get(stream.name)
            if head is not None and head.seq > (stream.seq or 0):
                self._behind(stream, head.seq)

    async def _look(self, stream: Stream) -> None:
        """Somebody has seen more of this stream than is known here: ask the store, once for all who say so."""
        if stream.lock is None:
            stream.lock = asyncio.Lock()
        async with stream.lock:
            if stream.looked_tick == self.tick:
                return
            stream.looked_tick = self.tick
            await self.check([stream])
            if stream.repair is not None:
                await asyncio.wait([stream.repair], timeout=_REPAIR_PATIENCE_S)

    # -- delivery ---------------------------------------------------------------------------------------------------

    def _soon(self, stream: Stream) -> None:
        if stream not in self._dirty:
            self._dirty[stream] = None
            self._wake(stream.due)

    def _wake(self, at: float) -> None:
        """See to it that _flush runs at `at` (perf_counter), or in the loop's next turn."""
        if self._flush_timer is not None:
            if self._flush_at <= at:
                return
            self._flush_timer.cancel()
        self._flush_at = at
        delay = at - time.perf_counter()
        loop = asyncio.get_running_loop()
        self._flush_timer = loop.call_soon(self._flush) if delay <= 0 else loop.call_later(delay, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        now = time.perf_counter() + 0.0005
        ready = [stream for stream in self._dirty if stream.due <= now and stream.writing is None]
        small = [stream for stream in ready if len(stream.followers) <= WRITE_AT_ONCE]
        if len(small) == 1:
            self._write_out(small[0])
        elif small:
            self._write_out_together(small)
        if len(small) < len(ready):
            for stream in ready:
                if len(stream.followers) > WRITE_AT_ONCE:
                    self._begin_writing(stream)
        if self._writing:
            self._go_on_writing(time.perf_counter() + _TURN_S)
        self._close_slow()
        if self._writing:
            self._wake(0.0)
        elif self._dirty:
            self._wake(min(stream.due for stream in self._dirty))

    def _begin_writing(self, stream: Stream) -> None:
        self._dirty.pop(stream, None)
        pending, stream.pending = stream.pending, []
        signals, stream.signals = stream.signals or {}, None
        left = dict(stream.followers)
        stream.writing = Writing(list(_joined(pending)), b"".join(signals.values()), left, len(pending))
        self._writing[stream] = None
        self.stats.deliveries += len(pending) * len(left)

    def _go_on_writing(self, until: float) -> None:
        """Some of the followers of each stream that is being written, until the turn is over."""
        for stream in list(self._writing):
            writing = stream.writing
            if writing is None:
                continue
            while writing.left:
                self._write_some(writing)
                if time.perf_counter() >= until:
                    break
            if not writing.left:
                self._end_writing(stream, writing)
            else:
                # The next turn begins with another stream.
                self._writing.pop(stream, None)
                self._writing[stream] = None
                return

    def _write_some(self, writing: Writing) -> None:
        left, parts, signals, held, before = writing.left, writing.parts, writing.signals, self._held, writing.before
        for _ in range(min(_TURN_STEP, len(left))):
            socket, _none = left.popitem()
            if before is not None and (first := before.get(socket)):
                socket.write(first)
            for part in parts:
                socket.write(part)
            if signals and socket not in held:
                socket.write(signals)

    def _end_writing(self, stream: Stream, writing: Writing) -> None:
        stream.writing = None
        self._writing.pop(stream, None)
        stream.due = _rested(writing.started, writing.events)

    def _hurry(self, stream: Stream, socket: Socket) -> None:
        """Give one follower now what a write under way still has for it."""
        writing = stream.writing
        if writing is not None and socket in writing.left:
            del writing.left[socket]
            if writing.before is not None and (first := writing.before.get(socket)):
                socket.write(first)
            for part in writing.parts:
                socket.write(part)

    def _finish_writing(self, stream: Stream) -> None:
        if stream.writing is not None:
            while stream.writing.left:
                self._write_some(stream.writing)
            self._end_writing(stream, stream.writing)

    def _write_out(self, stream: Stream) -> None:
        """Give the followers all that waits for them, each in one write."""
        self._finish_writing(stream)
        self._dirty.pop(stream, None)
        started = time.perf_counter()
        pending, stream.pending = stream.pending, []
        followers = stream.followers
        for blob in _joined(pending):
            for socket in followers:
                socket.write(blob)
        if stream.signals:
            self._write_signals(stream)
        self.stats.deliveries += len(pending) * len(followers)
        stream.due = _rested(started, len(pending))

    def _write_out_together(self, ready: Sequence[Stream]) -> None:
        """The same for several streams, whose followers may be the same sockets."""
        started, most = time.perf_counter(), 0
        waiting: defaultdict[Socket, list[bytes]] = defaultdict(list)
        for stream in ready:
            self._dirty.pop(stream, None)
            pending, stream.pending = stream.pending, []
            self.stats.deliveries += len(pending) * len(stream.followers)
            most = max(most, len(pending))
            for blob in _joined(pending):
                for socket in stream.followers:
                    waiting[socket].append(blob)
        for socket, blobs in waiting.items():
            for blob in _joined(blobs):
                socket.write(blob)
        for stream in ready:
            if stream.signals:
                self._write_signals(stream)
        due = _rested(started, most)
        for stream in ready:
            stream.due = due

    def _write_signals(self, stream: Stream) -> None:
        signals, stream.signals = stream.signals or {}, None
        blob = b"".join(signals.values())
        for socket in stream.followers:
            if socket in self._held:
                self.stats.signals_dropped += len(signals)
            else:
                socket.write(blob)

    def _tell(self, sockets: Iterable[Socket], frame: frames.Frame) -> None:
        blob = server.frame(frames.encode(frame))
        for socket in sockets:
            socket.write(blob)

    def _close_slow(self) -> None:
        slow, self._slow = self._slow, []
        for socket in slow:
            if not socket.closed:
                self.stats.slow_closes += 1
                self._end(socket, CLOSE_SLOW)

    def _end(self, socket: Socket, code: int) -> None:
        """Close a socket that must get nothing more from now on."""
        self.detach(socket)
        socket.close(code)

    # -- hot streams ------------------------------------------------------------------------------------------------

    def watch_load(self) -> None:
        """Once a second: change the mode of streams that became hot or calm, and hint to those who don't pull."""
        for stream, gauge in list(self._gauges.items()):
            events, stream.recent = stream.recent, 0
            hot_now = gauge.tick(events, len(stream.followers), self._hot_limits)
            if hot_now and stream.pull is None:
                self._to_pull(stream)
            elif not hot_now and stream.pull is not None:
                self._to_push(stream)
            if stream.pull is not None:
                self._hint(stream, stream.pull)
            elif gauge.asleep:
                del self._gauges[stream]

    def _to_pull(self, stream: Stream) -> None:
        """What was taken in so far is still pushed, and behind it that this was the last."""
        self.stats.switches += 1
        stream.pull = Pull(stream.seq or 0, self.tick)
        if stream.followers:
            stream.pending.append(self._mode_frame(stream, "pull"))
            self._soon(stream)

    def _to_push(self, stream: Stream) -> None:
        """Who pulled lately gets what it lacks; who didn't sees by the seq that it lacks something, and may ask."""
        pull = stream.pull
        if pull is None:
            return
        self.stats.switches += 1
        if stream.pending:
            self._write_out(stream)
        self._finish_writing(stream)
        stream.pull = None
        before: dict[Socket, bytes] = {}
        lacking: dict[int, bytes | None] = {}
        for socket, (seq, tick) in pull.places.items():
            if self.tick - tick > hot.ACTIVE_S / TICK_S:
                continue
            if seq not in lacking:
                found = stream.after(seq)
                small = found is not None and sum(map(len, found)) <= hot.MAX_PULL_BYTES
                lacking[seq] = b"".join(found) if found and small else None
            if (blob := lacking[seq]) is not None:
                before[socket] = blob
        stream.writing = writing = Writing([self._mode_frame(stream, "push")], b"", dict(stream.followers), 1)
        writing.before = before
        self._writing[stream] = None
        self._wake(0.0)

    def _mode_frame(self, stream: Stream, mode: frames.Way) -> bytes:
        told = frames.Mode(stream=stream.name, mode=mode, seq=stream.seq or 0, count=stream.count)
        return server.frame(frames.encode(told))

    def _hint(self, stream: Stream, pull: Pull) -> None:
        """Tell the windows that nobody looks at how far the stream is: enough to count what is unread."""
        seq, tick = pull.hinted
        if seq == stream.seq or self.tick - tick < hot.HINT_EVERY_S / TICK_S or stream.writing or stream.pending:
            return
        pull.hinted = (stream.seq or 0, self.tick)
        active = {socket for socket, (_, last) in pull.places.items() if self.tick - last <= hot.ACTIVE_S / TICK_S}
        left = {socket: None for socket in stream.followers if socket not in active and socket not in self._held}
        if left:
            data = {"seq": stream.seq, "count": stream.count}
            hint = server.frame(frames.encode(frames.Signal(stream=stream.name, type="head", data=data)))
            stream.writing = Writing([hint], b"", left, 0)
            self._writing[stream] = None
            self.stats.hints += len(left)
            self._wake(0.0)

    def pull(self, socket: Socket, stream: Stream, after: int) -> tuple[bytes, int] | None:
        """Frames after `after`, joined, and the seq they end at; None when the ring does not reach back so far."""
        self._hurry(stream, socket)
        pull, place = stream.pull, stream.seq or 0
        if pull is None:
            return _cut(stream, after, place - len(stream.pending))
        if stream.pending:
            self._write_out(stream)
        now = time.perf_counter()
        if now - pull.upto_at >= hot.BLOCK_S or pull.upto < after <= place:
            pull.upto, pull.upto_at = place, now
            pull.cache.clear()
        found = pull.cache.get(after) or _cut(stream, after, pull.upto)
        if found is None:
            return None
        if len(pull.cache) < hot.MAX_CACHED:
            pull.cache[after] = found
        self.pulled(socket, stream, found[1])
        return found

    def pulled(self, socket: Socket, stream: Stream, seq: int) -> None:
        """The socket has everything up to `seq`."""
        self.stats.pulls += 1
        if stream.pull is not None and socket in stream.followers:
            stream.pull.places[socket] = (seq, self.tick)

    # -- lost rights ------------------------------------------------------------------------------------------------

    def _on_posted(self, stream: Stream, event: Sequenced) -> None:
        envelope = event.envelope
        if self.presence is not None and envelope.actor_id is not None:
            thread_id = None if envelope.thread is None else envelope.thread[0]
            self.presence.chatter.posted(stream.name, envelope.actor_id, thread_id)

    def _on_typing(self, stream: Stream, ephemeral: Ephemeral) -> None:
        if self.presence is not None:
            self.presence.chatter.heard(stream.name, ephemeral.body)

    def _on_member_left(self, stream: Stream, event: Sequenced) -> None:
        self._cut(int(msgspec.msgpack.decode(event.envelope.body)["user_id"]), [stream.name])

    def _on_membership_removed(self, stream: Stream, event: Sequenced) -> None:
        place = names.parse(stream.name)
        if place is not None and place.kind == "u":
            body = msgspec.msgpack.decode(event.envelope.body)
            self._cut(place.id, [names.channel(int(body["channel_id"]))])

    def _on_workspace_left(self, stream: Stream, event: Sequenced) -> None:
        place = names.parse(stream.name)
        if place is not None and place.kind == "u":
            self._cut_workspace(place.id, int(msgspec.msgpack.decode(event.envelope.body)["workspace_id"]))
            if self.presence is not None:
                sockets = list(self.users.get(place.id, ()))
                self._keep(asyncio.get_running_loop().create_task(self.presence.recheck(sockets)))

    def _on_member_joined(self, stream: Stream, event: Sequenced) -> None:
        for socket in self.users.get(int(msgspec.msgpack.decode(event.envelope.body)["user_id"]), ()):
            if socket.previews is not None:
                socket.previews.discard(stream.name)

    def _on_member_updated(self, _stream: Stream, event: Sequenced) -> None:
        """A guest keeps the channels that they are in."""
        body = msgspec.msgpack.decode(event.envelope.body)
        if body.get("active") is False:
            self._cut_workspace(int(body["user_id"]), int(body["workspace_id"]))
            if self.presence is not None:
                self.presence.engine.conceal(int(body["user_id"]))
        elif body.get("role") == "guest":
            self._cut_workspace(int(body["user_id"]), int(body["workspace_id"]), only_previews=True)

    def _cut_workspace(self, user_id: int, workspace_id: int, *, only_previews: bool = False) -> None:
        own = names.workspace(workspace_id)
        for socket in self.users.get(user_id, ()):
            lost = [
                name
                for name, stream in socket.streams.items()
                if name == own
                or (
                    stream.workspace_id == workspace_id
                    and not (only_previews and (socket.previews is None or name not in socket.previews))
                )
            ]
            # What is being joined just now is denied whole: which workspace it is of may not be known yet.
            lost.extend(name for claims in socket.claims or () for name in claims if not name.startswith("u:"))
            self.cut_socket(socket, lost)

    def _cut(self, user_id: int, lost: Sequence[str]) -> None:
        for socket in self.users.get(user_id, ()):
            self.cut_socket(socket, lost)

    def cut_socket(self, socket: Socket, lost: Iterable[str]) -> None:
        for name in lost:
            for claims in socket.claims or ():
                if name in claims:
                    claims[name] = False
            if self.leave(socket, name):
                self.acks.drop(socket, name)
                self._tell((socket,), frames.Gone(stream=name))
                self.stats.cut += 1

    def _on_revoked(self, stream: Stream, ephemeral: Ephemeral) -> None:
        place = names.parse(stream.name)
        if place is not None:
            for socket in list(self.users.get(place.id, ())):
                if str(socket.proof_id) == ephemeral.key:
                    self._end(socket, CLOSE_REVOKED)

    def _on_claimed(self, stream: Stream, ephemeral: Ephemeral) -> None:
        place = names.parse(stream.name)
        session, number = msgspec.msgpack.decode(ephemeral.body)
        if place is not None:
            for socket in list(self.users.get(place.id, ())):
                if socket.session == session and socket.number < number:
                    self._end(socket, CLOSE_REPLACED)
            if any(socket.session == session and socket.number == number for socket in self.users.get(place.id, ())):
                return  # it is here, and has adopted them
            owed = self.acks.take(place.id, session)
            if owed:
                body = msgspec.msgpack.encode([session, number, owed])
                told = Ephemeral(type="session.owed", key=f"owed:{session}", body=body)
                publish = self._broadcast().publish(Batch(stream.name, ephemeral=[told]))
                self._keep(asyncio.get_running_loop().create_task(publish))

    def _on_owed(self, stream: Stream, ephemeral: Ephemeral) -> None:
        place = names.parse(stream.name)
        session, number, owed = msgspec.msgpack.decode(ephemeral.body)
        if place is not None:
            for socket in self.users.get(place.id, ()):
                if socket.session == session and socket.number == number:
                    self.acks.adopt(socket, [(name, seq) for name, seq in owed])

    def revoke(self, proofs: Collection[int]) -> None:
        """Close every socket that was opened with one of these proofs."""
        for socket in list(self.sockets()):
            if socket.proof_id in proofs:
                self._end(socket, CLOSE_REVOKED)

    def gauges(self) -> dict[str, int]:
        return {
            "sockets": self.connected,
            "users": len(self.users),
            "streams": len(self.streams),
            "pull_streams": sum(gauge.hot for gauge in self._gauges.values()),
            "slow_sockets": len(self._held),
            "queue_bytes": sum(socket.connection.buffered() for socket in self._held),
        }

    # -- the sweep --------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin the sweep: one timer for all sockets."""
        if self._tick_timer is None:
            self._tick_timer = asyncio.get_running_loop().call_later(TICK_S, self._on_tick)

    def _on_tick(self) -> None:
        self._tick_timer = asyncio.get_running_loop().call_later(TICK_S, self._on_tick)
        self.tick += 1
        try:
            paused, self._paused = self._paused, []
            for socket in paused:
                socket.connection.resume_reading()
            self._close_silent()
            self._close_stalled()
            self._let_go()
            self.acks.sweep(time.monotonic())
            self.watch_load()
        except Exception:
            logger.exception("the sweep failed; it goes on in a second")

    def _close_silent(self) -> None:
        oldest = self.tick - self._silent_s / TICK_S
        for socket in [s for s in self._buckets[self.tick % _IDLE_BUCKETS] if s.seen < oldest]:
            self.stats.silent_closes += 1
            self._end(socket, CLOSE_SILENT)

    def _close_stalled(self) -> None:
        now = time.monotonic()
        for socket, (taken, since) in list(self._held.items()):
            connection = socket.connection
            if not connection.buffered():
                del self._held[socket]
                socket.held = False
            elif connection.taken() != taken:
                self._held[socket] = (connection.taken(), now)
            elif now - since >= self.stalled_s:
                # A close frame would wait behind what is not read either.
                self.stats.slow_closes += 1
                self.detach(socket)
                connection.abort()

    def _let_go(self) -> None:
        """Leave streams nobody has looked at for a while, and forget old frames."""
        over = self.stats.ring_bytes > _RING_BUDGET
        for stream in list(self.streams.values()):
            if stream.idle and self.tick - stream.idle_tick > LINGER_S / TICK_S:
                self._close_stream(stream)
            elif stream.ring is not None and (over or self.tick - stream.active_tick > _RING_KEPT_S / TICK_S):
                self._ring_grew(-stream.trim())

    def _close_stream(self, stream: Stream) -> None:
        if stream.opening is not None and not stream.opening.done():
            return
        del self.streams[stream.name]
        self._dirty.pop(stream, None)
        self._writing.pop(stream, None)
        self._gauges.pop(stream, None)
        self._ring_grew(-stream.trim())
        if stream.opening is not None:
            task = asyncio.get_running_loop().create_task(self._unsubscribe(stream.name))
            self._closing[stream.name] = task
            self._keep(task)

    async def _unsubscribe(self, name: str) -> None:
        try:
            await self._broadcast().unsubscribe(name, self.on_batch)
        except Exception:
            logger.exception("leaving a stream failed")
        finally:
            self._closing.pop(name, None)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the end ----------------------------------------------------------------------------------------------------

    async def drain(self, window_s: float) -> None:
        """Take no new sockets and ask everyone to go, spread over `window_s`; whoever stays is closed after it."""
        self.draining = True
        leaving = list(self.sockets())
        for index, socket in enumerate(leaving):
            self._tell((socket,), frames.Reconnect(after_ms=int(random.random() * window_s * 1000)))  # noqa: S311
            if index % 1000 == 999:  # noqa: PLR2004 - a breath for the others
                await asyncio.sleep(0)
        deadline = time.monotonic() + window_s + _DRAIN_GRACE_S
        while self.users and time.monotonic() < deadline:  # noqa: ASYNC110 - polled once a process
            await asyncio.sleep(0.05)
        for index, socket in enumerate(list(self.sockets())):
            self._end(socket, CLOSE_RESTART)
            if index % 1000 == 999:  # noqa: PLR2004
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """End timers and tasks; leave every stream."""
        for timer in (self._tick_timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        self._tick_timer = self._flush_timer = None
        await self.acks.stop()
        for stream in list(self.streams.values()):
            if stream.repair is not None:
                stream.repair.cancel()
            stream.followers.clear()
            stream.watched = False
            self._close_stream(stream)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.stopped.set()


def _rested(started: float, events: int) -> float:
    """When a stream may be written again that was written from `started` until now."""
    took = time.perf_counter() - started
    return started + min(took * (1 + min(events * _REST_PER_EVENT, _REST_MAX)), _MAX_JOIN_S)


def _cut(stream: Stream, after: int, upto: int) -> tuple[bytes, int] | None:
    """As much of what the ring has between the two as an answer may hold."""
    if after >= upto:
        return b"", after
    if stream.ring is None or after < stream.ring_start:
        return None
    start = after - stream.ring_start
    found = list(itertools.islice(stream.ring, start, min(upto - stream.ring_start, start + hot.MAX_PULL_EVENTS)))
    size = sum(map(len, found))
    while size > hot.MAX_PULL_BYTES and len(found) > 1:
        size -= len(found.pop())
    return b"".join(found), after + len(found)


def _joined(parts: Sequence[bytes]) -> Iterable[bytes]:
    """The parts in few pieces, cut between parts, so that a queue overflows piece by piece."""
    if len(parts) <= 1:
        yield from parts
        return
    if sum(map(len, parts)) <= _MAX_WRITE_BYTES:
        yield b"".join(parts)
        return
    start = size = 0
    for index, part in enumerate(parts):
        if size and size + len(part) > _MAX_WRITE_BYTES:
            yield b"".join(parts[start:index])
            start, size = index, 0
        size += len(part)
    yield b"".join(parts[start:])
