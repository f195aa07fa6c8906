"""Delivery: what waits for the followers of streams is given to them, each in one write.

After a stream was written it rests, and what comes meanwhile is joined. Writing to very many is done in turns, between
which the loop sees to other things.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from apps.gateway.metrics import Stats
from apps.gateway.stream import Socket, Stream, Writing

# After a stream was written to its followers it rests for a multiple of the time that this took, and what comes
# meanwhile is joined: half of it after a single event, up to twice after four or more, never beyond _MAX_JOIN_S.
_REST_PER_EVENT, _REST_MAX = 0.5, 2.0
_MAX_JOIN_S = 0.04
_MAX_WRITE_BYTES = 256 * 1024
# Writing to more followers than this is done in turns of about _TURN_S, between which pings, commands and other streams
# are seen to.
WRITE_AT_ONCE = 1024
_TURN_S = 0.005
_TURN_STEP = 64


class Writer:
    """`held`: sockets that read slowly, which get no signals. `after` is called when a round of writing is over."""

    def __init__(self, stats: Stats, *, held: Collection[Socket], after: Callable[[], None]) -> None:
        self._stats, self._held, self._after = stats, held, after
        self._dirty: dict[Stream, None] = {}
        self._writing: dict[Stream, None] = {}
        self._at = 0.0
        self._timer: asyncio.Handle | None = None

    def forget(self, stream: Stream) -> None:
        self._dirty.pop(stream, None)
        self._writing.pop(stream, None)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def come_round(self) -> None:
        """See to it that `after` is called soon."""
        if self._timer is None:
            self.wake(0.0)

    def write(self, stream: Stream, writing: Writing) -> None:
        """Begin a write of its own, in turns."""
        stream.writing = writing
        self._writing[stream] = None
        self.wake(0.0)

    def soon(self, stream: Stream) -> None:
        if stream not in self._dirty:
            self._dirty[stream] = None
            self.wake(stream.due)

    def wake(self, at: float) -> None:
        """See to it that _flush runs at `at` (perf_counter), or in the loop's next turn."""
        if self._timer is not None:
            if self._at <= at:
                return
            self._timer.cancel()
        self._at = at
        delay = at - time.perf_counter()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_soon(self._flush) if delay <= 0 else loop.call_later(delay, self._flush)

    def _flush(self) -> None:
        self._timer = None
        now = time.perf_counter() + 0.0005
        ready = [stream for stream in self._dirty if stream.due <= now and stream.writing is None]
        small = [stream for stream in ready if len(stream.followers) <= WRITE_AT_ONCE]
        if len(small) == 1:
            self.write_out(small[0])
        elif small:
            self._write_out_together(small)
        if len(small) < len(ready):
            for stream in ready:
                if len(stream.followers) > WRITE_AT_ONCE:
                    self._begin(stream)
        if self._writing:
            self._go_on(time.perf_counter() + _TURN_S)
        self._after()
        if self._writing:
            self.wake(0.0)
        elif self._dirty:
            self.wake(min(stream.due for stream in self._dirty))

    def _begin(self, stream: Stream) -> None:
        self._dirty.pop(stream, None)
        pending, stream.pending = stream.pending, []
        signals, stream.signals = stream.signals or {}, None
        left = dict(stream.followers)
        stream.writing = Writing(list(_joined(pending)), b"".join(signals.values()), left, len(pending))
        self._writing[stream] = None
        self._stats.deliveries += len(pending) * len(left)

    def _go_on(self, until: float) -> None:
        """Some of the followers of each stream that is being written, until the turn is over."""
        for stream in list(self._writing):
            writing = stream.writing
            if writing is None:
                continue
            while writing.left:
                self._some(writing)
                if time.perf_counter() >= until:
                    break
            if not writing.left:
                self._end(stream, writing)
            else:
                # The next turn begins with another stream.
                self._writing.pop(stream, None)
                self._writing[stream] = None
                return

    def _some(self, writing: Writing) -> None:
        left, parts, signals, held, before = writing.left, writing.parts, writing.signals, self._held, writing.before
        for _ in range(min(_TURN_STEP, len(left))):
            socket, _none = left.popitem()
            if before is not None and (first := before.get(socket)):
                socket.write(first)
            for part in parts:
                socket.write(part)
            if signals and socket not in held:
                socket.write(signals)

    def _end(self, stream: Stream, writing: Writing) -> None:
        stream.writing = None
        self._writing.pop(stream, None)
        stream.due = _rested(writing.started, writing.events)

    def hurry(self, stream: Stream, socket: Socket) -> None:
        """Give one follower now what a write under way still has for it."""
        writing = stream.writing
        if writing is not None and socket in writing.left:
            del writing.left[socket]
            if writing.before is not None and (first := writing.before.get(socket)):
                socket.write(first)
            for part in writing.parts:
                socket.write(part)

    def finish(self, stream: Stream) -> None:
        if stream.writing is not None:
            while stream.writing.left:
                self._some(stream.writing)
            self._end(stream, stream.writing)

    def write_out(self, stream: Stream) -> None:
        """Give the followers all that waits for them, each in one write."""
        self.finish(stream)
        self._dirty.pop(stream, None)
        started = time.perf_counter()
        pending, stream.pending = stream.pending, []
        followers = stream.followers
        for blob in _joined(pending):
            for socket in followers:
                socket.write(blob)
        if stream.signals:
            self._write_signals(stream)
        self._stats.deliveries += len(pending) * len(followers)
        stream.due = _rested(started, len(pending))

    def _write_out_together(self, ready: Sequence[Stream]) -> None:
        """The same for several streams, whose followers may be the same sockets."""
        started, most = time.perf_counter(), 0
        waiting: defaultdict[Socket, list[bytes]] = defaultdict(list)
        for stream in ready:
            self._dirty.pop(stream, None)
            pending, stream.pending = stream.pending, []
            self._stats.deliveries += len(pending) * len(stream.followers)
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
                self._stats.signals_dropped += len(signals)
            else:
                socket.write(blob)


def _rested(started: float, events: int) -> float:
    """When a stream may be written again that was written from `started` until now."""
    took = time.perf_counter() - started
    return started + min(took * (1 + min(events * _REST_PER_EVENT, _REST_MAX)), _MAX_JOIN_S)


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
