"""What a process knows of its sockets and of the streams that they look at."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator

from apps.eventlog.events import Sequenced
from apps.gateway import server
from apps.gateway.server import Connection

RING_EVENTS = 1024
RING_BYTES = 512 * 1024
# Who pulls comes every two seconds, and asks for all that happened in between.
PULL_RING_EVENTS = 4096
PULL_RING_BYTES = 2 * 1024 * 1024
JOINED_S = 0.5
JOINED_BYTES = 64 * 1024


class Owed:
    """An event that a socket is to acknowledge. `frame` is resent once; None: it was, or came by a resume."""

    __slots__ = ("frame", "seq", "since", "stream")

    def __init__(self, stream: str, seq: int, frame: bytes | None, since: float) -> None:
        self.stream, self.seq, self.frame, self.since = stream, seq, frame, since


class Writing:
    """A write to many followers under way: those in `left` still have to get `parts`, and `signals` unless they lag.

    before    what some of them get first
    """

    __slots__ = ("before", "events", "left", "parts", "signals", "started")

    def __init__(self, parts: list[bytes], signals: bytes, left: "dict[Socket, None]", events: int) -> None:
        self.parts, self.signals, self.left, self.events = parts, signals, left, events
        self.before: dict[Socket, bytes] | None = None
        self.started = time.perf_counter()


class Pull:
    """A stream in pull mode.

    upto        answers end here, until BLOCK_S after `upto_at` (perf_counter)
    cache       joined frames up to `upto`, by the place after which they begin
    places      followers who pulled -> the place they have, and the hub's tick then
    hinted      the seq and the tick of the last hint to the others
    """

    __slots__ = ("cache", "hinted", "places", "upto", "upto_at")

    def __init__(self, seq: int, tick: int) -> None:
        self.upto = seq
        self.upto_at = 0.0
        self.cache: dict[int, tuple[bytes, int]] = {}
        self.places: dict[Socket, tuple[int, int]] = {}
        self.hinted = (seq, tick)


class Socket:
    """One authenticated connection. 50,000 of them live in a process, so it is slotted and its containers are lazy.

    proof_id        what can be revoked: Principal.session_id
    session         the resumable session's name
    number          later sockets have greater ones, at whichever gateway
    claims          for each follow under way: its streams -> False once the right to it was lost meanwhile
    previews        streams followed by right of the role, not of a membership
    held            the other end reads slowly: its connection holds bytes back
    seen            the hub's tick at the last frame that came
    is_bot          nobody is behind it to be notified
    acked           what the client acknowledged, by stream
    owed            messages that its user must not miss, until it acknowledges them
    """

    __slots__ = (
        "acked",
        "claims",
        "closed",
        "connection",
        "held",
        "is_bot",
        "number",
        "owed",
        "previews",
        "proof_id",
        "seen",
        "session",
        "streams",
        "user_id",
        "write",
    )

    connection: Connection
    write: Callable[[bytes], None]

    def __init__(self) -> None:
        self.user_id = 0
        self.held = False
        self.proof_id: int | None = None
        self.session = ""
        self.number = 0
        self.seen = 0
        self.closed = False
        self.is_bot = False
        self.streams: dict[str, Stream] = {}
        self.claims: list[dict[str, bool]] | None = None
        self.previews: set[str] | None = None
        self.acked: dict[str, int] | None = None
        self.owed: deque[Owed] | None = None

    def bind(self, connection: Connection) -> None:
        self.connection = connection
        self.write = connection.write

    def close(self, code: int) -> None:
        self.connection.close(code)

    @contextlib.contextmanager
    def joined(self) -> Iterator[None]:
        """What is written in this block leaves in as few writes as may be, at the latest after JOINED_S."""
        parts: list[bytes] = []
        size = 0

        def take(frames: bytes) -> None:
            nonlocal size
            parts.append(frames)
            size += len(frames)
            if size > JOINED_BYTES:
                give()

        def give() -> None:
            nonlocal size
            if parts:
                self.connection.write(b"".join(parts))
                parts.clear()
                size = 0

        def end() -> None:
            self.write = self.connection.write
            give()

        self.write = take
        timer = asyncio.get_running_loop().call_later(JOINED_S, end)
        try:
            yield
        finally:
            timer.cancel()
            end()

    def tell(self, data: bytes) -> None:
        """Presence of those whom this socket named, as JSON."""
        text = b'{"t":"signal","stream":"u:%d","type":"presence","data":%s}' % (self.user_id, data)
        self.write(server.frame(text))


class Stream:
    """A stream's place, its followers here, and a ring of its newest frames.

    seq, count    the newest event taken in; None until the store told the head
    ring          frames of seq - len(ring) + 1 … seq
    pending       frames taken in and not written to the followers yet
    signals       ephemeral frames not written yet, by coalescing key
    ahead         events that came while earlier ones are missing, by seq
    target        the store is known to be at least this far
    watched       followed by the hub itself: a connected user's own stream
    pins          how many are about to join it
    looked_tick   when somebody last claimed to have seen more of it
    direct        a dm or group_dm: every message is for everyone in it
    recent        events since the last tick, while there are followers enough to be hot
    pull          None: events are pushed
    writing       the write under way, when there are too many followers for one turn of the loop
    """

    __slots__ = (
        "active_tick",
        "ahead",
        "count",
        "direct",
        "due",
        "followers",
        "idle_tick",
        "lock",
        "looked_tick",
        "name",
        "opening",
        "pending",
        "pins",
        "pull",
        "recent",
        "repair",
        "ring",
        "ring_bytes",
        "seq",
        "signals",
        "target",
        "watched",
        "workspace_id",
        "writing",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.seq: int | None = None
        self.count = 0
        self.workspace_id = 0
        self.direct = False
        self.writing: Writing | None = None
        self.pull: Pull | None = None
        self.recent = 0
        self.followers: dict[Socket, None] = {}
        self.watched = False
        self.pins = 0
        self.looked_tick = 0
        self.ring: deque[bytes] | None = None
        self.ring_bytes = 0
        self.pending: list[bytes] = []
        self.signals: dict[str, bytes] | None = None
        self.ahead: dict[int, Sequenced] | None = None
        self.target = 0
        self.repair: asyncio.Task[None] | None = None
        self.opening: asyncio.Future[None] | None = None
        self.lock: asyncio.Lock | None = None
        self.due = 0.0
        self.active_tick = 0
        self.idle_tick = 0

    @property
    def idle(self) -> bool:
        return not self.followers and not self.watched and not self.pins

    def push(self, frame: bytes) -> int:
        """Take the next event's frame into the ring. Returns by how many bytes the ring grew."""
        if self.ring is None:
            self.ring = deque()
        before = self.ring_bytes
        self.ring.append(frame)
        self.ring_bytes += len(frame)
        most, most_bytes = (RING_EVENTS, RING_BYTES) if self.pull is None else (PULL_RING_EVENTS, PULL_RING_BYTES)
        while len(self.ring) > most or (self.ring_bytes > most_bytes and len(self.ring) > 1):
            self.ring_bytes -= len(self.ring.popleft())
        return self.ring_bytes - before

    def trim(self) -> int:
        """Drop the ring. Returns how many bytes it held."""
        freed, self.ring, self.ring_bytes = self.ring_bytes, None, 0
        return freed

    @property
    def ring_start(self) -> int:
        """The seq before the ring's first frame."""
        return (self.seq or 0) - (len(self.ring) if self.ring else 0)

    def after(self, seq: int) -> list[bytes] | None:
        """Frames of every event with a seq greater than `seq`, or None when the ring does not reach back that far."""
        if self.seq is None or seq < self.ring_start:
            return None
        if seq >= self.seq or self.ring is None:
            return []
        skip = seq - self.ring_start
        return list(self.ring)[skip:] if skip else list(self.ring)
