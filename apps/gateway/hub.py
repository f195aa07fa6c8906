"""The hub: every socket of a process, the streams that they follow, and delivery.

It takes part in the broadcast of a stream while somebody here looks at it. An event becomes a frame once, whoever
follows, and what waits for a socket leaves in one write. The broadcast may lose and repeat: what is older than the
stream's place is dropped, and on a gap, or when the store turns out to be ahead, the missing events are read from the
store, once for all, before anything later goes out. So what a socket gets of a stream is in seq order without a gap, or
a `resync`.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from apps.canvas import actions as canvas
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
from apps.gateway.pulling import Pulling
from apps.gateway.repair import Repair
from apps.gateway.stream import Socket, Stream
from apps.gateway.writing import Writer
from apps.messaging.ports import Store

logger = logging.getLogger(__name__)

LINGER_S = 30
TICK_S = 1.0
_RING_BUDGET = 96 * 1024 * 1024
_RING_KEPT_S = 90
_IDLE_BUCKETS = 8
_OPEN_AT_ONCE = 64
_DRAIN_GRACE_S = 1.0
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
        self._broadcast, self._presenter = broadcast, presenter
        self._silent_s = heartbeat_s * 2.5
        self._paused: list[Socket] = []
        self._buckets: list[dict[Socket, None]] = [{} for _ in range(_IDLE_BUCKETS)]
        self._numbers = 0
        self._held: dict[Socket, tuple[int, float]] = {}
        self._slow: list[Socket] = []
        self._writer = Writer(self.stats, held=self._held, after=self._close_slow)
        self.pulling = Pulling(self.stats, self._writer, limits=hot_limits, held=self._held, tick=lambda: self.tick)
        self.repair = Repair(
            self.stats,
            streams=self.streams,
            store=store,
            tail=tail,
            presenter=presenter,
            advance=self._advance,
            tick=lambda: self.tick,
        )
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
            self._writer.come_round()

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
                await self.repair.check(lingering)
            yield found
        finally:
            for stream in found.values():
                stream.pins -= 1
                if stream.idle:
                    stream.idle_tick = self.tick

    def join(self, socket: Socket, stream: Stream) -> frames.Place:
        """Follow from now on: everything after the place returned."""
        if stream.followers and stream.pending:
            self._writer.write_out(stream)
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
            self._writer.write_out(stream)
        else:
            self._writer.hurry(stream, socket)
        stream.followers.pop(socket, None)
        if stream.pull is not None:
            stream.pull.places.pop(socket, None)
        if stream.idle:
            stream.idle_tick = self.tick
        return True

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
            await self.repair.place(unknown)

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
                self.repair.behind(stream, batch.events[-1].seq)
        for ephemeral in batch.ephemeral:
            try:
                self._on_ephemeral(stream, ephemeral)
            except Exception:
                logger.exception("an ephemeral event was dropped")

    def _take(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        if stream.repair is not None:
            self.repair.set_aside(stream, events)
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
            self.repair.set_aside(stream, events)
            self.repair.catch_up(stream)
            return
        self._advance(stream, events)

    def _advance(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        """Take in the next events of a stream, in order."""
        stream.active_tick = self.tick
        self.pulling.note(stream, events)
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
            self._writer.soon(stream)

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
                    self._writer.write_out(stream)
                self._writer.hurry(stream, socket)
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
            self._writer.soon(stream)

    def signal(self, name: str, kind: str, data: object) -> None:
        """To whoever follows the stream here; a later one of the same kind takes its place while it waits."""
        stream = self.streams.get(name)
        if stream is not None and stream.followers:
            if stream.signals is None:
                stream.signals = {}
            frame = frames.Signal(stream=name, type=kind, data=data)
            stream.signals[f"{kind} "] = server.frame(frames.encode(frame))
            self._writer.soon(stream)

    def followers(self, name: str) -> int:
        stream = self.streams.get(name)
        return 0 if stream is None else len(stream.followers)

    # -- delivery ---------------------------------------------------------------------------------------------------

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
            "pull_streams": self.pulling.streams,
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
            self.pulling.watch_load()
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
        self._writer.forget(stream)
        self.pulling.forget(stream)
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
        if self._tick_timer is not None:
            self._tick_timer.cancel()
            self._tick_timer = None
        self._writer.stop()
        await self.acks.stop()
        for stream in list(self.streams.values()):
            stream.followers.clear()
            stream.watched = False
            self._close_stream(stream)
        await self.repair.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.stopped.set()
