"""Who pulls: streams change to `pull` and back, and windows that ask are answered. Why, and when: hot.py."""

import itertools
import time
from collections.abc import Callable, Collection, Sequence

from apps.eventlog.events import Sequenced
from apps.gateway import frames, hot, server
from apps.gateway.metrics import Stats
from apps.gateway.stream import Pull, Socket, Stream, Writing
from apps.gateway.writing import Writer


class Pulling:
    """`tick` counts seconds, as the hub's sweep does."""

    def __init__(
        self, stats: Stats, writer: Writer, *, limits: hot.Limits, held: Collection[Socket], tick: Callable[[], int]
    ) -> None:
        self._stats, self._writer, self._limits, self._held, self._tick = stats, writer, limits, held, tick
        self._gauges: dict[Stream, hot.Gauge] = {}

    @property
    def streams(self) -> int:
        """How many are pulled."""
        return sum(gauge.hot for gauge in self._gauges.values())

    def note(self, stream: Stream, events: Sequence[Sequenced]) -> None:
        """These came: a stream with followers enough is watched."""
        if len(stream.followers) >= self._limits.followers:
            stream.recent += len(events)
            if stream not in self._gauges:
                self._gauges[stream] = hot.Gauge()

    def forget(self, stream: Stream) -> None:
        self._gauges.pop(stream, None)

    def watch_load(self) -> None:
        """Once a second: change the mode of streams that became hot or calm, and hint to those who don't pull."""
        for stream, gauge in list(self._gauges.items()):
            events, stream.recent = stream.recent, 0
            hot_now = gauge.tick(events, len(stream.followers), self._limits)
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
        self._stats.switches += 1
        stream.pull = Pull(stream.seq or 0, self._tick())
        if stream.followers:
            stream.pending.append(self._mode_frame(stream, "pull"))
            self._writer.soon(stream)

    def _to_push(self, stream: Stream) -> None:
        """Who pulled lately gets what it lacks; who didn't sees by the seq that it lacks something, and may ask."""
        pull = stream.pull
        if pull is None:
            return
        self._stats.switches += 1
        if stream.pending:
            self._writer.write_out(stream)
        self._writer.finish(stream)
        stream.pull = None
        before: dict[Socket, bytes] = {}
        lacking: dict[int, bytes | None] = {}
        for socket, (seq, tick) in pull.places.items():
            if self._tick() - tick > hot.ACTIVE_S:
                continue
            if seq not in lacking:
                found = stream.after(seq)
                small = found is not None and sum(map(len, found)) <= hot.MAX_PULL_BYTES
                lacking[seq] = b"".join(found) if found and small else None
            if (blob := lacking[seq]) is not None:
                before[socket] = blob
        writing = Writing([self._mode_frame(stream, "push")], b"", dict(stream.followers), 1)
        writing.before = before
        self._writer.write(stream, writing)

    def _mode_frame(self, stream: Stream, mode: frames.Way) -> bytes:
        told = frames.Mode(stream=stream.name, mode=mode, seq=stream.seq or 0, count=stream.count)
        return server.frame(frames.encode(told))

    def _hint(self, stream: Stream, pull: Pull) -> None:
        """Tell the windows that nobody looks at how far the stream is: enough to count what is unread."""
        seq, tick = pull.hinted
        if seq == stream.seq or self._tick() - tick < hot.HINT_EVERY_S or stream.writing or stream.pending:
            return
        pull.hinted = (stream.seq or 0, self._tick())
        active = {socket for socket, (_, last) in pull.places.items() if self._tick() - last <= hot.ACTIVE_S}
        left = {socket: None for socket in stream.followers if socket not in active and socket not in self._held}
        if left:
            data = {"seq": stream.seq, "count": stream.count}
            hint = server.frame(frames.encode(frames.Signal(stream=stream.name, type="head", data=data)))
            self._stats.hints += len(left)
            self._writer.write(stream, Writing([hint], b"", left, 0))

    def pull(self, socket: Socket, stream: Stream, after: int) -> tuple[bytes, int] | None:
        """Frames after `after`, joined, and the seq they end at; None when the ring does not reach back so far."""
        self._writer.hurry(stream, socket)
        pull, place = stream.pull, stream.seq or 0
        if pull is None:
            return _cut(stream, after, place - len(stream.pending))
        if stream.pending:
            self._writer.write_out(stream)
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
        self._stats.pulls += 1
        if stream.pull is not None and socket in stream.followers:
            stream.pull.places[socket] = (seq, self._tick())


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
