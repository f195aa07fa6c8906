"""The WebSocket below the consumer: frames in, frames out, bad ones, and who reads too little."""

import asyncio
import os
import random
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from apps.gateway import server
from tests.unit.gateway.conftest import serving

MAX = 64 * 1024
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Echo:
    """Answers every message with itself."""

    def __init__(self) -> None:
        self.connection: Any = None
        self.messages: list[tuple[bytes, bool]] = []
        self.held: list[int] = []
        self.lost = asyncio.Event()
        self.times_lost = 0
        self.pings = 0

    def on_message(self, payload: bytes, *, text: bool) -> None:
        self.messages.append((payload, text))
        self.connection.write(server.frame(payload))

    def on_ping(self) -> None:
        self.pings += 1

    def on_held(self, size: int) -> None:
        self.held.append(size)

    def on_lost(self) -> None:
        self.times_lost += 1
        self.lost.set()


def masked(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bool = True) -> bytes:
    size, bit = len(payload), 0x80 if mask else 0
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size)
    if not mask:
        return head + payload
    key = os.urandom(4)
    keys = (key * (size // 4 + 1))[:size]
    return head + key + (int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")).to_bytes(size, "big")


class Peer:
    """A raw client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, echo: Echo) -> None:
        self.reader, self.writer, self.echo = reader, writer, echo

    async def read(self) -> tuple[int, bytes]:
        async with asyncio.timeout(5):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def closed(self) -> int:
        """The code of the close frame that comes, after which the connection ends."""
        opcode, payload = await self.read()
        assert opcode == 8
        async with asyncio.timeout(5):
            assert await self.reader.read() == b""
            await self.echo.lost.wait()
        assert self.echo.times_lost == 1
        return int.from_bytes(payload[:2], "big")


@pytest.fixture
async def echoes() -> AsyncIterator[tuple[int, list[Echo]]]:
    made: list[Echo] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        echo = Echo()
        echo.connection = scope["extensions"][server.EXTENSION](echo)
        made.append(echo)

    async with serving(app) as port:
        yield port, made
        for echo in made:
            echo.connection.abort()


async def call(port: int, made: list[Echo], early: bytes = b"") -> Peer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE)
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    writer.write(early)
    return Peer(reader, writer, made[-1])


@pytest.fixture
async def peer(echoes: tuple[int, list[Echo]]) -> AsyncIterator[Peer]:
    made = await call(*echoes)
    yield made
    made.writer.close()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, MAX])
async def test_messages_of_every_length(peer: Peer, size: int) -> None:
    payload = b"x" * size
    peer.writer.write(masked(1, payload))
    assert await peer.read() == (1, payload)


async def test_any_cut_of_the_bytes_gives_the_same_messages(peer: Peer) -> None:
    rng = random.Random(5)
    texts = [b"a" * rng.choice([0, 3, 125, 126, 300, 5000]) for _ in range(30)]
    stream = b"".join(masked(1, text) for text in texts)
    position = 0
    while position < len(stream):
        step = rng.choice([1, 2, 3, 7, 100, 4000])
        peer.writer.write(stream[position : position + step])
        await peer.writer.drain()
        await asyncio.sleep(0)
        position += step
    assert [(await peer.read())[1] for _ in texts] == texts


async def test_fragments_with_a_ping_in_between(peer: Peer) -> None:
    peer.writer.write(
        masked(1, "é".encode()[:1], fin=False)
        + masked(9, b"?")
        + masked(0, "é".encode()[1:], fin=False)
        + masked(0, b"!")
    )
    assert await peer.read() == (10, b"?")
    assert await peer.read() == (1, "é!".encode())
    assert peer.echo.messages == [("é!".encode(), True)]
    assert peer.echo.pings == 1


async def test_binary_is_told_from_text(peer: Peer) -> None:
    peer.writer.write(masked(2, b"\xff"))
    await peer.read()
    assert peer.echo.messages == [(b"\xff", False)]


async def test_a_pong_nobody_asked_for_is_ignored(peer: Peer) -> None:
    peer.writer.write(masked(10, b"x") + masked(1, b"y"))
    assert await peer.read() == (1, b"y")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (masked(1, b"x", mask=False), 1002),
        (masked(1, b"x", reserved=0x40), 1002),
        (masked(3, b"x"), 1002),
        (masked(11, b"x"), 1002),
        (masked(0, b"x"), 1002),
        (masked(1, b"x", fin=False) + masked(1, b"y"), 1002),
        (masked(9, b"x" * 126), 1002),
        (masked(9, b"x", fin=False), 1002),
        (masked(1, b"\xff\xfe"), 1007),
        (masked(1, b"\xed\xa0\x80"), 1007),
        (masked(1, b"x" * (MAX + 1))[:20], 4413),
        (masked(1, b"x" * MAX, fin=False) + masked(0, b"y"), 4413),
        (bytes([0x81, 0xFF]) + b"\xff" * 8, 4413),
        (masked(8), 0),
        (masked(8, struct.pack(">H", 1000) + b"bye"), 1000),
        (masked(8, struct.pack(">H", 4999)), 4999),
        (masked(8, b"x"), 1002),
        (masked(8, struct.pack(">H", 1005)), 1002),
        (masked(8, struct.pack(">H", 999)), 1002),
        (masked(8, struct.pack(">H", 1000) + b"\xff"), 1007),
    ],
)
async def test_bad_frames_and_closes_end_the_connection(peer: Peer, sent: bytes, code: int) -> None:
    peer.writer.write(sent)
    assert await peer.closed() == code
    assert peer.echo.messages == []


async def test_nothing_is_taken_in_after_a_close(peer: Peer) -> None:
    peer.writer.write(masked(8, struct.pack(">H", 1000)) + masked(1, b"late"))
    await peer.closed()
    assert peer.echo.messages == []


async def test_our_close_waits_for_the_answer(peer: Peer) -> None:
    peer.echo.connection.close(4410)
    peer.echo.connection.write(server.frame(b"late"))
    assert await peer.read() == (8, struct.pack(">H", 4410))
    await asyncio.sleep(0.01)
    assert peer.echo.times_lost == 0
    peer.writer.write(masked(8, struct.pack(">H", 4410)))
    async with asyncio.timeout(1):
        assert await peer.reader.read() == b""


async def test_our_close_does_not_wait_for_ever(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLOSE_TIMEOUT_S", 0.05)
    peer.echo.connection.close(4408)
    assert await peer.closed() == 4408


async def test_frames_sent_with_the_first_breath_are_not_lost(echoes: tuple[int, list[Echo]]) -> None:
    port, made = echoes
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    peer = Peer(reader, writer, made[-1])
    writer.write(masked(1, b"now"))
    assert await peer.read() == (1, b"now")
    writer.close()


async def test_a_lost_connection_is_told_once_and_takes_no_more(peer: Peer) -> None:
    peer.writer.transport.abort()
    async with asyncio.timeout(5):
        await peer.echo.lost.wait()
    peer.echo.connection.write(server.frame(b"late"))
    peer.echo.connection.close(1000)
    assert peer.echo.times_lost == 1
    assert peer.echo.connection.buffered() == 0


async def test_who_does_not_read_is_held_back_and_gets_everything_in_the_end(peer: Peer) -> None:
    blob = server.frame(b"z" * 60_000)
    connection = peer.echo.connection
    for _ in range(200):
        connection.write(blob)
    assert connection.buffered() > 0
    assert max(peer.echo.held) > 1_000_000
    taken = connection.taken()
    for _ in range(200):
        assert await peer.read() == (1, b"z" * 60_000)
    assert connection.buffered() == 0
    assert connection.taken() > taken
    connection.write(server.frame(b"end"))
    assert await peer.read() == (1, b"end")


async def test_a_paused_connection_delivers_later_and_in_order(peer: Peer) -> None:
    connection, echo = peer.echo.connection, peer.echo
    original = echo.on_message

    def stop_after_two(payload: bytes, *, text: bool) -> None:
        original(payload, text=text)
        if len(echo.messages) == 2:
            connection.pause_reading()

    echo.on_message = stop_after_two  # type: ignore[method-assign]
    peer.writer.write(b"".join(masked(1, str(n).encode()) for n in range(5)))
    assert [(await peer.read())[1] for _ in range(2)] == [b"0", b"1"]
    await asyncio.sleep(0.02)
    assert len(echo.messages) == 2
    connection.resume_reading()
    assert [(await peer.read())[1] for _ in range(3)] == [b"2", b"3", b"4"]


async def test_random_bytes_never_break_the_server(echoes: tuple[int, list[Echo]]) -> None:
    port, made = echoes
    rng = random.Random(11)
    for _ in range(150):
        peer = await call(port, made)
        good = masked(1, b"ok")
        noise = bytearray(good * 3 + os.urandom(rng.randrange(1, 40)))
        for _ in range(rng.randrange(4)):
            noise[rng.randrange(len(noise))] = rng.randrange(256)
        peer.writer.write(bytes(noise))
        peer.writer.write_eof()
        async with asyncio.timeout(5):
            await peer.reader.read()
        peer.writer.close()
    peer = await call(port, made, masked(1, b"still here"))
    assert await peer.read() == (1, b"still here")
    peer.writer.close()


async def test_an_app_that_knows_nothing_of_it_is_served_as_ever() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(0.02)
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"] + "!"})

    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HANDSHAKE)
        await asyncio.sleep(0.005)
        writer.write(masked(1, b"early"))
        await reader.readuntil(b"\r\n\r\n")
        peer = Peer(reader, writer, Echo())
        assert await peer.read() == (1, b"early!")
        writer.close()


def test_joined_frames_come_apart_again() -> None:
    texts = [b"", b"a", b"b" * 125, b"c" * 126, b"d" * 65_535, b"e" * 65_536]
    frames = b"".join(map(server.frame, texts)) + server.binary(b"\xff")
    assert list(server.payloads(frames)) == [*(text.decode() for text in texts), b"\xff"]


async def test_the_server_runs_and_ends_with_sockets_open() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        echo = Echo()
        echo.connection = scope["extensions"][server.EXTENSION](echo)
        made.append(echo)

    made: list[Echo] = []
    listener = server.bind("127.0.0.1", 0)
    running = server.make_server(app)
    task = asyncio.create_task(running.serve(sockets=[listener]))
    while not running.started:
        await asyncio.sleep(0.005)
    peer = await call(listener.getsockname()[1], made)
    running.should_exit = True
    assert await peer.closed() == 1012
    async with asyncio.timeout(5):
        await task
    peer.writer.close()


async def test_several_servers_share_a_port() -> None:
    first = server.bind("127.0.0.1", 0, reuse_port=True)
    second = server.bind("127.0.0.1", first.getsockname()[1], reuse_port=True)
    first.close()
    second.close()
