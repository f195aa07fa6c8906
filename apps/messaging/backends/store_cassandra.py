"""The store in Cassandra: the cluster profile.

The schema comes from cassandra_models.py through django-cassandra-engine; every read and write on the message path goes
through acsylla (the C++ driver: 16 µs of client CPU a write, against 165) as prepared statements.

Writes carry `USING TIMESTAMP write_stamp(position)`, so they commute: whatever the order, the newest position wins,
cell by cell. Two kinds of write look the other way:
- A deletion erases the content for good: its tombstones carry FOREVER and shadow an edit that comes later in the log.
- The first message of a bucket is the earliest one, so `channel_buckets` is written with FOREVER - stamp.
Collections are only ever changed element by element: to write a whole one would first delete it.
"""

import asyncio
import bisect
import logging
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import acsylla
import msgspec
from acsylla.errors import CassException
from django.conf import settings

from apps.core import ids
from apps.eventlog.events import Position, Sequenced, encode
from apps.messaging import cassandra_schema
from apps.messaging import events as kinds
from apps.messaging.ports import (
    EVENTS_PER_BLOCK,
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
from apps.messaging.projection import body, noticed_in

_log = logging.getLogger(__name__)
T = TypeVar("T")
K = TypeVar("K")
Key = tuple[Any, ...]
Values = list[Any]

FOREVER = 1 << 62
_BATCH_ROWS = 50
_BATCH_BYTES = 40_000  # Cassandra refuses a batch of 50 KiB
_BATCH_PARTITIONS = 10  # above, Cassandra warns of each
_IN_FLIGHT = 128
_RECONNECT_MS = 200
_INDEX_CHANNELS = 20_000
_SEEN_BUCKETS = 50_000
_SEEN_S = 60.0
_PINS_READ = 5_000
_SLICE_SHIFT = ids.WORKER_BITS + ids.SEQUENCE_BITS + 10

_decode_event = msgspec.msgpack.Decoder(Sequenced).decode
_decode_target = msgspec.msgpack.Decoder(kinds.Target).decode

_ROW = (
    "channel_id, bucket, created_at, seq, message_id, n, sender_id, kind, client_msg_id, thread_id, thread_n,"
    " also_in_channel, content, content_id, content_at, editor_id, deleted_at, reactions, reply_total, last_reply_at,"
    " replies_deleted"
)
_POST_COLUMNS = (
    "channel_id, bucket, created_at, seq, message_id, n, sender_id, kind, client_msg_id, thread_id, thread_n,"
    " also_in_channel, content, content_id, content_at, editor_id"
)
_POST_VALUES = ", ".join("?" * 16)

_EVENT = "INSERT INTO stream_events (stream, block, seq, event) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_ORIGINAL = (
    "INSERT INTO idempotency (stream, dedupe, log_offset, log_partition, event_id, seq, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_HEAD = (
    "INSERT INTO stream_heads (stream, seq, count, created_at, log_partition, log_offset, bucket, bucket_rows)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_PLACE = (
    "INSERT INTO message_places (slice, message_id, channel_id, sender_id, bucket, created_at, seq, thread_id,"
    " parent_bucket, parent_created_at, parent_seq, also_in_channel) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " USING TIMESTAMP ?"
)
_BUCKET = (
    "INSERT INTO channel_buckets (channel_id, bucket, first_seq, first_created_at)"
    " VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
_VERSION = (
    "INSERT INTO message_versions (message_id, event_id, created_at, editor_id, sealed)"
    " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_NOTICE = "INSERT INTO channel_notices (channel_id, seq, event) VALUES (?, ?, ?) USING TIMESTAMP ?"
_PIN = (
    "INSERT INTO channel_pins (channel_id, message_id, target, pinned, changed_at, changed_by)"
    " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
)
_NOTICES = "SELECT event FROM channel_notices WHERE channel_id = ? AND seq > ? AND seq < ? LIMIT ?"
_PINS = "SELECT target, pinned, changed_at, changed_by FROM channel_pins WHERE channel_id = ? LIMIT ?"
_VERSIONS_GONE = f"DELETE FROM message_versions USING TIMESTAMP {FOREVER} WHERE message_id = ?"


class _Table(NamedTuple):
    """The statements that change a message where it is shown: in its channel or in its thread."""

    name: str
    post: str
    content: str
    erase: str
    delete: str
    react: str
    unreact: str
    reply: str
    reply_deleted: str


def _table(name: str, key: str) -> _Table:
    return _Table(
        name=name,
        post=f"INSERT INTO {name} ({_POST_COLUMNS}) VALUES ({_POST_VALUES}) USING TIMESTAMP ?",
        content=f"UPDATE {name} USING TIMESTAMP ? SET content = ?, content_id = ?, content_at = ?, editor_id = ?"
        f" WHERE {key}",
        erase=f"DELETE content, content_id, content_at, editor_id FROM {name} USING TIMESTAMP {FOREVER} WHERE {key}",
        delete=f"UPDATE {name} USING TIMESTAMP ? SET deleted_at = ? WHERE {key}",
        react=f"UPDATE {name} USING TIMESTAMP ? SET reactions[?] = ? WHERE {key}",
        unreact=f"DELETE reactions[?] FROM {name} USING TIMESTAMP ? WHERE {key}",
        reply=f"UPDATE {name} USING TIMESTAMP ? SET reply_total = ?, last_reply_at = ? WHERE {key}",
        reply_deleted=f"UPDATE {name} USING TIMESTAMP ? SET replies_deleted = replies_deleted + ? WHERE {key}",
    )


_CHANNEL = _table("messages", "channel_id = ? AND bucket = ? AND created_at = ? AND seq = ?")
_THREAD = _table("thread_replies", "thread_id = ? AND seq = ?")

_IN_BUCKET = f"SELECT {_ROW} FROM messages WHERE channel_id = ? AND bucket = ?"
_NEWEST = f"{_IN_BUCKET} LIMIT ?"
_BEFORE = f"{_IN_BUCKET} AND (created_at, seq) < (?, ?) LIMIT ?"
_AFTER = f"{_IN_BUCKET} AND (created_at, seq) > (?, ?) ORDER BY created_at ASC, seq ASC LIMIT ?"
_ONE = f"{_IN_BUCKET} AND created_at = ? AND seq = ?"
_REPLIES = f"SELECT {_ROW} FROM thread_replies WHERE thread_id = ? AND seq > ? LIMIT ?"
_ONE_REPLY = f"SELECT {_ROW} FROM thread_replies WHERE thread_id = ? AND seq = ?"
_BUCKETS = "SELECT bucket, first_created_at, first_seq FROM channel_buckets WHERE channel_id = ?"
_LOCATE = (
    "SELECT channel_id, sender_id, bucket, created_at, seq, thread_id, parent_bucket, parent_created_at, parent_seq,"
    " also_in_channel FROM message_places WHERE slice = ? AND message_id = ?"
)
_EVENTS = "SELECT seq, event FROM stream_events WHERE stream = ? AND block = ? AND seq > ? LIMIT ?"
_HEAD_OF = (
    "SELECT seq, count, created_at, log_partition, log_offset, bucket, bucket_rows FROM stream_heads WHERE stream = ?"
)
_ORIGINAL_OF = (
    "SELECT event_id, seq, created_at, log_partition, log_offset FROM idempotency"
    " WHERE stream = ? AND dedupe = ? AND log_offset < ? LIMIT 1"
)
_TOTAL_OF = "SELECT thread_n FROM thread_replies WHERE thread_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
_VERSIONS = "SELECT event_id, created_at, editor_id, sealed FROM message_versions WHERE message_id = ? LIMIT ?"
_DELETED_AT = "SELECT deleted_at FROM messages WHERE channel_id = ? AND bucket = ? AND created_at = ? AND seq = ?"
_REPLY_DELETED_AT = "SELECT deleted_at FROM thread_replies WHERE thread_id = ? AND seq = ?"


class _Bucket(NamedTuple):
    """Sorts by where it begins."""

    created_at: int
    seq: int
    name: str


class _Write(NamedTuple):
    statement: str
    values: Values
    size: int


class _Connection:
    """A session of one event loop and its prepared statements."""

    def __init__(self, session: Any, keyspace: str) -> None:
        self.session = session
        self._keyspace = keyspace
        self._prepared: dict[str, Any] = {}

    async def bound(self, statement: str, values: Values) -> Any:
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = await self.session.create_prepared(
                cassandra_schema.qualified(statement, self._keyspace)
            )
        return prepared.bind(values)

    async def rows(self, statement: str, values: Values) -> list[list[Any]]:
        result = await self.session.execute(await self.bound(statement, values))
        return [row.as_list() for row in result]


class CassandraStore:
    """`cassandra://HOST:PORT[,HOST:PORT…]/KEYSPACE`. Connects at the first call, and again by itself when lost."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        hosts = [host.rpartition(":") for host in parts.netloc.rpartition("@")[2].split(",")]
        self._hosts = [host or port for host, _, port in hosts]
        self._port = int(hosts[0][2]) if hosts[0][0] else 9042
        self._user, self._password = parts.username, parts.password
        self._keyspace = parts.path.strip("/")
        self.deadline_s: float = settings.STORE_DEADLINE_S
        self._epoch: int = settings.LOG_EPOCH
        self._connections: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Connection] = (
            weakref.WeakKeyDictionary()
        )
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = weakref.WeakKeyDictionary()
        self._indexes: dict[int, list[_Bucket]] = {}
        self._seen: dict[tuple[int, str], tuple[int, float]] = {}

    # -- life

    async def setup(self) -> None:
        def create() -> None:
            cassandra_schema.create(self._hosts, self._port, self._credentials(), self._keyspace)

        await self._schema(create)

    async def drop(self) -> None:
        def drop() -> None:
            cassandra_schema.drop(self._hosts, self._port, self._credentials(), self._keyspace)

        await self.close()
        await self._schema(drop)
        self._indexes.clear()
        self._seen.clear()

    async def close(self) -> None:
        connection = self._connections.pop(asyncio.get_running_loop(), None)
        if connection is not None:
            await connection.session.close()

    def _credentials(self) -> tuple[str, str] | None:
        return (self._user, self._password or "") if self._user else None

    async def _schema(self, change: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(change)
        except cassandra_schema.ERRORS as error:
            raise StoreUnavailableError(str(error)) from error

    async def _connection(self) -> _Connection:
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            async with self._locks.setdefault(loop, asyncio.Lock()):
                connection = self._connections.get(loop)
                if connection is None:
                    connection = self._connections[loop] = _Connection(await self._connect(), self._keyspace)
        return connection

    async def _connect(self) -> Any:
        consistency = acsylla.Consistency
        cluster = acsylla.create_cluster(
            self._hosts,
            port=self._port,
            username=self._user,
            password=self._password,
            connect_timeout=2.0,
            request_timeout=self.deadline_s,
            consistency=consistency.LOCAL_QUORUM,
            constant_reconnect_delay_ms=_RECONNECT_MS,
            heartbeat_interval_sec=2,
            idle_timeout_sec=6,
            coalesce_delay_us=50,
            tcp_nodelay=True,
            log_level="critical",  # what fails is raised to the caller, who knows whether it matters
            application_name="slackclone",
        )
        return await cluster.create_session()

    async def _within_deadline(self, work: Callable[[_Connection], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.deadline_s):
                return await work(await self._connection())
        except TimeoutError as error:
            raise StoreUnavailableError(f"no answer within {self.deadline_s} s") from error
        except CassException as error:
            raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error

    # -- written by the sequencer only

    async def apply(self, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        writes = _Writes()
        for event in events:
            stamp = write_stamp(event.position, epoch=self._epoch)
            writes.add(event, stamp)
            self._note_bucket(writes, event, stamp)
        last = _Writes()
        for stream, head in heads.items():
            position = head.position
            stamp = write_stamp(position, epoch=self._epoch)
            values = [head.seq, head.count, head.created_at, position.partition, position.offset]
            last.put(_HEAD, ("heads", stream), [stream, *values, head.bucket, head.bucket_rows, stamp])

        async def write(connection: _Connection) -> None:
            await _write_all(connection, writes)
            # a head promises that everything before it can be read
            await _write_all(connection, last)

        await self._within_deadline(write)
        self._seen.update(writes.buckets)
        while len(self._seen) > _SEEN_BUCKETS:
            del self._seen[next(iter(self._seen))]

    def _note_bucket(self, writes: "_Writes", event: Sequenced, stamp: int) -> None:
        """Enter the bucket of a message into the index, unless an earlier message of it was entered not long ago."""
        if writes.landed is None:
            return
        channel_id = writes.landed
        key = (channel_id, event.bucket)
        now = time.monotonic()
        seq, until = writes.buckets.get(key) or self._seen.get(key) or (1 << 62, 0.0)
        if event.seq < seq or now > until:
            writes.buckets[key] = (min(seq, event.seq), now + _SEEN_S)
            values = [channel_id, event.bucket, event.seq, event.created_at, FOREVER - stamp]
            writes.put(_BUCKET, ("buckets", channel_id), values)

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        async def head(connection: _Connection, stream: str) -> Head | None:
            for seq, count, created_at, partition, offset, bucket, rows in await connection.rows(_HEAD_OF, [stream]):
                return Head(seq, count, created_at, Position(partition, offset), bucket, rows)
            return None

        found = await self._each(streams, head)
        return {stream: head for stream, head in found.items() if head is not None}

    async def originals(self, keys: Sequence[tuple[str, str, int]]) -> Mapping[tuple[str, str, int], Original]:
        async def original(connection: _Connection, key: tuple[str, str, int]) -> Original | None:
            for event_id, seq, created_at, partition, offset in await connection.rows(_ORIGINAL_OF, list(key)):
                return Original(event_id, seq, created_at, Position(partition, offset), created_at)
            return None

        found = await self._each(keys, original)
        return {key: original for key, original in found.items() if original is not None}

    async def thread_totals(
        self, parents: Sequence[tuple[int, tuple[int, str, int, int]]], *, until: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        bounds = until or {}

        async def total(connection: _Connection, key: tuple[int, int]) -> int:
            channel_id, message_id = key
            rows = await connection.rows(_TOTAL_OF, [message_id, bounds.get(channel_id, FOREVER)])
            return int(rows[0][0] or 0) if rows else 0

        found = await self._each([(channel_id, parent[0]) for channel_id, parent in parents], total)
        return {message_id: total for (_, message_id), total in found.items()}

    async def _each(self, keys: Sequence[K], read: Callable[[_Connection, K], Awaitable[T]]) -> dict[K, T]:
        async def all_of_them(connection: _Connection) -> dict[K, T]:
            found: dict[K, T] = {}
            for start in range(0, len(keys), _IN_FLIGHT):
                chunk = keys[start : start + _IN_FLIGHT]
                answers = await asyncio.gather(*(read(connection, key) for key in chunk))
                found.update(zip(chunk, answers, strict=True))
            return found

        return await self._within_deadline(all_of_them) if keys else {}

    # -- read by everyone

    async def events(self, stream: str, *, after: int, limit: int) -> Sequence[Sequenced]:
        async def read(connection: _Connection) -> list[Sequenced]:
            found: list[Sequenced] = []
            while len(found) < limit:
                place = after + len(found)
                block = place // EVENTS_PER_BLOCK
                rows = await connection.rows(_EVENTS, [stream, block, place, limit - len(found)])
                for seq, event in rows:
                    if seq != place + 1:  # a reader that comes between two writes: what follows is not complete yet
                        return found
                    found.append(_decode_event(event))
                    place = seq
                if place < (block + 1) * EVENTS_PER_BLOCK:
                    break
            return found

        return await self._within_deadline(read)

    async def locate(self, message_id: int) -> Location | None:
        rows = await self._within_deadline(
            lambda connection: connection.rows(_LOCATE, [_slice(message_id), message_id])
        )
        if not rows:
            return None
        channel_id, sender_id, bucket, created_at, seq, thread_id, parent_bucket, parent_at, parent_seq, also = rows[0]
        return Location(
            channel_id=channel_id,
            message_id=message_id,
            sender_id=sender_id,
            bucket=bucket,
            created_at=created_at,
            seq=seq,
            parent=(thread_id, parent_bucket, parent_at, parent_seq) if thread_id else None,
            also_in_channel=also,
        )

    async def message(self, location: Location) -> StoredMessage | None:
        query = (_ONE, _key_in_channel(location)) if location.parent is None else (_ONE_REPLY, _key_in_thread(location))
        rows = await self._within_deadline(lambda connection: connection.rows(*query))
        found = _messages(rows)
        return found[0] if found else None

    async def versions(self, location: Location) -> Sequence[Version]:
        is_deleted = (
            (_DELETED_AT, _key_in_channel(location))
            if location.parent is None
            else (_REPLY_DELETED_AT, _key_in_thread(location))
        )

        async def read(connection: _Connection) -> tuple[list[list[Any]], list[list[Any]]]:
            return await asyncio.gather(
                connection.rows(*is_deleted),
                connection.rows(_VERSIONS, [location.message_id, VERSIONS_MAX]),
            )

        deleted, edits = await self._within_deadline(read)
        post = await self.events(f"c:{location.channel_id}", after=location.seq - 1, limit=1)
        if not post or not deleted or deleted[0][0] is not None:
            return []
        original = Version(location.message_id, location.created_at, location.sender_id, post[0].envelope.sealed or b"")
        return [original, *(Version(*edit) for edit in reversed(edits))]

    async def history(
        self,
        channel_id: int,
        *,
        before: tuple[int, int] | None,
        after: tuple[int, int] | None,
        limit: int,
        newest_bucket: str | None = None,
    ) -> Sequence[StoredMessage]:
        async def read(connection: _Connection) -> list[StoredMessage]:
            index = await self._index(connection, channel_id, before=before, newest_bucket=newest_bucket)
            if after is not None:
                return (await _walk_up(connection, channel_id, index, after, limit))[::-1]
            return await _walk_down(connection, channel_id, index, before, limit)

        return await self._within_deadline(read)

    async def _index(
        self, connection: _Connection, channel_id: int, *, before: tuple[int, int] | None, newest_bucket: str | None
    ) -> list[_Bucket]:
        """The channel's buckets, oldest first.

        Only the newest bucket can get a successor, so what is kept of the index serves a page that lies before the
        beginning of its last bucket, and any page while that is still the bucket in which the channel's head stands.
        """
        index = self._indexes.get(channel_id)
        if index and (
            (before is not None and before <= (index[-1].created_at, index[-1].seq)) or newest_bucket == index[-1].name
        ):
            return index
        rows = await connection.rows(_BUCKETS, [channel_id])
        index = sorted(_Bucket(created_at, seq, bucket) for bucket, created_at, seq in rows)
        self._indexes.pop(channel_id, None)
        self._indexes[channel_id] = index
        while len(self._indexes) > _INDEX_CHANNELS:
            del self._indexes[next(iter(self._indexes))]
        return index

    async def replies(self, thread_id: int, *, after: tuple[int, int] | None, limit: int) -> Sequence[StoredMessage]:
        async def read(connection: _Connection) -> list[StoredMessage]:
            found: list[StoredMessage] = []
            seq = 0 if after is None else after[1]
            while len(found) < limit:
                rows = await connection.rows(_REPLIES, [thread_id, seq, limit - len(found)])
                found += _messages(rows)
                if not rows or len(found) >= limit:
                    break
                seq = rows[-1][3]
            return found

        return await self._within_deadline(read)

    async def notices(self, channel_id: int, *, after: int, before: int, limit: int) -> Sequence[Sequenced]:
        rows = await self._within_deadline(
            lambda connection: connection.rows(_NOTICES, [channel_id, after, before, limit])
        )
        return [_decode_event(event) for (event,) in reversed(rows)]

    async def pins(self, channel_id: int) -> Sequence[Pin]:
        rows = await self._within_deadline(lambda connection: connection.rows(_PINS, [channel_id, _PINS_READ]))
        found = [Pin(_decode_target(target), at, by) for target, pinned, at, by in rows if pinned]
        return sorted(found, key=lambda pin: (pin.at, int(pin.target.message_id)), reverse=True)


async def _walk_down(
    connection: _Connection, channel_id: int, index: list[_Bucket], before: tuple[int, int] | None, limit: int
) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    place = len(index) if before is None else bisect.bisect_left(index, (*before, ""))
    bound = before
    for bucket in reversed(index[:place]):
        while len(found) < limit:
            wanted = limit - len(found)
            query = (
                (_NEWEST, [channel_id, bucket.name, wanted])
                if bound is None
                else (_BEFORE, [channel_id, bucket.name, *bound, wanted])
            )
            rows = await connection.rows(*query)
            found += _messages(rows)
            if len(rows) < wanted:
                break
            bound = (rows[-1][2], rows[-1][3])
        if len(found) >= limit:
            break
    return found


async def _walk_up(
    connection: _Connection, channel_id: int, index: list[_Bucket], after: tuple[int, int], limit: int
) -> list[StoredMessage]:
    found: list[StoredMessage] = []
    place = max(0, bisect.bisect_right(index, (*after, "\U0010ffff")) - 1)
    bound = after
    for bucket in index[place:]:
        while len(found) < limit:
            wanted = limit - len(found)
            rows = await connection.rows(_AFTER, [channel_id, bucket.name, *bound, wanted])
            found += _messages(rows)
            if len(rows) < wanted:
                break
            bound = (rows[-1][2], rows[-1][3])
        if len(found) >= limit:
            break
    return found


# -- rows


def _key_in_channel(at: Location) -> Values:
    return [at.channel_id, at.bucket, at.created_at, at.seq]


def _key_in_thread(at: Location) -> Values:
    return [at.parent[0] if at.parent else 0, at.seq]


def _messages(rows: Sequence[list[Any]]) -> list[StoredMessage]:
    """Without rows that an event made whose message is not written yet."""
    return [_message(row) for row in rows if row[4] is not None]


def _message(row: list[Any]) -> StoredMessage:
    (
        channel_id,
        bucket,
        created_at,
        seq,
        message_id,
        n,
        sender_id,
        kind,
        client_msg_id,
        thread_id,
        thread_n,
        also_in_channel,
        content,
        content_id,
        content_at,
        editor_id,
        deleted_at,
        reactions,
        reply_total,
        last_reply_at,
        replies_deleted,
    ) = row
    reply_count = max(0, (reply_total or 0) - len(replies_deleted or ()))
    return StoredMessage(
        channel_id=channel_id,
        message_id=message_id,
        sender_id=sender_id,
        kind=kind,
        seq=seq,
        n=n,
        created_at=created_at,
        bucket=bucket,
        client_msg_id=client_msg_id or None,
        thread_id=thread_id or None,
        thread_n=thread_n,
        also_in_channel=also_in_channel,
        content=None if content is None else Version(content_id, content_at, editor_id, content),
        deleted_at=deleted_at,
        reactions=_reactions(reactions) if reactions else [],
        reply_count=reply_count,
        last_reply_at=last_reply_at if reply_count else 0,
    )


def _reactions(cells: Mapping[str, int]) -> list[tuple[str, int]]:
    found = []
    for key, _ in sorted(cells.items(), key=lambda item: item[1]):
        user_id, _, emoji = key.partition(":")
        found.append((emoji, int(user_id)))
    return found


class _Writes:
    """What one batch writes, by the partition it goes to."""

    def __init__(self) -> None:
        self.partitions: dict[Key, list[_Write]] = {}
        self.buckets: dict[tuple[int, str], tuple[int, float]] = {}
        self.landed: int | None = None  # the channel in whose history the last added event put a message

    def put(self, statement: str, partition: Key, values: Values, size: int = 100) -> None:
        self.partitions.setdefault(partition, []).append(_Write(statement, values, size))

    def add(self, event: Sequenced, stamp: int) -> None:
        envelope = event.envelope
        encoded = encode(event)
        block = (event.seq - 1) // EVENTS_PER_BLOCK
        self.put(
            _EVENT,
            ("events", event.stream, block),
            [event.stream, block, event.seq, encoded, stamp],
            len(encoded) + 100,
        )
        if envelope.dedupe is not None:
            at = event.position
            values = [at.offset, at.partition, envelope.event_id, event.seq, event.created_at, stamp]
            self.put(
                _ORIGINAL, ("dedupe", event.stream, envelope.dedupe), [event.stream, envelope.dedupe, *values], 200
            )
        self.landed = None
        if (channel_id := noticed_in(event)) is not None:
            self.put(_NOTICE, ("notices", channel_id), [channel_id, event.seq, encoded, stamp], len(encoded) + 100)
        self._change(event, stamp)

    def _change(self, event: Sequenced, stamp: int) -> None:
        match body(event):
            case kinds.MessagePosted() as post:
                self._post(event, post, stamp)
            case kinds.MessageEdited(target=target):
                self._edit(event, target, stamp)
            case kinds.MessageDeleted(target=target):
                self._delete(event, target, stamp)
            case kinds.ReactionAdded(target=target, emoji=emoji, user_id=user_id):
                for table, partition, key in _places(target):
                    self.put(table.react, partition, [stamp, f"{user_id}:{emoji}", event.seq, *key], 200)
            case kinds.ReactionRemoved(target=target, emoji=emoji, user_id=user_id):
                for table, partition, key in _places(target):
                    self.put(table.unreact, partition, [f"{user_id}:{emoji}", stamp, *key], 200)
            case kinds.MessagePinned(target=target):
                self._pin(event, target, stamp, pinned=True)
            case kinds.MessageUnpinned(target=target):
                self._pin(event, target, stamp, pinned=False)

    def _pin(self, event: Sequenced, target: kinds.Target, stamp: int, *, pinned: bool) -> None:
        channel_id = int(target.channel_id)
        values = [encode(target), pinned, event.created_at, event.envelope.actor_id or 0, stamp]
        self.put(_PIN, ("pins", channel_id), [channel_id, int(target.message_id), *values], 300)

    def _edit(self, event: Sequenced, target: kinds.Target, stamp: int) -> None:
        envelope = event.envelope
        content: Values = [envelope.sealed, envelope.event_id, event.created_at, envelope.actor_id]
        size = len(envelope.sealed or b"") + 100
        for table, partition, key in _places(target):
            self.put(table.content, partition, [stamp, *content, *key], size)
        message_id = int(target.message_id)
        values: Values = [envelope.event_id, event.created_at, envelope.actor_id, envelope.sealed, stamp]
        self.put(_VERSION, ("versions", message_id), [message_id, *values], size)

    def _delete(self, event: Sequenced, target: kinds.Target, stamp: int) -> None:
        for table, partition, key in _places(target):
            self.put(table.erase, partition, key)
            self.put(table.delete, partition, [stamp, event.created_at, *key])
        message_id = int(target.message_id)
        self.put(_VERSIONS_GONE, ("versions", message_id), [message_id])
        if target.parent is not None:
            partition, key = _parent(int(target.channel_id), target.parent)
            self.put(_CHANNEL.reply_deleted, partition, [stamp, {message_id}, *key])

    def _post(self, event: Sequenced, post: kinds.MessagePosted, stamp: int) -> None:
        envelope = event.envelope
        channel_id, sender_id = int(post.channel_id), int(post.sender_id)
        parent = envelope.thread
        also = parent is not None and post.also_in_channel
        thread_id = 0 if parent is None else parent[0]
        values = [
            channel_id,
            event.bucket,
            event.created_at,
            event.seq,
            envelope.event_id,
            event.count if envelope.counts else 0,
            sender_id,
            post.kind,
            post.client_msg_id or "",
            thread_id,
            event.thread_n,
            also,
            envelope.sealed,
            envelope.event_id,
            event.created_at,
            sender_id,
            stamp,
        ]
        size = len(envelope.sealed or b"") + 300
        if parent is None or also:
            self.landed = channel_id
            self.put(_CHANNEL.post, ("messages", channel_id, event.bucket), values, size)
        if parent is not None:
            self.put(_THREAD.post, ("replies", thread_id), values, size)
            partition, key = _parent(channel_id, parent)
            self.put(_CHANNEL.reply, partition, [stamp, event.thread_n, event.created_at, *key])
        where = [0, "", 0, 0] if parent is None else list(parent)
        found = [envelope.event_id, channel_id, sender_id, event.bucket, event.created_at, event.seq, *where, also]
        part = _slice(envelope.event_id)
        self.put(_PLACE, ("places", part), [part, *found, stamp])


def _slice(message_id: int) -> int:
    """What one process minted within about a second: so a round writes one partition, and the id tells which."""
    return message_id >> _SLICE_SHIFT << ids.WORKER_BITS | message_id >> ids.SEQUENCE_BITS & ids.MAX_WORKER


def _places(target: kinds.Target) -> list[tuple[_Table, Key, Values]]:
    """Where a message is shown: (statements, partition, key)."""
    channel_id = int(target.channel_id)
    found: list[tuple[_Table, Key, Values]] = []
    if target.parent is None or target.also_in_channel:
        key = [channel_id, target.bucket, target.created_at, target.seq]
        found.append((_CHANNEL, ("messages", channel_id, target.bucket), key))
    if target.parent is not None:
        found.append((_THREAD, ("replies", target.parent[0]), [target.parent[0], target.seq]))
    return found


def _parent(channel_id: int, parent: tuple[int, str, int, int]) -> tuple[Key, Values]:
    _, bucket, created_at, seq = parent
    return ("messages", channel_id, bucket), [channel_id, bucket, created_at, seq]


async def _write_all(connection: _Connection, writes: _Writes) -> None:
    """One unlogged batch per partition and _BATCH_BYTES: atomic within its partition, one round trip.

    Partitions that get a single row share batches of _BATCH_PARTITIONS: 60 µs of client CPU a message instead of 145,
    and half as many messages again per second.
    """
    chunks: list[list[_Write]] = []
    singles: list[_Write] = []
    for partition in writes.partitions.values():
        if len(partition) == 1 and partition[0].size * _BATCH_PARTITIONS < _BATCH_BYTES:
            singles += partition
        else:
            chunks += _split(partition)
    chunks += [singles[start : start + _BATCH_PARTITIONS] for start in range(0, len(singles), _BATCH_PARTITIONS)]
    for start in range(0, len(chunks), _IN_FLIGHT):
        await asyncio.gather(*(_write(connection, chunk) for chunk in chunks[start : start + _IN_FLIGHT]))


def _split(partition: list[_Write]) -> list[list[_Write]]:
    chunks: list[list[_Write]] = []
    chunk: list[_Write] = []
    size = 0
    for write in partition:
        if chunk and (len(chunk) >= _BATCH_ROWS or size + write.size > _BATCH_BYTES):
            chunks.append(chunk)
            chunk, size = [], 0
        chunk.append(write)
        size += write.size
    chunks.append(chunk)
    return chunks


async def _write(connection: _Connection, chunk: list[_Write]) -> None:
    if len(chunk) == 1:
        statement = await connection.bound(chunk[0].statement, chunk[0].values)
        statement.set_is_idempotent(True)
        await connection.session.execute(statement)
        return
    batch = acsylla.create_batch_unlogged()
    batch.set_is_idempotent(True)
    for write in chunk:
        batch.add_statement(await connection.bound(write.statement, write.values))
    await connection.session.execute_batch(batch)
