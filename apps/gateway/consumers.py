"""The socket's door: a Channels consumer that owns handshake, authentication, commands and close.

Our server calls `enter` by itself (handshake.py). Where it leaves a handshake to the consumer, that hands the
connection over to its `Session` and ends, so an idle socket costs no task. Under any other ASGI server the same session
runs over receive and send.
"""

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.http.cookie import parse_cookie

from apps.gateway import registry, server
from apps.gateway.handshake import Accepted, Refused
from apps.gateway.session import Authenticate, Session

SUBPROTOCOL = "slackclone.v1"
_BEARER = "bearer."
_RETRY_AFTER_S = 5
CLOSE_ORIGIN, CLOSE_TOO_LARGE, CLOSE_OVERLOADED = 4403, 4413, 4503


def enter(headers: Mapping[bytes, bytes], protocols: Sequence[str]) -> Accepted | Refused:
    """Who may come in: the same for the consumer and for the short way, which calls it without one."""
    hub = registry.hub()
    if hub.full:  # before any work
        hub.stats.refused += 1
        retry = ((b"retry-after", str(_RETRY_AFTER_S).encode()), (b"content-type", b"text/plain"))
        return Refused(503, retry, b"This gateway is full.\n")
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in protocols else None
    origin = headers.get(b"origin", b"").decode("latin-1")
    authenticate, needs_origin = _proof(headers, protocols)
    if (origin or needs_origin) and origin not in settings.ALLOWED_ORIGINS:
        return Accepted(subprotocol, Stranger(), lambda connection: connection.close(CLOSE_ORIGIN))
    session = Session(hub)

    def opened(connection: server.Connection) -> None:
        hub.connected += 1  # until on_lost
        session.start(connection, authenticate)

    return Accepted(subprotocol, session, opened)


def _proof(headers: Mapping[bytes, bytes], protocols: Sequence[str]) -> tuple[Authenticate | None, bool]:
    """How to authenticate, None when the first frame will say; and whether a browser's cookie is the proof."""
    token = next((name.removeprefix(_BEARER) for name in protocols if name.startswith(_BEARER)), None)
    if token is not None:
        return functools.partial(registry.proofs().of_token, token), False
    cookies = parse_cookie(headers.get(b"cookie", b"").decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if key:
        return functools.partial(registry.proofs().of_cookie, key), True
    return None, False


class Stranger:
    """The receiver of a connection that is about to be closed."""

    def on_message(self, payload: bytes, *, text: bool) -> None:
        del payload, text

    def on_ping(self) -> None:
        return

    def on_held(self, size: int) -> None:
        del size

    def on_lost(self) -> None:
        return


class SocketConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    # The hub takes part in the channel layer once for the whole process; a channel per socket would be dead weight.
    channel_layer_alias = "none: the hub listens for all"
    session: Session | None = None
    plain: "PlainConnection | None" = None

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        # Without the base's tidying of database connections: no handler here uses one in this thread.
        match message["type"]:
            case "websocket.connect":
                await self.connect()
            case "websocket.receive":
                await self.on_receive(message)
            case "websocket.disconnect":
                if self.plain is not None:
                    self.plain.end()
                if self.session is not None:
                    self.session.on_lost()
                raise StopConsumer

    async def connect(self) -> None:
        protocols = self.scope.get("subprotocols", ())
        answer = enter(dict(self.scope["headers"]), protocols)
        if isinstance(answer, Refused):
            await self.refuse(answer)
            return
        await self.accept(answer.subprotocol)
        if not isinstance(answer.receiver, Session):
            await self.close(CLOSE_ORIGIN)
            return
        take_over = (self.scope.get("extensions") or {}).get(server.EXTENSION)
        if take_over is None:
            self.session = answer.receiver
            self.plain = PlainConnection(self, self.session)
            answer.opened(self.plain)
            return
        with contextlib.suppress(ConnectionError):  # gone meanwhile
            answer.opened(take_over(answer.receiver))
        raise StopConsumer

    async def refuse(self, refused: Refused) -> None:
        """An HTTP answer where the server can give one."""
        if "websocket.http.response" not in (self.scope.get("extensions") or {}):
            await self.close(CLOSE_OVERLOADED)
            return
        start = {"type": "websocket.http.response.start", "status": refused.status, "headers": list(refused.headers)}
        await self.base_send(start)
        await self.base_send({"type": "websocket.http.response.body", "body": refused.body})

    async def on_receive(self, message: Mapping[str, Any]) -> None:
        if self.session is None or self.plain is None:
            return
        await self.plain.reading.wait()
        text = message.get("text")
        payload = message["bytes"] if text is None else text.encode()
        if len(payload) > settings.FRAME_MAX_BYTES:
            self.plain.close(CLOSE_TOO_LARGE)
        elif not self.plain.closing:
            self.session.on_message(payload, text=text is not None)


class PlainConnection:
    """server.Connection over ASGI's receive and send."""

    def __init__(self, consumer: SocketConsumer, receiver: server.Receiver) -> None:
        self._consumer, self._receiver = consumer, receiver
        self._waiting: deque[bytes] = deque()
        self._bytes = self._taken = 0
        self._more = asyncio.Event()
        self._code = 1000
        self.closing = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._task = asyncio.get_running_loop().create_task(self._write())

    def write(self, frames: bytes) -> None:
        if self.closing:
            return
        waiting = self._bytes
        self._waiting.append(frames)
        self._bytes += len(frames)
        self._more.set()
        if waiting:
            self._receiver.on_held(waiting)

    async def _write(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # how servers say that the other end is gone
            await self._write_on()

    async def _write_on(self) -> None:
        while True:
            while self._waiting:
                frames = self._waiting.popleft()
                for payload in server.payloads(frames):
                    kind = "text" if isinstance(payload, str) else "bytes"
                    await self._consumer.base_send({"type": "websocket.send", kind: payload})
                self._bytes -= len(frames)
                self._taken += len(frames)
            if self.closing:
                await self._consumer.base_send({"type": "websocket.close", "code": self._code})
                return
            self._more.clear()
            await self._more.wait()

    def buffered(self) -> int:
        return self._bytes

    def taken(self) -> int:
        return self._taken

    def close(self, code: int) -> None:
        if not self.closing:
            self.closing, self._code = True, code
            self._more.set()

    def abort(self) -> None:
        self._waiting.clear()
        self.close(server.CLOSE_FAILED)

    def end(self) -> None:
        self.closing = True
        self._task.cancel()

    def pause_reading(self) -> None:
        self.reading.clear()

    def resume_reading(self) -> None:
        self.reading.set()
