"""Whatever ends, fails, forgets or stands still, the log decides: the same rows, nothing lost, nothing twice."""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.delivery import sequencer as module
from apps.delivery.followups import BrokerUnavailableError
from apps.delivery.sequencer import Sequencer
from apps.delivery.sequencing import Limits
from apps.eventlog.events import Duplicate, Envelope, Sequenced, decode_envelope
from tests.unit.delivery.doubles import Killed, Life, Listener, MemoryLog, MemoryStore

START_MS = 1_769_903_998_000  # two seconds before the month ends
WINDOW_MS = 300
BUCKET_ROWS = 3
STREAMS = {"c:1": 0, "c:2": 0, "c:3": 1, "u:4": 1}
TINY = Limits(streams=1, keys=3, stream_keys=2, threads=1)


@pytest.fixture(autouse=True, scope="module")
def _fast() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COMMIT_EVERY_S", 0.0)
        patch.setattr(module, "FIRST_PROBE_S", 0.0005)
        patch.setattr(module, "FIRST_RETRY_S", 0.0005)
        yield


class Record:
    """What a test appends: an envelope, or something that is none."""

    def __init__(
        self, stream: str, later_ms: int, dedupe: str | None, counts: bool, parent: int | None, garbage: bool
    ) -> None:
        self.stream = stream
        self.later_ms = later_ms
        self.dedupe = dedupe
        self.counts = counts
        # A message is in one channel, and so is its thread.
        self.parent = parent and parent + int(stream[2:]) if stream.startswith("c:") else None
        self.garbage = garbage

    def __repr__(self) -> str:
        return f"Record{tuple(self.__dict__.values())}"

    def value(self, event_id: int) -> bytes | Envelope:
        if self.garbage:
            return b"\xc1garbage"
        thread = None if self.parent is None else (self.parent, "2026_01", 0, 0)
        followed = "followed" if event_id % 2 else "plain"
        return Envelope(followed, 1, event_id, 7, 8, self.dedupe, self.counts, thread, b"", b"sealed")


records_of = st.lists(
    st.builds(
        Record,
        st.sampled_from(sorted(STREAMS)),
        st.integers(0, 120),
        st.sampled_from([None, "a", "b", "c", "d", "e"]),
        st.booleans(),
        st.sampled_from([None, None, 100, 200, 300]),
        st.sampled_from([False] * 9 + [True]),
    ),
    min_size=1,
    max_size=50,
)


def expected(log: MemoryLog) -> tuple[dict[str, list[Sequenced]], dict[int, Duplicate]]:
    """The rules once more, plainly, over the whole log at once."""
    streams: dict[str, list[Sequenced]] = {}
    duplicates: dict[int, Duplicate] = {}
    for record in itertools.chain.from_iterable(log.records):
        if record.value.startswith(b"\xc1"):
            continue
        envelope = decode_envelope(record.value)
        before = streams.setdefault(record.key, [])
        same = [event for event in before if envelope.dedupe and event.envelope.dedupe == envelope.dedupe]
        if same and record.timestamp_ms - same[-1].created_at <= WINDOW_MS:
            original = same[-1]
            duplicates[envelope.event_id] = Duplicate(
                envelope.event_id, original.envelope.event_id, original.seq, original.created_at
            )
            continue
        created_at = max([record.timestamp_ms] + [event.created_at for event in before])
        month = "2026_01" if created_at < START_MS + 2_000 else "2026_02"
        of_month = sum(event.envelope.counts for event in before if event.bucket.startswith(month))
        part = max(0, (of_month if envelope.counts else of_month - 1) // BUCKET_ROWS)
        thread_n = 0
        if envelope.thread:
            thread_n = 1 + sum(
                event.envelope.thread is not None and event.envelope.thread[0] == envelope.thread[0] for event in before
            )
        before.append(
            Sequenced(
                record.key,
                len(before) + 1,
                sum(event.envelope.counts for event in before) + envelope.counts,
                thread_n,
                created_at,
                f"{month}.{part:04d}" if part else month,
                record.position,
                envelope,
            )
        )
    return {name: events for name, events in streams.items() if events}, duplicates


class World:
    def __init__(self, records: Sequence[Record], limits: Limits | None) -> None:
        self.log = MemoryLog(2)
        self.store = MemoryStore()
        self.listener = Listener()
        self.followed: list[Sequenced] = []
        self.limits = limits
        self.faults: list[str | None] = []
        self.broker_failures = 0
        self.left = list(records)
        self.now = START_MS
        self.ids = itertools.count(1)
        self.wrongly_committed: list[Mapping[int, int]] = []
        self.log.on_commit = self.judge

    def judge(self, offsets: Mapping[int, int]) -> None:
        """A commit promises that everything before it is stored, was broadcast, and is followed up."""
        streams, _ = expected(self.log)
        for event in itertools.chain.from_iterable(streams.values()):
            if event.position.offset < offsets.get(event.position.partition, 0):
                done = (event.stream, event.seq) in self.store.rows and event in self.listener.events
                if not done or (event.envelope.type == "followed" and event not in self.followed):
                    self.wrongly_committed.append(offsets)

    def append(self, count: int) -> None:
        for record in self.left[:count]:
            self.now += record.later_ms
            self.log.add(STREAMS[record.stream], record.stream, self.now, record.value(next(self.ids)))
        del self.left[:count]

    def sequencer(self, life: Life) -> Sequencer:
        def hand_over(events: Sequence[Sequenced]) -> None:
            if self.broker_failures > 0 or life.dead:
                self.broker_failures -= 1
                raise BrokerUnavailableError
            self.followed += events

        parts: list[Any] = [
            self.log.of(life),
            self.store.of(life, lambda: self.faults.pop(0) if self.faults else None),
            self.listener.of(life),
        ]
        return Sequencer(
            *parts,
            bucket_rows=BUCKET_ROWS,
            window_ms=WINDOW_MS,
            limits=self.limits,
            wants_followups=lambda event: event.envelope.type == "followed",
            hand_over=hand_over,
        )

    async def live(self, life: Life) -> None:
        """Until the life ends, or everything is done, or it freezes."""
        sequencer = self.sequencer(life)
        self.log.idle_polls = 0
        run = asyncio.create_task(sequencer.run())
        async with asyncio.timeout(20):
            while not ((self.done and not sequencer.store_is_down) or life.dead or life.frozen.is_set()):
                self.append(3)
                if run.done():
                    break
                await asyncio.sleep(0.001)
        if life.frozen.is_set():
            return
        with contextlib.suppress(Killed, asyncio.CancelledError):
            if not life.dead:
                await sequencer.stop()
            await asyncio.wait([run], timeout=0 if life.dead else None)
            run.cancel()
            await asyncio.wait([run])
            run.result()

    @property
    def done(self) -> bool:
        # It may have to read again what is committed, so the end of the log has to be seen as well.
        return not self.left and self.log.drained and self.log.idle_polls > 3

    def check(self) -> None:
        streams, duplicates = expected(self.log)
        assert {name: self.store.stream(name) for name in {name for name, _ in self.store.rows}} == streams
        for name, events in streams.items():
            head, last = self.store.head_rows[name], events[-1]
            assert (head.seq, head.count, head.created_at) == (last.seq, last.count, last.created_at)
            assert (head.position, head.bucket) == (last.position, last.bucket)
            assert self.listener.heard(name) == {event.seq: event for event in events}
            wanted = [event.seq for event in events if event.envelope.type == "followed"]
            got = list(dict.fromkeys(event.seq for event in self.followed if event.stream == name))
            assert got == wanted
        assert set(self.listener.duplicates) == set(duplicates.values())
        assert self.log.drained
        assert self.wrongly_committed == []


LIMITS = st.sampled_from([None, TINY])
FAULTS = st.lists(st.sampled_from([None, None, None, "before", "half", "after", "strange"]), max_size=12)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    monkeypatch.setattr("apps.eventlog.deadletters.record_soon", lambda *_: None)


@SETTINGS
@given(records_of, LIMITS)
async def test_undisturbed(records: list[Record], limits: Limits | None) -> None:
    world = World(records, limits)
    await world.live(Life())
    world.check()


@SETTINGS
@given(records_of, LIMITS, st.lists(st.integers(1, 60), max_size=6))
async def test_killed_at_any_step(records: list[Record], limits: Limits | None, lives: list[int]) -> None:
    world = World(records, limits)
    for killed_at in lives:
        await world.live(Life(killed_at=killed_at))
    await world.live(Life())
    world.check()


@SETTINGS
@given(records_of, LIMITS, FAULTS, st.integers(0, 3))
async def test_the_store_and_the_broker_fail(
    records: list[Record], limits: Limits | None, faults: list[str | None], broker_failures: int
) -> None:
    world = World(records, limits)
    world.faults, world.broker_failures = faults, broker_failures
    await world.live(Life())
    world.check()


@SETTINGS
@given(records_of, LIMITS, FAULTS, st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), max_size=5))
async def test_killed_while_the_store_fails_and_forgets(
    records: list[Record], limits: Limits | None, faults: list[str | None], lives: list[tuple[int, int]]
) -> None:
    world = World(records, limits)
    world.faults = faults
    for killed_at, lost in lives:
        await world.live(Life(killed_at=killed_at))
        world.store.lose(lost)
    await world.live(Life())
    if any(lost for _, lost in lives):
        world.wrongly_committed.clear()  # they were right when they were made
    world.check()


@SETTINGS
@given(records_of, LIMITS, st.integers(0, 40), st.integers(0, 6))
async def test_the_store_crashes_under_a_living_sequencer(
    records: list[Record], limits: Limits | None, after_steps: int, lost: int
) -> None:
    world = World(records, limits)
    life = Life()

    async def crash() -> None:
        while life.steps < after_steps and not world.done:
            await asyncio.sleep(0)
        world.store.down = True
        world.store.lose(lost)
        # Down until it is noticed: a crash that nobody could notice is one within a single call.
        while not sequencer.store_is_down:
            world.append(1)
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.003)
        world.store.down = False

    sequencer = world.sequencer(life)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROBE_S", 0.0)
        run = asyncio.create_task(sequencer.run())
        crashing = asyncio.create_task(crash())
        async with asyncio.timeout(20):
            while not (crashing.done() and world.done and not sequencer.store_is_down):
                world.append(2)
                await asyncio.sleep(0.001)
        await crashing
        await sequencer.stop()
        await run
    world.wrongly_committed.clear()  # what the crash undid was there when it was promised
    world.check()


@SETTINGS
@given(records_of, LIMITS, st.integers(1, 60))
async def test_a_process_that_stood_still_comes_back(
    records: list[Record], limits: Limits | None, frozen_at: int
) -> None:
    world = World(records, limits)
    zombie = Life(frozen_at=frozen_at)
    first = world.sequencer(zombie)
    run = asyncio.create_task(first.run())
    async with asyncio.timeout(20):
        while not (zombie.frozen.is_set() or world.done):
            world.append(2)
            await asyncio.sleep(0.001)
    await world.live(Life())
    zombie.frozen.clear()
    zombie.thawed.set()
    await asyncio.sleep(0.01)
    await first.stop()
    await run
    world.check()
