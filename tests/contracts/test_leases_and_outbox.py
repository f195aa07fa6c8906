"""Leases and the outbox on both relational databases, with as many threads and processes as real life has."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import dj_database_url
import msgspec
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections, transaction
from pytest_django import DjangoDbBlocker

from apps.core import ids
from apps.eventlog import deadletters, leases, outbox
from apps.eventlog.events import Envelope, Event, Position, decode_envelope
from apps.eventlog.models import DeadLetter, NamedLease, OutboxRow, WorkerLease
from apps.eventlog.outbox import Relay, enqueue
from apps.eventlog.ports import LogRecord, LogUnavailableError
from deploy.services import Services
from tests.harness.fixtures import require_servers


class Happened(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "test.happened"
    what: str


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real("postgres"))])
def database(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """An empty database of this test's own as the default one, in every thread."""
    server = name = ""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'main.sqlite3'}"
    else:
        servers: Services = request.getfixturevalue("services")
        require_servers(servers, ("postgres",))
        server = servers.urls()["DATABASE_URL"]
        name = f"contract_{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        url = f"{server.rsplit('/', 1)[0]}/{name}"
    before = connections.databases["default"]
    made: dict[str, Any] = {**before, "OPTIONS": {}, **dj_database_url.parse(url)}
    if request.param == "sqlite":
        made["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        }
    kept = connections["default"]
    connections.databases["default"] = made
    del connections["default"]
    with django_db_blocker.unblock():
        call_command("migrate", "eventlog", verbosity=0)
        yield request.param
        connections["default"].close()
    connections.databases["default"] = before
    connections["default"] = kept
    if name:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def in_thread(function: Callable[[], Any]) -> Any:
    """As another process would: with a connection of its own."""

    def call() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result(30)


# -- worker ids


class Clock:
    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def hold() -> Iterator[Callable[..., leases.Lease]]:
    """Leases that are given back at the end; the process's own mint stays."""
    held: list[leases.Lease] = []

    def make(clock: Clock | None = None) -> leases.Lease:
        lease = leases.Lease(clock=clock or Clock(), renew_s=3600)
        held.append(lease)
        return lease

    yield make
    for lease in held:
        lease.release()


def abandon(lease: leases.Lease) -> None:
    """What kill -9 leaves: nothing is given back."""
    lease._stop.set()
    lease._thread.join()


@pytest.mark.usefixtures("database")
def test_holders_have_different_ids(hold: Callable[..., leases.Lease]) -> None:
    assert sorted(hold().worker_id for _ in range(5)) == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("database")
def test_many_who_start_together_have_different_ids(hold: Callable[..., leases.Lease]) -> None:
    barrier = threading.Barrier(8)

    def start() -> int:
        barrier.wait()
        try:
            return hold().worker_id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        workers = [future.result() for future in [pool.submit(start) for _ in range(8)]]
    assert len(set(workers)) == 8


@pytest.mark.usefixtures("database")
def test_an_id_given_back_is_used_again_and_repeats_nothing(hold: Callable[..., leases.Lease]) -> None:
    clock = Clock()
    first = hold(clock)
    minted = [first.snowflakes.mint() for _ in range(3)]
    first.release()
    with pytest.raises(ids.LeaseExpiredError):
        first.snowflakes.mint()
    clock.now += 1
    second = hold(clock)
    assert second.worker_id == first.worker_id
    assert second.snowflakes.mint() > max(minted)


@pytest.mark.usefixtures("database")
def test_a_clock_that_went_back_repeats_nothing(hold: Callable[..., leases.Lease]) -> None:
    clock = Clock()
    first = hold(clock)
    minted = {first.snowflakes.mint() for _ in range(100)}
    first.release()
    clock.now -= 60_000
    second = hold(clock)
    assert not minted & {second.snowflakes.mint() for _ in range(100)}


@pytest.mark.usefixtures("database")
def test_a_lease_that_ran_out_is_taken_when_no_id_is_free(
    hold: Callable[..., leases.Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ids, "MAX_WORKER", 0)
    clock = Clock()
    dead = hold(clock)
    clock.now += leases.LEASE_MS - 1
    last = dead.snowflakes.mint()
    abandon(dead)
    with pytest.raises(leases.NoWorkerIdError):
        hold(clock)
    clock.now += leases.GRACE_MS + 2
    heir = hold(clock)
    assert heir.worker_id == dead.worker_id
    assert heir.snowflakes.mint() > last
    # Who slept meanwhile mints nothing more, and finds another id, when there is one.
    with pytest.raises(ids.LeaseExpiredError):
        dead.snowflakes.mint()


@pytest.mark.usefixtures("database")
def test_renewing_keeps_the_id_and_a_holder_that_was_replaced_gets_another(
    hold: Callable[..., leases.Lease], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    lease = hold(clock)
    for _ in range(5):
        clock.now += 10_000
        lease.renew()
    lease.snowflakes.mint()
    assert lease.worker_id == 0
    # Overslept, but nobody came.
    clock.now += 10 * leases.LEASE_MS
    lease.renew()
    lease.snowflakes.mint()
    # Overslept, and replaced.
    WorkerLease.objects.filter(worker_id=0).update(holder="somebody else")
    installed: list[ids.Snowflakes] = []
    monkeypatch.setattr(ids, "install", installed.append)
    lease.renew()
    assert lease.worker_id == 1
    assert installed == [lease.snowflakes]


@pytest.mark.usefixtures("database")
def test_the_thread_renews(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    renewed = threading.Event()
    real = leases.Lease.renew

    def renew(lease: leases.Lease) -> None:
        real(lease)
        renewed.set()

    monkeypatch.setattr(leases.Lease, "renew", renew)
    lease = leases.Lease(clock=clock, renew_s=0.01)
    clock.now += 20_000
    renewed.clear()
    assert renewed.wait(10)
    assert lease.snowflakes.valid_until_ms == clock.now + leases.LEASE_MS
    lease.release()


@pytest.mark.usefixtures("database")
def test_a_named_lease_has_one_holder() -> None:
    clock = Clock()
    assert leases.take_named("x", "a", lease_ms=5_000, clock=clock)
    assert leases.take_named("x", "a", lease_ms=5_000, clock=clock)
    assert not in_thread(lambda: leases.take_named("x", "b", lease_ms=5_000, clock=clock))
    clock.now += 5_001
    assert in_thread(lambda: leases.take_named("x", "b", lease_ms=5_000, clock=clock))
    assert not leases.take_named("x", "a", lease_ms=5_000, clock=clock)
    leases.give_back_named("x", "b")
    assert leases.take_named("x", "a", lease_ms=5_000, clock=clock)
    assert NamedLease.objects.count() == 1


# -- the outbox


class JournalLog:
    """A log that can be down, and that notes what it was given."""

    partitions = 1

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.failures: list[str] = []
        self.grown = asyncio.Event()

    async def append(self, key: str, value: bytes) -> Position:
        await asyncio.sleep(0)
        failure = self.failures.pop(0) if self.failures else ""
        if failure != "before":
            self.records.append((key, value))
        if failure:
            raise LogUnavailableError(failure)
        self.grown.set()
        return Position(0, len(self.records) - 1)

    def whats(self, stream: str) -> list[str]:
        bodies = [decode_envelope(value).body for key, value in self.records if key == stream]
        return [msgspec.msgpack.decode(body, type=Happened).what for body in bodies]

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self.grown.clear()
                await self.grown.wait()

    async def setup(self) -> None: ...

    async def reader(self, group: str | None, *, patient: bool = False) -> Any: ...

    async def close(self) -> None: ...


def write(*whats: str, stream: str = "w:1") -> list[int]:
    with transaction.atomic():
        return [enqueue(stream=stream, event=Happened(what=what), actor_id=7, workspace_id=8) for what in whats]


async def rows_are_gone() -> None:
    async with asyncio.timeout(20):
        while await asyncio.to_thread(in_thread, OutboxRow.objects.count):
            await asyncio.sleep(0.01)


class Running:
    """Relays in this loop, stopped at the end."""

    def __init__(self, *logs: Any) -> None:
        self.relays = [Relay(log) for log in logs]

    async def __aenter__(self) -> Sequence[Relay]:
        self.tasks = [asyncio.create_task(relay.run()) for relay in self.relays]
        return self.relays

    async def __aexit__(self, *_: object) -> None:
        for relay in self.relays:
            await relay.stop()
        await asyncio.gather(*self.tasks)


@pytest.mark.usefixtures("database")
def test_enqueue_belongs_in_a_transaction() -> None:
    with pytest.raises(transaction.TransactionManagementError):
        enqueue(stream="w:1", event=Happened(what="x"), actor_id=None, workspace_id=None)


@pytest.mark.usefixtures("database")
def test_what_is_rolled_back_was_never_enqueued() -> None:
    with transaction.atomic():
        enqueue(stream="w:1", event=Happened(what="x"), actor_id=None, workspace_id=None)
        transaction.set_rollback(True)
    assert OutboxRow.objects.count() == 0


@pytest.mark.usefixtures("database")
async def test_committed_events_reach_the_log_in_order_and_once() -> None:
    log = JournalLog()
    async with Running(log):
        event_ids = await asyncio.to_thread(in_thread, lambda: write("a", "b") + write("c"))
        await log.until(lambda: len(log.records) == 3)
        await rows_are_gone()
    assert log.whats("w:1") == ["a", "b", "c"]
    envelopes = [decode_envelope(value) for _, value in log.records]
    assert [envelope.event_id for envelope in envelopes] == event_ids
    assert envelopes[0] == Envelope(
        "test.happened", 1, event_ids[0], 7, 8, f"e:{event_ids[0]}", False, None, envelopes[0].body, None
    )


@pytest.mark.usefixtures("database")
async def test_rows_that_were_left_behind_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "BATCH", 10)
    await asyncio.to_thread(in_thread, lambda: write(*map(str, range(35))))
    log = JournalLog()
    async with Running(log):
        await log.until(lambda: len(log.records) == 35)
        await rows_are_gone()
    assert log.whats("w:1") == [str(number) for number in range(35)]


@pytest.mark.usefixtures("database")
async def test_a_commit_wakes_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "POLL_S", 3600.0)
    log = JournalLog()
    async with Running(log):
        await asyncio.sleep(0.05)
        await asyncio.to_thread(in_thread, lambda: write("a"))
        await log.until(lambda: len(log.records) == 1)


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("how", ["before", "after"])
async def test_an_outage_of_the_log_loses_nothing_and_keeps_the_order(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "POLL_S", 0.001)
    log = JournalLog()
    log.failures = [how] * 5
    async with Running(log):
        await asyncio.to_thread(in_thread, lambda: write("a", "b", "c") + write("x", "y", stream="w:2"))
        await rows_are_gone()
    for stream, whats in (("w:1", ["a", "b", "c"]), ("w:2", ["x", "y"])):
        # A repeat carries the same dedupe key, and never lies before what precedes it.
        assert list(dict.fromkeys(log.whats(stream))) == whats


@pytest.mark.usefixtures("database")
async def test_one_relay_works_at_a_time_and_another_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "POLL_S", 0.01)
    first, second = JournalLog(), JournalLog()
    async with Running(first, second) as relays:
        await asyncio.to_thread(in_thread, lambda: write(*map(str, range(50))))
        await rows_are_gone()
        assert sorted(map(len, (first.records, second.records))) == [0, 50]
        worked, idle = (first, second) if first.records else (second, first)
        await relays[0 if worked is first else 1].stop()
        await asyncio.to_thread(in_thread, lambda: write("a"))
        await idle.until(lambda: len(idle.records) == 1)
        await rows_are_gone()
    assert len(worked.records) == 50


# -- dead letters


@pytest.mark.usefixtures("database")
async def test_a_dead_letter_is_kept_once() -> None:
    record = LogRecord(Position(3, 7), 1, "c:1\0", b"\xc1garbage")
    for _ in range(2):
        deadletters.record_soon(record, "not an envelope")
        await asyncio.gather(*deadletters._tasks)

    def kept() -> list[tuple[int, int, bytes, str]]:
        return [
            (letter.partition, letter.offset, bytes(letter.value), letter.reason) for letter in DeadLetter.objects.all()
        ]

    assert await asyncio.to_thread(in_thread, kept) == [(3, 7, b"\xc1garbage", "not an envelope")]


@pytest.mark.usefixtures("database")
async def test_a_database_without_it_does_not_stop_the_sequencer(caplog: pytest.LogCaptureFixture) -> None:
    def drop() -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("DROP TABLE eventlog_deadletter")

    await asyncio.to_thread(in_thread, drop)
    deadletters.record_soon(LogRecord(Position(0, 1), 1, "c:1", b""), "not an envelope")
    await asyncio.gather(*deadletters._tasks)
    assert "could not be kept" in caplog.text
