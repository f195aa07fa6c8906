"""WebSocket clients for load: a plain asyncio protocol that looks at bytes, not at JSON.

Two kinds. `Listener`: thousands of sockets that follow one stream get the same bytes, so the first to get a frame
parses it and the others compare theirs with it (`startswith`, a memcmp): every delivery is verified byte for byte for
about 0.1 µs. `Talker`: sends, and takes acks and events of many small channels apart with two `find`s a frame.
"""

import asyncio
import bisect
import json
import os
import random
import time
from array import array
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

_EVENT = b'"event"'
_HEAD = 64  # the kind of a frame shows in its first bytes
_TEXT, _CLOSE, _PING = 1, 8, 9
PULL_EVERY_S = 2.0


def frame(text: bytes, opcode: int = _TEXT) -> bytes:
    """A client's frame. Masked, as it must be, with the key 0, which changes nothing and costs nothing."""
    length = len(text)
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 65536:
        head += b"\xfe" + length.to_bytes(2, "big")
    else:
        head += b"\xff" + length.to_bytes(8, "big")
    return head + b"\0\0\0\0" + text


def frame_end(data: bytes | bytearray, start: int) -> tuple[int, int] | None:
    """(start of the payload, end of the frame), or None while it is incomplete. A server's frames are not masked."""
    have = len(data) - start
    if have < 2:
        return None
    length = data[start + 1]
    body = start + 2
    if length == 126:
        if have < 4:
            return None
        length, body = data[start + 2] << 8 | data[start + 3], start + 4
    elif length == 127:
        if have < 10:
            return None
        length, body = int.from_bytes(data[start + 2 : start + 10], "big"), start + 10
    return (body, body + length) if len(data) >= body + length else None


class Base(asyncio.Protocol):
    """Handshake, sign-in by the first frame, and frames one by one; subclasses take it from there."""

    __slots__ = ("_rest", "closed", "ready", "token", "transport", "upgraded")

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.transport: asyncio.Transport | None = None
        self.upgraded = False
        self.closed: int | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a stream transport is what create_connection makes
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone again already
            self.close()
            return
        host, port = peer[:2]
        key = b64encode(os.urandom(16)).decode()
        self.transport.write(  # type: ignore[union-attr]  # just set
            f"GET /v1/socket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self.closed is None:
            self.closed = 1006
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"closed with {self.closed} before it was ready: {exc}"))
            self.ready.exception()

    def data_received(self, data: bytes) -> None:
        if not self.upgraded:
            data = self._rest + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            self._rest = b""
            if b" 101 " not in data[:40]:
                self.closed = int(data[9:12])
                self.close()
                return
            self.upgraded = True
            if self.token:
                self.write(json.dumps({"t": "auth", "token": self.token}).encode())
            data = data[end + 4 :]
            self.opened()
            if not data:
                return
        self.received(data)

    def write(self, text: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(frame(text))

    def close(self) -> None:
        if self.transport:
            self.transport.abort()

    def ping(self) -> None:
        if self.transport and self.closed is None and not self.transport.is_closing():
            self.transport.write(frame(b"", _PING))

    def control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING and self.transport:
            self.transport.write(frame(payload, 10))
        elif opcode == _CLOSE:
            self.closed = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.close()

    def opened(self) -> None:
        """The handshake is done."""

    def received(self, data: bytes) -> None:
        """Bytes after the handshake."""
        raise NotImplementedError


class Reference:
    """What one stream's sockets of this process get: the event frames, one after the other.

    ends      where each frame ends in `data`
    sent      when each was sent (the nanoseconds at the beginning of its text)
    first_seq the seq of the first of them; None where there are no seqs
    arrivals  (now, first, end) triples: frames first … end - 1 were complete on some socket at `now`
    """

    def __init__(self, first_text: bytes = b'"text":"') -> None:
        self.data = bytearray()
        self.first_seq: int | None = None
        self.ends = array("q")
        self.sent = array("q")
        self.arrivals = array("q")
        self.diverged = 0
        self.bytes = 0
        self._text = first_text

    def add(self, whole: bytes, payload: bytes) -> None:
        self.data += whole
        self.ends.append(len(self.data))
        self.sent.append(sent_at(payload, self._text))

    def clear_arrivals(self) -> None:
        del self.arrivals[:]


def seq_of(payload: bytes) -> int | None:
    start = payload.find(b'"seq":')
    if start < 0:
        return None
    digits = payload[start + 6 : start + 26].split(b",", 1)[0]
    return int(digits) if digits.isdigit() else None


def sent_at(payload: bytes, text: bytes) -> int:
    """The number at the start of the text, 0 when there is none."""
    start = payload.find(text) + len(text)
    digits = payload[start : start + 20].split(b" ", 1)[0]
    return int(digits) if digits.isdigit() else 0


class Listener(Base):
    """Follows one stream. `frames` counts the event frames it has got, `ready` is done when it follows."""

    __slots__ = ("_aligned", "_first", "_mid", "_on_frame", "_pos", "frames", "reference", "subscribe")

    def __init__(
        self, token: str | None, subscribe: bytes | None, reference: Reference, on_frame: Callable[[bytes], bool]
    ) -> None:
        """`on_frame` judges the frames that are no events: True makes the socket ready."""
        super().__init__(token)
        self.reference = reference
        self.subscribe = subscribe
        self.frames = 0
        self._pos = 0
        self._mid = b""
        self._aligned = False
        self._first = 0
        self._on_frame = on_frame

    def _align(self, payload: bytes) -> bool:
        """Sockets that followed earlier than others begin earlier. False: this frame is older than the reference."""
        reference, seq = self.reference, seq_of(payload)
        if reference.first_seq is None and not reference.ends:
            reference.first_seq = seq
        index = 0 if seq is None or reference.first_seq is None else seq - reference.first_seq
        if 0 <= index <= len(reference.ends):
            self._aligned = True
            self._first = self.frames = index
        return self._aligned

    def opened(self) -> None:
        if self.subscribe:
            self.write(self.subscribe)
        else:
            self.ready.set_result(None)

    def received(self, data: bytes) -> None:
        reference = self.reference
        reference.bytes += len(data)
        if self._aligned and not self._mid and reference.data.startswith(data, self._pos):
            self._pos += len(data)
            self._advance()
            return
        self._walk(data)

    def _advance(self) -> None:
        ends, first = self.reference.ends, self.frames
        if first < len(ends) and ends[first] <= self._pos:
            # Most reads bring a few frames; a search is for those that bring hundreds.
            end = first + 1
            while end < len(ends) and ends[end] <= self._pos:
                end += 1
                if end - first > 32:
                    end = bisect.bisect_right(ends, self._pos, end)
                    break
            self.frames = end
            self.reference.arrivals.extend((time.monotonic_ns(), first, end))

    def _walk(self, data: bytes) -> None:
        """Frame by frame: for the first socket that gets a frame, and around frames that are no events."""
        reference = self.reference
        begin = reference.ends[self.frames - 1] if self.frames else 0
        work = (self._mid or bytes(reference.data[begin : self._pos])) + data
        at = 0
        self._first = self.frames
        while found := frame_end(work, at):
            body, end = found
            opcode = work[at] & 0x0F
            if opcode != _TEXT:
                self.control(opcode, work[body:end])
            elif _EVENT in work[body : min(end, body + _HEAD)]:
                if not self._aligned and not self._align(work[body:end]):
                    at = end
                    continue
                whole = work[at:end]
                if self.frames == len(reference.ends):
                    reference.add(whole, work[body:end])
                elif not reference.data.startswith(whole, reference.ends[self.frames - 1] if self.frames else 0):
                    reference.diverged += 1
                self.frames += 1
            elif self._on_frame(work[body:end]) and not self.ready.done():
                self.ready.set_result(None)
            elif self.subscribe and not self.ready.done() and b'"unavailable"' in work[body:end]:
                asyncio.get_running_loop().call_later(1.0, self.write, self.subscribe)
            at = end
        if self.frames > self._first:
            reference.arrivals.extend((time.monotonic_ns(), self._first, self.frames))
        begin = reference.ends[self.frames - 1] if self.frames else 0
        rest = work[at:]
        if reference.data.startswith(rest, begin):
            self._mid, self._pos = b"", begin + len(rest)
        else:
            self._mid = rest


class Window(Listener):
    """A listener as a window of the web client: in a hot channel one in use pulls, the others are told how far it is.

    head      the newest seq it knows of
    pulls     answers it got
    """

    __slots__ = ("_place", "_stream", "_timer", "active", "head", "modes", "pulls")

    def __init__(self, token: str | None, stream: str, reference: Reference, *, active: bool) -> None:
        subscribe = json.dumps({"t": "subscribe", "id": 1, "streams": {stream: None}}).encode()
        super().__init__(token, subscribe, reference, self._judge)
        self._stream, self.active = stream, active
        self._place = self.head = self.pulls = 0
        self.modes: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def last(self) -> int:
        first = self.reference.first_seq
        return self._place if not self._aligned or first is None else first + self.frames - 1

    def _judge(self, payload: bytes) -> bool:
        frame = json.loads(payload)
        match frame["t"]:
            case "subscribed":
                place = frame["streams"][self._stream]
                self._place = self.head = place["seq"]
                self._mode(place["mode"])
                return True
            case "mode":
                self.head = frame["seq"]
                self._mode(frame["mode"])
            case "pulled":
                self.head = frame["head"]
                self.pulls += 1
                if frame["mode"] == "pull":
                    self._pull_in(PULL_EVERY_S * random.uniform(0.8, 1.2))
            case "signal":
                self.head = max(self.head, frame["data"].get("seq", 0))
        return False

    def _mode(self, mode: str) -> None:
        self.modes.append(mode)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if mode == "pull" and self.active:
            self._pull_in(PULL_EVERY_S * random.random())

    def _pull_in(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._pull)

    def _pull(self) -> None:
        self.write(json.dumps({"t": "pull", "id": 2, "stream": self._stream, "after": self.last}).encode())

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().close()


def is_subscribed(payload: bytes) -> bool:
    return b'"subscribed"' in payload[:_HEAD]


class Talker(Base):
    """Sends and receives in small channels. Counts into `tally`, which many talkers share."""

    __slots__ = ("last", "streams", "tally")

    def __init__(self, token: str | None, streams: list[str], tally: "Tally") -> None:
        """Without streams it only sends, and is ready at once."""
        super().__init__(token)
        self.streams = streams
        self.tally = tally
        self.last: dict[bytes, int] = {}

    def opened(self) -> None:
        if self.streams:
            self.write(json.dumps({"t": "subscribe", "id": 1, "streams": dict.fromkeys(self.streams)}).encode())
        else:
            self.ready.set_result(None)

    def send(self, channel_id: str, text: str, key: str) -> None:
        self.tally.sent += 1
        self.tally.waiting[key] = time.monotonic_ns()
        self.write(
            f'{{"t":"send","id":"{key}","channel_id":"{channel_id}","text":"{text}","client_msg_id":"{key}"}}'.encode()
        )

    def received(self, data: bytes) -> None:
        work = self._rest + data if self._rest else data
        at = 0
        while found := frame_end(work, at):
            body, end = found
            opcode = work[at] & 0x0F
            if opcode == _TEXT:
                self._frame(work[body:end])
            else:
                self.control(opcode, work[body:end])
            at = end
        self._rest = work[at:]

    def _frame(self, payload: bytes) -> None:
        head = payload[:_HEAD]
        if _EVENT in head:
            if self.streams:
                self._event(payload)
        elif b'"ack"' in head:
            self._acked(payload)
        elif b'"subscribed"' in head:
            answer = json.loads(payload)
            for stream, state in answer["streams"].items():
                self.last[stream.encode()] = state["seq"]
            if answer.get("denied"):
                self.ready.set_exception(PermissionError(f"denied: {answer['denied']}"))
            elif not self.ready.done():
                self.ready.set_result(None)
        elif b'"error"' in head:
            error = json.loads(payload)
            self.tally.waiting.pop(str(error.get("id")), None)
            self.tally.refused[error["code"]] = self.tally.refused.get(error["code"], 0) + 1
            if self.tally.on_done:
                self.tally.on_done(str(error.get("id")), None)

    def _acked(self, payload: bytes) -> None:
        ack: dict[str, Any] = json.loads(payload)
        key = ack["client_msg_id"]
        sent = self.tally.waiting.pop(key, None)
        if sent is not None:
            self.tally.accepted += 1
            self.tally.ack_ns.append(time.monotonic_ns() - sent)
        if self.tally.on_done:
            self.tally.on_done(key, self)

    def _event(self, payload: bytes) -> None:
        now = time.monotonic_ns()
        start = payload.find(b'"stream":"') + 10
        stream = payload[start : payload.index(b'"', start)]
        start = payload.find(b'"seq":') + 6
        seq = int(payload[start : payload.index(b",", start)])
        last = self.last.get(stream)
        if last is not None and seq != last + 1:
            if seq <= last:
                self.tally.repeats += 1
                return
            self.tally.gaps += seq - last - 1
        self.last[stream] = seq
        sent = sent_at(payload, b'"text":"')
        if sent:
            self.tally.delivered += 1
            self.tally.delivery_ns.append(now - sent)


class Follower:
    """One session over several connections: follows a stream; when cut off, it resumes at `fallback` after a while."""

    __slots__ = (
        "_fallback", "_jitter_s", "_socket", "_source", "_stream", "_token", "events", "gaps", "hello", "last", "ready",
        "repeats", "resumed_ns", "resyncs",
    )  # fmt: skip

    def __init__(self, token: str, stream: str, fallback: str, *, source: str | None, jitter_s: float) -> None:
        self._token, self._stream, self._fallback = token, stream, fallback
        self._source, self._jitter_s = source, jitter_s
        self._socket: _FollowerSocket | None = None
        self.hello: dict[str, Any] | None = None
        self.last: int | None = None
        self.events = self.gaps = self.repeats = self.resyncs = self.resumed_ns = 0
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, url: str) -> None:
        self._socket = _FollowerSocket(self._token, self)
        await connect(url, self._socket, source=self._source)

    def lost(self) -> None:
        if self.hello:
            asyncio.get_running_loop().call_later(random.uniform(0, self._jitter_s), self._again)

    def _again(self) -> None:
        task = asyncio.ensure_future(self.open(self._fallback))
        task.add_done_callback(lambda done: self.lost() if done.exception() else None)

    def greet(self, socket: "_FollowerSocket") -> None:
        if self.hello and self.last is not None:
            resume = {"t": "resume", "session": self.hello["session"], "token": self.hello["token"]}
            socket.write(json.dumps(resume | {"streams": {self._stream: self.last}}).encode())
        else:
            self._subscribe(socket)

    def hear(self, payload: bytes, socket: "_FollowerSocket") -> None:
        head = payload[:_HEAD]
        if _EVENT in head:
            start = payload.find(b'"seq":') + 6
            seq = int(payload[start : payload.index(b",", start)])
            if self.last is not None and seq <= self.last:
                self.repeats += 1
                return
            if self.last is not None and seq > self.last + 1:
                self.gaps += seq - self.last - 1
            self.last = seq
            self.events += 1
            return
        frame_ = json.loads(payload)
        match frame_["t"]:
            case "hello":
                again, self.hello = self.hello, frame_
                if again and not frame_["resumed"]:
                    self.resyncs += 1
                    self._subscribe(socket)
            case "resync":
                self.resyncs += 1
                self.last = frame_["seq"]
            case "error" if frame_["code"] == "unavailable":
                # A gateway repeats a resume by itself, a subscribe not.
                asyncio.get_running_loop().call_later(1.0, self._subscribe, socket)
            case "subscribed":
                if self.last is None:
                    self.last = frame_["streams"][self._stream]["seq"]
                if self.ready.done():
                    self.resumed_ns = time.monotonic_ns()
                else:
                    self.ready.set_result(None)

    def _subscribe(self, socket: "_FollowerSocket") -> None:
        socket.write(json.dumps({"t": "subscribe", "id": 1, "streams": {self._stream: self.last}}).encode())

    def close(self) -> None:
        self.hello = None
        if self._socket:
            self._socket.close()


class _FollowerSocket(Base):
    __slots__ = ("follower",)

    def __init__(self, token: str, follower: Follower) -> None:
        super().__init__(token)
        self.follower = follower

    def opened(self) -> None:
        self.follower.greet(self)

    def received(self, data: bytes) -> None:
        work = self._rest + data if self._rest else data
        at = 0
        while found := frame_end(work, at):
            body, end = found
            opcode = work[at] & 0x0F
            if opcode == _TEXT:
                self.follower.hear(work[body:end], self)
            else:
                self.control(opcode, work[body:end])
            at = end
        self._rest = work[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.follower.lost()


class Tally:
    def __init__(self) -> None:
        self.sent = self.accepted = self.delivered = self.gaps = self.repeats = 0
        self.refused: dict[str, int] = {}
        self.waiting: dict[str, int] = {}
        self.ack_ns = array("q")
        self.delivery_ns = array("q")
        self.on_done: Callable[[str, Talker | None], None] | None = None


async def connect(url: str, protocol: Base, *, source: str | None = None) -> Base:
    parts = urlsplit(url)
    await asyncio.get_running_loop().create_connection(
        lambda: protocol, parts.hostname or "", parts.port or 80, local_addr=(source, 0) if source else None
    )
    return protocol
