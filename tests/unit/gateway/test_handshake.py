"""The short way in: plain handshakes are taken, everything else is what the stock protocol makes of it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from apps.gateway import handshake, server
from apps.gateway.hub import Hub
from apps.gateway.routing import SOCKET_PATH
from tests.unit.gateway.conftest import serving
from tests.unit.gateway.doubles import World
from tests.unit.gateway.test_server import masked

LINES = [
    b"GET /v1/socket HTTP/1.1",
    b"Host: x",
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: WebSocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Extensions: permessage-deflate",
]
HELLO = masked(1, b'{"t":"auth","token":"user.1"}') + masked(1, b'{"t":"ping","id":5}')


def head(*lines: bytes) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n"


def changed(line: bytes, into: bytes | None) -> bytes:
    index = LINES.index(line)
    return head(*LINES[:index], *([] if into is None else [into]), *LINES[index + 1 :])


async def stock(scope: Any, _receive: Any, send: Any) -> None:
    """What is left to the stock protocol: it says so."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-stock", b"http")]})
        await send({"type": "http.response.body", "body": b"stock"})
    else:
        await send({"type": "websocket.accept", "headers": [(b"x-stock", b"socket")]})


@pytest.fixture
async def port(world: World, hub: Hub) -> AsyncIterator[int]:
    from apps.gateway.consumers import enter

    del world
    doors = {SOCKET_PATH: enter}
    async with serving(stock, server.make_server(stock, http=handshake.front(doors)).config) as found:
        yield found
        for socket in list(hub.sockets()):
            socket.connection.abort()


async def talk(port: int, *pieces: bytes, until: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01 if len(pieces) > 1 else 0)
        async with asyncio.timeout(5):
            return await reader.readuntil(until)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_handshake_and_what_comes_in_the_same_breath(port: int) -> None:
    answer = await talk(port, head(*LINES) + HELLO, until=b'"id":5}')
    top, _, frames = answer.partition(b"\r\n\r\n")
    lines = top.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 101 Switching Protocols"
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in lines  # RFC 6455, section 1.3
    assert not any(line.lower().startswith((b"sec-websocket-extensions", b"x-stock")) for line in lines)
    assert [json.loads(payload)["t"] for payload in server.payloads(frames)] == ["hello", "pong"]


async def test_a_handshake_in_small_pieces(port: int) -> None:
    whole = head(*LINES) + HELLO
    assert b"101" in await talk(port, whole[:26], whole[26:40], whole[40:-9], whole[-9:], until=b'"id":5}')


UNUSUAL: dict[str, Callable[[], bytes]] = {
    "another path": lambda: changed(LINES[0], b"GET /v1/sockets HTTP/1.1"),
    "a query": lambda: changed(LINES[0], b"GET /v1/socket?a=b HTTP/1.1"),
    "a header twice": lambda: head(*LINES, b"Cookie: a=b", b"cookie: c=d"),
    "a body": lambda: head(*LINES, b"Content-Length: 0"),
}


@pytest.mark.parametrize("kind", UNUSUAL)
async def test_an_unusual_handshake_goes_the_long_way(port: int, kind: str) -> None:
    assert b"x-stock: socket" in await talk(port, UNUSUAL[kind](), until=b"\r\n\r\n")


BROKEN: dict[str, Callable[[], bytes]] = {
    "no key": lambda: changed(LINES[4], None),
    "a short key": lambda: changed(LINES[4], b"Sec-WebSocket-Key: dGhl"),
    "a key that is none": lambda: changed(LINES[4], b"Sec-WebSocket-Key: %%%%%%%%%%%%%%%%%%%%%%=="),
    "an old version": lambda: changed(LINES[5], b"Sec-WebSocket-Version: 8"),
    "a name with a space": lambda: head(*LINES, b"Bad Name: x"),
    "a folded line": lambda: head(*LINES[:2], b" folded", *LINES[2:]),
    "a control character": lambda: head(*LINES, b"X: a\x00b"),
    "no colon": lambda: head(*LINES, b"nothing"),
    "another method": lambda: changed(LINES[0], b"POST /v1/socket HTTP/1.1"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_a_broken_handshake_is_refused(port: int, hub: Hub, kind: str) -> None:
    answer = await talk(port, BROKEN[kind](), until=b"\r\n\r\n")
    assert int(answer[9:12]) in {400, 405, 426}, answer
    assert hub.connected == 0


async def test_http_is_served_as_ever_also_after_a_first_request(port: int) -> None:
    request = head(b"GET /v1/socket HTTP/1.1", b"Host: x")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        for _ in range(2):
            writer.write(request)
            answer = await reader.readuntil(b"stock\r\n0\r\n\r\n")
            assert b"x-stock: http" in answer
    writer.close()


async def test_a_door_that_fails_answers_500(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.gateway.consumers._proof", None)
    answer = await talk(port, head(*LINES), until=b"wrong here.\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"Traceback" not in answer
