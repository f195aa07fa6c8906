"""The reader of the log that gives each record its place, stores it, broadcasts it and hands on what follows from it.

Records are handled in rounds: as many as have arrived while the round before was being stored. Of a round, first the
store has everything, then it is broadcast, then its follow-ups are handed to the broker; an offset is committed only
when all three are done for everything before it. A crash in between repeats, and every step bears repetition: the same
records give the same rows, the hub drops a seq that it had, tasks are idempotent. What lies at or above the committed
offset is broadcast and followed up again even when the store has it, since the crash may have come in between.

While the store does not answer, records are placed from memory and broadcast live; nothing of that is kept, since the
log has it. A stream of which memory knows too little waits. When the store is back, all is dropped and the log is read
again from before the outage; being functions of the log, the results are the same.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.conf import settings

from apps.core.clock import now_ms
from apps.delivery import followups, metrics
from apps.delivery.partitions import REWIND_S, Partition
from apps.delivery.sequencing import Entry, Limits, Lookup, Sequencing, Unreadable, read
from apps.eventlog import deadletters
from apps.eventlog.events import Batch, Duplicate, Sequenced
from apps.eventlog.ports import Broadcast, Log, LogRecord, LogUnavailableError, Poll, Reader, Tail
from apps.messaging.ports import Head, Original, Store, StoreUnavailableError

T = TypeVar("T")

_logger = logging.getLogger(__name__)

POLL_S = 0.25
COMMIT_EVERY_S = 0.2
ROUND_MAX = 1_000
ROUND_MIN = 50
# Rounds shrink and grow so that the store takes about this long for one.
ROUND_SLOW_S = 0.5
ROUND_FAST_S = 0.1
# Between rounds, as a share of what the last one took: fewer, larger ones leave more of the machine to the others.
REST_SHARE, REST_MAX_S = 0.7, 0.02
# A store that takes longer counts as down; live delivery does not wait for it.
PATIENCE_S = 3.0
PROBE_S = 1.0
FIRST_PROBE_S = 0.05
FOLLOWUPS_MAX = 20_000
FOLLOWUP_S = 5.0
FIRST_RETRY_S = 0.1
BATCH_EVENTS = 100
AT_ONCE = 32
LAG_EVERY_S = 2.0
_BACKOFF_MAX_S = 5.0
_STEADY_S = 10.0


class Round:
    """What comes of the records of one poll."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.records = 0
        self.events: list[Sequenced] = []
        self.heads: dict[str, Head] = {}
        self.outgoing: dict[str, tuple[list[Sequenced], list[Duplicate]]] = {}
        self.followups: list[tuple[Partition, Sequenced]] = []
        self.spans: dict[Partition, tuple[int, int]] = {}

    def span(self, partition: Partition, offset: int) -> None:
        first, _ = self.spans.get(partition, (offset, offset))
        self.spans[partition] = first, offset + 1


class Sequencer:
    """One member of the group that shares the log's partitions. `run` it once."""

    def __init__(
        self,
        log: Log,
        store: Store,
        broadcast: Broadcast,
        group: str = "sequencer",
        *,
        tail: Tail | None = None,
        bucket_rows: int | None = None,
        window_ms: int | None = None,
        limits: Limits | None = None,
        patience_s: float = PATIENCE_S,
        wants_followups: Callable[[Sequenced], bool] = followups.has_followups,
        hand_over: Callable[[Sequence[Sequenced]], None] = followups.enqueue,
    ) -> None:
        self._log = log
        self._store = store
        self._broadcast = broadcast
        self._group = group
        self._tail = tail
        self._patience_s = patience_s
        self._wants_followups = wants_followups
        self._hand_over = hand_over
        self._streams = Sequencing(
            store,
            bucket_rows=bucket_rows or settings.STORE_BUCKET_ROWS,
            window_ms=settings.DEDUPE_WINDOW_S * 1000 if window_ms is None else window_ms,
            limits=limits,
        )
        self._partitions: dict[int, Partition] = {}
        self._round = 0
        self._stored_round = 0
        self._took_s = 0.0
        self._touched: set[str] = set()
        self._storing: asyncio.Task[None] | None = None
        self._down = False
        self._outages = 0
        self._beginning = 0
        self._began_at = 0.0
        self._held: set[str] = set()
        self._round_max = ROUND_MAX
        self._store_answered_at = self._stored_at = time.monotonic()
        self._probe: asyncio.Task[bool] | None = None
        self._probe_at = 0.0
        self._probe_failures = 0
        self._committing: asyncio.Task[None] | None = None
        self._commit_at = 0.0
        self._waiting: deque[tuple[Partition, Sequenced]] = deque()
        self._followups_ready = asyncio.Event()
        self._stopping = False
        self._ended = asyncio.Event()
        self._started = False

    @property
    def store_is_down(self) -> bool:
        return self._down

    @property
    def is_full(self) -> bool:
        """It takes no more from the log until the store, or the broker, has what is in memory."""
        return len(self._waiting) >= FOLLOWUPS_MAX or self._streams.full

    @property
    def partitions(self) -> frozenset[int]:
        return frozenset(self._partitions)

    async def run(self) -> None:
        """Until `stop`. Outages of the log, the store, the layer and the broker are waited out."""
        self._started = True
        failures = 0
        began = time.monotonic()
        helpers = [
            asyncio.create_task(self._remember_forever(), name="sequencer-remember"),
            asyncio.create_task(self._followups_forever(), name="sequencer-followups"),
        ]
        try:
            while not self._stopping:
                try:
                    await self._serve()
                except LogUnavailableError as error:
                    failures = failures + 1 if time.monotonic() - began < _STEADY_S else 1
                    began = time.monotonic()
                    _logger.warning("sequencer: the log: %s", error)
                    await asyncio.sleep(min(_BACKOFF_MAX_S, FIRST_RETRY_S * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._ended.set()

    async def stop(self) -> None:
        """Finish the round in hand, commit, leave the group."""
        self._stopping = True
        if self._started:
            await self._ended.wait()

    # -- one membership of the group

    async def _serve(self) -> None:
        reader = await self._log.reader(self._group)
        lag = asyncio.create_task(self._measure_lag(reader), name="sequencer-lag")
        try:
            while not self._stopping:
                if self._storing is not None:
                    # What arrives meanwhile makes one round: each costs the store its heads and its syncs.
                    await self._storing
                    self._storing = None
                    await asyncio.sleep(min(REST_SHARE * self._took_s, REST_MAX_S))
                poll = await reader.poll(max_records=0 if self.is_full else self._round_max, timeout_s=POLL_S)
                await self._regroup(reader, poll)
                records = await self._wanted(reader, poll)
                if records:
                    await self._handle(records)
                await self._mind_the_store(reader)
                self._commit_soon(reader)
        finally:
            lag.cancel()
            await self._wind_up(reader)

    async def _wind_up(self, reader: Reader) -> None:
        for task in (self._storing, self._committing):
            if task is not None:
                await asyncio.wait([task])
        self._storing = self._committing = None
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None
        with contextlib.suppress(LogUnavailableError):
            await reader.commit(self._commitable())
        await reader.close()
        self._drop(list(self._partitions))

    async def _regroup(self, reader: Reader, poll: Poll) -> None:
        self._drop(poll.revoked)
        for number, offset in poll.assigned.items():
            self._drop([number])
            partition = self._partitions[number] = Partition(number, offset)
            partition.begin_at(offset, time.monotonic())
            if offset > 0:
                # The last committed record tells the time from which to read again.
                partition.probing = True
                await reader.seek(number, offset - 1)
        if poll.assigned or poll.revoked:
            metrics.PARTITIONS.set(len(self._partitions))
            _logger.info("sequencer: partitions %s", sorted(self._partitions))

    def _drop(self, numbers: Iterable[int]) -> None:
        gone = {number for number in numbers if self._partitions.pop(number, None) is not None}
        if gone:
            self._streams.forget(gone)
            self._waiting = deque(item for item in self._waiting if self._is_ours(item[0]))

    def _is_ours(self, partition: Partition) -> bool:
        return self._partitions.get(partition.number) is partition

    async def _wanted(self, reader: Reader, poll: Poll) -> list[LogRecord]:
        """The poll's records, without those of partitions that were just sent to another offset."""
        moved = {number for number in poll.assigned if self._partitions[number].probing}
        records: list[LogRecord] = []
        for record in poll.records:
            number = record.position.partition
            partition = self._partitions.get(number)
            if partition is None or number in moved:
                continue
            if partition.probing:
                partition.probing = False
                offset = record.position.offset
                start = await reader.offset_at(number, record.timestamp_ms - int(REWIND_S * 1000))
                start = min(start, offset)
                partition.begin_at(start, time.monotonic())
                if start < offset:
                    await reader.seek(number, start)
                    moved.add(number)
                    continue
            records.append(record)
        return records

    # -- rounds

    async def _handle(self, records: Sequence[LogRecord]) -> None:
        metrics.ROUND_RECORDS.observe(len(records))
        self._round += 1
        entries: list[Entry] = []
        spans = Round(self._round)
        for record in records:
            spans.span(self._partitions[record.position.partition], record.position.offset)
            item = read(record)
            if isinstance(item, Unreadable):
                metrics.DEAD_LETTERS.inc()
                deadletters.record_soon(item.record, item.reason)
            else:
                entries.append(item)
        plan: Round | None = None
        if not self._down:
            try:
                plan = await self._plan(entries)
            except (StoreUnavailableError, TimeoutError) as error:
                self._give_up(error)
        if self._storing is not None:
            await self._storing
            self._storing = None
        if self._down:
            # A round that was planned is broadcast as it is; its places are in memory already.
            await self._publish(plan or self._plan_from_memory(entries))
            return
        if plan is not None:
            plan.spans = spans.spans
            self._storing = asyncio.create_task(self._finish(plan), name="sequencer-store")

    async def _plan(self, entries: Sequence[Entry]) -> Round:
        """Places for the records, after learning from the store what it takes. Memory changes only at the end."""
        streams = self._streams
        await self._ask(streams.load(entries))
        fresh: list[Entry] = []
        again: dict[str, list[Entry]] = {}
        for entry in entries:
            state = streams.get(entry.record.key)
            position = entry.record.position
            if state is None or position.offset > state.offset:
                fresh.append(entry)
            elif position.offset >= self._partitions[position.partition].published_before:
                again.setdefault(entry.record.key, []).append(entry)
        plan = Round(self._round)
        names = list(again)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            found = await asyncio.gather(*(self._stored_before(name, again[name]) for name in some))
            plan.outgoing.update(zip(some, found, strict=True))
        for events, _ in plan.outgoing.values():
            for event in events:
                if self._wants_followups(event):
                    plan.followups.append((self._partitions[event.position.partition], event))
        originals = await self._ask(streams.learn(fresh))
        self._place(plan, fresh, originals)
        return plan

    async def _stored_before(self, name: str, entries: Sequence[Entry]) -> tuple[list[Sequenced], list[Duplicate]]:
        """What the store has of records that were handled before a crash or an outage."""
        offsets = {entry.record.position.offset for entry in entries}
        found = await self._events_at(name, offsets)
        lookups = {
            entry.envelope.event_id: (name, entry.envelope.dedupe, entry.record.position.offset)
            for entry in entries
            if entry.envelope.dedupe is not None and entry.record.position.offset not in found
        }
        originals = await self._ask(self._store.originals(list(lookups.values()))) if lookups else {}
        duplicates = [originals[key].duplicate(event_id) for event_id, key in lookups.items() if key in originals]
        if len(found) + len(duplicates) < len(offsets):
            _logger.error("%s: the store's head is ahead of its events; replay the log", name)
        return sorted(found.values(), key=lambda event: event.seq), duplicates

    async def _events_at(self, name: str, offsets: set[int]) -> dict[int, Sequenced]:
        """The events of these log offsets, as far as they are events. Offsets grow with seq."""
        state = self._streams.get(name)
        end = state.seq if state is not None else 0
        lowest, highest = min(offsets), max(offsets)
        after = max(0, end - BATCH_EVENTS)
        page = await self._ask(self._store.events(name, after=after, limit=BATCH_EVENTS))
        if after > 0 and page and page[0].position.offset > lowest:
            low, high = 0, after
            while low < high:
                middle = (low + high) // 2
                probe = await self._ask(self._store.events(name, after=middle, limit=1))
                if probe and probe[0].position.offset < lowest:
                    low = middle + 1
                else:
                    high = middle
            after, page = low, await self._ask(self._store.events(name, after=low, limit=BATCH_EVENTS))
        found: dict[int, Sequenced] = {}
        while page:
            found.update((event.position.offset, event) for event in page if event.position.offset in offsets)
            if page[-1].position.offset >= highest:
                break
            after += len(page)
            page = await self._ask(self._store.events(name, after=after, limit=BATCH_EVENTS))
        return found

    async def _ask(self, question: Awaitable[T]) -> T:
        """The store's answer, within our patience. Raises TimeoutError."""
        async with asyncio.timeout(self._patience_s):
            return await question

    def _plan_from_memory(self, entries: Sequence[Entry]) -> Round:
        """While the store is down. A stream that memory can't place stays behind, whole, until the store is back."""
        plan = Round(self._round)
        known: list[Entry] = []
        for entry in entries:
            name = entry.record.key
            state = self._streams.get(name)
            if state is None or name in self._held:
                self._held.add(name)
            elif entry.record.position.offset > state.offset:
                if self._streams.unknown_keys([entry]) or self._streams.unknown_threads([entry])[0]:
                    self._held.add(name)
                else:
                    self._streams.learn_threads([entry], {})
                    known.append(entry)
                    self._place(plan, [entry], {})
        return plan

    def _place(self, plan: Round, entries: Sequence[Entry], originals: Mapping[Lookup, Original]) -> None:
        streams, partitions, outgoing = self._streams, self._partitions, plan.outgoing
        changed: set[str] = set()
        for entry in entries:
            record = entry.record
            partition = partitions[record.position.partition]
            placed = streams.place(entry, originals, plan.number)
            public = record.position.offset >= partition.published_before
            if isinstance(placed, Duplicate):
                if public:
                    outgoing.setdefault(record.key, ([], []))[1].append(placed)
                continue
            plan.events.append(placed)
            changed.add(record.key)
            if public:
                outgoing.setdefault(record.key, ([], []))[0].append(placed)
                if self._wants_followups(placed):
                    plan.followups.append((partition, placed))
        for name in changed:
            state = streams.get(name)
            if state is not None:
                plan.heads[name] = state.head()

    async def _finish(self, plan: Round) -> None:
        """Store, broadcast, hand on. When the store fails: broadcast anyway, and keep nothing."""
        beginning, began = self._beginning, time.monotonic()
        if plan.events:
            await self._keep(plan)
        await self._publish(plan)
        self._took_s = time.monotonic() - began
        if self._down or self._beginning != beginning:
            return
        now = time.monotonic()
        self._stored_round = plan.number
        if plan.events:
            self._store_answered_at = self._stored_at = now
            if now - self._began_at > _STEADY_S:
                self._outages = 0
        for partition, event in plan.followups:
            if self._is_ours(partition):
                partition.followups.append(event.position.offset)
                self._waiting.append((partition, event))
                self._followups_ready.set()
        for partition, (first, end) in plan.spans.items():
            partition.note_stored(first, end, now)
        self._touched.update(plan.heads)
        metrics.EVENTS.inc(len(plan.events))

    async def _keep(self, plan: Round) -> None:
        began = time.monotonic()
        try:
            await self._ask(self._store.apply(plan.events, plan.heads))
        except (StoreUnavailableError, TimeoutError) as error:
            # It may be slow rather than gone.
            self._round_max = max(ROUND_MIN, self._round_max // 4)
            self._give_up(error)
        except Exception as error:
            # A store that chokes on an event must not lose it, nor stop live delivery: it counts as down.
            _logger.exception("sequencer: the store failed unexpectedly")
            self._give_up(error)
        else:
            self._pace(len(plan.events), time.monotonic() - began)

    def _pace(self, events: int, seconds: float) -> None:
        metrics.STORE_SECONDS.observe(seconds)
        if seconds > ROUND_SLOW_S and events >= self._round_max // 2:
            self._round_max = max(ROUND_MIN, self._round_max // 2)
        elif seconds < ROUND_FAST_S:
            self._round_max = min(ROUND_MAX, self._round_max * 2)

    async def _publish(self, plan: Round) -> None:
        outgoing = list(plan.outgoing.items())
        if len(outgoing) == 1:
            await self._publish_one(*outgoing[0])
        else:
            for start in range(0, len(outgoing), AT_ONCE):
                await asyncio.gather(*(self._publish_one(*item) for item in outgoing[start : start + AT_ONCE]))

    async def _publish_one(self, name: str, what: tuple[list[Sequenced], list[Duplicate]]) -> None:
        events, duplicates = what
        for start in range(0, max(len(events), 1), BATCH_EVENTS):
            await self._broadcast.publish(
                Batch(name, events[start : start + BATCH_EVENTS], [] if start else duplicates)
            )
        metrics.DUPLICATES.inc(len(duplicates))
        if self._tail is not None:
            self._tail.keep(events)
        if events:
            metrics.DELAY_SECONDS.observe(max(0.0, now_ms() - events[0].created_at) / 1000)

    # -- outages of the store

    def _give_up(self, error: BaseException) -> None:
        if self._down:
            return
        self._down = True
        self._outages += 1
        self._probe_failures = 0
        self._probe_at = time.monotonic() + min(30.0, FIRST_PROBE_S * 2**self._outages)
        metrics.OUTAGES.inc()
        metrics.STORE_UP.set(0)
        _logger.warning("sequencer: the store is down (%s); broadcasting from memory", repr(error))

    async def _mind_the_store(self, reader: Reader) -> None:
        """Notice that the store is gone even when nothing is written, and that it is back."""
        now = time.monotonic()
        if self._storing is not None and (self._storing.done() or self._down):
            await self._storing
            self._storing = None
        # Here, since between learning and placing nothing that was learned may go.
        self._streams.trim(self._touched, self._stored_round)
        self._touched.clear()
        if self._probe is not None:
            if not self._probe.done():
                return
            answered, self._probe = self._probe.result(), None
            if not answered:
                self._probe_failures += 1
                self._probe_at = time.monotonic() + min(2.0, FIRST_PROBE_S * 2**self._probe_failures)
                self._give_up(StoreUnavailableError("it does not answer a probe"))
                return
            self._store_answered_at = now
            if self._down:
                await self._begin_again(reader)
            return
        if self._down:
            due = self._storing is None and now >= self._probe_at
        else:
            # Only what was stored lately can be forgotten.
            idle = self._storing is None and now - self._store_answered_at > PROBE_S
            due = idle and now - self._stored_at < 2 * REWIND_S
        if due:
            self._probe = asyncio.create_task(self._ask_the_store(), name="sequencer-probe")

    async def _ask_the_store(self) -> bool:
        try:
            await self._ask(self._store.heads(["c:1"]))
        except Exception:  # noqa: BLE001 - whatever it is, it is no answer
            return False
        return True

    async def _begin_again(self, reader: Reader) -> None:
        """The store is back: read the log from before the outage, and compute what memory had once more."""
        now = time.monotonic()
        self._beginning += 1
        self._began_at = now
        self._streams.forget()
        self._held.clear()
        self._waiting.clear()
        for number, partition in self._partitions.items():
            if not partition.probing:
                await reader.seek(number, partition.begin_again(now))
        self._down = False
        self._store_answered_at = now
        metrics.STORE_UP.set(1)
        _logger.warning("sequencer: the store is back; reading again from before the outage")

    # -- offsets

    def _commitable(self) -> dict[int, int]:
        return {
            number: partition.committed
            for number, partition in self._partitions.items()
            if partition.committed > partition.kept
        }

    def _commit_soon(self, reader: Reader) -> None:
        now = time.monotonic()
        if now < self._commit_at or (self._committing is not None and not self._committing.done()):
            return
        offsets = self._commitable()
        if offsets:
            self._commit_at = now + COMMIT_EVERY_S
            partitions = [self._partitions[number] for number in offsets]
            self._committing = asyncio.create_task(self._commit(reader, offsets, partitions), name="sequencer-commit")

    async def _commit(self, reader: Reader, offsets: Mapping[int, int], partitions: Sequence[Partition]) -> None:
        try:
            await reader.commit(offsets)
        except LogUnavailableError as error:
            _logger.warning("sequencer: offsets not committed, trying again: %s", error)
            self._commit_at = time.monotonic() + 1.0
            return
        for partition in partitions:
            partition.kept = max(partition.kept, offsets[partition.number])

    async def _measure_lag(self, reader: Reader) -> None:
        while True:
            await asyncio.sleep(LAG_EVERY_S)
            with contextlib.suppress(LogUnavailableError):
                ends = await reader.end_offsets()
                metrics.UNCOMMITTED.set(len(self._waiting))
                for number, end in ends.items():
                    partition = self._partitions.get(number)
                    if partition is not None:
                        metrics.LAG.labels(str(number)).set(max(0, end - partition.stored))

    # -- beside the rounds

    async def _remember_forever(self) -> None:
        """Read the dedupe keys of the streams in memory back, so that placing needs no look-up, nor the store."""
        while True:
            more = False
            if not self._down and self._storing is None:
                with contextlib.suppress(StoreUnavailableError, TimeoutError):
                    more = await self._ask(self._streams.remember())
            await asyncio.sleep(0.01 if more else 0.25)

    async def _followups_forever(self) -> None:
        """Hand follow-ups to the broker in order; while it is down, wait, and hold the commits back."""
        failures = 0
        with _one_thread("sequencer-followups") as call:
            while True:
                if not self._waiting:
                    self._followups_ready.clear()
                    await self._followups_ready.wait()
                    continue
                some = [self._waiting[place] for place in range(min(len(self._waiting), followups.BATCH))]
                try:
                    await call(self._hand_over, [event for _, event in some])
                    failures = 0
                except (followups.BrokerUnavailableError, TimeoutError) as error:
                    failures += 1
                    if failures == 1:
                        _logger.warning("sequencer: the broker is down, follow-up work waits: %s", error)
                    await asyncio.sleep(min(_BACKOFF_MAX_S, FIRST_RETRY_S * 2**failures))
                    continue
                for item in some:
                    # The queue may have been emptied meanwhile: partitions come and go.
                    if self._waiting and self._waiting[0] is item:
                        self._waiting.popleft()
                        item[0].followups.popleft()


@contextlib.contextmanager
def _one_thread(name: str) -> Iterator[Any]:
    """A function that makes blocking calls, one after the other, each with FOLLOWUP_S to answer."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
    stuck: list[asyncio.Future[None]] = []

    async def call(function: Callable[..., None], *args: object) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(FOLLOWUP_S):
            if stuck:
                with contextlib.suppress(followups.BrokerUnavailableError):
                    await asyncio.shield(stuck[0])
                stuck.clear()
            future = loop.run_in_executor(pool, function, *args)
            stuck.append(future)
            await asyncio.shield(future)
            stuck.clear()

    try:
        yield call
    finally:
        pool.shutdown(wait=False)
