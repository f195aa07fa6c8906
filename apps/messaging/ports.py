"""The store: a projection of the streams that the sequencer writes and everyone reads.

Tables of Cassandra (SQLite reaches the same with fewer tables and indexes):

    stream_events    ((stream, block), seq)     every event, block = (seq - 1) // EVENTS_PER_BLOCK; the replay source
    stream_heads     (stream)                   seq, count, created_at, position, bucket and its rows
    idempotency      ((stream, dedupe), log_offset DESC)   what a dedupe key became, kept at least 48 h
    messages         ((channel_id, bucket), created_at DESC, seq DESC)  top-level ones, and replies also shown there
    thread_replies   (thread_id, seq)           replies; within a channel the order of seq is that of (created_at, seq)
    message_versions (message_id, event_id)     the contents that edits gave; the original one is in stream_events
    message_places   (slice, message_id)        where it lies; slice = the second and the worker of the id
    channel_buckets  (channel_id, bucket)       non-empty buckets: first seq, first created_at
    channel_notices  (channel_id, seq)          what happened to the channel and is told in its timeline
    channel_pins     (channel_id, message_id)   what was pinned last to be so, or not

Every write carries `write_stamp(position)`, so a late or repeated writer never wins over a newer one: fields of a row
that different events change are settled one by one. Contents stay sealed here; `apps.messaging.queries` opens them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from apps.accounts.principal import Principal
from apps.eventlog.events import Duplicate, Position, Sequenced
from apps.messaging.events import Target

EVENTS_PER_BLOCK = 1000
PINS_MAX = 100
VERSIONS_MAX = 200


def write_stamp(position: Position, *, epoch: int = 0) -> int:
    """The age of a write: `epoch << 44 | offset + 1`. Comparable within a stream, which never changes its partition.

    An offset has 44 bits (5,500 years at 100 records/s a partition); `epoch` (settings.LOG_EPOCH) rises by one when a
    log is begun anew from offset 0 under a store that keeps its rows.
    """
    return epoch << 44 | position.offset + 1


class StoreUnavailableError(Exception):
    """The store did not answer in time. A write may or may not have happened; repeating it is safe."""


class Head(msgspec.Struct, frozen=True):
    """Where a stream stands. `bucket` with `bucket_rows` messages in it is where the next message goes."""

    seq: int
    count: int
    created_at: int
    position: Position
    bucket: str
    bucket_rows: int


class Location(msgspec.Struct, frozen=True):
    """Where a message lies. `parent`, of a reply, is its thread's (message id, bucket, created_at, seq)."""

    channel_id: int
    message_id: int
    sender_id: int
    bucket: str
    created_at: int
    seq: int
    parent: tuple[int, str, int, int] | None
    also_in_channel: bool


class Version(msgspec.Struct, frozen=True):
    """One content of a message: the original one, or an edit's."""

    event_id: int
    created_at: int
    editor_id: int
    sealed: bytes


class Pin(msgspec.Struct, frozen=True):
    """`target` is where the message lies; `at` and `by` are of the pinning."""

    target: Target
    at: int
    by: int


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `messages` or `thread_replies`.

    content      the newest one: the original, or an edit's; None once deleted
    n            place among the channel's top-level messages (the count at its post), 0 for a reply not shown there
    reactions    in the order in which they were added: (emoji, user id)
    reply_count  replies posted and not deleted; last_reply_at when the last one was posted (ms), 0 when none is left
    """

    channel_id: int
    message_id: int
    sender_id: int
    kind: str
    seq: int
    n: int
    created_at: int
    bucket: str
    client_msg_id: str | None
    thread_id: int | None
    thread_n: int
    also_in_channel: bool
    content: Version | None
    deleted_at: int | None
    reactions: Sequence[tuple[str, int]]
    reply_count: int
    last_reply_at: int


class Original(msgspec.Struct, frozen=True):
    """What holds a dedupe key. `timestamp_ms` is its event's created_at: the log's time, never decreasing."""

    event_id: int
    seq: int
    created_at: int
    position: Position
    timestamp_ms: int

    def duplicate(self, event_id: int) -> Duplicate:
        return Duplicate(event_id, self.event_id, self.seq, self.created_at)


class Store(Protocol):
    async def setup(self) -> None:
        """Create keyspace and tables when missing. Idempotent."""
        ...

    async def drop(self) -> None:
        """Remove every table: what `replay` starts from."""
        ...

    # -- written by the sequencer only

    async def apply(self, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        """Write the events of one batch and what follows from them, then the heads. Idempotent.

        Events of several streams, in seq order per stream. Returns when all is durable. Raises StoreUnavailableError.
        """
        ...

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        """Streams without a head are left out."""
        ...

    async def originals(self, keys: Sequence[tuple[str, str, int]]) -> Mapping[tuple[str, str, int], Original]:
        """For each (stream, dedupe key, offset): the newest holder of that key at a smaller offset, if any."""
        ...

    async def thread_totals(
        self, parents: Sequence[tuple[int, tuple[int, str, int, int]]], *, until: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        """(channel id, parent location) -> replies ever posted, by parent message id.

        `until` (channel id -> seq) counts replies up to that seq only. A sequencer passes the seq it stands at, or rows
        that it, or another one, wrote beyond it before a crash would be counted twice.
        """
        ...

    # -- read by everyone

    async def events(self, stream: str, *, after: int, limit: int) -> Sequence[Sequenced]:
        """Events with seq > `after`, in seq order without a gap, at most `limit`; shorter only at the stream's end."""
        ...

    async def locate(self, message_id: int) -> Location | None: ...

    async def message(self, location: Location) -> StoredMessage | None: ...

    async def versions(self, location: Location) -> Sequence[Version]:
        """The original content, then the newest VERSIONS_MAX edits, oldest first; none of a deleted message."""
        ...

    async def history(
        self,
        channel_id: int,
        *,
        before: tuple[int, int] | None,
        after: tuple[int, int] | None,
        limit: int,
        newest_bucket: str | None = None,
    ) -> Sequence[StoredMessage]:
        """Newest first: the newest `limit` messages before (created_at, seq), or the oldest `limit` after it.

        Both bounds are exclusive; at most one is given; neither means the newest. Empty buckets are never probed.
        `newest_bucket` is the bucket of the channel's head if the caller has just read it: it spares a look at the
        index.
        """
        ...

    async def replies(self, thread_id: int, *, after: tuple[int, int] | None, limit: int) -> Sequence[StoredMessage]:
        """Oldest first, after (created_at, seq)."""
        ...

    async def notices(self, channel_id: int, *, after: int, before: int, limit: int) -> Sequence[Sequenced]:
        """The newest `limit` of those with after < seq < before, oldest first."""
        ...

    async def pins(self, channel_id: int) -> Sequence[Pin]:
        """What is pinned, the newest pinning first; deleted messages too."""
        ...

    async def close(self) -> None: ...


class Receipt(NamedTuple):
    """A durable message."""

    message_id: int
    timestamp: int


class MessageService(Protocol):
    """What the socket's commands do: the room's actions, in this process or in another (settings.MESSAGE_SERVICE_URL).

    All raise what the action raises. UnavailableError may mean that it happened all the same: a post is then repeated
    with the same `client_msg_id` and `retry`, which makes it one message.
    """

    async def post(
        self,
        *,
        actor: Principal,
        channel_id: int,
        text: str,
        kind: str = "text",
        client_msg_id: str | None = None,
        thread_id: int | None = None,
        also_in_channel: bool = False,
        file_ids: Sequence[int] = (),
        retry: bool = False,
    ) -> Receipt: ...

    async def edit(self, *, actor: Principal, message_id: int, text: str) -> None: ...

    async def delete(self, *, actor: Principal, message_id: int) -> None: ...

    async def react(self, *, actor: Principal, message_id: int, emoji: str, on: bool) -> None: ...

    async def close(self) -> None: ...
