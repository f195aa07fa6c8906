"""Cached facts about rights: one contract, in memory and on Redis; then what a shared cache could get wrong."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import pytest

from apps.core.backends import facts_redis
from apps.core.backends.facts_memory import MemoryFacts
from apps.core.backends.facts_redis import RedisFacts
from apps.core.ports import Facts
from apps.core.redis import make_client, make_sync_client
from deploy.services import Services
from tests.harness.fixtures import require_servers

pytestmark = pytest.mark.django_db  # the reading threads tidy up their connections, also when nothing was asked
DEAD = "redis://127.0.0.1:1/0"


class Truth:
    """The database: `load` reads it, and can be held back after it has read."""

    def __init__(self) -> None:
        self.facts = {"a": "1", "b": "2"}
        self.reads: list[list[str]] = []
        self.has_read, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def load(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.reads.append(sorted(keys))
        found = {key: self.facts[key] for key in keys if key in self.facts}
        self.has_read.set()
        assert self.go_on.wait(10)
        return found


@pytest.fixture
def truth() -> Truth:
    return Truth()


@pytest.fixture(scope="module")
def server() -> Iterator[Services]:
    """A Redis of this module's own, since it is killed."""
    own = Services.ephemeral()
    try:
        require_servers(own, ("redis",))
        yield own
    finally:
        own.destroy()


class Shared:
    def __init__(self, url: str) -> None:
        self.url = url
        self.client = make_client(url)

    def process(self, *, told_at: str | None = None) -> RedisFacts:
        sync = make_sync_client(told_at or self.url)
        return RedisFacts(connect=lambda: self.client, connect_sync=lambda: sync)


@pytest.fixture
async def shared(server: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shared]:
    monkeypatch.setattr(facts_redis, "LEASE_S", 0.15)
    monkeypatch.setattr(facts_redis, "CACHE_S", 0.5)
    await asyncio.to_thread(server.start, "redis")
    found = Shared(server.urls()["REDIS_URL"])
    await found.client.flushall()
    yield found
    await found.client.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
def processes(request: pytest.FixtureRequest) -> tuple[Facts, Facts]:
    """Two of them, sharing what the backend shares."""
    if request.param == "memory":
        one = MemoryFacts()
        return one, one
    shared: Shared = request.getfixturevalue("shared")
    return shared.process(), shared.process()


async def change(truth: Truth, facts: Facts, key: str, value: str | None) -> None:
    if value is None:
        del truth.facts[key]
    else:
        truth.facts[key] = value
    await asyncio.to_thread(facts.changed, key)


# -- the contract ----------------------------------------------------------------------------------------------------


async def test_facts_are_read_once(processes: tuple[Facts, Facts], truth: Truth) -> None:
    here, _ = processes
    for _ in range(3):
        assert await here.get(["a", "b"], truth.load) == {"a": "1", "b": "2"}
    assert truth.reads == [["a", "b"]]
    assert await here.get([], truth.load) == {}


async def test_what_does_not_exist_is_asked_again(processes: tuple[Facts, Facts], truth: Truth) -> None:
    for facts in processes:
        assert await facts.get(["new"], truth.load) == {}
    truth.facts["new"] = "x"
    for facts in processes:
        assert await facts.get(["new"], truth.load) == {"new": "x"}


async def test_a_change_is_seen_everywhere_once_it_returns(processes: tuple[Facts, Facts], truth: Truth) -> None:
    for value in ("5", "6", None):
        for facts in processes:
            await facts.get(["a", "b"], truth.load)
        await change(truth, processes[0], "a", value)
        for facts in processes[::-1]:
            assert (await facts.get(["a", "b"], truth.load)).get("a") == value


async def test_a_change_beats_a_read_that_was_under_way(processes: tuple[Facts, Facts], truth: Truth) -> None:
    here, there = processes
    truth.go_on.clear()
    early = asyncio.create_task(there.get(["a"], truth.load))
    await asyncio.to_thread(truth.has_read.wait, 10)
    await change(truth, here, "a", "changed")
    truth.go_on.set()
    await early
    for facts in processes:
        assert await facts.get(["a"], truth.load) == {"a": "changed"}


async def test_kinds_of_facts_do_not_mix(processes: tuple[Facts, Facts], truth: Truth) -> None:
    other = Truth()
    other.facts = {"o": "other"}
    here, _ = processes
    found = await asyncio.gather(here.get(["a"], truth.load), here.get(["o"], other.load))
    assert tuple(found) == ({"a": "1"}, {"o": "other"})
    assert (truth.reads, other.reads) == ([["a"]], [["o"]])


# -- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.real("redis")
async def test_another_process_is_spared_the_database(shared: Shared, truth: Truth) -> None:
    await shared.process().get(["a", "b"], truth.load)
    assert await shared.process().get(["a", "b"], truth.load) == {"a": "1", "b": "2"}
    assert len(truth.reads) == 1


@pytest.mark.real("redis")
async def test_a_change_that_redis_never_heard_of(shared: Shared, truth: Truth) -> None:
    other = shared.process()
    await other.get(["a"], truth.load)
    await change(truth, shared.process(told_at=DEAD), "a", "changed")
    for facts in (other, shared.process()):
        assert await facts.get(["a"], truth.load) == {"a": "changed"}


@pytest.mark.real("redis")
async def test_redis_dies_and_returns(shared: Shared, server: Services, truth: Truth) -> None:
    here, there = shared.process(), shared.process()
    await here.get(["a"], truth.load)
    await asyncio.to_thread(server.kill, "redis")
    assert await there.get(["a", "b"], truth.load) == {"a": "1", "b": "2"}
    await change(truth, here, "a", "changed")
    assert await there.get(["a"], truth.load) == {"a": "changed"}
    await asyncio.to_thread(server.start, "redis")
    for facts in (here, there, shared.process()):
        assert await facts.get(["a"], truth.load) == {"a": "changed"}
    reads = len(truth.reads)
    assert await shared.process().get(["a"], truth.load) == {"a": "changed"}
    assert len(truth.reads) == reads, "it is shared again"
