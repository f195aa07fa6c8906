"""Bad frames: mutated valid ones, random bytes, nesting, huge numbers, wrong types, bad UTF-8, bad headers.

`make fuzz` sends a million; here it is FUZZ_FRAMES or a few thousand.
"""

import asyncio
import gc
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.principal import Principal
from apps.gateway import hub as hub_module
from apps.gateway import registry, server
from apps.gateway.hub import Hub
from apps.gateway.session import Session
from tests.unit.gateway.doubles import World
from tests.unit.gateway.test_server import masked

FRAMES = int(os.environ.get("FUZZ_FRAMES", "10000"))
REAL_FRAMES = 2000
WARM_UP = 0.2
GROWTH_BYTES = 8 * 1024 * 1024
VALID: list[dict[str, Any]] = [
    {"t": "auth", "token": "user.1"},
    {"t": "resume", "session": "abc", "token": "def", "streams": {"c:1": 1, "u:1": 0}},
    {"t": "subscribe", "id": 1, "streams": {"c:1": None, "c:2": 3, "w:7": 0}},
    {"t": "unsubscribe", "id": 2, "streams": ["c:1"]},
    {"t": "send", "id": 3, "channel_id": "1", "text": "hello", "client_msg_id": "k", "thread_id": "5"},
    {"t": "edit", "id": 4, "message_id": "77", "text": "new"},
    {"t": "delete", "id": "x", "message_id": "77"},
    {"t": "react", "id": 6, "message_id": "77", "emoji": "👍", "on": True},
    {"t": "ack", "streams": {"c:1": 18}},
    {"t": "ping", "id": 7},
]
WRONG: list[Any] = [None, True, -1, 1.5, 10**400, "", "\x00", "9" * 5000, [], {}, [[]], {"t": "t"}, "c:1", 2**63, 1e308]


class Mutations:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.texts = [json.dumps(frame).encode() for frame in VALID]

    def payload(self) -> bytes:  # noqa: PLR0911 - a table of kinds
        chance = self.chance
        kind = chance.randrange(12)
        if kind == 0:
            return chance.randbytes(chance.randrange(200))
        if kind == 1:
            return b"[" * chance.randrange(1, 5000) + b"]" * chance.randrange(5000)
        if kind == 2:
            return (
                b'{"t":"ping","id":'
                + b'{"a":' * chance.randrange(1, 3000)
                + b"1"
                + b"}" * chance.randrange(3000)
                + b"}"
            )
        if kind == 3:
            return b'{"t":"ping","id":' + b"9" * chance.randrange(1, 6000) + b"}"
        frame = dict(chance.choice(VALID))
        if kind in {4, 5, 6}:
            key = chance.choice([*frame, "extra"])
            frame[key] = chance.choice(WRONG)
            if chance.random() < 0.2:
                frame.pop(chance.choice(list(frame)))
            return json.dumps(frame).encode()
        if kind == 7:
            return chance.choice(self.texts)
        return self.mangled(bytearray(chance.choice(self.texts)))

    def mangled(self, text: bytearray) -> bytes:
        chance = self.chance
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(text) + 1)
            match chance.randrange(5):
                case 0:
                    text[at:at] = chance.randbytes(chance.randrange(1, 4))
                case 1:
                    del text[at : at + chance.randrange(1, 8)]
                case 2:
                    text[at : at + 1] = bytes([chance.randrange(256)])
                case 3:
                    text[at:at] = chance.choice((b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\x00", b'"', b"}", b"\\u0000"))
                case _:
                    text[at:at] = text[chance.randrange(len(text) + 1) :][:40]
        return bytes(text)

    def wire(self) -> bytes:
        """As bytes on the wire; one in fifty with a header that is not allowed."""
        chance = self.chance
        if chance.random() < 0.02:
            return chance.randbytes(chance.randrange(1, 40))
        if chance.random() < 0.02:
            return masked(chance.randrange(16), self.payload(), fin=chance.random() < 0.5, mask=chance.random() < 0.9)
        payload = self.payload()
        if chance.random() < 0.95:  # text that is none ends the connection, and what comes after it would go unread
            payload = payload.decode(errors="replace").encode()
        return masked(1 if chance.random() < 0.97 else 2, payload)


class Transport:
    """What a connection needs of one: it takes everything and remembers that it was closed."""

    def __init__(self) -> None:
        self.closing = False
        self.written = 0

    def get_extra_info(self, name: str) -> Any:
        return object() if name == "sslcontext" else None

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        assert b"Traceback" not in data
        assert b'"internal"' not in data, data
        self.written += 1

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def pause_reading(self) -> None:
        return

    resume_reading = pause_reading


class Proofs:
    """At once: a thread's answer comes after the frames that it should let through."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def of_token(self, token: str) -> Principal:
        return self.world.principal(token)

    async def ended(self, _proof_id: int | None) -> bool:
        return False


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1])
async def test_no_frame_crashes_a_session(
    world: World, hub: Hub, seed: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store.fill("c:1", 5)
    proofs = Proofs(world)
    monkeypatch.setattr(registry, "proofs", lambda: proofs)
    monkeypatch.setattr(hub_module, "LINGER_S", 1)
    hub.start()
    answered = 0
    mutations = Mutations(seed)
    connections: set[Any] = set()
    sent = sockets = 0
    after_warm_up = 0
    started = time.monotonic()
    while sent < FRAMES:
        transport, session = Transport(), Session(hub)
        hub.connected += 1
        connection = server.FrameConnection(transport, session, connections, max_size=64 * 1024)  # type: ignore[arg-type]
        session.start(connection, None)
        sockets += 1
        if mutations.chance.random() < 0.95:
            connection.data_received(masked(1, b'{"t":"auth","token":"user.1"}') + masked(1, b'{"t":"ping","id":0}'))
            for _ in range(20):
                await asyncio.sleep(0)
            assert session.principal is not None
        for _ in range(400):
            connection.data_received(mutations.wire())
            sent += 1
            if sent % 8 == 0:
                await asyncio.sleep(0)
            if transport.closing or connection.closing:
                break
        answered += transport.written
        connection.connection_lost(None)
        await asyncio.sleep(0)
        world.posts.clear()
        world.store.reads.clear()
        world.broadcast.published.clear()
        if not after_warm_up and sent > FRAMES * WARM_UP:
            after_warm_up = resident()
    for _ in range(20):
        await asyncio.sleep(0.02)
    grown = resident() - after_warm_up
    print(f"{sent} frames on {sockets} sockets in {time.monotonic() - started:.0f} s, grown by {grown / 1024:.0f} KiB")
    assert answered > sent / 2, "most frames are answered, if only with an error"
    assert hub.connected == 0
    assert not hub.users
    assert not connections
    assert grown < GROWTH_BYTES
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []


async def test_bad_frames_over_a_real_socket(served: World) -> None:
    """And who behaves is served all the while."""
    mutations = Mutations(2)
    sent = 0
    async with served.client() as good:
        await good.hello()
        while sent < REAL_FRAMES:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(
                b"GET /v1/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                + masked(1, b'{"t":"auth","token":"user.1"}')
            )
            burst = mutations.chance.randrange(1, 300)
            writer.write(b"".join(mutations.wire() for _ in range(burst)))
            sent += burst
            answer = await _all_of(reader)
            assert b"101 Switching" in answer[:40]
            assert b"Traceback" not in answer
            assert b'"internal"' not in answer
            writer.close()
        await good.send({"t": "ping", "id": 9})
        assert (await good.next("pong"))["id"] == 9


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        parts.append(await asyncio.wait_for(reader.read(65536), 5.0))
        while part := await asyncio.wait_for(reader.read(65536), 0.3):
            parts.append(part)
    except (TimeoutError, ConnectionError):
        pass
    return b"".join(parts)
