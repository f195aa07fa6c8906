"""One suite for the log, on every backend, the real Kafka included."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from django.test import override_settings

from apps.eventlog.backends.log_kafka import KafkaLog
from apps.eventlog.backends.log_sqlite import SqliteLog
from apps.eventlog.backends.partitioning import partition_of
from apps.eventlog.events import Position
from apps.eventlog.ports import Log, LogRecord, LogUnavailableError, Reader
from deploy.services import Services
from tests.harness.fixtures import require_servers

PARTITIONS = 4
# One key in each partition.
KEYS = {partition_of(f"c:{number}", PARTITIONS): f"c:{number}" for number in range(1, 100)}
Factory = Callable[[], Log]


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.real("kafka"))])
def factory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Factory]:
    """Logs on one file or topic of the test's own: what several processes would have."""
    if request.param == "sqlite":
        yield lambda: SqliteLog(f"sqlite:///{tmp_path / 'log.sqlite3'}", partitions=PARTITIONS)
        return
    servers: Services = request.getfixturevalue("services")
    require_servers(servers, ("kafka",))
    address, topic = f"127.0.0.1:{servers.ports['kafka']}", f"contract-{uuid.uuid4().hex}"
    yield lambda: KafkaLog(f"kafka://{address}", topic=topic, partitions=PARTITIONS)
    admin = AdminClient({"bootstrap.servers": address})
    admin.delete_topics([topic])[topic].result(10)


@pytest.fixture
async def log(factory: Factory) -> AsyncIterator[Log]:
    log = factory()
    await log.setup()
    yield log
    await log.close()


@pytest.fixture
def group() -> str:
    return f"group-{uuid.uuid4().hex}"


class Member:
    """A reader that keeps account of what it has."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.assigned: dict[int, int] = {}
        self.records: list[LogRecord] = []
        self.moves: list[int] = []  # partitions that came or went

    @property
    def owned(self) -> set[int]:
        return set(self.assigned)

    async def turn(self, *, max_records: int = 100, timeout_s: float = 0.2) -> None:
        poll = await self.reader.poll(max_records=max_records, timeout_s=timeout_s)
        assert len(poll.records) <= max_records
        for partition in poll.revoked:
            self.assigned.pop(partition)
        self.assigned.update(poll.assigned)
        self.moves += [*poll.revoked, *poll.assigned]
        self.records.extend(poll.records)

    async def until(self, reached: Callable[["Member"], bool], *others: "Member") -> None:
        async with asyncio.timeout(30):
            while not reached(self):
                await asyncio.gather(*(member.turn() for member in (self, *others)))

    async def values(self, count: int) -> list[bytes]:
        await self.until(lambda member: len(member.records) >= count)
        return [record.value for record in self.records]


async def member(log: Log, group: str | None) -> Member:
    return Member(await log.reader(group))


async def test_what_is_appended_is_read_back(log: Log, group: str) -> None:
    values = [b"", b"\0\xff", "žluťoučký 🐎".encode(), b"x" * 200_000]
    positions = [await log.append("c:1", value) for value in values]
    reader = await member(log, group)
    assert await reader.values(len(values)) == values
    assert [record.position for record in reader.records] == positions
    assert {record.key for record in reader.records} == {"c:1"}


async def test_appends_under_one_key_keep_the_order_of_the_calls(log: Log, group: str) -> None:
    values = [b"%d" % number for number in range(500)]
    positions = await asyncio.gather(*(log.append("c:1", value) for value in values))
    assert positions == sorted(positions)
    assert len({position.partition for position in positions}) == 1
    assert await (await member(log, group)).values(500) == values


async def test_a_key_stays_in_its_partition(log: Log, factory: Factory) -> None:
    assert log.partitions == PARTITIONS
    other = factory()
    await other.setup()
    for partition, key in KEYS.items():
        assert (await log.append(key, b"x")).partition == partition
        assert (await other.append(key, b"x")).partition == partition
    await other.close()


async def test_offsets_are_dense_and_timestamps_never_decrease(log: Log, group: str) -> None:
    for number in range(50):
        await log.append(KEYS[number % PARTITIONS], b"x")
    reader = await member(log, group)
    await reader.values(50)
    for partition in range(PARTITIONS):
        mine = [record for record in reader.records if record.position.partition == partition]
        assert [record.position.offset for record in mine] == list(range(len(mine)))
        times = [record.timestamp_ms for record in mine]
        assert times == sorted(times)


async def test_timestamps_are_the_same_at_every_reading(log: Log, group: str) -> None:
    for number in range(20):
        await log.append(KEYS[number % PARTITIONS], b"%d" % number)
    first, second = await member(log, group), await member(log, None)
    await first.values(20)
    await second.values(20)
    assert sorted(first.records, key=lambda record: record.position) == sorted(
        second.records, key=lambda record: record.position
    )


async def test_a_waiting_poll_is_woken_by_an_append(log: Log, group: str) -> None:
    reader = await member(log, group)
    await reader.until(lambda member: member.owned == set(range(PARTITIONS)))
    poll = asyncio.create_task(reader.reader.poll(max_records=10, timeout_s=20))
    await log.append("c:1", b"x")
    async with asyncio.timeout(5):
        assert [record.value for record in (await poll).records] == [b"x"]


async def test_a_patient_reader_gets_a_single_record_too(log: Log, group: str) -> None:
    reader = Member(await log.reader(group, patient=True))
    await reader.until(lambda member: bool(member.assigned))
    await log.append("c:1", b"alone")
    assert await reader.values(1) == [b"alone"]


async def test_an_append_of_another_process_is_seen(log: Log, factory: Factory, group: str) -> None:
    other = factory()
    await other.setup()
    reader = await member(log, group)
    await reader.until(lambda member: member.owned == set(range(PARTITIONS)))
    await other.append("c:1", b"x")
    assert await reader.values(1) == [b"x"]
    await other.close()


async def test_reading_goes_on_at_the_committed_offset(log: Log, group: str) -> None:
    for number in range(10):
        await log.append("c:1", b"%d" % number)
    partition = partition_of("c:1", PARTITIONS)
    first = await member(log, group)
    await first.values(10)
    assert first.assigned == dict.fromkeys(range(PARTITIONS), 0)
    await first.reader.commit({partition: 7})
    await first.reader.close()
    second = await member(log, group)
    assert await second.values(3) == [b"7", b"8", b"9"]
    assert second.assigned[partition] == 7


async def test_without_a_commit_everything_comes_again(log: Log, group: str) -> None:
    await log.append("c:1", b"x")
    first = await member(log, group)
    await first.values(1)
    await first.reader.close()
    assert await (await member(log, group)).values(1) == [b"x"]


async def test_groups_are_apart(log: Log, group: str) -> None:
    await log.append("c:1", b"x")
    first = await member(log, group)
    await first.values(1)
    await first.reader.commit({partition_of("c:1", PARTITIONS): 1})
    assert await (await member(log, f"{group}-2")).values(1) == [b"x"]


async def test_seek_moves_back_and_forth(log: Log, group: str) -> None:
    for number in range(10):
        await log.append("c:1", b"%d" % number)
    partition = partition_of("c:1", PARTITIONS)
    reader = await member(log, group)
    await reader.values(10)
    reader.records.clear()
    await reader.reader.seek(partition, 8)
    assert await reader.values(2) == [b"8", b"9"]
    reader.records.clear()
    await reader.reader.seek(partition, 2)
    assert await reader.values(8) == [b"%d" % number for number in range(2, 10)]


async def test_seek_right_after_the_assignment(log: Log, group: str) -> None:
    for number in range(10):
        await log.append("c:1", b"%d" % number)
    partition = partition_of("c:1", PARTITIONS)
    reader = await member(log, group)
    await reader.until(lambda member: partition in member.owned)
    reader.records.clear()
    await reader.reader.seek(partition, 6)
    assert await reader.values(4) == [b"6", b"7", b"8", b"9"]


async def test_seek_drops_what_was_fetched(log: Log, group: str) -> None:
    for number in range(100):
        await log.append("c:1", b"%d" % number)
    partition = partition_of("c:1", PARTITIONS)
    reader = await member(log, group)
    while not reader.records:
        await reader.turn(max_records=5)
    reader.records.clear()
    await reader.reader.seek(partition, 90)
    assert await reader.values(10) == [b"%d" % number for number in range(90, 100)]


async def test_the_offset_at_a_time(log: Log, group: str) -> None:
    for number in range(6):
        await log.append("c:1", b"%d" % number)
        await asyncio.sleep(0.003)  # the log's clock counts milliseconds
    partition = partition_of("c:1", PARTITIONS)
    reader = await member(log, group)
    await reader.values(6)
    times = [record.timestamp_ms for record in reader.records]
    assert await reader.reader.offset_at(partition, 0) == 0
    assert await reader.reader.offset_at(partition, times[3]) == times.index(times[3])
    assert await reader.reader.offset_at(partition, times[2] + 1) == 3
    assert await reader.reader.offset_at(partition, times[-1] + 1_000) == 6


async def test_ends(log: Log, group: str) -> None:
    reader = await member(log, group)
    await reader.until(lambda member: member.owned == set(range(PARTITIONS)))
    assert await reader.reader.end_offsets() == dict.fromkeys(range(PARTITIONS), 0)
    await log.append(KEYS[2], b"x")
    assert await reader.reader.end_offsets() == {0: 0, 1: 0, 2: 1, 3: 0}


async def test_a_poll_without_records_asked_for_brings_none(log: Log, group: str) -> None:
    await log.append("c:1", b"x")
    reader = await member(log, group)
    async with asyncio.timeout(30):
        while reader.owned != set(range(PARTITIONS)):
            await reader.turn(max_records=0)
    await reader.turn(max_records=0)
    assert reader.records == []
    assert await reader.values(1) == [b"x"]


async def test_two_readers_share_the_partitions(log: Log, factory: Factory, group: str) -> None:
    everything = set(range(PARTITIONS))
    first = await member(log, group)
    await first.until(lambda member: member.owned == everything)
    other = factory()
    second = await member(other, group)
    await second.until(lambda second: len(second.owned) == len(first.owned) == PARTITIONS // 2, first)
    assert first.owned | second.owned == everything
    # Every record comes to the one who has its partition.
    for key in KEYS.values():
        await log.append(key, key.encode())
    await second.until(lambda second: len(first.records) + len(second.records) == PARTITIONS, first)
    for reader in (first, second):
        assert {record.position.partition for record in reader.records} == reader.owned
    await other.close()
    await first.until(lambda member: member.owned == everything)


async def test_what_stays_flows_on_while_a_second_reader_joins(log: Log, factory: Factory, group: str) -> None:
    first = await member(log, group)
    await first.until(lambda member: member.owned == set(range(PARTITIONS)))
    other = factory()
    second = await member(other, group)
    flowed: set[int] = set()
    appended = 0
    async with asyncio.timeout(30):
        while len(second.owned) < PARTITIONS // 2 or len(first.owned) > PARTITIONS // 2:
            joining, known = not second.owned, len(first.records)
            await asyncio.gather(*(log.append(key, b"x") for key in KEYS.values()))
            appended += 1
            await asyncio.gather(first.turn(timeout_s=0.05), second.turn(timeout_s=0.05))
            if joining:
                flowed.update(record.position.partition for record in first.records[known:])
    stayed = first.owned
    assert stayed <= flowed
    assert [first.moves.count(partition) for partition in stayed] == [1] * len(stayed)
    await first.until(lambda first: all(_offsets(first, one) >= [*range(appended)] for one in stayed), second)
    assert all(_offsets(first, partition) == [*range(appended)] for partition in stayed)
    await other.close()


def _offsets(reader: Member, partition: int) -> list[int]:
    return [record.position.offset for record in reader.records if record.position.partition == partition]


async def test_a_reader_that_goes_is_replaced_where_it_committed(log: Log, factory: Factory, group: str) -> None:
    other = factory()
    first, second = await member(other, group), await member(log, group)
    await first.until(lambda first: len(first.owned) == len(second.owned) == PARTITIONS // 2, second)
    partition = min(first.owned)
    await log.append(KEYS[partition], b"0")
    await log.append(KEYS[partition], b"1")
    await first.until(lambda first: len(first.records) == 2, second)
    await first.reader.commit({partition: 1})
    await other.close()
    assert await second.values(1) == [b"1"]
    assert second.assigned[partition] == 1


async def test_a_reader_in_no_group_has_everything_and_keeps_nothing(log: Log, group: str) -> None:
    for key in KEYS.values():
        await log.append(key, b"x")
    for _ in range(2):
        reader = await member(log, None)
        await reader.values(PARTITIONS)
        assert reader.assigned == dict.fromkeys(range(PARTITIONS), 0)
        await reader.reader.commit(dict.fromkeys(range(PARTITIONS), 1))
        await reader.reader.close()


async def test_a_closed_reader_and_a_closed_log_say_so(factory: Factory, group: str) -> None:
    log = factory()
    await log.setup()
    reader = await log.reader(group)
    await reader.close()
    with pytest.raises(LogUnavailableError):
        await reader.poll(max_records=1, timeout_s=0.1)
    with pytest.raises(LogUnavailableError):
        await reader.seek(0, 0)
    await log.close()
    with pytest.raises(LogUnavailableError):
        await log.append("c:1", b"x")


async def test_a_full_queue_refuses_at_once(factory: Factory) -> None:
    with override_settings(LOG_QUEUE_MAX=100):
        log = factory()
        await log.setup()
        results = await asyncio.gather(*(log.append("c:1", b"x") for _ in range(5_000)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, LogUnavailableError)]
    assert refused
    assert len(refused) + sum(isinstance(result, Position) for result in results) == 5_000
    await log.close()


async def test_appends_from_several_threads_and_loops(log: Log, group: str) -> None:
    def thread(name: str) -> None:
        async def appends() -> None:
            await asyncio.gather(*(log.append(f"c:{name}", b"%d" % number) for number in range(50)))

        asyncio.run(appends())

    await asyncio.gather(*(asyncio.to_thread(thread, name) for name in ("1", "2", "3")))
    reader = await member(log, group)
    await reader.values(150)
    for name in ("1", "2", "3"):
        values = [record.value for record in reader.records if record.key == f"c:{name}"]
        assert values == [b"%d" % number for number in range(50)]


async def test_setup_may_be_repeated(log: Log, group: str) -> None:
    await log.append("c:1", b"x")
    await log.setup()
    assert await (await member(log, group)).values(1) == [b"x"]


# -- of SQLite alone


def _child(tmp_path: Path, source: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=os.environ | {"LOG_FILE": str(tmp_path / "log.sqlite3"), "DJANGO_SETTINGS_MODULE": "slackclone.settings"},
        stdout=subprocess.PIPE,
    )


async def _lines(child: subprocess.Popen[bytes], count: int) -> list[bytes]:
    assert child.stdout is not None
    read = child.stdout.readline
    return [await asyncio.to_thread(read) for _ in range(count)]


async def test_sqlite_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    child = _child(
        tmp_path,
        """
        import asyncio, os, sys
        import django
        django.setup()
        from apps.eventlog.backends.log_sqlite import SqliteLog
        async def main():
            log = SqliteLog("sqlite:///" + os.environ["LOG_FILE"], partitions=4)
            await log.setup()
            async def sender(key):
                for number in range(1_000_000):
                    position = await log.append(key, b"%d" % number)
                    os.write(1, b"%s %d %d\\n" % (key.encode(), number, position.offset))
            await asyncio.gather(*(sender(f"c:{key}") for key in range(1, 9)))
        asyncio.run(main())
        """,
    )
    lines = await _lines(child, 2_000)
    child.kill()
    assert child.stdout is not None
    lines += (await asyncio.to_thread(child.stdout.read)).splitlines()
    child.wait()
    child.stdout.close()
    acknowledged = {(key.decode(), value): int(offset) for key, value, offset in (line.split() for line in lines)}
    log = SqliteLog(f"sqlite:///{tmp_path / 'log.sqlite3'}")
    reader = await member(log, None)
    await reader.turn()
    ends = await reader.reader.end_offsets()
    await reader.until(lambda member: len(member.records) == sum(ends.values()))
    found = {(record.key, record.value): record.position.offset for record in reader.records}
    assert len(found) == len(reader.records)
    assert acknowledged.items() <= found.items()
    await log.close()


_READER = """
    import asyncio, os
    import django
    django.setup()
    from apps.eventlog.backends.log_sqlite import SqliteLog
    async def main():
        log = SqliteLog("sqlite:///" + os.environ["LOG_FILE"], partitions=4)
        reader = await log.reader("group")
        owned = set()
        while True:
            poll = await reader.poll(max_records=10, timeout_s=0.2)
            owned = (owned - set(poll.revoked)) | set(poll.assigned)
            if poll.assigned or poll.revoked:
                os.write(1, b"%d\\n" % len(owned))
    asyncio.run(main())
"""


async def test_sqlite_a_killed_reader_is_replaced_at_once(tmp_path: Path) -> None:
    child = _child(tmp_path, _READER)
    assert await _lines(child, 1) == [b"4\n"]
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()
    log = SqliteLog(f"sqlite:///{tmp_path / 'log.sqlite3'}")
    reader = await member(log, "group")
    async with asyncio.timeout(1):
        await reader.until(lambda member: len(member.owned) == 4)
    await log.close()


async def test_sqlite_a_stopped_reader_is_replaced_and_steps_back_when_it_wakes(tmp_path: Path) -> None:
    child = _child(tmp_path, _READER)
    assert await _lines(child, 1) == [b"4\n"]
    child.send_signal(signal.SIGSTOP)
    log = SqliteLog(f"sqlite:///{tmp_path / 'log.sqlite3'}")
    reader = await member(log, "group")
    await reader.until(lambda member: len(member.owned) == 4)
    child.send_signal(signal.SIGCONT)
    await reader.until(lambda member: len(member.owned) == 2)
    assert await _lines(child, 2) == [b"0\n", b"2\n"]
    child.kill()
    child.wait()
    assert child.stdout is not None
    child.stdout.close()
    await reader.until(lambda member: len(member.owned) == 4)
    await log.close()


async def test_sqlite_the_number_of_partitions_is_the_files_for_ever(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    first = SqliteLog(url, partitions=4)
    await first.setup()
    second = SqliteLog(url, partitions=7)
    await second.setup()
    assert second.partitions == 4


async def test_sqlite_a_file_that_cant_be_written_is_an_unavailable_log(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite3").mkdir()
    log = SqliteLog(f"sqlite:///{tmp_path / 'log.sqlite3'}", partitions=4)
    with pytest.raises(LogUnavailableError):
        await log.append("c:1", b"x")
    (tmp_path / "log.sqlite3").rmdir()
    assert (await log.append("c:1", b"x")).offset == 0
    await log.close()


# -- of Kafka alone


@pytest.mark.slow
@pytest.mark.real("kafka")
async def test_kafka_that_stops_and_returns(services: Services, group: str) -> None:
    require_servers(services, ("kafka",))
    url = f"kafka://127.0.0.1:{services.ports['kafka']}"
    with override_settings(LOG_APPEND_DEADLINE_S=1.0):
        log = KafkaLog(url, topic=f"contract-{uuid.uuid4().hex}", partitions=PARTITIONS)
        await log.setup()
        reader = await member(log, group)
        await log.append("c:1", b"before")
        assert await reader.values(1) == [b"before"]
        services.kill("kafka")
        for number in range(3):
            with pytest.raises(LogUnavailableError):
                await log.append("c:1", b"during %d" % number)
        await asyncio.to_thread(services.start, "kafka")
        async with asyncio.timeout(30):
            while True:
                try:
                    await log.append("c:1", b"after")
                    break
                except LogUnavailableError:
                    continue
        await reader.until(lambda member: member.records[-1].value == b"after")
        await log.close()
