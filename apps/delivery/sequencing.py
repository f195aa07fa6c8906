"""What the sequencer computes: each record's place in its stream, a function of the log alone.

    seq         the stream's last seq + 1
    created_at  the record's log timestamp, but never before the last event's
    count       + 1 when the envelope counts
    bucket      the month of created_at (UTC), part `.0001`, `.0002` … once it holds `bucket_rows` messages
    thread_n    replies ever posted in the thread + 1
    duplicate   when the newest event of the same dedupe key in the stream is at most `window_ms` older (created_at)

Where a stream stands is read from the store at first sight and kept in memory. Of its dedupe keys memory knows those
since then, so a missing key is looked up in the store until `remember` has read the stream's last `window_ms` back.
"""

import functools
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from apps.eventlog import streams
from apps.eventlog.events import Duplicate, Envelope, Position, Sequenced, decode_envelope
from apps.eventlog.ports import LogRecord
from apps.messaging.ports import Head, Original, Store

ParentLocation = tuple[int, str, int, int]
Lookup = tuple[str, str, int]
HEADS_AT_ONCE = 500
PAGE = 1_000
CLOCK_SLACK_MS = 3_600_000


class Entry(msgspec.Struct, frozen=True):
    """A record that could be read."""

    record: LogRecord
    envelope: Envelope


class Unreadable(msgspec.Struct, frozen=True):
    """A record that could not; it takes no place in any stream."""

    record: LogRecord
    reason: str


@functools.lru_cache(maxsize=100_000)
def _names_a_stream(key: str) -> bool:
    return streams.parse(key) is not None


def read(record: LogRecord) -> Entry | Unreadable:
    if not _names_a_stream(record.key):
        return Unreadable(record, "the key names no stream")
    try:
        return Entry(record, decode_envelope(record.value))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Unreadable(record, f"not an envelope: {error}")


class StreamState:
    """Where a stream stands.

    offset    of the last record seen; event_offset of the last one that became an event
    keys      dedupe key -> (event id, seq, created_at) of its newest event, oldest first
    complete  whether `keys` has every key of the window; hot: they are too many to be kept
    threads   parent message id -> replies ever posted
    round     the last round that changed it
    """

    __slots__ = (
        "bucket", "bucket_rows", "complete", "count", "created_at", "event_offset", "hot", "keys", "known_from",
        "known_since", "name", "offset", "partition", "round", "seq", "threads",
    )  # fmt: skip

    def __init__(self, name: str, partition: int, head: Head | None) -> None:
        self.name = name
        self.partition = partition
        self.keys: dict[str, tuple[int, int, int]] = {}
        self.threads: OrderedDict[int, int] = OrderedDict()
        self.round = 0
        if head is None:
            self.seq = self.count = self.created_at = self.bucket_rows = 0
            self.offset = self.event_offset = -1
            self.bucket = ""
            self.complete = True
        else:
            self.seq, self.count, self.created_at = head.seq, head.count, head.created_at
            self.offset = self.event_offset = head.position.offset
            self.bucket, self.bucket_rows = head.bucket, head.bucket_rows
            self.complete = False
        self.hot = False
        # `keys` covers every seq above `known_from`, whose event is as old as `known_since`.
        self.known_from, self.known_since = self.seq, self.created_at

    def head(self) -> Head:
        # At the last event, not the last record: a replay in other batches must write the same row.
        position = Position(self.partition, self.event_offset)
        return Head(self.seq, self.count, self.created_at, position, self.bucket, self.bucket_rows)


class Limits(msgspec.Struct, frozen=True):
    """What memory holds: streams, dedupe keys (some 350 bytes each) in all and of one stream, threads of one stream."""

    streams: int = 50_000
    keys: int = 250_000
    stream_keys: int = 20_000
    threads: int = 500


class Sequencing:
    """The streams of the partitions that one process has, as far as memory holds them."""

    def __init__(
        self,
        store: Store,
        *,
        bucket_rows: int,
        window_ms: int,
        limits: Limits | None = None,
    ) -> None:
        self._store = store
        self._bucket_rows = bucket_rows
        self._window_ms = window_ms
        self._limits = limits or Limits()
        self._streams: OrderedDict[str, StreamState] = OrderedDict()
        self._keys = 0

    def get(self, name: str) -> StreamState | None:
        return self._streams.get(name)

    def __len__(self) -> int:
        return len(self._streams)

    async def load(self, entries: Iterable[Entry]) -> None:
        """Bring their streams into memory. Raises StoreUnavailableError."""
        missing = {
            entry.record.key: entry.record.position.partition
            for entry in entries
            if entry.record.key not in self._streams
        }
        waiting = list(missing)
        for start in range(0, len(waiting), HEADS_AT_ONCE):
            some = waiting[start : start + HEADS_AT_ONCE]
            heads = await self._store.heads(some)
            for name in some:
                self._streams[name] = StreamState(name, missing[name], heads.get(name))

    async def learn(self, entries: Sequence[Entry]) -> Mapping[Lookup, Original]:
        """What else it takes to place them; their streams are in memory. Raises StoreUnavailableError."""
        keys = self.unknown_keys(entries)
        parents, until = self.unknown_threads(entries)
        originals: Mapping[Lookup, Original] = await self._store.originals(keys) if keys else {}
        totals = await self._store.thread_totals(parents, until=until) if parents else {}
        self.learn_threads(entries, totals)
        return originals

    def unknown_keys(self, entries: Iterable[Entry]) -> list[Lookup]:
        """What `originals` has to tell before these can be placed; their streams are in memory."""
        lookups: list[Lookup] = []
        for entry in entries:
            dedupe = entry.envelope.dedupe
            if dedupe is None:
                continue
            state = self._streams[entry.record.key]
            if state.complete or dedupe in state.keys:
                continue
            self._settle(state)
            if not state.complete:
                lookups.append((state.name, dedupe, entry.record.position.offset))
        return lookups

    def unknown_threads(self, entries: Iterable[Entry]) -> tuple[list[tuple[int, ParentLocation]], dict[int, int]]:
        """What `thread_totals` has to tell, and up to which seq per channel."""
        parents: dict[int, tuple[int, ParentLocation]] = {}
        until: dict[int, int] = {}
        for entry in entries:
            parent = entry.envelope.thread
            if parent is None:
                continue
            state = self._streams[entry.record.key]
            stream = streams.parse(state.name)
            if parent[0] in state.threads or stream is None:
                continue
            if state.seq == 0:
                state.threads[parent[0]] = 0
                continue
            parents[parent[0]] = (stream.id, parent)
            until[stream.id] = state.seq
        return list(parents.values()), until

    def learn_threads(self, entries: Iterable[Entry], totals: Mapping[int, int]) -> None:
        for entry in entries:
            parent = entry.envelope.thread
            if parent is not None:
                self._streams[entry.record.key].threads.setdefault(parent[0], totals.get(parent[0], 0))

    def place(self, entry: Entry, originals: Mapping[Lookup, Original], round_number: int) -> Sequenced | Duplicate:
        """The next event of its stream, or what it repeats. Everything unknown was learned before."""
        record, envelope = entry.record, entry.envelope
        state = self._streams[record.key]
        dedupe = envelope.dedupe
        offset = record.position.offset
        state.round = round_number
        state.offset = offset
        if dedupe is not None:
            held = state.keys.get(dedupe)
            if held is None and not state.complete:
                original = originals.get((record.key, dedupe, offset))
                if original is not None:
                    held = original.event_id, original.seq, original.created_at
            if held is not None and record.timestamp_ms - held[2] <= self._window_ms:
                return Duplicate(envelope.event_id, *held)
        state.seq += 1
        state.event_offset = offset
        state.created_at = max(state.created_at, record.timestamp_ms)
        self._choose_bucket(state, counts=envelope.counts)
        thread_n = 0
        if envelope.thread is not None:
            parent_id = envelope.thread[0]
            thread_n = state.threads[parent_id] = state.threads.get(parent_id, 0) + 1
            state.threads.move_to_end(parent_id)
        if dedupe is not None:
            if state.keys.pop(dedupe, None) is None:
                self._keys += 1
            state.keys[dedupe] = envelope.event_id, state.seq, state.created_at
        return Sequenced(
            record.key,
            state.seq,
            state.count,
            thread_n,
            state.created_at,
            state.bucket,
            record.position,
            envelope,
        )

    def _choose_bucket(self, state: StreamState, *, counts: bool) -> None:
        month = _month(state.created_at // 86_400_000)
        if not state.bucket.startswith(month):
            state.bucket, state.bucket_rows = month, 0
        if counts:
            if state.bucket_rows >= self._bucket_rows:
                # Four digits: names of buckets sort as text.
                part = int(state.bucket[len(month) + 1 :] or 0) + 1
                state.bucket, state.bucket_rows = f"{month}.{part:04d}", 0
            state.count += 1
            state.bucket_rows += 1

    # -- memory

    @property
    def full(self) -> bool:
        """More than may be kept, and none of it may be dropped: place nothing more."""
        return self._keys > 2 * self._limits.keys or len(self._streams) > 2 * self._limits.streams

    async def remember(self) -> bool:
        """Read one page of an incomplete stream's keys back. False when there is nothing to read (any more).

        Raises StoreUnavailableError. `place` may run in between; it only adds what is newer.
        """
        state = next((state for state in reversed(self._streams.values()) if not (state.complete or state.hot)), None)
        if state is None or self._keys >= self._limits.keys:
            return False
        before = state.known_from
        after = max(0, before - PAGE)
        events = await self._store.events(state.name, after=after, limit=before - after)
        if self._streams.get(state.name) is not state or state.known_from != before or not events:
            return bool(events)
        older: dict[str, tuple[int, int, int]] = {}
        for event in events:
            key = event.envelope.dedupe
            if key is not None and event.seq <= before and key not in state.keys:
                older.pop(key, None)
                older[key] = event.envelope.event_id, event.seq, event.created_at
        self._keys += len(older)
        state.keys = older | state.keys
        state.known_from, state.known_since = after, events[0].created_at
        state.hot = len(state.keys) >= self._limits.stream_keys
        self._settle(state)
        return True

    def _settle(self, state: StreamState) -> None:
        """Everything that is not in `keys` may be too old to matter; a log's clock may go back a little."""
        if state.known_from == 0 or state.created_at - state.known_since > self._window_ms + CLOCK_SLACK_MS:
            state.complete = True

    def forget(self, partitions: Iterable[int] | None = None) -> None:
        """Drop the streams of these partitions, or all."""
        gone = None if partitions is None else frozenset(partitions)
        kept = [state for state in self._streams.values() if gone is not None and state.partition not in gone]
        self._streams = OrderedDict((state.name, state) for state in kept)
        self._keys = sum(len(state.keys) for state in kept)

    def trim(self, names: Iterable[str], stored_round: int) -> None:
        """Keep memory bounded after a round that touched `names`.

        Only what the store has already (rounds up to `stored_round`) may be dropped.
        """
        for state in filter(None, map(self._streams.get, names)):
            self._streams.move_to_end(state.name)
            if state.round <= stored_round:
                self._trim_one(state)
        if self._keys > self._limits.keys:
            for state in self._streams.values():
                if state.round <= stored_round and len(state.keys) > 1:
                    self._drop_keys(state)
        while len(self._streams) > self._limits.streams:
            state = next(iter(self._streams.values()))
            if state.round > stored_round:
                break
            del self._streams[state.name]
            self._keys -= len(state.keys)

    def _trim_one(self, state: StreamState) -> None:
        if len(state.keys) > self._limits.stream_keys:
            self._drop_keys(state)
        while len(state.threads) > self._limits.threads:
            state.threads.popitem(last=False)

    def _drop_keys(self, state: StreamState) -> None:
        """The older half."""
        names = list(state.keys)
        dropped = names[: len(names) // 2]
        _, state.known_from, state.known_since = state.keys[dropped[-1]]
        for key in dropped:
            del state.keys[key]
        self._keys -= len(dropped)
        state.complete, state.hot = False, True


@functools.lru_cache(maxsize=64)
def _month(day: int) -> str:
    """YYYY_MM of a day since the epoch."""
    return time.strftime("%Y_%m", time.gmtime(day * 86_400))
