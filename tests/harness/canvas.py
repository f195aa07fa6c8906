"""A client of a canvas over the socket, on the same CRDT library that a Python program would use."""

import asyncio
import contextlib
import itertools
import struct
from collections.abc import Callable
from typing import Any, Self

import pycrdt

from bench.client import Json, SocketClient
from bench.http import ConnectionClosedError

SYNC, UPDATE, AWARENESS, ACK, REFUSED, CLOSE = range(1, 7)
HEAD = struct.Struct(">BQ")
TAG = struct.Struct(">I")
PIECE = struct.Struct(">IHH")


class CanvasClient:
    """Keeps a document like the server's. What is not acknowledged is told again after a drop, by the sync."""

    def __init__(self, socket: SocketClient, channel: Json) -> None:
        self.socket, self.channel = socket, channel
        self.id, self.stream = int(channel["id"]), str(channel["stream"])
        self.document: pycrdt.Doc[Any] = pycrdt.Doc()
        self.text: pycrdt.Text = self.document.get("text", type=pycrdt.Text)
        self.can_edit: bool | None = None
        self.refused: list[str] = []
        self.aware: list[tuple[int, bytes]] = []
        self.synced = 0
        self._tags = itertools.count(1)
        self._open: set[int] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._told = self.document.get_state()
        socket.on_binary = self._receive
        socket.on_ready = self.sync

    @classmethod
    async def open(cls, socket: SocketClient, channel: Json) -> Self:
        await socket.subscribe(channel["stream"])
        self = cls(socket, channel)
        self.sync()
        await self.until(lambda: self.synced or self.refused, "the first sync")
        return self

    async def until(self, met: Callable[[], object], what: str) -> None:
        await self.socket.until(met, timeout_s=30, what=what)

    @property
    def settled(self) -> bool:
        return self.socket.connected and not self._open and not self._sending

    @property
    def about(self) -> str:
        state = f"{len(self.text)} characters, {len(self._open)} open, {len(self._sending)} sending, {self.refused}"
        return f"{state}, {self.socket.connected} {self.socket.errors[-1:]} {self.socket.counters}"

    def sync(self) -> None:
        self._open.clear()
        self._send(HEAD.pack(SYNC, self.id) + self.document.get_state())

    def edit(self, change: Callable[[pycrdt.Text], None]) -> None:
        before = self.document.get_state()
        with self.document.transaction():
            change(self.text)
        self.tell(self.document.get_update(before))

    def tell(self, update: bytes, *, piece: int = 30_000) -> int:
        tag = next(self._tags)
        self._open.add(tag)
        pieces = [update[at : at + piece] for at in range(0, len(update), piece)] or [b""]
        frames = [
            HEAD.pack(UPDATE, self.id) + PIECE.pack(tag, index, len(pieces)) + part for index, part in enumerate(pieces)
        ]
        self._send(*frames)
        return tag

    def _send(self, *frames: bytes) -> None:
        async def send() -> None:
            if not self.socket.connected:  # the sync after the next hello tells it
                return
            with contextlib.suppress(ConnectionClosedError):
                for frame in frames:
                    await self.socket.send_binary(frame)

        task = asyncio.ensure_future(send())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _receive(self, frame: bytes) -> None:
        kind, channel_id = HEAD.unpack_from(frame)
        body = frame[HEAD.size :]
        assert channel_id == self.id
        match kind:
            case 2:
                self.document.apply_update(body)
            case 1:
                self.can_edit = bool(body[-1])
                lacking = pycrdt.get_update(self.document.get_update(), body[:-1])
                if self.can_edit and lacking != bytes([0, 0]):
                    self.tell(lacking)
                self.synced += 1
            case 3:
                self.aware.append((int.from_bytes(body[:8], "big"), body[8:]))
            case 4:
                self._open.discard(TAG.unpack(body)[0])
            case 5:
                self._open.discard(TAG.unpack_from(body)[0])
                self.refused.append(body[4:].decode())
