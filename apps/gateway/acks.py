"""Messages that somebody must not miss: resent once to a socket that does not acknowledge them, then handed over.

What is worth it: a message in a direct conversation, one that mentions a person, a reply to a person's thread. The
envelope names these people, so only their sockets are looked at, however many follow the channel. A socket without such
messages costs nothing; one sweep a second sees to all that have some.

When a socket closes, what it owes waits for its session to resume: at this gateway it is adopted, and another gateway
that claims the session is told of it. Nobody came within the deadline: it is handed over.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from apps.eventlog.events import Sequenced
from apps.gateway.metrics import Stats
from apps.gateway.ports import Notified
from apps.gateway.stream import Owed, Socket, Stream

logger = logging.getLogger(__name__)

MAX_OWED = 64
MAX_OWED_BYTES = 256 * 1024
MAX_REPORTS = 10_000
MAX_RECORDS = 50_000
_CALL_S = 5.0
_AT_ONCE = 32
_TRIES = 5


class _Concerned(msgspec.Struct):
    """The part of apps.messaging.events.MessagePosted that says whom it concerns."""

    sender_id: str
    mentioned: list[str] = []
    parent_sender_id: str | None = None


_decode = msgspec.msgpack.Decoder(_Concerned).decode


class _Orphans:
    """What a closed socket owed."""

    __slots__ = ("owed", "session", "since")

    def __init__(self, session: str, owed: list[Owed], since: float) -> None:
        self.session, self.owed, self.since = session, owed, since


class Acknowledgements:
    """`users` is the hub's table of sockets. `notified` is asked for only when there is something to tell."""

    def __init__(
        self,
        users: Mapping[int, Sequence[Socket]],
        *,
        notified: Callable[[], Notified],
        deadline_s: float,
        stats: Stats,
    ) -> None:
        self._users, self._notified, self._deadline_s, self._stats = users, notified, deadline_s, stats
        self._waiting: dict[Socket, None] = {}
        self._orphans: dict[int, list[_Orphans]] = {}
        self._resumed: dict[Socket, tuple[Mapping[str, int], float]] = {}
        self._acked: dict[int, dict[str, int]] = {}
        self._reports: deque[tuple[int, str, int, int]] = deque()
        self._handing_over: asyncio.Task[None] | None = None

    def concerned(self, stream: Stream, event: Sequenced) -> list[Socket]:
        """The sockets here that follow the stream and belong to those whom this message is for."""
        body = _decode(event.envelope.body)
        sender = int(body.sender_id)
        if stream.direct:
            return [socket for socket in stream.followers if socket.user_id != sender]
        if not body.mentioned and body.parent_sender_id is None:
            return []
        people = {int(person) for person in body.mentioned}
        if body.parent_sender_id is not None:
            people.add(int(body.parent_sender_id))
        people.discard(sender)
        name = stream.name
        return [socket for person in people for socket in self._users.get(person, ()) if name in socket.streams]

    def expect(self, socket: Socket, stream: str, seq: int, frame: bytes) -> None:
        """`frame`, an event of `stream`, is on its way to the socket."""
        if not socket.is_bot:
            self._add(socket, Owed(stream, seq, frame, time.monotonic()))

    def _add(self, socket: Socket, owed: Owed) -> None:
        if socket.owed is None:
            socket.owed = deque()
            self._waiting[socket] = None
        socket.owed.append(owed)
        size = sum(len(one.frame or b"") for one in socket.owed)
        # A notification too many is better than none.
        while len(socket.owed) > MAX_OWED or (size > MAX_OWED_BYTES and len(socket.owed) > 1):
            oldest = socket.owed.popleft()
            size -= len(oldest.frame or b"")
            self._report(socket.user_id, oldest)

    def on_ack(self, socket: Socket, acked: Mapping[str, int]) -> None:
        """The socket has seen these streams up to these places, and so has its user."""
        done: dict[str, int] = {}
        for owed in socket.owed or ():
            if acked.get(owed.stream, 0) >= owed.seq:
                done[owed.stream] = max(done.get(owed.stream, 0), owed.seq)
        if not done:
            return
        user_id = socket.user_id
        self._record(user_id, done)
        for other in self._users.get(user_id, ()):
            if other.owed is not None:
                self._keep(other, [one for one in other.owed if one.seq > done.get(one.stream, 0)])
        orphans = self._orphans.get(user_id)
        if orphans is not None:
            for one in orphans:
                one.owed = [owed for owed in one.owed if owed.seq > done.get(owed.stream, 0)]

    def _record(self, user_id: int, done: Mapping[str, int]) -> None:
        known = self._acked.get(user_id)
        if known is None:
            if len(self._acked) >= MAX_RECORDS:
                self._stats.acks_dropped += 1
                return
            known = self._acked[user_id] = {}
        for name, seq in done.items():
            known[name] = max(known.get(name, 0), seq)

    def _keep(self, socket: Socket, owed: Collection[Owed]) -> None:
        if owed:
            socket.owed = deque(owed)
        else:
            socket.owed = None
            self._waiting.pop(socket, None)

    def drop(self, socket: Socket, stream: str) -> None:
        """Its user lost the right to the stream: nothing of it is owed any more, nor to be told."""
        if socket.owed is not None:
            self._keep(socket, [one for one in socket.owed if one.stream != stream])

    # -- sockets that go, sessions that go on

    def closed(self, socket: Socket) -> None:
        owed, socket.owed = socket.owed, None
        self._waiting.pop(socket, None)
        self._resumed.pop(socket, None)
        if owed:
            self._orphans.setdefault(socket.user_id, []).append(_Orphans(socket.session, list(owed), time.monotonic()))

    def resumed(self, socket: Socket, places: Mapping[str, int]) -> None:
        """What the client says it has is acknowledged by that, whichever gateway waited for it."""
        self._resumed[socket] = (places, time.monotonic())

    def take(self, user_id: int, session: str) -> list[tuple[str, int]]:
        """What earlier sockets of this session left owing, to be adopted by its new one."""
        orphans = self._orphans.get(user_id)
        if orphans is None:
            return []
        rest = [one for one in orphans if one.session != session]
        if rest:
            self._orphans[user_id] = rest
        else:
            del self._orphans[user_id]
        return [(owed.stream, owed.seq) for one in orphans if one.session == session for owed in one.owed]

    def adopt(self, socket: Socket, owed: Iterable[tuple[str, int]]) -> None:
        """The resume brings the events themselves; here only their acknowledgement is waited for."""
        now = time.monotonic()
        places = self._resumed[socket][0] if socket in self._resumed else {}
        for name, seq in owed:
            if max(places.get(name, 0), (socket.acked or {}).get(name, 0)) >= seq:
                self._record(socket.user_id, {name: seq})
            else:
                self._add(socket, Owed(name, seq, None, now))

    # -- the sweep

    def sweep(self, now: float) -> None:
        """Once a second: resend, give up, and tell what became of it. `now` is of time.monotonic."""
        due = now - self._deadline_s
        for socket in list(self._waiting):
            rest: list[Owed] = []
            for owed in socket.owed or ():
                if owed.since > due:
                    rest.append(owed)
                elif owed.frame is not None:
                    socket.write(owed.frame)
                    self._stats.resent += 1
                    rest.append(Owed(owed.stream, owed.seq, None, now))
                else:
                    self._report(socket.user_id, owed)
            self._keep(socket, rest)
        for socket, (_, since) in list(self._resumed.items()):
            if since <= due:
                del self._resumed[socket]
        for user_id in list(self._orphans):
            self._give_up_orphans(user_id, due)
        if (self._acked or self._reports) and (self._handing_over is None or self._handing_over.done()):
            self._handing_over = asyncio.get_running_loop().create_task(self._hand_over())

    def _give_up_orphans(self, user_id: int, due: float) -> None:
        rest: list[_Orphans] = []
        for one in self._orphans[user_id]:
            if one.since > due:
                rest.append(one)
                continue
            for owed in one.owed:
                self._report(user_id, owed)
        if rest:
            self._orphans[user_id] = rest
        else:
            del self._orphans[user_id]

    def _report(self, user_id: int, owed: Owed) -> None:
        self._stats.unacknowledged += 1
        if len(self._reports) >= MAX_REPORTS:
            self._reports.popleft()
            self._stats.acks_dropped += 1
        self._reports.append((user_id, owed.stream, owed.seq, 1))

    async def _hand_over(self) -> None:
        """First what was acknowledged, so that nobody is told of it."""
        notified = self._notified()
        acked, self._acked = list(self._acked.items()), {}
        for start in range(0, len(acked), _AT_ONCE):
            await asyncio.gather(*(self._tell_acked(notified, *one) for one in acked[start : start + _AT_ONCE]))
        waiting, self._reports = list(self._reports), deque()
        for start in range(0, len(waiting), _AT_ONCE):
            await asyncio.gather(*(self._tell(notified, *one) for one in waiting[start : start + _AT_ONCE]))

    async def _tell_acked(self, notified: Notified, user_id: int, streams: Mapping[str, int]) -> None:
        try:
            async with asyncio.timeout(_CALL_S):
                await notified.record(user_id, streams)
        except Exception:
            self._stats.acks_dropped += 1
            logger.exception("acknowledgements could not be recorded")

    async def _tell(self, notified: Notified, user_id: int, stream: str, seq: int, tries: int) -> None:
        try:
            async with asyncio.timeout(_CALL_S):
                await notified.report(user_id, stream, seq)
        except Exception:
            if tries < _TRIES and len(self._reports) < MAX_REPORTS:
                self._reports.append((user_id, stream, seq, tries + 1))
            else:
                self._stats.acks_dropped += 1
            logger.exception("an unacknowledged message could not be handed over (try %d)", tries)

    async def stop(self) -> None:
        """Hand over everything that is still owed: nobody here will see it acknowledged."""
        for socket in list(self._waiting):
            self.closed(socket)
        for user_id, orphans in self._orphans.items():
            for one in orphans:
                for owed in one.owed:
                    self._report(user_id, owed)
        self._orphans.clear()
        if self._handing_over is not None:
            await asyncio.wait([self._handing_over], timeout=_CALL_S)
        if self._acked or self._reports:
            await asyncio.wait([asyncio.get_running_loop().create_task(self._hand_over())], timeout=_CALL_S)
