"""Rebuild the store from the log: the same rows as before, from nothing."""

import logging
from collections.abc import Callable

from django.conf import settings

from apps.delivery.sequencing import Entry, Sequencing, read
from apps.eventlog.events import Sequenced
from apps.eventlog.ports import Log, Reader
from apps.messaging.ports import Store

_logger = logging.getLogger(__name__)

RECORDS_AT_ONCE = 2_000
_POLL_S = 1.0


async def replay(
    log: Log,
    store: Store,
    *,
    bucket_rows: int | None = None,
    window_ms: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Drop the store's tables, read the log from its beginning to its present end, apply; returns the events applied.

    No sequencer may run meanwhile. One that starts afterwards goes on from its group's committed offsets and finds the
    heads there. Raises LogUnavailableError, StoreUnavailableError; then start over.
    """
    streams = Sequencing(
        store,
        bucket_rows=bucket_rows or settings.STORE_BUCKET_ROWS,
        window_ms=settings.DEDUPE_WINDOW_S * 1000 if window_ms is None else window_ms,
    )
    await store.drop()
    await store.setup()
    reader = await log.reader(None)
    try:
        return await _apply_all(reader, store, streams, progress)
    finally:
        await reader.close()


async def _apply_all(reader: Reader, store: Store, streams: Sequencing, progress: Callable[[int], None]) -> int:
    ends: dict[int, int] = {}
    reached: dict[int, int] = {}
    applied = round_number = 0
    while not ends or any(reached.get(partition, 0) < end for partition, end in ends.items()):
        poll = await reader.poll(max_records=RECORDS_AT_ONCE, timeout_s=_POLL_S)
        if not ends:
            ends = dict(await reader.end_offsets())
            if not ends:
                continue
        entries: list[Entry] = []
        for record in poll.records:
            position = record.position
            reached[position.partition] = position.offset + 1
            item = read(record)
            if isinstance(item, Entry) and position.offset < ends.get(position.partition, 0):
                entries.append(item)
        if not entries:
            continue
        round_number += 1
        await streams.load(entries)
        originals = await streams.learn(entries)
        placed = [streams.place(entry, originals, round_number) for entry in entries]
        events = [event for event in placed if isinstance(event, Sequenced)]
        changed = {event.stream for event in events}
        heads = {name: state.head() for name in changed if (state := streams.get(name)) is not None}
        await store.apply(events, heads)
        streams.trim({entry.record.key for entry in entries}, round_number)
        applied += len(events)
        progress(applied)
    return applied
