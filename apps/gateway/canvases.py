"""Canvases over the socket: binary frames, as in docs/protocol.md.

A frame is `kind (1 byte) | channel id (8 bytes, big endian) | body`. A client opens a canvas by saying what it has
(SYNC, its state vector) and gets what it lacks (UPDATE) and what we have (SYNC), so that it can send what we lack. An
UPDATE from a client begins with a tag, which comes back in an ACK once the update is durable, or in a REFUSED.
"""

import asyncio
import enum
import struct

import msgspec

from apps.accounts.principal import Principal
from apps.canvas import actions, queries
from apps.core.errors import RateLimitedError
from apps.core.problems import translate
from apps.eventlog import registry as eventlog
from apps.eventlog import streams
from apps.eventlog.events import Batch, Ephemeral
from apps.gateway import server
from apps.gateway.stream import Socket, Stream

_HEAD = struct.Struct(">BQ")
_TAG = struct.Struct(">I")
_FROM = struct.Struct(">Q")
_PART = struct.Struct(">HH")
AWARENESS_MAX = 8 * 1024
AWARENESS_PER_TICK = 30
UPDATES_AT_ONCE = 8
AWARE = "canvas.awareness"


class Kind(enum.IntEnum):
    """SYNC      both ways: a state vector; from us followed by one byte, 1 when the client may write
    UPDATE    from a client: tag (4), part and parts (2 and 2, from 0), bytes; from us: a whole update
    AWARENESS cursors and names; from us it begins with the id (8) of the user whose they are
    ACK       from us: the tag (4)
    REFUSED   from us: the tag (4, 0 for a SYNC), then the error's code as text
    CLOSE     from a client: it looks no more
    """

    SYNC = 1
    UPDATE = 2
    AWARENESS = 3
    ACK = 4
    REFUSED = 5
    CLOSE = 6


class Looking:
    """A socket's view of its open canvases. `parts` gathers an update that came in pieces, by channel and tag."""

    __slots__ = ("aware", "aware_tick", "channels", "parts", "under_way")

    def __init__(self) -> None:
        self.channels: set[int] = set()
        self.parts: dict[tuple[int, int], list[bytes]] = {}
        self.under_way: set[asyncio.Task[None]] = set()
        self.aware = self.aware_tick = 0


class Canvases:
    """Who of this process looks at which canvas."""

    def __init__(self) -> None:
        self._open: dict[int, dict[Socket, None]] = {}
        self._looking: dict[Socket, Looking] = {}

    def on_frame(self, socket: Socket, principal: Principal, payload: bytes, *, tick: int) -> bool:
        """Take in a binary frame; False when it is none of ours."""
        if len(payload) < _HEAD.size:
            return False
        kind, channel_id = _HEAD.unpack_from(payload)
        body = payload[_HEAD.size :]
        match kind:
            case Kind.SYNC:
                self._begin(socket, self._sync(socket, principal, channel_id, body))
            case Kind.UPDATE if len(body) > _TAG.size + _PART.size:
                return self._on_update(socket, principal, channel_id, body)
            case Kind.AWARENESS if self._takes_part(socket, channel_id):
                looking = self._look(socket)
                if looking.aware_tick != tick:
                    looking.aware_tick, looking.aware = tick, 0
                looking.aware += 1
                # What is too much of it is worth nothing a moment later.
                if looking.aware <= AWARENESS_PER_TICK and len(body) <= AWARENESS_MAX:
                    self._begin(socket, self._relay(socket, principal, channel_id, body))
            case Kind.AWARENESS:
                return len(body) > 0
            case Kind.CLOSE:
                self._close(socket, channel_id)
            case _:
                return False
        return True

    def forget(self, socket: Socket) -> None:
        looking = self._looking.pop(socket, None)
        if looking is not None:
            for channel_id in looking.channels:
                self._leave(socket, channel_id)

    def on_update(self, stream: Stream, ephemeral: Ephemeral) -> None:
        origin, update = msgspec.msgpack.decode(ephemeral.body)
        self._deliver(stream, Kind.UPDATE, update, origin)

    def on_awareness(self, stream: Stream, ephemeral: Ephemeral) -> None:
        origin, user_id, state = msgspec.msgpack.decode(ephemeral.body)
        self._deliver(stream, Kind.AWARENESS, _FROM.pack(user_id) + state, origin)

    # -- inside

    def _look(self, socket: Socket) -> Looking:
        return self._looking.setdefault(socket, Looking())

    def _takes_part(self, socket: Socket, channel_id: int) -> bool:
        return socket in self._open.get(channel_id, ()) and streams.channel(channel_id) in socket.streams

    def _begin(self, socket: Socket, work: "asyncio._CoroutineLike[None]") -> None:
        under_way = self._look(socket).under_way
        task = asyncio.get_running_loop().create_task(work)
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    def _close(self, socket: Socket, channel_id: int) -> None:
        looking = self._looking.get(socket)
        if looking is not None and channel_id in looking.channels:
            looking.channels.discard(channel_id)
            self._leave(socket, channel_id)

    def _leave(self, socket: Socket, channel_id: int) -> None:
        there = self._open.get(channel_id)
        if there is not None:
            there.pop(socket, None)
            if not there:
                del self._open[channel_id]

    def _deliver(self, stream: Stream, kind: Kind, body: bytes, origin: int) -> None:
        """To those who have it open and still follow the channel: who lost the right to it follows no more."""
        place = streams.parse(stream.name)
        there = self._open.get(place.id) if place is not None else None
        if place is None or not there:
            return
        frame = server.binary(_HEAD.pack(kind, place.id) + body)
        for socket in list(there):
            if socket in stream.followers and socket.number != origin:
                socket.write(frame)

    async def _sync(self, socket: Socket, principal: Principal, channel_id: int, state: bytes) -> None:
        try:
            # In before it is read, so that what is written meanwhile is told or read.
            self._open.setdefault(channel_id, {})[socket] = None
            self._look(socket).channels.add(channel_id)
            opened = await queries.open_canvas(actor=principal, channel_id=channel_id, state=state)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            self._close(socket, channel_id)
            self._refuse(socket, channel_id, 0, error)
            return
        finally:
            # It may have gone meanwhile, before this began even.
            if socket.closed:
                self.forget(socket)
        self._write(socket, Kind.UPDATE, channel_id, opened.missing)
        self._write(socket, Kind.SYNC, channel_id, opened.state + bytes([opened.can_edit]))

    def _on_update(self, socket: Socket, principal: Principal, channel_id: int, body: bytes) -> bool:
        (tag,) = _TAG.unpack_from(body)
        part, parts = _PART.unpack_from(body, _TAG.size)
        piece = body[_TAG.size + _PART.size :]
        looking = self._look(socket)
        key = (channel_id, tag)
        if parts > 1:
            gathered = looking.parts.setdefault(key, [])
            if part != len(gathered) or sum(map(len, gathered)) + len(piece) > actions.UPDATE_MAX:
                looking.parts.pop(key, None)
                return False
            gathered.append(piece)
            if len(gathered) < parts:
                if len(looking.parts) > UPDATES_AT_ONCE:
                    looking.parts.pop(next(iter(looking.parts)))
                return True
            piece = b"".join(looking.parts.pop(key))
        if len(looking.under_way) >= UPDATES_AT_ONCE:
            self._refuse(socket, channel_id, tag, RateLimitedError(retry_after=1))
        else:
            self._begin(socket, self._update(socket, principal, channel_id, tag, piece))
        return True

    async def _update(self, socket: Socket, principal: Principal, channel_id: int, tag: int, update: bytes) -> None:
        try:
            await actions.edit_canvas(actor=principal, channel_id=channel_id, update=update, origin=socket.number)
        except Exception as error:  # noqa: BLE001 - every failure becomes an answer
            self._refuse(socket, channel_id, tag, error)
        else:
            self._write(socket, Kind.ACK, channel_id, _TAG.pack(tag))

    async def _relay(self, socket: Socket, principal: Principal, channel_id: int, state: bytes) -> None:
        body = msgspec.msgpack.encode([socket.number, principal.user_id, state])
        told = Ephemeral(type=AWARE, key=str(socket.number), body=body)
        await eventlog.broadcast().publish(Batch(streams.channel(channel_id), ephemeral=[told]))

    def _refuse(self, socket: Socket, channel_id: int, tag: int, error: Exception) -> None:
        known = translate(error)
        code = "internal" if known is None else known.code
        self._write(socket, Kind.REFUSED, channel_id, _TAG.pack(tag) + code.encode())

    def _write(self, socket: Socket, kind: Kind, channel_id: int, body: bytes) -> None:
        if not socket.closed:
            socket.write(server.binary(_HEAD.pack(kind, channel_id) + body))
