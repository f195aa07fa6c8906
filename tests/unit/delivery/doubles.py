"""The ports as far as the sequencer uses them, in memory, with every call a step at which the world may end.

A `Life` is one process. It may be killed or frozen at any step: before a call takes effect, or after it and before the
caller hears of it. What a killed life still tries has no effect; a frozen one goes on where it was when it is thawed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from apps.eventlog.events import Batch, Duplicate, Envelope, Position, Sequenced, encode
from apps.eventlog.ports import Handler, LogRecord, Poll
from apps.messaging.ports import Head, Original, StoreUnavailableError


class Killed(BaseException):
    """The process is gone."""


class Life:
    def __init__(self, *, killed_at: int | None = None, frozen_at: int | None = None) -> None:
        self.steps = 0
        self.dead = False
        self.died = asyncio.Event()
        self.thawed = asyncio.Event()
        self.frozen = asyncio.Event()
        self._killed_at = killed_at
        self._frozen_at = frozen_at

    async def step(self) -> None:
        await asyncio.sleep(0)
        self.steps += 1
        if self.steps == self._frozen_at:
            self.frozen.set()
        if self.frozen.is_set():
            await self.thawed.wait()
        if self.steps == self._killed_at:
            self.kill()
        if self.dead:
            raise Killed

    def kill(self) -> None:
        self.dead = True
        self.died.set()


class MemoryLog:
    """One group; its newest reader has every partition."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.records: list[list[LogRecord]] = [[] for _ in range(partitions)]
        self.committed = dict.fromkeys(range(partitions), 0)
        self.owner: MemoryReader | None = None
        self.idle_polls = 0
        self.on_commit: Callable[[Mapping[int, int]], None] = lambda _: None

    def add(self, partition: int, key: str, timestamp_ms: int, value: bytes | Envelope) -> Position:
        position = Position(partition, len(self.records[partition]))
        data = value if isinstance(value, bytes) else encode(value)
        self.records[partition].append(LogRecord(position, timestamp_ms, key, data))
        return position

    def of(self, life: Life) -> "LogOfLife":
        return LogOfLife(self, life)

    @property
    def drained(self) -> bool:
        return all(self.committed[number] == len(records) for number, records in enumerate(self.records))


class LogOfLife:
    def __init__(self, log: MemoryLog, life: Life) -> None:
        self._log = log
        self._life = life
        self.partitions = log.partitions

    async def setup(self) -> None: ...

    async def append(self, key: str, value: bytes) -> Position:
        raise NotImplementedError

    async def reader(self, group: str | None, *, patient: bool = False) -> "MemoryReader":  # noqa: ARG002 - there is one group
        await self._life.step()
        reader = self._log.owner = MemoryReader(self._log, self._life)
        return reader

    async def close(self) -> None: ...


class MemoryReader:
    def __init__(self, log: MemoryLog, life: Life) -> None:
        self._log = log
        self._life = life
        self._next: dict[int, int] = {}
        log.idle_polls = 0

    async def poll(self, *, max_records: int, timeout_s: float) -> Poll:  # noqa: ARG002 - waits in its own way
        await self._life.step()
        mine = self._log.owner is self
        assigned: dict[int, int] = {}
        revoked: list[int] = []
        if mine and not self._next:
            assigned = dict(self._log.committed)
            self._next = dict(assigned)
        if not mine and self._next:
            revoked = list(self._next)
            self._next = {}
        records: list[LogRecord] = []
        for partition in self._next:
            some = self._log.records[partition][self._next[partition] :][: max_records - len(records)]
            records += some
            self._next[partition] += len(some)
        if mine:
            self._log.idle_polls = 0 if records or assigned else self._log.idle_polls + 1
        if not (records or assigned or revoked):
            await asyncio.sleep(0.002)
        return Poll(records=records, assigned=assigned, revoked=revoked)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        await self._life.step()
        if self._log.owner is self:
            self._log.on_commit(offsets)
            self._log.committed.update(offsets)
        await self._life.step()

    async def seek(self, partition: int, offset: int) -> None:
        await self._life.step()
        self._log.idle_polls = 0
        if partition in self._next:
            self._next[partition] = offset

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        await self._life.step()
        records = self._log.records[partition]
        return next(
            (place for place, record in enumerate(records) if record.timestamp_ms >= timestamp_ms), len(records)
        )

    async def end_offsets(self) -> Mapping[int, int]:
        return {partition: len(self._log.records[partition]) for partition in self._next}

    async def close(self) -> None:
        await self._life.step()
        if self._log.owner is self:
            self._log.owner = None


class MemoryStore:
    """Rows by their key, each with the offset of its writer: a later writer wins, as in the real ones."""

    def __init__(self) -> None:
        self.applied: list[tuple[Sequence[Sequenced], Mapping[str, Head]]] = []
        self.rows: dict[tuple[str, int], Sequenced] = {}
        self.head_rows: dict[str, Head] = {}
        self.down = False

    def of(self, life: Life, failing: Callable[[], str | None] = lambda: None) -> "StoreOfLife":
        return StoreOfLife(self, life, failing)

    def write(self, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        self.applied.append((list(events), dict(heads)))
        for event in events:
            old = self.rows.get((event.stream, event.seq))
            if old is None or old.position.offset <= event.position.offset:
                self.rows[event.stream, event.seq] = event
        for name, head in heads.items():
            old_head = self.head_rows.get(name)
            if old_head is None or old_head.position.offset <= head.position.offset:
                self.head_rows[name] = head

    def lose(self, count: int) -> None:
        """Forget the last writes, as a database may in a crash."""
        kept = self.applied[: max(0, len(self.applied) - count)]
        self.applied, self.rows, self.head_rows = [], {}, {}
        for events, heads in kept:
            self.write(events, heads)

    def stream(self, name: str) -> list[Sequenced]:
        return sorted((row for (stream, _), row in self.rows.items() if stream == name), key=lambda row: row.seq)


class StoreOfLife:
    def __init__(self, store: MemoryStore, life: Life, failing: Callable[[], str | None]) -> None:
        self._store = store
        self._life = life
        self._failing = failing

    async def _answer(self) -> None:
        await self._life.step()
        if self._store.down:
            raise StoreUnavailableError

    async def setup(self) -> None: ...

    async def drop(self) -> None: ...

    async def apply(self, events: Sequence[Sequenced], heads: Mapping[str, Head]) -> None:
        await self._answer()
        how = self._failing()
        if how == "before":
            raise StoreUnavailableError
        if how == "half":
            self._store.write(events[: len(events) // 2], {})
            raise StoreUnavailableError
        if how == "strange":
            raise ValueError("a bug in the store")
        self._store.write(events, heads)
        await self._life.step()
        if how == "after":
            raise StoreUnavailableError

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        await self._answer()
        return {name: self._store.head_rows[name] for name in streams if name in self._store.head_rows}

    async def originals(self, keys: Sequence[tuple[str, str, int]]) -> Mapping[tuple[str, str, int], Original]:
        await self._answer()
        found: dict[tuple[str, str, int], Original] = {}
        for name, dedupe, offset in keys:
            for row in self._store.stream(name):
                if row.envelope.dedupe == dedupe and row.position.offset < offset:
                    found[name, dedupe, offset] = Original(
                        row.envelope.event_id, row.seq, row.created_at, row.position, row.created_at
                    )
        return found

    async def thread_totals(
        self, parents: Sequence[tuple[int, tuple[int, str, int, int]]], *, until: Mapping[int, int] | None = None
    ) -> Mapping[int, int]:
        await self._answer()
        totals: dict[int, int] = {}
        for channel_id, (parent_id, *_) in parents:
            replies = [
                row.thread_n
                for row in self._store.stream(f"c:{channel_id}")
                if row.envelope.thread is not None
                and row.envelope.thread[0] == parent_id
                and row.seq <= (until or {})[channel_id]
            ]
            totals[parent_id] = max(replies, default=0)
        return totals

    async def events(self, stream: str, *, after: int, limit: int) -> Sequence[Sequenced]:
        await self._answer()
        found: list[Sequenced] = []
        while len(found) < limit and (stream, after + len(found) + 1) in self._store.rows:
            found.append(self._store.rows[stream, after + len(found) + 1])
        return found


class Listener:
    """The broadcast, and everything that was ever heard."""

    healthy = True

    def __init__(self) -> None:
        self.events: list[Sequenced] = []
        self.duplicates: list[Duplicate] = []

    def of(self, life: Life) -> "BroadcastOfLife":
        return BroadcastOfLife(self, life)

    def heard(self, stream: str) -> dict[int, Sequenced]:
        """By seq. What was heard twice was the same."""
        found: dict[int, Sequenced] = {}
        for event in self.events:
            if event.stream == stream:
                assert found.setdefault(event.seq, event) == event
        return found


class BroadcastOfLife:
    healthy = True

    def __init__(self, listener: Listener, life: Life) -> None:
        self._listener = listener
        self._life = life

    async def publish(self, batch: Batch) -> None:
        await self._life.step()
        self._listener.events += batch.events
        self._listener.duplicates += batch.duplicates
        await self._life.step()

    async def subscribe(self, stream: str, handler: Handler) -> None: ...

    async def unsubscribe(self, stream: str, handler: Handler) -> None: ...

    async def close(self) -> None: ...
