"""From the log to the index: a reader of its own, so that the message's way knows nothing of it.

The records carry all that the index needs. What they can't tell (whether a repeated post became an event) does not
matter: a hit is looked up in the store before anyone sees it. An offset is committed when the index has it; what is
applied again changes nothing, since every document carries the age of its event.
"""

import asyncio
import contextlib
import logging
import random
import re
import time
from collections.abc import Callable, Sequence

import msgspec

from apps.core.clock import now_ms
from apps.core.errors import UnavailableError
from apps.eventlog import streams
from apps.eventlog.events import Envelope, Event, decode_envelope
from apps.eventlog.ports import Log, LogRecord, LogUnavailableError, Reader
from apps.messaging import contents
from apps.messaging.events import (
    EVENTS,
    Content,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from apps.messaging.ports import write_stamp
from apps.search import metrics
from apps.search.ports import Change, Document, Index, IndexUnavailableError, Reaction, Removal

_log = logging.getLogger(__name__)

GROUP = "search"
AT_ONCE = 500
POLL_S = 0.5
# Writes come in handfuls: a message is found this long after its post, and a busy log costs few transactions.
GATHER_S = 0.15
NOTE_EVERY_S = 5.0
_FIRST_RETRY_S = 0.2
_RETRY_MAX_S = 10.0
_LINK = re.compile(r"https?://", re.IGNORECASE)
_decoders = {name: msgspec.msgpack.Decoder(event) for name, event in EVENTS.items()}


class Indexer:
    """One member of the group that shares the log's partitions. `run` it once."""

    def __init__(self, log: Log, index: Index, *, group: str = GROUP, gather_s: float = GATHER_S) -> None:
        self._log = log
        self._index = index
        self._group = group
        self._gather_s = gather_s
        self._offsets: dict[int, int] = {}
        self._noted_at = 0.0
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._started = False

    async def run(self) -> None:
        """Until `stop`. Outages of the log, the index and the keys are waited out."""
        self._started = True
        failures = 0
        try:
            while not self._stopping.is_set():
                try:
                    await asyncio.to_thread(self._index.setup)
                    await self._serve()
                    failures = 0
                except (LogUnavailableError, IndexUnavailableError, UnavailableError) as error:
                    failures += 1
                    metrics.OUTAGES.inc()
                    if failures == 1:
                        _log.warning("the search index waits: %s", error)
                    await self._pause(min(_RETRY_MAX_S, _FIRST_RETRY_S * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        finally:
            self._ended.set()

    async def stop(self) -> None:
        self._stopping.set()
        if self._started:
            await self._ended.wait()

    async def _serve(self) -> None:
        reader = await self._log.reader(self._group, patient=True)
        self._offsets.clear()
        try:
            while not self._stopping.is_set():
                poll = await reader.poll(max_records=AT_ONCE, timeout_s=POLL_S)
                for number in poll.revoked:
                    self._offsets.pop(number, None)
                self._offsets.update(poll.assigned)
                records = [record for record in poll.records if record.position.partition in self._offsets]
                if records:
                    await self._take(reader, records)
                    if len(records) < AT_ONCE:
                        await self._pause(self._gather_s)
                if time.monotonic() - self._noted_at > NOTE_EVERY_S:
                    await self._note(reader)
        finally:
            with contextlib.suppress(LogUnavailableError):
                await reader.close()

    async def _take(self, reader: Reader, records: Sequence[LogRecord]) -> None:
        found = await changes(records)
        until = {record.position.partition: record.timestamp_ms for record in records}
        await asyncio.to_thread(self._index.apply, found, until)
        metrics.INDEXED.inc(len(found))
        done = {record.position.partition: record.position.offset + 1 for record in records}
        self._offsets.update(done)
        await reader.commit(done)

    async def _note(self, reader: Reader) -> None:
        """How far behind each partition is; one that is not is known until now."""
        began = now_ms()
        ends = await reader.end_offsets()
        lags = {number: max(0, end - self._offsets.get(number, 0)) for number, end in ends.items()}
        for number, lag in lags.items():
            metrics.LAG.labels(number).set(lag)
        known = {number: began for number, lag in lags.items() if lag == 0}
        if known:
            await asyncio.to_thread(self._index.apply, (), known)
        self._noted_at = time.monotonic()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def reindex(log: Log, index: Index, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Drop the index and read the log from its beginning to its end, which may grow meanwhile; how many records.

    Indexers may run: whoever writes later does no harm. Raises LogUnavailableError, IndexUnavailableError,
    UnavailableError; then start over.
    """
    await asyncio.to_thread(index.drop)
    await asyncio.to_thread(index.setup)
    reader = await log.reader(None)
    reached: dict[int, int] = {}
    count = 0
    try:
        while True:
            poll = await reader.poll(max_records=AT_ONCE, timeout_s=POLL_S)
            reached.update(poll.assigned)
            if poll.records:
                until = {record.position.partition: record.timestamp_ms for record in poll.records}
                await asyncio.to_thread(index.apply, await changes(poll.records), until)
                reached.update({record.position.partition: record.position.offset + 1 for record in poll.records})
                count += len(poll.records)
                progress(count)
                continue
            ends = await reader.end_offsets()
            if ends and all(reached.get(number, 0) >= end for number, end in ends.items()):
                return count
    finally:
        await reader.close()


async def changes(records: Sequence[LogRecord]) -> list[Change]:
    """What the records mean for the index. Raises UnavailableError while keys can't be read."""
    read = [(record, envelope) for record in records if (envelope := _envelope(record)) is not None]
    await contents.warm(envelope.sealed for _, envelope in read)
    return await asyncio.to_thread(_changes, read)


def _changes(read: Sequence[tuple[LogRecord, Envelope]]) -> list[Change]:
    found: list[Change] = []
    for record, envelope in read:
        event = _body(envelope)
        change = None if event is None else _change(record, envelope, event)
        if change is not None:
            found.append(change)
    return found


def _envelope(record: LogRecord) -> Envelope | None:
    """None for what is no event of a message, and for what can't be read: the sequencer complains about that."""
    stream = streams.parse(record.key)
    if stream is None or not record.key.startswith("c:"):
        return None
    try:
        envelope = decode_envelope(record.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return envelope if envelope.type in _decoders else None


def _body(envelope: Envelope) -> Event | None:
    try:
        return _decoders[envelope.type].decode(envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _change(record: LogRecord, envelope: Envelope, event: Event) -> Change | None:
    match event:
        case MessagePosted():
            return _document(
                record,
                envelope,
                message_id=envelope.event_id,
                sender_id=int(event.sender_id),
                created_at=record.timestamp_ms,
                thread_id=event.thread_id,
            )
        case MessageEdited(target=target):
            return _document(
                record,
                envelope,
                message_id=int(target.message_id),
                sender_id=envelope.actor_id or 0,
                created_at=target.created_at,
                thread_id=target.thread_id,
            )
        case MessageDeleted(target=target):
            return Removal(stamp=write_stamp(record.position), message_id=int(target.message_id))
        case ReactionAdded(target=target) | ReactionRemoved(target=target):
            return Reaction(
                message_id=int(target.message_id),
                emoji=event.emoji,
                user_id=int(event.user_id),
                on=isinstance(event, ReactionAdded),
            )
    return None


def _document(
    record: LogRecord, envelope: Envelope, *, message_id: int, sender_id: int, created_at: int, thread_id: str | None
) -> Document | None:
    """None when there is nothing to read (any more): its workspace's key is gone."""
    content = contents.unseal(envelope.sealed, stream=record.key, event_id=envelope.event_id)
    if content == contents.GONE or envelope.workspace_id is None:
        return None
    return Document(
        stamp=write_stamp(record.position),
        message_id=message_id,
        workspace_id=envelope.workspace_id,
        channel_id=int(record.key.removeprefix("c:")),
        sender_id=sender_id,
        created_at=created_at,
        thread_id=None if thread_id is None else int(thread_id),
        text="\n".join([content.text, *(file.name for file in content.files)]),
        has_link=_has_link(content),
        has_file=bool(content.files),
    )


def _has_link(content: Content) -> bool:
    return _LINK.search(content.text) is not None
