"""The store in one SQLite file: the embedded profile."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from apps.eventlog.events import Position, Sequenced, encode
from apps.messaging import events as kinds
from apps.messaging.ports import (
    VERSIONS_MAX,
    Head,
    Location,
    Original,
    Pin,
    StoredMessage,
    StoreUnavailableError,
    Version,
    write_stamp,
)
from apps.messaging.projection import IDEMPOTENCY_MS, body, noticed_in

_log = logging.getLogger(__name__)
T = TypeVar("T")
Row = tuple[Any, ...]
# sqlite3 lets go of the interpreter lock at every row, so more readers only take it from each other: two of them halve
# the pages per second (measured).
READERS = 1
_PRUNE_EVERY_MS = 10 * 60 * 1000
_PRUNE_ROWS = 20_000
_decode_event = msgspec.msgpack.Decoder(Sequenced).decode
_decode_target = msgspec.msgpack.Decoder(kinds.Target).decode

# One row of `messages` serves the channel (in_channel = 1), the thread and the look-up by id. An event that changes a
# message whose post is not there yet makes a row of its own fields only; no index for readers shows it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS stream_events (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, stamp INTEGER NOT NULL, event BLOB NOT NULL, UNIQUE (stream, seq)
);
CREATE TABLE IF NOT EXISTS stream_heads (
    stream TEXT PRIMARY KEY, stamp INTEGER NOT NULL, seq INTEGER NOT NULL, count INTEGER NOT NULL,
    created_at INTEGER NOT NULL, log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    bucket TEXT NOT NULL, bucket_rows INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS idempotency (
    stream TEXT NOT NULL, dedupe TEXT NOT NULL, log_partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    event_id INTEGER NOT NULL, seq INTEGER NOT NULL, created_at INTEGER NOT NULL,
    PRIMARY KEY (stream, dedupe, log_offset)
);
CREATE INDEX IF NOT EXISTS idempotency_age ON idempotency (created_at);
CREATE TABLE IF NOT EXISTS messages (
    message_id INTEGER PRIMARY KEY,
    stamp INTEGER, channel_id INTEGER, in_channel INTEGER, bucket TEXT, created_at INTEGER, seq INTEGER, n INTEGER,
    sender_id INTEGER, kind TEXT, client_msg_id TEXT, thread_id INTEGER, thread_n INTEGER,
    parent_bucket TEXT, parent_created_at INTEGER, parent_seq INTEGER,
    content_stamp INTEGER, content_id INTEGER, content_at INTEGER, editor_id INTEGER, content BLOB,
    deleted_stamp INTEGER, deleted_at INTEGER,
    reply_stamp INTEGER, reply_total INTEGER, last_reply_at INTEGER
);
CREATE INDEX IF NOT EXISTS messages_of_channel ON messages (channel_id, created_at, seq) WHERE in_channel = 1;
CREATE INDEX IF NOT EXISTS messages_of_thread ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS message_versions (
    message_id INTEGER NOT NULL, event_id INTEGER NOT NULL, created_at INTEGER NOT NULL, editor_id INTEGER NOT NULL,
    sealed BLOB NOT NULL, PRIMARY KEY (message_id, event_id)
);
CREATE TABLE IF NOT EXISTS reactions (
    message_id INTEGER NOT NULL, emoji TEXT NOT NULL, user_id INTEGER NOT NULL, stamp INTEGER NOT NULL,
    seq INTEGER NOT NULL, present INTEGER NOT NULL, PRIMARY KEY (message_id, emoji, user_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replies_deleted (
    parent_id INTEGER NOT NULL, reply_id INTEGER NOT NULL, PRIMARY KEY (parent_id, reply_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channel_notices (
    channel_id INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (channel_id, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channel_pins (
    channel_id INTEGER NOT NULL, message_id INTEGER NOT NULL, stamp INTEGER NOT NULL, target BLOB NOT NULL,
    pinned INTEGER NOT NULL, changed_at INTEGER NOT NULL, changed_by INTEGER NOT NULL,
    PRIMARY KEY (channel_id, message_id)
) WITHOUT ROWID;
"""
_TABLES = (
    "stream_events",
    "stream_heads",
    "idempotency",
    "messages",
    "message_versions",
    "reactions",
    "replies_deleted",
    "channel_notices",
    "channel_pins",
)

_EVENT = """
INSERT INTO stream_events (stream, seq, stamp, event) VALUES (?, ?, ?, ?)
ON CONFLICT (stream, seq) DO UPDATE SET stamp = excluded.stamp, event = excluded.event WHERE excluded.stamp >= stamp
"""
_ORIGINAL = """
INSERT INTO idempotency (stream, dedupe, log_partition, log_offset, event_id, seq, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream, dedupe, log_offset) DO NOTHING
"""
_POST = """
INSERT INTO messages (message_id, stamp, channel_id, in_channel, bucket, created_at, seq, n, sender_id, kind,
    client_msg_id, thread_id, thread_n, parent_bucket, parent_created_at, parent_seq,
    content_stamp, content_id, content_at, editor_id, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (message_id) DO UPDATE SET
    stamp = excluded.stamp, channel_id = excluded.channel_id, in_channel = excluded.in_channel,
    bucket = excluded.bucket, created_at = excluded.created_at, seq = excluded.seq, n = excluded.n,
    sender_id = excluded.sender_id,
    kind = excluded.kind, client_msg_id = excluded.client_msg_id, thread_id = excluded.thread_id,
    thread_n = excluded.thread_n, parent_bucket = excluded.parent_bucket,
    parent_created_at = excluded.parent_created_at, parent_seq = excluded.parent_seq,
    content_stamp = iif(deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1),
        excluded.content_stamp, content_stamp),
    content_id = iif(deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1),
        excluded.content_id, content_id),
    content_at = iif(deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1),
        excluded.content_at, content_at),
    editor_id = iif(deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1),
        excluded.editor_id, editor_id),
    content = iif(deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1),
        excluded.content, content)
WHERE excluded.stamp >= ifnull(stamp, -1)
"""
_CONTENT = """
INSERT INTO messages (message_id, content_stamp, content_id, content_at, editor_id, content) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (message_id) DO UPDATE SET
    content_stamp = excluded.content_stamp, content_id = excluded.content_id, content_at = excluded.content_at,
    editor_id = excluded.editor_id, content = excluded.content
WHERE deleted_at IS NULL AND excluded.content_stamp >= ifnull(content_stamp, -1)
"""
_VERSION = """
INSERT INTO message_versions (message_id, event_id, created_at, editor_id, sealed)
SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM messages WHERE message_id = ? AND deleted_at IS NOT NULL)
ON CONFLICT (message_id, event_id) DO NOTHING
"""
_DELETE = """
INSERT INTO messages (message_id, deleted_stamp, deleted_at) VALUES (?, ?, ?)
ON CONFLICT (message_id) DO UPDATE SET
    deleted_stamp = excluded.deleted_stamp, deleted_at = excluded.deleted_at,
    content_stamp = NULL, content_id = NULL, content_at = NULL, editor_id = NULL, content = NULL
WHERE excluded.deleted_stamp >= ifnull(deleted_stamp, -1)
"""
_REPLY = """
INSERT INTO messages (message_id, reply_stamp, reply_total, last_reply_at) VALUES (?, ?, ?, ?)
ON CONFLICT (message_id) DO UPDATE SET
    reply_stamp = excluded.reply_stamp, reply_total = excluded.reply_total, last_reply_at = excluded.last_reply_at
WHERE excluded.reply_stamp >= ifnull(reply_stamp, -1)
"""
_REACTION = """
INSERT INTO reactions (message_id, emoji, user_id, stamp, seq, present) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (message_id, emoji, user_id) DO UPDATE SET
    stamp = excluded.stamp, seq = excluded.seq, present = excluded.present WHERE excluded.stamp >= stamp
"""
_REPLY_DELETED = "INSERT INTO replies_deleted (parent_id, reply_id) VALUES (?, ?) ON CONFLICT DO NOTHING"
_NOTICE = "INSERT INTO channel_notices (channel_id, seq) VALUES (?, ?) ON CONFLICT DO NOTHING"
_PIN = """
INSERT INTO channel_pins (channel_id, message_id, stamp, target, pinned, changed_at, changed_by)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (channel_id, message_id) DO UPDATE SET
    stamp = excluded.stamp, target = excluded.target, pinned = excluded.pinned,
    changed_at = excluded.changed_at, changed_by = excluded.changed_by
WHERE excluded.stamp >= stamp
"""
_HEAD = """
INSERT INTO stream_heads (stream, stamp, seq, count, created_at, log_partition, log_offset, bucket, bucket_rows)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream) DO UPDATE SET
    stamp = excluded.stamp, seq = excluded.seq, count = excluded.count, created_at = excluded.created_at,
    log_partition = excluded.log_partition, log_offset = excluded.log_offset, bucket = excluded.bucket,
    bucket_rows = excluded.bucket_rows
WHERE excluded.stamp >= stamp
"""
_PRUNE = f"""
DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE created_at < ? LIMIT {_PRUNE_ROWS})
"""
_MESSAGE = """
SELECT message_id, channel_id, sender_id, kind, seq, n, created_at, bucket, client_msg_id, thread_id, thread_n,
    in_channel, content_id, content_at, editor_id, content, deleted_at, reply_total, last_reply_at FROM messages
"""
_ONE = _MESSAGE + "WHERE message_id = ? AND stamp IS NOT NULL"
_NEWEST = _MESSAGE + "WHERE channel_id = ? AND in_channel = 1 ORDER BY created_at DESC, seq DESC LIMIT ?"
_BEFORE = (
    _MESSAGE + "WHERE channel_id = ? AND in_channel = 1 AND (created_at, seq) < (?, ?)"
    " ORDER BY created_at DESC, seq DESC LIMIT ?"
)
_AFTER = (
    _MESSAGE + "WHERE channel_id = ? AND in_channel = 1 AND (created_at, seq) > (?, ?) ORDER BY created_at, seq LIMIT ?"
)
_REPLIES = _MESSAGE + "WHERE thread_id = ? AND seq > ? ORDER BY seq LIMIT ?"


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


class SqliteStore:
    """One writer thread, READERS reader threads, each with its own connection; usable from any event loop."""

    def __init__(self, url: str) -> None:
        self._path = Path(urlsplit(url).path.removeprefix("/"))
        self._deadline_s = settings.STORE_DEADLINE_S
        self._epoch = settings.LOG_EPOCH
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._readers = ThreadPoolExecutor(READERS, "store-read")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pruned_at = 0

    async def setup(self) -> None:
        await self._write(lambda connection: connection.executescript(_SCHEMA))

    async def drop(self) -> None:
        def drop(connection: sqlite3.Connection) -> None:
            connection.executescript("".join(f"DROP TABLE IF EXISTS {table};" for table in _TABLES))
            self._pruned_at = 0

        await self._write(drop)

    async def close(self) -> None:
        for pool in (self._writer, self._readers):
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    # -- written by the sequencer only

    async def apply(self, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        await self._write(lambda connection: self._apply(connection, events, heads))

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        def read(connection: sqlite3.Connection) -> dict[str, Head]:
            rows = connection.execute(
                "SELECT stream, seq, count, created_at, log_partition, log_offset, bucket, bucket_rows"
                f" FROM stream_heads WHERE stream IN ({_marks(streams)})",
                tuple(streams),
            )
            return {
                stream: Head(seq, count, created_at, Position(partition, offset), bucket, rows_in)
                for stream, seq, count, created_at, partition, offset, bucket, rows_in in rows
            }

        return await self._read(read)

    async def originals(self, keys: Sequence[tuple[str, str, int]]) -> Mapping[tuple[str, str, int], Original]:
        def read(connection: sqlite3.Connection) -> dict[tuple[str, str, int], Original]:
            found = {}
            for key in keys:
                row = connection.execute(
                    "SELECT event_id, seq, created_at, log_partition, log_offset FROM idempotency"
                    " WHERE stream = ? AND dedupe = ? AND log_offset < ? ORDER BY log_offset DESC LIMIT 1",
                    key,
                ).fetchone()
                if row:
                    event_id, seq, created_at, partition, offset = row
                    found[key] = Original(event_id, seq, created_at, Position(partition, offset), created_at)
            return found

        return await self._read(read)

    async def thread_totals(
        self, parents: Sequence[tuple[int, tuple[int, str, int, int]]], *, until: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        def read(connection: sqlite3.Connection) -> dict[int, int]:
            totals = {}
            for channel_id, (message_id, *_) in parents:
                row = connection.execute(
                    "SELECT thread_n FROM messages WHERE thread_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
                    (message_id, (until or {}).get(channel_id, 1 << 62)),
                ).fetchone()
                totals[message_id] = row[0] if row else 0
            return totals

        return await self._read(read)

    # -- read by everyone

    async def events(self, stream: str, *, after: int, limit: int) -> Sequence[Sequenced]:
        def read(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(
                "SELECT seq, event FROM stream_events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
                (stream, after, limit),
            ).fetchall()

        rows = await self._read(read)
        return [_decode_event(event) for place, (seq, event) in enumerate(rows, after + 1) if seq == place]

    async def locate(self, message_id: int) -> Location | None:
        def read(connection: sqlite3.Connection) -> Row | None:
            row: Row | None = connection.execute(
                "SELECT channel_id, sender_id, bucket, created_at, seq, thread_id, parent_bucket, parent_created_at,"
                " parent_seq, in_channel FROM messages WHERE message_id = ? AND stamp IS NOT NULL",
                (message_id,),
            ).fetchone()
            return row

        row = await self._read(read)
        if row is None:
            return None
        channel_id, sender_id, bucket, created_at, seq, thread_id, *parent, in_channel = row
        return Location(
            channel_id=channel_id,
            message_id=message_id,
            sender_id=sender_id,
            bucket=bucket,
            created_at=created_at,
            seq=seq,
            parent=None if thread_id is None else (thread_id, parent[0], parent[1], parent[2]),
            also_in_channel=thread_id is not None and bool(in_channel),
        )

    async def message(self, location: Location) -> StoredMessage | None:
        found = await self._read(lambda connection: _messages(connection, _ONE, (location.message_id,)))
        return found[0] if found else None

    async def versions(self, location: Location) -> Sequence[Version]:
        def read(connection: sqlite3.Connection) -> list[Version]:
            row = connection.execute(
                "SELECT e.event FROM messages m JOIN stream_events e ON e.stream = ? AND e.seq = m.seq"
                " WHERE m.message_id = ? AND m.deleted_at IS NULL",
                (f"c:{location.channel_id}", location.message_id),
            ).fetchone()
            if row is None:
                return []
            post = _decode_event(row[0])
            edits = connection.execute(
                "SELECT event_id, created_at, editor_id, sealed FROM message_versions WHERE message_id = ?"
                " ORDER BY event_id DESC LIMIT ?",
                (location.message_id, VERSIONS_MAX),
            ).fetchall()
            original = Version(location.message_id, post.created_at, location.sender_id, post.envelope.sealed or b"")
            return [original, *(Version(*edit) for edit in reversed(edits))]

        return await self._read(read)

    async def history(
        self,
        channel_id: int,
        *,
        before: tuple[int, int] | None,
        after: tuple[int, int] | None,
        limit: int,
        newest_bucket: str | None = None,  # noqa: ARG002 - one index serves the whole channel here
    ) -> Sequence[StoredMessage]:
        if before is not None:
            return await self._read(lambda connection: _messages(connection, _BEFORE, (channel_id, *before, limit)))
        if after is not None:
            found = await self._read(lambda connection: _messages(connection, _AFTER, (channel_id, *after, limit)))
            return found[::-1]
        return await self._read(lambda connection: _messages(connection, _NEWEST, (channel_id, limit)))

    async def replies(self, thread_id: int, *, after: tuple[int, int] | None, limit: int) -> Sequence[StoredMessage]:
        seq = 0 if after is None else after[1]
        return await self._read(lambda connection: _messages(connection, _REPLIES, (thread_id, seq, limit)))

    async def notices(self, channel_id: int, *, after: int, before: int, limit: int) -> Sequence[Sequenced]:
        def read(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(
                "SELECT e.event FROM channel_notices n JOIN stream_events e ON e.stream = ? AND e.seq = n.seq"
                " WHERE n.channel_id = ? AND n.seq > ? AND n.seq < ? ORDER BY n.seq DESC LIMIT ?",
                (f"c:{channel_id}", channel_id, after, before, limit),
            ).fetchall()

        return [_decode_event(event) for (event,) in reversed(await self._read(read))]

    async def pins(self, channel_id: int) -> Sequence[Pin]:
        def read(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(
                "SELECT target, changed_at, changed_by FROM channel_pins WHERE channel_id = ? AND pinned = 1"
                " ORDER BY changed_at DESC, message_id DESC",
                (channel_id,),
            ).fetchall()

        return [Pin(_decode_target(target), at, by) for target, at, by in await self._read(read)]

    # -- threads and connections

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            connection = self._connection(writes=True)
            with connection:
                return work(connection)

        return await self._within_deadline(self._writer, run)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            connection = self._connection(writes=False)
            connection.execute("BEGIN")  # what one call reads is of one moment
            try:
                return work(connection)
            finally:
                connection.rollback()

        return await self._within_deadline(self._readers, run)

    async def _within_deadline(self, pool: ThreadPoolExecutor, run: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await asyncio.get_running_loop().run_in_executor(pool, run)
        except TimeoutError as error:
            raise StoreUnavailableError(f"no answer within {self._deadline_s} s") from error
        except (sqlite3.OperationalError, sqlite3.ProgrammingError, RuntimeError) as error:
            # locked, full, no such table, or closed: nothing the caller's data did
            raise StoreUnavailableError(str(error)) from error

    def _connection(self, *, writes: bool) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=self._deadline_s, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = {-32_000 if writes else -8_000}")
            connection.execute("PRAGMA mmap_size = 268435456")
            with self._lock:
                self._connections.append(connection)
            self._local.connection = connection
        return connection

    # -- the projection

    def _apply(self, connection: sqlite3.Connection, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        rows = _Rows()
        for event in events:
            rows.add(event, write_stamp(event.position, epoch=self._epoch))
        for statement, values in rows.statements():
            connection.executemany(statement, values)
        connection.executemany(
            _HEAD,
            [
                (
                    stream,
                    write_stamp(head.position, epoch=self._epoch),
                    head.seq,
                    head.count,
                    head.created_at,
                    head.position.partition,
                    head.position.offset,
                    head.bucket,
                    head.bucket_rows,
                )
                for stream, head in heads.items()
            ],
        )
        newest = max((event.created_at for event in events), default=0)
        if newest - self._pruned_at > _PRUNE_EVERY_MS:
            # by the log's time, not the clock's: a replay of an old log must find the keys it found at first
            pruned = connection.execute(_PRUNE, (newest - IDEMPOTENCY_MS,)).rowcount
            if pruned < _PRUNE_ROWS:
                self._pruned_at = newest


class _Rows:
    """The rows of one batch, by statement. Statements commute, so their order does not matter."""

    def __init__(self) -> None:
        self.events: list[Row] = []
        self.originals: list[Row] = []
        self.posts: list[Row] = []
        self.replies: list[Row] = []
        self.contents: list[Row] = []
        self.versions: list[Row] = []
        self.deletes: list[Row] = []
        self.versions_gone: list[Row] = []
        self.replies_deleted: list[Row] = []
        self.reactions: list[Row] = []
        self.notices: list[Row] = []
        self.pins: list[Row] = []

    def add(self, event: Sequenced, stamp: int) -> None:
        envelope = event.envelope
        self.events.append((event.stream, event.seq, stamp, encode(event)))
        if envelope.dedupe is not None:
            position = event.position
            self.originals.append(
                (
                    event.stream,
                    envelope.dedupe,
                    position.partition,
                    position.offset,
                    envelope.event_id,
                    event.seq,
                    event.created_at,
                )
            )
        if (channel_id := noticed_in(event)) is not None:
            self.notices.append((channel_id, event.seq))
        change = body(event)
        match change:
            case kinds.MessagePosted():
                self._post(event, change, stamp)
            case kinds.MessageEdited(target=target):
                message_id, event_id = int(target.message_id), envelope.event_id
                self.contents.append(
                    (message_id, stamp, event_id, event.created_at, envelope.actor_id, envelope.sealed)
                )
                self.versions.append(
                    (message_id, event_id, event.created_at, envelope.actor_id, envelope.sealed, message_id)
                )
            case kinds.MessageDeleted(target=target):
                message_id = int(target.message_id)
                self.deletes.append((message_id, stamp, event.created_at))
                self.versions_gone.append((message_id,))
                if target.parent is not None:
                    self.replies_deleted.append((target.parent[0], message_id))
            case kinds.ReactionAdded(target=target, emoji=emoji, user_id=user_id):
                self.reactions.append((int(target.message_id), emoji, int(user_id), stamp, event.seq, 1))
            case kinds.ReactionRemoved(target=target, emoji=emoji, user_id=user_id):
                self.reactions.append((int(target.message_id), emoji, int(user_id), stamp, event.seq, 0))
            case kinds.MessagePinned(target=target) | kinds.MessageUnpinned(target=target):
                self.pins.append(
                    (
                        int(target.channel_id),
                        int(target.message_id),
                        stamp,
                        encode(target),
                        int(isinstance(change, kinds.MessagePinned)),
                        event.created_at,
                        envelope.actor_id or 0,
                    )
                )

    def _post(self, event: Sequenced, post: kinds.MessagePosted, stamp: int) -> None:
        envelope = event.envelope
        parent = envelope.thread
        in_channel = parent is None or post.also_in_channel
        self.posts.append(
            (
                envelope.event_id,
                stamp,
                int(post.channel_id),
                int(in_channel),
                event.bucket,
                event.created_at,
                event.seq,
                event.count if envelope.counts else 0,
                int(post.sender_id),
                post.kind,
                post.client_msg_id,
                *((None, 0, None, None, None) if parent is None else (parent[0], event.thread_n, *parent[1:])),
                stamp,
                envelope.event_id,
                event.created_at,
                int(post.sender_id),
                envelope.sealed,
            )
        )
        if parent is not None:
            self.replies.append((parent[0], stamp, event.thread_n, event.created_at))

    def statements(self) -> Iterable[tuple[str, list[Row]]]:
        return (
            (_EVENT, self.events),
            (_ORIGINAL, self.originals),
            (_POST, self.posts),
            (_REPLY, self.replies),
            (_CONTENT, self.contents),
            (_VERSION, self.versions),
            (_DELETE, self.deletes),
            ("DELETE FROM message_versions WHERE message_id = ?", self.versions_gone),
            (_REPLY_DELETED, self.replies_deleted),
            (_REACTION, self.reactions),
            (_NOTICE, self.notices),
            (_PIN, self.pins),
        )


def _messages(connection: sqlite3.Connection, query: str, parameters: tuple[int, ...]) -> list[StoredMessage]:
    rows = connection.execute(query, parameters).fetchall()
    ids = [row[0] for row in rows]
    reactions: dict[int, list[tuple[str, int]]] = {}
    for message_id, emoji, user_id in connection.execute(
        "SELECT message_id, emoji, user_id FROM reactions"
        f" WHERE message_id IN ({_marks(ids)}) AND present = 1 ORDER BY seq",
        ids,
    ):
        reactions.setdefault(message_id, []).append((emoji, user_id))
    parents = [row[0] for row in rows if row[17]]
    gone = dict(
        connection.execute(
            "SELECT parent_id, count(*) FROM replies_deleted"
            f" WHERE parent_id IN ({_marks(parents)}) GROUP BY parent_id",
            parents,
        )
        if parents
        else ()
    )
    return [_message(row, reactions.get(row[0], []), gone.get(row[0], 0)) for row in rows]


def _message(row: Row, reactions: Sequence[tuple[str, int]], replies_gone: int) -> StoredMessage:
    (
        message_id,
        channel_id,
        sender_id,
        kind,
        seq,
        n,
        created_at,
        bucket,
        client_msg_id,
        thread_id,
        thread_n,
        in_channel,
        content_id,
        content_at,
        editor_id,
        content,
        deleted_at,
        reply_total,
        last_reply_at,
    ) = row
    reply_count = max(0, (reply_total or 0) - replies_gone)
    return StoredMessage(
        channel_id=channel_id,
        message_id=message_id,
        sender_id=sender_id,
        kind=kind,
        seq=seq,
        n=n,
        created_at=created_at,
        bucket=bucket,
        client_msg_id=client_msg_id,
        thread_id=thread_id,
        thread_n=thread_n,
        also_in_channel=thread_id is not None and bool(in_channel),
        content=None if content is None else Version(content_id, content_at, editor_id, content),
        deleted_at=deleted_at,
        reactions=reactions,
        reply_count=reply_count,
        last_reply_at=last_reply_at if reply_count else 0,
    )
