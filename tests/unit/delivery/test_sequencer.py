"""The sequencer on the embedded log and store, as it runs in life."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from apps.core import ids
from apps.delivery import metrics
from apps.delivery.followups import BrokerUnavailableError
from apps.delivery.replay import replay
from apps.delivery.sequencer import Sequencer
from apps.delivery.sequencing import Limits
from apps.eventlog.append import append_event
from apps.eventlog.backends.log_sqlite import SqliteLog
from apps.eventlog.events import Batch, Duplicate, Sequenced
from apps.messaging.backends.store_sqlite import SqliteStore
from apps.messaging.events import MessagePosted
from apps.messaging.ports import StoreUnavailableError

Thread = tuple[int, str, int, int]


class Ears:
    """A broadcast that keeps what it was given."""

    healthy = True

    def __init__(self) -> None:
        self.events: list[Sequenced] = []
        self.duplicates: list[Duplicate] = []
        self._grown = asyncio.Event()

    async def publish(self, batch: Batch) -> None:
        self.events += batch.events
        self.duplicates += batch.duplicates
        self._grown.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self._grown.clear()
                await self._grown.wait()

    async def hear(self, count: int) -> list[Sequenced]:
        await self.until(lambda: len(self.events) + len(self.duplicates) >= count)
        return self.events

    async def subscribe(self, *_: object) -> None: ...

    async def unsubscribe(self, *_: object) -> None: ...

    async def close(self) -> None: ...


class FragileStore(SqliteStore):
    """The real one, behind a line that can be cut."""

    down = False
    cut = 0

    def _line(self) -> None:
        if self.down:
            self.cut += 1
            raise StoreUnavailableError

    async def apply(self, *args: Any) -> None:
        self._line()
        await super().apply(*args)

    async def heads(self, *args: Any) -> Any:
        self._line()
        return await super().heads(*args)

    async def originals(self, *args: Any) -> Any:
        self._line()
        return await super().originals(*args)

    async def thread_totals(self, *args: Any, **kwargs: Any) -> Any:
        self._line()
        return await super().thread_totals(*args, **kwargs)

    async def events(self, *args: Any, **kwargs: Any) -> Any:
        self._line()
        return await super().events(*args, **kwargs)


class House:
    """One log, one store, and the sequencers that run on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = SqliteLog(f"sqlite:///{path / 'log.sqlite3'}", partitions=4)
        self.store = FragileStore(f"sqlite:///{path / 'store.sqlite3'}")
        self.ears = Ears()
        self.running: list[tuple[Sequencer, asyncio.Task[None]]] = []

    def start(self, **options: Any) -> Sequencer:
        options.setdefault("wants_followups", lambda _: False)
        sequencer = Sequencer(self.log, self.store, self.ears, **options)
        self.running.append((sequencer, asyncio.create_task(sequencer.run())))
        return sequencer

    async def stop(self) -> None:
        while self.running:
            sequencer, task = self.running.pop()
            await sequencer.stop()
            await task

    async def post(
        self, channel_id: int = 1, *, client_msg_id: str | None = None, thread: Thread | None = None, also: bool = False
    ) -> int:
        message_id = ids.new_id()
        await append_event(
            stream=f"c:{channel_id}",
            event=MessagePosted(
                channel_id=str(channel_id),
                message_id=str(message_id),
                sender_id="7",
                client_msg_id=client_msg_id,
                thread_id=None if thread is None else str(thread[0]),
                also_in_channel=also,
            ),
            event_id=message_id,
            actor_id=7,
            workspace_id=8,
            dedupe=None if client_msg_id is None else f"7:{client_msg_id}",
            counts=thread is None or also,
            thread=thread,
            sealed=b"sealed",
            log=self.log,
        )
        return message_id

    async def committed(self) -> dict[int, int]:
        def read() -> dict[int, int]:
            with sqlite3.connect(self.path / "log.sqlite3") as connection:
                found = dict(connection.execute("SELECT partition, next FROM offsets").fetchall())
            connection.close()
            return found

        return await asyncio.to_thread(read)

    async def until_committed(self, total: int) -> None:
        async with asyncio.timeout(20):
            while sum((await self.committed()).values()) < total:
                await asyncio.sleep(0.01)

    def rows(self) -> dict[str, list[Any]]:
        with sqlite3.connect(self.path / "store.sqlite3") as connection:
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            found = {
                table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables
            }
        connection.close()
        return found


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("apps.eventlog.deadletters.record_soon", lambda *_: None)
    house = House(tmp_path)
    await house.log.setup()
    await house.store.setup()
    yield house
    house.store.down = False
    await house.stop()
    await house.log.close()
    await house.store.close()


async def test_posts_get_dense_places_and_are_stored_before_they_are_heard(house: House) -> None:
    house.start()
    posted = [await house.post(channel_id=1 + number % 3) for number in range(30)]
    events = await house.ears.hear(30)
    for channel_id in (1, 2, 3):
        mine = [event for event in events if event.stream == f"c:{channel_id}"]
        assert [event.seq for event in mine] == [event.count for event in mine] == list(range(1, 11))
        assert [event.envelope.event_id for event in mine] == posted[channel_id - 1 :: 3]
        assert list(await house.store.events(f"c:{channel_id}", after=0, limit=100)) == mine


async def test_a_repeat_becomes_no_event_and_names_what_stands(house: House) -> None:
    house.start()
    first = await house.post(client_msg_id="a")
    repeats = [await house.post(client_msg_id="a") for _ in range(3)]
    await house.post(client_msg_id="a", channel_id=2)
    await house.ears.hear(5)
    (original,) = [event for event in house.ears.events if event.stream == "c:1"]
    assert house.ears.duplicates == [Duplicate(repeat, first, original.seq, original.created_at) for repeat in repeats]
    assert [event.seq for event in house.ears.events if event.stream == "c:2"] == [1]


async def test_a_repeat_is_known_after_a_restart(house: House) -> None:
    house.start()
    first = await house.post(client_msg_id="a")
    await house.ears.hear(1)
    await house.stop()
    house.start()
    repeat = await house.post(client_msg_id="a")
    await house.ears.until(lambda: bool(house.ears.duplicates))
    assert [duplicate.original_event_id for duplicate in house.ears.duplicates] == [first]
    assert house.ears.duplicates[0].event_id == repeat


async def test_the_window_ends(house: House) -> None:
    house.start(window_ms=30)
    await house.post(client_msg_id="a")
    await asyncio.sleep(0.05)  # the log's clock decides
    await house.post(client_msg_id="a")
    await house.ears.hear(2)
    assert [event.seq for event in house.ears.events] == [1, 2]


async def test_replies_are_counted_per_thread_and_not_in_the_channel(house: House) -> None:
    house.start()
    await house.post()
    (parent,) = await house.ears.hear(1)
    where = (parent.envelope.event_id, parent.bucket, parent.created_at, parent.seq)
    await house.post(thread=where)
    await house.ears.hear(2)
    await house.stop()
    house.start()  # what was counted before is read back
    await house.post(thread=where, also=True)
    await house.post()
    events = await house.ears.hear(4)
    assert [(event.seq, event.count, event.thread_n) for event in events] == [
        (1, 1, 0),
        (2, 1, 1),
        (3, 2, 2),
        (4, 3, 0),
    ]


async def test_a_full_bucket_overflows(house: House) -> None:
    house.start(bucket_rows=2)
    for _ in range(5):
        await house.post()
    events = await house.ears.hear(5)
    month = events[0].bucket
    assert len(month) == 7
    assert [event.bucket for event in events] == [month, month, f"{month}.0001", f"{month}.0001", f"{month}.0002"]


async def test_what_cant_be_read_is_skipped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    letters: list[str] = []
    monkeypatch.setattr("apps.eventlog.deadletters.record_soon", lambda record, _: letters.append(record.key))
    await house.log.append("c:1", b"garbage")
    await house.log.append("nonsense", b"\x00")
    await house.post()
    house.start()
    assert [event.seq for event in await house.ears.hear(1)] == [1]
    await house.until_committed(3)
    assert sorted(letters) == ["c:1", "nonsense"]


async def test_a_clean_stop_repeats_nothing(house: House) -> None:
    house.start()
    for _ in range(5):
        await house.post()
    await house.ears.hear(5)
    await house.stop()
    house.start()
    await house.post()
    await house.ears.hear(6)
    assert [event.seq for event in house.ears.events] == [1, 2, 3, 4, 5, 6]


async def test_two_sequencers_share_and_the_order_holds_while_one_joins_and_one_leaves(house: House) -> None:
    first = house.start()
    channels = range(1, 13)

    async def send(channel_id: int) -> None:
        for _ in range(60):
            await house.post(channel_id)

    senders = [asyncio.create_task(send(channel_id)) for channel_id in channels]
    await house.ears.hear(50)
    second = house.start()
    async with asyncio.timeout(20):
        while not (first.partitions and second.partitions and first.partitions | second.partitions == {0, 1, 2, 3}):
            await asyncio.sleep(0.01)
        assert not first.partitions & second.partitions
        await asyncio.gather(*senders)
    await first.stop()
    await asyncio.gather(*(house.post(channel_id) for channel_id in channels))
    await house.until_committed(len(channels) * 61)
    for channel_id in channels:
        stored = await house.store.events(f"c:{channel_id}", after=0, limit=1_000)
        assert [event.seq for event in stored] == list(range(1, 62))
        # What was heard twice was the same, and nothing was missing.
        heard = {event.seq: event for event in house.ears.events if event.stream == f"c:{channel_id}"}
        assert heard == {event.seq: event for event in stored}


async def test_while_the_store_is_down_posts_are_heard_and_nothing_is_committed(house: House) -> None:
    sequencer = house.start()

    def state() -> bool:
        return sequencer.store_is_down

    await house.post()
    await house.ears.hear(1)
    await house.until_committed(1)
    house.store.down = True
    posted = [await house.post() for _ in range(5)]
    events = await house.ears.hear(6)
    assert [event.envelope.event_id for event in events[1:]] == posted
    assert [event.seq for event in events] == [1, 2, 3, 4, 5, 6]
    assert state()
    # A stream of which nothing is known can't be placed; it waits.
    await house.post(channel_id=2)
    await asyncio.sleep(0.3)
    assert len(house.ears.events) == 6
    assert sum((await house.committed()).values()) == 1
    house.store.down = False
    await house.ears.until(lambda: any(event.stream == "c:2" for event in house.ears.events))
    await house.until_committed(7)
    assert not state()
    stored = await house.store.events("c:1", after=0, limit=100)
    assert {event.seq: event for event in house.ears.events if event.stream == "c:1"} == {
        event.seq: event for event in stored
    }


async def test_a_long_outage_of_the_store_fills_no_memory_and_loses_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.delivery.sequencer.ROUND_MAX", 10)
    limits = Limits(streams=100, keys=20, stream_keys=10, threads=5)
    sequencer = house.start(limits=limits)
    await house.post(client_msg_id="first")
    await house.ears.hear(1)
    await house.until_committed(1)
    house.store.down = True
    for number in range(300):
        await house.post(client_msg_id=str(number))
    async with asyncio.timeout(20):
        while not sequencer.is_full:
            await asyncio.sleep(0.01)
        # It goes on to ask for the store, and takes nothing more from the log meanwhile.
        probes = house.store.cut
        while house.store.cut < probes + 2:
            await asyncio.sleep(0.01)
    assert len(house.ears.events) <= 1 + 2 * limits.keys + 10
    house.store.down = False
    await house.until_committed(301)
    stored = await house.store.events("c:1", after=0, limit=1_000)
    assert [event.seq for event in stored] == list(range(1, 302))
    assert {event.seq: event for event in house.ears.events} == {event.seq: event for event in stored}


async def test_how_far_behind_the_log_it_is_can_be_measured(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.delivery.sequencer.LAG_EVERY_S", 0.01)
    partition = str((await house.log.append("c:1", b"unreadable")).partition)

    def lag() -> float | None:
        return REGISTRY.get_sample_value("sequencer_lag_records", {"partition": partition})

    async def until(records: float) -> None:
        async with asyncio.timeout(20):
            while lag() != records:
                await asyncio.sleep(0.01)

    metrics.LAG.clear()  # of what other tests measured
    house.start()
    await until(0)
    house.store.down = True
    for _ in range(3):
        await house.post()
    await until(3)
    house.store.down = False
    await until(0)


async def test_an_outage_is_noticed_when_nothing_is_written(house: House) -> None:
    sequencer = house.start()
    await house.post()
    await house.ears.hear(1)
    house.store.down = True
    async with asyncio.timeout(10):
        while not sequencer.store_is_down:
            await asyncio.sleep(0.02)
    house.store.down = False
    async with asyncio.timeout(10):
        while sequencer.store_is_down:
            await asyncio.sleep(0.02)


async def test_a_broker_that_is_down_holds_the_commit_and_nothing_else(house: House) -> None:
    handed: list[int] = []
    broker_is_down = True

    def hand_over(events: Any) -> None:
        if broker_is_down:
            raise BrokerUnavailableError
        handed.extend(event.seq for event in events)

    house.start(wants_followups=lambda _: True, hand_over=hand_over)
    for _ in range(5):
        await house.post()
    await house.ears.hear(5)
    assert len(await house.store.events("c:1", after=0, limit=100)) == 5
    await asyncio.sleep(0.5)
    assert await house.committed() == {}
    broker_is_down = False
    await house.until_committed(5)
    assert handed == [1, 2, 3, 4, 5]


async def test_a_replay_writes_the_same_rows(house: House) -> None:
    house.start(bucket_rows=3)
    await house.post(client_msg_id="parent")
    (parent,) = await house.ears.hear(1)
    where = (parent.envelope.event_id, parent.bucket, parent.created_at, parent.seq)
    for number in range(40):
        await house.post(channel_id=1 + number % 2, client_msg_id=f"m{number % 25}")
        if number % 5 == 0:
            await house.post(thread=where, also=number % 10 == 0)
    await house.log.append("c:1", b"garbage")
    await house.ears.hear(49)
    await house.stop()
    before = house.rows()
    assert len(before["stream_events"]) == len(house.ears.events)
    assert await replay(house.log, house.store, bucket_rows=3) == len(before["stream_events"])
    assert house.rows() == before
    # And a sequencer goes on where it stood.
    house.start(bucket_rows=3)
    heard = len(house.ears.events)
    await house.post(channel_id=2)
    await house.ears.until(lambda: len(house.ears.events) > heard)
    assert house.ears.events[-1].seq == len([row for row in before["stream_events"] if row[0] == "c:2"]) + 1
