"""The log in one SQLite file, for one machine.

A record's row id is `partition << 48 | offset`: one B-tree, no other index. One thread a process writes: all appends
that wait go into one transaction (WAL, synchronous FULL), so its fsync is shared. Several processes may append and
read.

A consumer group lives in the same file. A member is alive while it renews its row and holds the lock on its member
file; the kernel drops that lock with the process, so a killed member is replaced at once and a stopped one after
SESSION_MS. Each member gives up what exceeds its fair share and takes what nobody holds: partitions move no more than
they must.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any, TypeVar

from django.conf import settings

from apps.core.clock import now_ms
from apps.eventlog.backends.partitioning import partition_of
from apps.eventlog.events import Position
from apps.eventlog.ports import LogRecord, LogUnavailableError, Poll

T = TypeVar("T")

OFFSET_BITS = 48
OFFSET_MASK = (1 << OFFSET_BITS) - 1
COMMIT_MAX_RECORDS = 2_000
BUSY_S = 10.0
SESSION_MS = 5_000
HEARTBEAT_S = 1.0
# A member that nobody polled for this long is taken for stuck and leaves its partitions to others.
POLL_INTERVAL_S = 30.0
# How soon appends of another process are seen; those of this process wake the reader.
WATCH_S = 0.025

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS members (
    grp TEXT, member TEXT, expires INTEGER NOT NULL, PRIMARY KEY (grp, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    grp TEXT, partition INTEGER, member TEXT NOT NULL, PRIMARY KEY (grp, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (
    grp TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (grp, partition)
) WITHOUT ROWID;
"""


def _connect(path: Path, *, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA journal_size_limit=67108864")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _Write:
    """Something that the writer thread does inside its next transaction, and who waits for it."""

    __slots__ = ("abandoned", "future", "key", "loop", "value")

    def __init__(self, key: str, value: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self.key = key
        self.value = value
        self.loop = loop
        self.future: asyncio.Future[Position] = loop.create_future()
        self.abandoned = False


class SqliteLog:
    def __init__(self, url: str, *, partitions: int | None = None) -> None:
        self.partitions = partitions or settings.LOG_PARTITIONS
        self._path = Path(url.removeprefix("sqlite:///"))
        self._deadline_s: float = settings.LOG_APPEND_DEADLINE_S
        self._queue_max: int = settings.LOG_QUEUE_MAX
        self._waiting: deque[_Write] = deque()
        self._condition = threading.Condition()
        self._writer: threading.Thread | None = None
        self._closing = False
        self._readers: set[SqliteReader] = set()
        # Keeps this process's own writers off SQLite's busy handler, which sleeps for milliseconds.
        self.write_lock = threading.Lock()

    async def setup(self) -> None:
        try:
            await asyncio.to_thread(self._create)
        except sqlite3.Error as error:
            raise LogUnavailableError(str(error)) from error

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(self._path, synchronous="FULL")
        try:
            connection.executescript(_SCHEMA)
            # The number of partitions is the file's for ever; the setting is only for a new one.
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('partitions', ?)", (self.partitions,))
            (self.partitions,) = connection.execute("SELECT value FROM meta WHERE name = 'partitions'").fetchone()
        finally:
            connection.close()

    async def append(self, key: str, value: bytes) -> Position:
        write = _Write(key, value, asyncio.get_running_loop())
        with self._condition:
            if self._closing:
                raise LogUnavailableError("the log is closed")
            if len(self._waiting) >= self._queue_max:
                raise LogUnavailableError("the log's queue is full")
            self._waiting.append(write)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_forever, name="log-writer", daemon=True)
                self._writer.start()
            self._condition.notify()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await write.future
        except TimeoutError as error:
            write.abandoned = True
            raise LogUnavailableError(f"not durable after {self._deadline_s} s") from error

    async def reader(self, group: str | None, *, patient: bool = False) -> "SqliteReader":  # noqa: ARG002 - looks cost little
        await self.setup()
        reader = SqliteReader(self, self._path, group)
        self._readers.add(reader)
        return reader

    async def close(self) -> None:
        for reader in list(self._readers):
            await reader.close()
        with self._condition:
            self._closing = True
            self._condition.notify()
        if self._writer is not None:
            await asyncio.to_thread(self._writer.join)

    def forget(self, reader: "SqliteReader") -> None:
        self._readers.discard(reader)

    # -- the writer thread

    def _write_forever(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while True:
                with self._condition:
                    while not self._waiting and not self._closing:
                        self._condition.wait()
                    if not self._waiting:
                        return
                    batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), COMMIT_MAX_RECORDS))]
                batch = [write for write in batch if not write.abandoned]
                try:
                    if connection is None:
                        self._create()
                        connection = _connect(self._path, synchronous="FULL")
                    positions = self._commit(connection, batch)
                except (sqlite3.Error, OSError) as error:
                    if connection is not None:
                        connection.close()
                        connection = None
                    _settle(batch, None, LogUnavailableError(str(error)))
                else:
                    _settle(batch, positions, None)
                    for reader in list(self._readers):
                        reader.wake()
        finally:
            if connection is not None:
                connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[_Write]) -> list[Position]:
        positions: list[Position] = []
        ends: dict[int, tuple[int, int]] = {}
        rows: list[tuple[int, int, str, bytes]] = []
        with self.write_lock:
            connection.execute("BEGIN IMMEDIATE")
            # The clock is read under the lock, and never runs behind what the partition has.
            now = now_ms()
            for write in batch:
                partition = partition_of(write.key, self.partitions)
                end, ts = ends.get(partition) or _end(connection, partition)
                ts = max(ts, now)
                rows.append((partition << OFFSET_BITS | end, ts, write.key, write.value))
                positions.append(Position(partition, end))
                ends[partition] = end + 1, ts
            connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        return positions


def _end(connection: sqlite3.Connection, partition: int) -> tuple[int, int]:
    """(next offset, timestamp of the newest record) of a partition."""
    row = connection.execute(
        "SELECT id & ?, ts FROM records WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1",
        (OFFSET_MASK, partition << OFFSET_BITS, partition << OFFSET_BITS | OFFSET_MASK),
    ).fetchone()
    return (row[0] + 1, row[1]) if row else (0, 0)


def _settle(batch: list[_Write], positions: list[Position] | None, error: LogUnavailableError | None) -> None:
    """Tell each event loop once what became of its writes."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Position], Position | None]]] = {}
    for index, write in enumerate(batch):
        outcome = positions[index] if positions is not None else None
        loops.setdefault(write.loop, []).append((write.future, outcome))

    def settle(outcomes: list[tuple[asyncio.Future[Position], Position | None]]) -> None:
        for future, position in outcomes:
            if future.done():
                continue
            if position is None:
                future.set_exception(error or LogUnavailableError())
            else:
                future.set_result(position)

    for loop, outcomes in loops.items():
        # A loop that was closed meanwhile has nobody who waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcomes)


class _PendingPoll:
    __slots__ = ("deadline", "future", "max_records")

    def __init__(self, max_records: int, timeout_s: float) -> None:
        self.max_records = max_records
        self.deadline = time.monotonic() + timeout_s
        self.future: Future[Poll] = Future()


class SqliteReader:
    """A thread with its own connection: it keeps the membership alive and answers polls and other requests in turn."""

    def __init__(self, log: SqliteLog, path: Path, group: str | None) -> None:
        self._log = log
        self._path = path
        self._group = group
        self._member = uuid.uuid4().hex
        self._next: dict[int, int] = {}
        self._turn = 0
        self._joined = False
        self._lock_file: IO[bytes] | None = None
        self._version = -1
        self._beat_at = 0.0
        self._polled_at = time.monotonic()
        self._poll: _PendingPoll | None = None
        self._assigned: dict[int, int] = {}
        self._revoked: list[int] = []
        self._requests: deque[tuple[Callable[[sqlite3.Connection], Any], Future[Any]]] = deque()
        self._condition = threading.Condition()
        self._woken = False
        self._closing = False
        self._thread = threading.Thread(target=self._serve_forever, name=f"log-reader-{group}", daemon=True)
        self._thread.start()

    # -- called from any event loop

    async def poll(self, *, max_records: int, timeout_s: float) -> Poll:
        pending = _PendingPoll(max_records, timeout_s)
        with self._condition:
            self._require_open()
            self._poll = pending
            self._polled_at = time.monotonic()
            self._notify()
        try:
            return await asyncio.wrap_future(pending.future)
        except sqlite3.Error as error:
            raise LogUnavailableError(str(error)) from error

    async def commit(self, offsets: Mapping[int, int]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            with self._log.write_lock:
                connection.execute("BEGIN IMMEDIATE")
                # Only what is still ours: a member that slept through its expiry must not set its successor back.
                connection.executemany(
                    "INSERT INTO offsets SELECT grp, partition, ? FROM claims WHERE grp = ? AND partition = ?"
                    " AND member = ? ON CONFLICT (grp, partition) DO UPDATE SET next = excluded.next",
                    [(offset, self._group, partition, self._member) for partition, offset in offsets.items()],
                )
                connection.execute("COMMIT")

        if self._group is not None:
            await self._request(write)

    async def seek(self, partition: int, offset: int) -> None:
        def move(_: sqlite3.Connection) -> None:
            if partition in self._next:
                self._next[partition] = offset
            if partition in self._assigned:
                self._assigned[partition] = offset

        await self._request(move)

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        def search(connection: sqlite3.Connection) -> int:
            # Offsets are dense and timestamps never decrease, so bisection needs no index.
            low, high = 0, _end(connection, partition)[0]
            while low < high:
                middle = (low + high) // 2
                row = connection.execute(
                    "SELECT ts FROM records WHERE id = ?", (partition << OFFSET_BITS | middle,)
                ).fetchone()
                if row is None or row[0] < timestamp_ms:
                    low = middle + 1
                else:
                    high = middle
            return low

        return await self._request(search)

    async def end_offsets(self) -> Mapping[int, int]:
        return await self._request(
            lambda connection: {partition: _end(connection, partition)[0] for partition in sorted(self._next)}
        )

    async def close(self) -> None:
        with self._condition:
            self._closing = True
            self._notify()
        await asyncio.to_thread(self._thread.join)
        self._log.forget(self)

    def wake(self) -> None:
        """Something was appended. Who asks later looks by itself."""
        with self._condition:
            if self._poll is not None:
                self._notify()

    def _notify(self) -> None:
        self._woken = True
        self._condition.notify()

    def _require_open(self) -> None:
        if self._closing:
            raise LogUnavailableError("the reader is closed")

    async def _request(self, function: Callable[[sqlite3.Connection], T]) -> T:
        future: Future[T] = Future()
        with self._condition:
            self._require_open()
            self._requests.append((function, future))
            self._notify()
        try:
            return await asyncio.wrap_future(future)
        except sqlite3.Error as error:
            raise LogUnavailableError(str(error)) from error

    # -- the thread

    def _serve_forever(self) -> None:
        connection: sqlite3.Connection | None = None
        try:
            while True:
                try:
                    if connection is None:
                        # NORMAL: a lost offset or claim costs a repetition; an append's FULL commit syncs them as well.
                        connection = _connect(self._path, synchronous="NORMAL")
                        self._version = -1
                    self._turn_once(connection)
                except (sqlite3.Error, OSError) as error:
                    if connection is not None:
                        connection.close()
                        connection = None
                    self._fail(error)
                    time.sleep(0.05)
                with self._condition:
                    if self._closing:
                        return
                    if not self._woken:
                        self._condition.wait(self._nap())
                    self._woken = False
        finally:
            self._leave(connection)

    def _turn_once(self, connection: sqlite3.Connection) -> None:
        while self._requests:
            function, future = self._requests.popleft()
            try:
                result = function(connection)
            except sqlite3.Error as error:
                _roll_back(connection)
                _finish(future, error=error)
                raise
            _finish(future, result)
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat_at = now + HEARTBEAT_S
            self._heartbeat(connection)
        pending = self._poll
        if pending is None or pending.future.cancelled():
            return
        self._balance(connection)
        records = self._fetch(connection, pending.max_records)
        if records or self._assigned or self._revoked or now >= pending.deadline:
            with self._condition:
                if self._poll is pending:
                    self._poll = None
            assigned, self._assigned = self._assigned, {}
            revoked, self._revoked = self._revoked, []
            _finish(pending.future, Poll(records=records, assigned=assigned, revoked=revoked))

    def _nap(self) -> float:
        until = self._beat_at - time.monotonic()
        if self._poll is not None:
            until = min(until, WATCH_S, self._poll.deadline - time.monotonic())
        return max(until, 0.0)

    def _fail(self, error: Exception) -> None:
        with self._condition:
            pending, self._poll = self._poll, None
            requests = list(self._requests)
            self._requests.clear()
        wrapped = error if isinstance(error, sqlite3.Error) else sqlite3.OperationalError(str(error))
        if pending is not None:
            _finish(pending.future, error=wrapped)
        for _, future in requests:
            _finish(future, error=wrapped)

    def _leave(self, connection: sqlite3.Connection | None) -> None:
        self._closing = True
        self._fail(sqlite3.ProgrammingError("the reader is closed"))
        if connection is not None:
            if self._group is not None:
                with contextlib.suppress(sqlite3.Error), self._log.write_lock:
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("DELETE FROM claims WHERE grp = ? AND member = ?", (self._group, self._member))
                    connection.execute("DELETE FROM members WHERE grp = ? AND member = ?", (self._group, self._member))
                    connection.execute("COMMIT")
            connection.close()
        if self._lock_file is not None:
            self._member_file(self._member).unlink(missing_ok=True)
            self._lock_file.close()

    # -- membership

    def _member_file(self, member: str) -> Path:
        return self._path.with_name(f"{self._path.name}.member-{member}")

    def _heartbeat(self, connection: sqlite3.Connection) -> None:
        """Renew our membership, and remove the members that are dead or overdue."""
        if self._group is None:
            return
        if self._lock_file is None:
            self._lock_file = self._member_file(self._member).open("wb")
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        now = now_ms()
        members = connection.execute("SELECT member, expires FROM members WHERE grp = ?", (self._group,)).fetchall()
        gone = [
            member
            for member, expires in members
            if member != self._member and (expires < now or not self._holds_lock(member))
        ]
        alive = time.monotonic() - self._polled_at < POLL_INTERVAL_S
        if not gone and not alive:
            return
        with self._log.write_lock:
            connection.execute("BEGIN IMMEDIATE")
            for member in gone:
                connection.execute(
                    "DELETE FROM claims WHERE grp = ?1 AND member IN"
                    " (SELECT member FROM members WHERE grp = ?1 AND member = ?2 AND (expires < ?3 OR ?4))",
                    (self._group, member, now, not self._holds_lock(member)),
                )
                connection.execute(
                    "DELETE FROM members WHERE grp = ? AND member = ? AND (expires < ? OR ?)",
                    (self._group, member, now, not self._holds_lock(member)),
                )
            if alive:
                connection.execute(
                    "INSERT INTO members VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET expires = excluded.expires",
                    (self._group, self._member, now + SESSION_MS),
                )
            connection.execute("COMMIT")
        self._version = -1  # data_version tells only what other connections changed
        for member in gone:
            if not self._holds_lock(member):
                self._member_file(member).unlink(missing_ok=True)

    def _holds_lock(self, member: str) -> bool:
        try:
            descriptor = os.open(self._member_file(member), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _balance(self, connection: sqlite3.Connection) -> None:
        """Give up what exceeds our share and take what is free; only when something changed in the file."""
        if self._group is None:
            if not self._joined:
                self._joined = True
                self._next = dict.fromkeys(range(self._log.partitions), 0)
                self._assigned = dict(self._next)
            return
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return
        self._version = version
        give, take = self._moves(connection)
        owned = {row[0] for row in self._claims(connection) if row[1] == self._member}
        if give or take or owned != set(self._next):
            with self._log.write_lock:
                connection.execute("BEGIN IMMEDIATE")
                give, take = self._moves(connection)
                connection.executemany(
                    "DELETE FROM claims WHERE grp = ? AND partition = ?",
                    [(self._group, partition) for partition in give],
                )
                connection.executemany(
                    "INSERT INTO claims VALUES (?, ?, ?)",
                    [(self._group, partition, self._member) for partition in take],
                )
                owned = {row[0] for row in self._claims(connection) if row[1] == self._member}
                offsets = dict(
                    connection.execute("SELECT partition, next FROM offsets WHERE grp = ?", (self._group,)).fetchall()
                )
                connection.execute("COMMIT")
            for partition in set(self._next) - owned:
                del self._next[partition]
                if self._assigned.pop(partition, None) is None:
                    self._revoked.append(partition)
            for partition in owned - set(self._next):
                self._next[partition] = self._assigned[partition] = offsets.get(partition, 0)

    def _claims(self, connection: sqlite3.Connection) -> list[tuple[int, str]]:
        return connection.execute("SELECT partition, member FROM claims WHERE grp = ?", (self._group,)).fetchall()

    def _moves(self, connection: sqlite3.Connection) -> tuple[list[int], list[int]]:
        """(to give up, to take): partitions."""
        members = [row[0] for row in connection.execute("SELECT member FROM members WHERE grp = ?", (self._group,))]
        if self._member not in members:
            self._beat_at = 0.0  # we were taken for dead: join again
            return [], []
        claims = dict(self._claims(connection))
        owned = sorted(partition for partition, member in claims.items() if member == self._member)
        free = [partition for partition in range(self._log.partitions) if partition not in claims]
        share, extra = divmod(self._log.partitions, len(members))
        # The larger shares belong to those who have more already, then by name: nobody moves without need.
        counts = dict.fromkeys(members, 0)
        for member in claims.values():
            if member in counts:
                counts[member] += 1
        ranking = sorted(members, key=lambda member: (-counts[member], member))
        target = share + (ranking.index(self._member) < extra)
        return owned[target:], free[: max(target - len(owned), 0)]

    def _fetch(self, connection: sqlite3.Connection, max_records: int) -> list[LogRecord]:
        records: list[LogRecord] = []
        partitions = sorted(self._next)
        if not partitions:
            return records
        self._turn = (self._turn + 1) % len(partitions)  # so that a busy partition doesn't starve the others
        for partition in partitions[self._turn :] + partitions[: self._turn]:
            room = max_records - len(records)
            if room <= 0:
                break
            base = partition << OFFSET_BITS
            rows = connection.execute(
                "SELECT id, ts, key, value FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?",
                (base | self._next[partition], base | OFFSET_MASK, room),
            ).fetchall()
            if rows:
                records += [LogRecord(Position(partition, row - base), ts, key, value) for row, ts, key, value in rows]
                self._next[partition] = rows[-1][0] - base + 1
        return records


def _finish(future: "Future[Any]", result: object = None, *, error: Exception | None = None) -> None:
    # The caller may have been cancelled; a Future that runs can't be cancelled under our hands.
    if not future.set_running_or_notify_cancel():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        connection.execute("ROLLBACK")
