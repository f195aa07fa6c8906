"""Read markers: a thousand readers of a channel at 50 messages a second, and what of it reaches the database.

Embedded only: triggers in the product's SQLite count every row written while it runs. A move is one message passed by
one reader's marker. Readers say where they are four times a second, as the web client does. What the message path wrote
is every row outside this room's tables, but for leases that are renewed by the clock.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.client import RestClient
from bench.stage import Seeded, Stage

SAY_S = 0.25
SETTLE_S = 3.0
_LEASES = ("eventlog_workerlease", "eventlog_namedlease")
_MARKERS = "reads_marker"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--readers", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=15)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    if options.profile != "embedded":
        raise SystemExit("bench reads counts rows in the embedded profile's SQLite")
    with Stage("embedded") as stage:
        people = stage.seed(options.readers + 1)
        (channel,) = stage.channels([people])
        database = Path(stage.product.roles["web-0"].env["DATA_DIR"]) / "main.sqlite3"
        return asyncio.run(_measure(stage, people, channel, database, options, say))


async def _measure(
    stage: Stage,
    people: list[Seeded],
    channel: Mapping[str, Any],
    database: Path,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> dict[str, Any]:
    *readers, poster = people
    sockets = []
    for start in range(0, len(readers), 50):
        sockets += await asyncio.gather(
            *(Reading.open(stage.product.url, one.token, channel["stream"]) for one in readers[start : start + 50])
        )
    say(f"{len(sockets):,} readers follow the channel")
    async with asyncio.timeout(120):
        while _left_in_the_outbox(database):
            await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_S)
    _count_rows(database)
    before = _written(database)
    rest = RestClient(stage.product.url, poster.token)
    posted = frames = 0
    running = True

    async def post() -> None:
        nonlocal posted
        loop = asyncio.get_running_loop()
        began = loop.time()
        under_way: set[asyncio.Task[Any]] = set()
        while (now := loop.time()) - began < options.seconds:
            if posted < (now - began) * options.rate:
                body = {"channel_id": channel["id"], "text": f"message {posted}"}
                task = asyncio.create_task(rest.post("/v1/messages", body))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                posted += 1
            else:
                await asyncio.sleep(0.002)
        await asyncio.gather(*under_way)

    async def read() -> None:
        nonlocal frames
        step = max(1, len(sockets) // 25)
        while running:
            for start in range(0, len(sockets), step):
                some = sockets[start : start + step]
                for socket in some:
                    frames += socket.mark(channel["id"])
                await asyncio.sleep(SAY_S / 25)

    reading = asyncio.create_task(read())
    await post()
    await asyncio.sleep(SAY_S * 2)
    running = False
    await reading
    await asyncio.sleep(SETTLE_S)
    written = {name: count - before.get(name, 0) for name, count in _written(database).items()}
    moves = sum(socket.marked for socket in sockets)
    path = sum(count for name, count in written.items() if name not in _LEASES and not name.startswith("reads_"))
    rows = written.pop(_MARKERS, 0)
    others = {name: count for name, count in written.items() if count and name not in _LEASES}
    for socket in sockets:
        socket.close()
    await rest.close()
    return {
        "readers": len(sockets),
        "posted": posted,
        "rate": round(posted / options.seconds, 1),
        "marker_moves": moves,
        "mark_frames": frames,
        "marker_rows": rows,
        "db_writes_per_marker_move": round(rows / max(1, moves), 5),
        "rows_per_mark_frame": round(rows / max(1, frames), 4),
        "message_path_writes": path,
        "other_rows": others,
        "ok": moves > 0 and rows / moves <= 1 / 20 and path == 0,
    }


class Reading:
    """A socket that follows the channel and knows only how many messages came: the newest `count` that it saw."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.count = self.marked = 0
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, token: str, stream: str) -> "Reading":
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /v1/socket HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: slackclone.v1, bearer.{token}\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise ConnectionError(head[:200])
        one = cls(reader, writer)
        one.send({"t": "subscribe", "id": 1, "streams": {stream: None}})
        return one

    def send(self, frame: Mapping[str, Any]) -> None:
        payload = json.dumps(frame).encode()
        size = len(payload)
        head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE]) + size.to_bytes(2, "big")
        self._writer.write(head + bytes(4) + payload)  # masked with zeros

    def mark(self, channel_id: str) -> int:
        if self.count <= self.marked:
            return 0
        self.marked = self.count
        self.send({"t": "mark", "channel_id": channel_id, "n": self.count})
        return 1

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            rest = b""
            while data := await self._reader.read(1 << 18):
                rest += data
                at = rest.rfind(b'"count":')
                if at >= 0:
                    digits = rest[at + 8 : at + 20].split(b",")[0].split(b"}")[0]
                    if digits.isdigit():
                        self.count = max(self.count, int(digits))
                rest = rest[-200:]

    def close(self) -> None:
        self._task.cancel()
        self._writer.close()


def _count_rows(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_") and "_fts" not in name
        ]
        connection.execute("CREATE TABLE bench_writes (name TEXT PRIMARY KEY, rows INTEGER NOT NULL)")
        for table in tables:
            connection.execute("INSERT INTO bench_writes VALUES (?, 0)", (table,))
            for verb in ("INSERT", "UPDATE", "DELETE"):
                connection.execute(
                    f'CREATE TRIGGER "bench_{table}_{verb}" AFTER {verb} ON "{table}"'
                    f" BEGIN UPDATE bench_writes SET rows = rows + 1 WHERE name = '{table}'; END"
                )
        connection.commit()


def _left_in_the_outbox(database: Path) -> int:
    """Events of the joins, which are rows until the log has them."""
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM eventlog_outboxrow").fetchone()[0])


def _written(database: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        return dict(connection.execute("SELECT name, rows FROM bench_writes"))
