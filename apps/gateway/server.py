"""uvicorn with ready frames: an app may take its connection over and write bytes that are already WebSocket frames.

ASGI costs a task, a queue, an event and the sans-I/O parser for every socket, and a dict and an await for every frame.
Here an app that finds `scope["extensions"]["slackclone.frames"]` calls it after `websocket.accept` with a `Receiver`
and gets a `FrameConnection`: a slotted asyncio protocol that replaces all of that for the rest of the connection's
life. An app that does not call it is served as by stock uvicorn, and a server without the extension serves the same
app, slower.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any, Protocol, cast

import uvicorn
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.speedups import apply_mask

EXTENSION = "slackclone.frames"
CLOSE_TIMEOUT_S = 2.0
CLOSE_FAILED = 1011
_CLOSED = 1 << 62
_MAX_CONTROL = 125
_SEND_BUFFER = 256 * 1024
_READ_LIMIT = 1024 * 1024
_OPCODE_CONT, _OPCODE_TEXT, _OPCODE_BINARY, _OPCODE_CLOSE, _OPCODE_PING, _OPCODE_PONG = 0, 1, 2, 8, 9, 10
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))


def frame(payload: bytes, opcode: int = _OPCODE_TEXT) -> bytes:
    """One unmasked, unfragmented frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:  # noqa: PLR2004 - the format's own limits
        return bytes((0x80 | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


def binary(payload: bytes) -> bytes:
    """One frame that is no text."""
    return frame(payload, _OPCODE_BINARY)


def payloads(frames: bytes) -> Iterator[str | bytes]:
    """The payloads of frames made by `frame`, joined: texts and bytes."""
    position = 0
    while position < len(frames):
        text = frames[position] & 0x0F == _OPCODE_TEXT
        size, position = frames[position + 1], position + 2
        if size == 126:  # noqa: PLR2004
            size, position = int.from_bytes(frames[position : position + 2], "big"), position + 2
        elif size == 127:  # noqa: PLR2004
            size, position = int.from_bytes(frames[position : position + 8], "big"), position + 8
        payload = frames[position : position + size]
        yield payload.decode() if text else payload
        position += size


class Receiver(Protocol):
    """What a taken-over connection tells its owner; plain calls from the event loop."""

    def on_message(self, payload: bytes, *, text: bool) -> None:
        """A whole message; a text is valid UTF-8."""
        ...

    def on_ping(self) -> None:
        """A ping of the WebSocket protocol came; it is answered already."""
        ...

    def on_held(self, size: int) -> None:
        """Something was written while `size` bytes waited: the other end reads slowly. Must not close at once."""
        ...

    def on_lost(self) -> None:
        """Once, when the connection is gone, whoever ended it."""
        ...


class Connection(Protocol):
    """What the owner of a socket holds, whatever server is below."""

    def write(self, frames: bytes) -> None:
        """Send frames made by `frame`. Never blocks, never raises; dropped once closing."""
        ...

    def buffered(self) -> int:
        """Bytes accepted by `write` that the kernel has not taken yet."""
        ...

    def taken(self) -> int:
        """Grows whenever the kernel takes some of what was held back: without growth the other end does not read."""
        ...

    def close(self, code: int) -> None:
        """Send a close frame, then end the connection, at the latest after CLOSE_TIMEOUT_S."""
        ...

    def abort(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class FrameConnection(asyncio.Protocol):
    """A WebSocket after its handshake: parses the client's frames, writes ready ones.

    While the transport holds nothing back, bytes go to the kernel by `os.write`: the transport would take them at the
    end of the loop's turn, which costs more (docs/adr/0005-gateway-frames.md). Both asyncio and uvloop call
    `connection_lost` before they close the descriptor, so it is never written to after it may belong to somebody else.
    """

    __slots__ = (
        "_connections",
        "_descriptor",
        "_fragments",
        "_fragments_text",
        "_given",
        "_held",
        "_max_size",
        "_paused",
        "_receiver",
        "_tail",
        "_transport",
        "closing",
    )

    def __init__(
        self, transport: asyncio.Transport, receiver: Receiver, connections: set[Any], *, max_size: int
    ) -> None:
        self._transport = transport
        self._receiver: Receiver | None = receiver
        self._connections = connections
        self._max_size = max_size
        # TLS has a descriptor too, but what goes there is not ours to write.
        plain = transport.get_extra_info("sslcontext") is None
        self._descriptor: int = transport.get_extra_info("socket").fileno() if plain else -1
        self._held = 1  # bytes the transport may still hold; 1 makes the first write ask
        self._given = 0
        self._paused = False
        self._tail = b""
        self._fragments: bytearray | None = None
        self._fragments_text = False
        self.closing = False
        connections.add(self)

    # -- writing

    def write(self, frames: bytes) -> None:
        if self._held:
            self._write_behind(frames)
            return
        try:
            sent = os.write(self._descriptor, frames)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.abort()
            return
        if sent != len(frames):
            self._held = 1
            self._hold(frames[sent:] if sent else frames, 0)

    def _write_behind(self, frames: bytes) -> None:
        if self.closing:
            return
        waiting = self._transport.get_write_buffer_size()
        if self._descriptor >= 0 and not waiting:
            self._held = 0
            self.write(frames)
            return
        self._hold(frames, waiting)

    def _hold(self, frames: bytes, waiting: int) -> None:
        self._given += len(frames)
        self._transport.write(frames)
        if self._receiver is not None:
            self._receiver.on_held(waiting)

    def buffered(self) -> int:
        if not self._held or self.closing:
            return 0
        return self._transport.get_write_buffer_size()

    def taken(self) -> int:
        return self._given - self.buffered()

    def close(self, code: int, reason: bytes = b"") -> None:
        if self.closing:
            return
        self.write(frame(code.to_bytes(2, "big") + reason, _OPCODE_CLOSE))
        self._stop_writing()
        self.resume_reading()  # to see the peer's answer
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _stop_writing(self) -> None:
        self.closing = True
        self._held = _CLOSED
        self._descriptor = -1

    def abort(self) -> None:
        self._stop_writing()
        self._transport.abort()

    # -- reading

    def pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
            if self._tail:
                self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        if self._receiver is None:
            return
        if self._tail:
            data = self._tail + data
            self._tail = b""
        position = 0
        while not self._paused:
            step = self._parse(data, position)
            if step < 0:
                return
            if step == 0:
                break
            position += step
        self._tail = data[position:] if position else data

    def _parse(self, data: bytes, start: int) -> int:
        """Take in the frame at `start`. Returns its length; 0 when it is not all there, -1 when it was the last one."""
        there = len(data) - start
        if there < 2:  # noqa: PLR2004 - the format's own lengths
            return 0
        first, second = data[start], data[start + 1]
        size, body = second & 0x7F, 6
        if size >= 126:  # noqa: PLR2004
            body = 8 if size == 126 else 14  # noqa: PLR2004
            if there < body - 4:
                return 0
            size = int.from_bytes(data[start + 2 : start + body - 4], "big")
        if fault := self._fault(first, second, size):
            self._fail(fault)
            return -1
        if there < body + size:
            return 0
        begin = start + body
        payload = apply_mask(data[begin : begin + size], data[begin - 4 : begin]) if size else b""
        self._on_frame(first & 0x0F, first >= 0x80, payload)  # noqa: PLR2004
        return -1 if self._receiver is None else body + size

    def _fault(self, first: int, second: int, size: int) -> int:
        """The close code that a frame with this header earns, or 0."""
        opcode = first & 0x0F
        if second < 0x80 or first & 0x70:  # noqa: PLR2004 - unmasked, or a reserved bit
            return 1002
        if opcode >= _OPCODE_CLOSE:
            return 1002 if opcode > _OPCODE_PONG or size > _MAX_CONTROL or first < 0x80 else 0  # noqa: PLR2004
        if opcode > _OPCODE_BINARY or (opcode == _OPCODE_CONT) is (self._fragments is None):
            return 1002
        if size + (len(self._fragments) if self._fragments is not None else 0) > self._max_size:
            return 4413
        return 0

    def _on_frame(self, opcode: int, final: bool, payload: bytes) -> None:  # noqa: FBT001
        if opcode >= _OPCODE_CLOSE:
            self._on_control(opcode, payload)
        elif final and opcode:
            self._on_message(payload, text=opcode == _OPCODE_TEXT)
        elif opcode:
            self._fragments, self._fragments_text = bytearray(payload), opcode == _OPCODE_TEXT
        elif self._fragments is not None:
            self._fragments += payload
            if final:
                message, self._fragments = bytes(self._fragments), None
                self._on_message(message, text=self._fragments_text)

    def _on_message(self, payload: bytes, *, text: bool) -> None:
        if self.closing or self._receiver is None:
            return
        if text:
            try:
                payload.decode()
            except UnicodeDecodeError:
                self._fail(1007)
                return
        self._receiver.on_message(payload, text=text)

    def _on_control(self, opcode: int, payload: bytes) -> None:
        if opcode == _OPCODE_PING:
            if self.buffered() < _READ_LIMIT:  # who pings and never reads gets no answers
                self.write(frame(payload, _OPCODE_PONG))
            if self._receiver is not None:
                self._receiver.on_ping()
        elif opcode == _OPCODE_CLOSE:
            if self.closing:
                self._transport.close()
            else:
                code = _answer(payload)
                self.write(frame(code.to_bytes(2, "big") if code else b"", _OPCODE_CLOSE))
                self._stop_writing()
                self._transport.close()
            self._lose()

    def _fail(self, code: int) -> None:
        self.write(frame(code.to_bytes(2, "big"), _OPCODE_CLOSE))
        self._stop_writing()
        self._transport.close()
        self._lose()

    # -- ends

    def _lose(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            self._tail, self._fragments = b"", None
            receiver.on_lost()

    def eof_received(self) -> None:
        return

    def connection_lost(self, _exc: Exception | None) -> None:
        self._stop_writing()
        self._connections.discard(self)
        self._lose()

    def shutdown(self) -> None:
        """Called by uvicorn when the server goes down."""
        self.close(1012)


def _answer(payload: bytes) -> int:
    """The code that answers a close frame: its own, 1002 or 1007 for a bad one, 0 for an empty one."""
    if not payload:
        return 0
    code = int.from_bytes(payload[:2], "big")
    if len(payload) < 2 or not (code in _CLOSE_CODES or 3000 <= code < 5000):  # noqa: PLR2004
        return 1002
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return 1007
    return code


class _Released:
    """Stands for the transport in a stock protocol object whose connection was taken over."""

    def close(self) -> None:
        return

    def is_closing(self) -> bool:
        return True


class ReadyFramesProtocol(WebSocketsSansIOProtocol):
    """The stock protocol until the app takes the connection over."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._early = b""

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope["extensions"])[EXTENSION] = self.take_over
        await super().run_asgi()

    def data_received(self, data: bytes) -> None:
        # What comes before the app has accepted belongs to whoever parses frames afterwards.
        if self.handshake_initiated and not self.handshake_complete:
            self._early += data
            if len(self._early) > _READ_LIMIT:
                self.transport.abort()
            return
        super().data_received(data)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self._early and self.handshake_complete and not self.close_sent:
            self.loop.call_soon(self._feed_early)

    def _feed_early(self) -> None:
        early, self._early = self._early, b""
        if early and not self.transport.is_closing():
            super().data_received(early)

    def take_over(self, receiver: Receiver) -> FrameConnection:
        """Raises ConnectionError when the connection is not open (any more)."""
        if not self.handshake_complete or self.close_sent or self.disconnected or self.transport.is_closing():
            raise ConnectionError
        transport = self.transport
        self.stop_keepalive()
        self.connections.discard(self)
        connection = FrameConnection(
            transport, receiver, cast("set[Any]", self.connections), max_size=self.config.ws_max_size
        )
        transport.set_protocol(connection)
        self.transport = cast("asyncio.Transport", _Released())
        early, self._early = self._early, b""
        if early:
            self.loop.call_soon(connection.data_received, early)
        return connection


class Server(uvicorn.Server):
    """Leaves signals to the runtime, which drains the gateway first and then sets `should_exit`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, *, reuse_port: bool = False) -> socket.socket:
    """A listening address. With `reuse_port` several processes share it, and the kernel spreads the connections."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # Inherited by every connection: what a client that stops reading may cost in the kernel (it doubles the figure).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    listener.bind((host, port))
    listener.setblocking(False)
    return listener


def make_server(
    app: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_frame_bytes: int = 64 * 1024,
    backlog: int = 4096,
    trust_proxy: bool = False,
    lifespan: str = "off",
    http: Any = "httptools",
) -> Server:
    """A server for `await server.serve(sockets=[bind(…)])`, or `serve()` for (`host`, `port`)."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="none",
        http=http,
        ws=ReadyFramesProtocol,
        ws_max_size=max_frame_bytes,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan=cast("Any", lifespan),
        log_config=None,
        access_log=False,
        proxy_headers=trust_proxy,
        forwarded_allow_ips="*" if trust_proxy else None,
        server_header=False,
        backlog=backlog,
        timeout_graceful_shutdown=5,
    )
    return Server(config)
