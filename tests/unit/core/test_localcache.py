"""The cache of one process: who waits for what, and what is never kept."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from apps.core.localcache import LocalCache


class Source:
    """Answers key * 10; reads are held back until `go`."""

    def __init__(self) -> None:
        self.reads: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.missing: set[int] = set()
        self.error: Exception | None = None
        self.answers: dict[int, int] = {}

    async def fill(self, keys: Sequence[int]) -> Mapping[int, int]:
        self.reads.append(list(keys))
        found = {key: self.answers.get(key, key * 10) for key in keys if key not in self.missing}
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return found


@pytest.fixture
def source() -> Source:
    return Source()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_known_keys_are_not_read_again(source: Source) -> None:
    cache = LocalCache(source.fill)
    assert await cache.get([1, 2]) == {1: 10, 2: 20}
    assert await cache.get([2, 3]) == {2: 20, 3: 30}
    assert await cache.get([]) == {}
    assert source.reads == [[1, 2], [3]]


async def test_what_does_not_exist_is_left_out_and_asked_again(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.missing = {1}
    assert await cache.get([1]) == {}
    source.missing = set()
    assert await cache.get([1]) == {1: 10}


async def test_those_who_come_together_are_read_together(source: Source) -> None:
    cache = LocalCache(source.fill)
    found = await asyncio.gather(*(cache.get([key % 3]) for key in range(30)))
    assert found == [{key % 3: key % 3 * 10} for key in range(30)]
    assert source.reads == [[0, 1, 2]]


async def test_while_reads_are_under_way_misses_gather(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.go.clear()
    asked = []
    for key in range(40):
        asked.append(asyncio.create_task(cache.get([key])))
        await turns()
    assert [len(read) for read in source.reads] == [1, 1, 1, 1]
    source.go.set()
    assert await asyncio.gather(*asked) == [{key: key * 10} for key in range(40)]
    assert [len(read) for read in source.reads] == [1, 1, 1, 1, 36]


async def test_a_forgotten_key_is_read_anew_and_the_old_answer_not_kept(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.go.clear()
    early = asyncio.create_task(cache.get([1]))
    await turns()
    source.answers[1] = 99
    cache.forget([1])
    late = asyncio.create_task(cache.get([1]))
    await turns()
    source.go.set()
    assert await early == {1: 10}, "it asked before the change"
    assert await late == {1: 99}
    assert await cache.get([1]) == {1: 99}


async def test_forgetting_what_is_not_read_yet(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.go.clear()
    busy = []
    for key in range(4):  # all that read at once
        busy.append(asyncio.create_task(cache.get([key])))
        await turns()
    early = asyncio.create_task(cache.get([7]))
    await turns()
    cache.forget([7])
    late = asyncio.create_task(cache.get([7]))
    await turns()
    source.go.set()
    assert await early == await late == {7: 70}
    await asyncio.gather(*busy)
    assert sum(7 in read for read in source.reads) == 1


async def test_an_error_reaches_everyone_and_is_not_kept(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.error = RuntimeError("down")
    answers = await asyncio.gather(*(cache.get([1]) for _ in range(3)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["down"] * 3
    source.error = None
    assert await cache.get([1]) == {1: 10}


async def test_one_who_gives_up_does_not_take_the_others_along(source: Source) -> None:
    cache = LocalCache(source.fill)
    source.go.clear()
    first, second = (asyncio.create_task(cache.get([1])) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    source.go.set()
    assert await second == {1: 10}


async def test_a_lease_counts_from_before_the_read(source: Source) -> None:
    now = [100.0]
    cache = LocalCache(source.fill, lease_s=1.0, clock=lambda: now[0])
    source.go.clear()
    asked = asyncio.create_task(cache.get([1]))
    await turns()
    now[0] += 0.9  # the read takes long
    source.go.set()
    await asked
    await cache.get([1])
    assert len(source.reads) == 1
    now[0] += 0.1
    await cache.get([1])
    assert len(source.reads) == 2


async def test_memory_is_bounded(source: Source) -> None:
    cache = LocalCache(source.fill, max_keys=10)
    await cache.get(range(100))
    await cache.get([100])
    assert len(cache) == 10
    cache.clear()
    assert len(cache) == 0


def test_several_event_loops_one_after_the_other(source: Source) -> None:
    """As with async_to_sync in threads: a loop that ends in the middle leaves nothing that the next one waits for."""
    cache = LocalCache(source.fill)

    async def abandon() -> None:
        source.go.clear()
        asked = asyncio.create_task(cache.get([1]))
        await turns()
        asked.cancel()

    asyncio.run(abandon())
    source.go = asyncio.Event()
    source.go.set()

    async def ask() -> Mapping[int, int]:
        return await asyncio.wait_for(cache.get([1]), 1)

    assert asyncio.run(ask()) == {1: 10}


async def test_what_was_asked_for_is_read_again_together_before_its_lease_ends_but_not_for_ever() -> None:
    reads: asyncio.Queue[list[int]] = asyncio.Queue()

    async def fill(keys: Sequence[int]) -> Mapping[int, int]:
        reads.put_nowait(sorted(keys))
        return {key: key * 10 for key in keys}

    cache = LocalCache(fill, lease_s=0.1, ahead=2)
    await cache.get([1])
    await cache.get([2])
    async with asyncio.timeout(5):
        assert [await reads.get() for _ in range(4)] == [[1], [2], [1, 2], [1, 2]]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reads.get(), 0.3)
    cache.forget([1, 2])
    assert await cache.get([1]) == {1: 10}


async def test_what_is_forgotten_is_not_read_ahead() -> None:
    reads: asyncio.Queue[list[int]] = asyncio.Queue()

    async def fill(keys: Sequence[int]) -> Mapping[int, int]:
        reads.put_nowait(sorted(keys))
        return {key: key * 10 for key in keys}

    cache = LocalCache(fill, lease_s=0.1, ahead=1)
    await cache.get([1, 2])
    cache.forget([1])
    async with asyncio.timeout(5):
        assert [await reads.get() for _ in range(2)] == [[1, 2], [2]]
