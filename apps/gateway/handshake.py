"""The short way in: the WebSocket handshake for a path of ours, read off the first bytes of a connection.

After a gateway died its thousands come to the next one at once, and stock uvicorn builds for each an HTTP parser, a
WebSocket parser, a scope, a queue and a task, only to hand the connection over. Here a request that is a plain
handshake for one of `doors` is answered at once and becomes a `FrameConnection`; whatever else comes, and whatever is
unusual about a handshake, goes to the stock protocol with every byte, which serves the same application.
"""

import asyncio
import binascii
import functools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.utils import accept_key

from apps.gateway.server import Connection, FrameConnection, Receiver

logger = logging.getLogger(__name__)

_MAX_HEAD = 16 * 1024
_KEY_BYTES = 16
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Accepted:
    """`opened` gets the connection before anything that the client sends goes to `receiver`."""

    subprotocol: str | None
    receiver: Receiver
    opened: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class Refused:
    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


Door = Callable[[Headers, Sequence[str]], Accepted | Refused]


def front(doors: Mapping[bytes, Door]) -> Callable[..., asyncio.Protocol]:
    """The `http` of a uvicorn.Config."""
    return functools.partial(Front, doors)


class Front(asyncio.Protocol):
    """A connection of which nothing is known yet."""

    __slots__ = ("_app_state", "_config", "_connections", "_doors", "_head", "_loop", "_state", "_transport")

    def __init__(
        self,
        doors: Mapping[bytes, Door],
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._doors, self._config, self._state, self._app_state = doors, config, server_state, app_state
        self._connections = cast(
            "set[Any]", server_state.connections
        )  # of whatever has the `shutdown` that uvicorn calls
        self._loop = _loop
        self._transport: asyncio.Transport | None = None
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a server's is one
        self._connections.add(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None

    def eof_received(self) -> None:
        return

    def shutdown(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data = self._head + data
        path = next((path for path in self._doors if data.startswith(b"GET %s HTTP/1.1\r\n" % path)), None)
        end = data.find(b"\r\n\r\n")
        if path is not None and end < 0 and len(data) < _MAX_HEAD:
            self._head = data
            return
        headers = _handshake(data[:end]) if path is not None and end >= 0 else None
        if path is None or headers is None:
            self._hand_over(transport, data)
        else:
            self._answer(transport, self._doors[path], headers, data[end + 4 :])

    def _hand_over(self, transport: asyncio.Transport, data: bytes) -> None:
        stock = HttpToolsProtocol(self._config, self._state, self._app_state, self._loop)
        self._connections.discard(self)
        transport.set_protocol(stock)
        stock.connection_made(transport)
        stock.data_received(data)

    def _answer(self, transport: asyncio.Transport, door: Door, headers: Headers, early: bytes) -> None:
        protocols = [one.strip() for one in headers.get(b"sec-websocket-protocol", b"").decode("latin-1").split(",")]
        try:
            answer = door(headers, protocols)
        except Exception:
            logger.exception("a socket could not be let in")
            answer = Refused(500, (), b"Something went wrong here.\n")
        if isinstance(answer, Refused):
            transport.write(_response(answer))
            transport.close()
            return
        self._connections.discard(self)
        connection = FrameConnection(
            transport,
            answer.receiver,
            self._connections,
            max_size=self._config.ws_max_size,
        )
        transport.set_protocol(connection)
        connection.write(_switching(headers[b"sec-websocket-key"], answer.subprotocol))
        answer.opened(connection)
        if early:
            connection.data_received(early)


def _handshake(head: bytes) -> dict[bytes, bytes] | None:
    """The headers, by lower-case name, of a request that is nothing but a WebSocket handshake; else None."""
    headers: dict[bytes, bytes] = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or name in headers or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            return None
        headers[name] = value.strip(b" \t")
    try:
        key = binascii.a2b_base64(headers.get(b"sec-websocket-key", b""), strict_mode=True)
    except binascii.Error:
        return None
    options = [option.strip() for option in headers.get(b"connection", b"").lower().split(b",")]
    if (
        len(key) != _KEY_BYTES
        or b"upgrade" not in options
        or headers.get(b"upgrade", b"").lower() != b"websocket"
        or headers.get(b"sec-websocket-version") != b"13"
        or b"host" not in headers
        or not headers.keys().isdisjoint((b"content-length", b"transfer-encoding", b"expect"))
    ):
        return None
    return headers


def _switching(key: bytes, subprotocol: str | None) -> bytes:
    chosen = b"" if subprotocol is None else b"Sec-WebSocket-Protocol: %s\r\n" % subprotocol.encode("latin-1")
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %s\r\n%s\r\n" % (accept_key(key.decode()).encode(), chosen)
    )


def _response(refused: Refused) -> bytes:
    head = [b"HTTP/1.1 %d %s" % (refused.status, HTTPStatus(refused.status).phrase.encode())]
    head += [b"%s: %s" % header for header in refused.headers]
    head += [b"content-length: %d" % len(refused.body), b"connection: close"]
    return b"\r\n".join(head) + b"\r\n\r\n" + refused.body
