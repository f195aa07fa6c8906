"""The ports of this room: the durable log, the broadcast of what was sequenced, and the newest events of each stream.

One contract suite (tests/contracts) runs on every backend. Both are per-process singletons, reached by
`apps.eventlog.registry`, and are used from the process's one event loop.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from apps.eventlog.events import Batch, Position, Sequenced


class LogUnavailableError(Exception):
    """Nothing, or nothing known, was made durable. The caller may repeat under the same dedupe key."""


class LogRecord(msgspec.Struct, frozen=True):
    """`timestamp_ms` is the log's own clock (append time), the same at every reading. `value`: an encoded Envelope."""

    position: Position
    timestamp_ms: int
    key: str
    value: bytes


class Poll(msgspec.Struct, frozen=True):
    """What one poll brought: first apply `revoked`, then `assigned`, then the records.

    assigned  partition -> the offset at which reading continues (the group's committed one, 0 at first)
    revoked   partitions that are no longer ours; nothing of them may be committed any more
    """

    records: Sequence[LogRecord]
    assigned: Mapping[int, int]
    revoked: Sequence[int]


class Reader(Protocol):
    """A member of a consumer group. Partitions are spread over the members; each has one owner at a time."""

    async def poll(self, *, max_records: int, timeout_s: float) -> Poll:
        """Records in offset order per partition; empty after `timeout_s`. Raises LogUnavailableError.

        With `max_records` 0 it brings only what became of the group. A reader that is not polled for long (tens of
        seconds) loses its partitions.
        """
        ...

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Keep, per partition, the next offset to read after a restart. Raises LogUnavailableError.

        What is no longer ours may be left out silently.
        """
        ...

    async def seek(self, partition: int, offset: int) -> None:
        """Read on from `offset`; later polls bring nothing of what was fetched before."""
        ...

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        """The first offset whose timestamp is >= `timestamp_ms`, or the end of the partition."""
        ...

    async def end_offsets(self) -> Mapping[int, int]:
        """The end (next offset to be written) of every partition now assigned: lag is measured against it."""
        ...

    async def close(self) -> None:
        """Leave the group at once, so that others take over."""
        ...


PATIENCE_S = 0.1


class Log(Protocol):
    partitions: int

    async def setup(self) -> None:
        """Create what is missing (tables, the topic). Idempotent."""
        ...

    async def append(self, key: str, value: bytes) -> Position:
        """Durable on return. Appends of one process under one key keep the order of the calls.

        Raises LogUnavailableError after its deadline (settings.LOG_APPEND_DEADLINE_S), or at once when its bounded
        queue is full.
        """
        ...

    async def reader(self, group: str | None, *, patient: bool = False) -> Reader:
        """Join `group`; None: every partition from its beginning, in no group, and commits keep nothing.

        `patient`: a record may come PATIENCE_S later, with others: the log is asked less often.
        """
        ...

    async def close(self) -> None: ...


Handler = Callable[[Batch], None]


class Broadcast(Protocol):
    """Lossy fan-out between processes over a Channels layer: one layer channel per process, one group per stream."""

    @property
    def healthy(self) -> bool:
        """False while the layer can't be reached: what is published now is not heard, so readers must poll."""
        ...

    async def publish(self, batch: Batch) -> None:
        """One send. Never raises for a layer that is down; it turns `healthy` false instead."""
        ...

    async def subscribe(self, stream: str, handler: Handler) -> None:
        """`handler` is called in the event loop with each batch of `stream`, from the return of this call on."""
        ...

    async def unsubscribe(self, stream: str, handler: Handler) -> None: ...

    async def close(self) -> None: ...


class Tail(Protocol):
    """The newest events of each stream, for whoever resumes where the hub's own ring does not reach.

    A cache that all processes share: it may lack anything, and then the store is asked. Backends: none (one process, in
    which the ring is the same memory), Redis. Nothing here raises, or waits for a server that is down.
    """

    def keep(self, events: Sequence[Sequenced]) -> None:
        """Events that were published. Written a moment later; bounded in number, size and time."""
        ...

    async def read(self, stream: str, *, after: int, upto: int) -> Sequence[Sequenced] | None:
        """Every event with after < seq <= upto, in order; None when one of them is not here."""
        ...

    async def newest(self, stream: str, *, limit: int) -> Sequence[Sequenced]:
        """At most `limit` of the newest events that are here, without a gap, in order."""
        ...

    async def close(self) -> None: ...
