"""Rate limits: one contract, in memory and on Redis; then what several processes share, and life without Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from apps.core.backends.ratelimit_memory import MemoryLimiter
from apps.core.backends.ratelimit_redis import BACK_OFF_S, RedisLimiter
from apps.core.ports import RateLimiter
from apps.core.redis import make_client
from deploy.services import Services
from tests.harness.fixtures import require_servers


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
        self.client = make_client(url)

    def process(self, clock: Clock | None = None) -> RedisLimiter:
        return RedisLimiter(connect=lambda: self.client, clock=clock or time.monotonic)


@pytest.fixture
async def shared(server: Services) -> AsyncIterator[Shared]:
    await asyncio.to_thread(server.start, "redis")
    found = Shared(server.urls()["REDIS_URL"])
    await found.client.flushall()
    yield found
    await found.client.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
def limiter(request: pytest.FixtureRequest, clock: Clock) -> RateLimiter:
    if request.param == "memory":
        return MemoryLimiter(clock=clock)
    shared: Shared = request.getfixturevalue("shared")
    return shared.process(clock)


async def granted(limiter: RateLimiter, tries: int, *, key: str = "k", rate: float = 10, burst: int = 5) -> int:
    return sum([await limiter.take(key, rate_per_s=rate, burst=burst) == 0.0 for _ in range(tries)])


async def settled(limiter: RateLimiter) -> None:
    """What was given has reached the shared count."""
    if isinstance(limiter, RedisLimiter):
        await limiter.flush()


# -- the contract ----------------------------------------------------------------------------------------------------


async def test_a_burst_and_then_the_rate(limiter: RateLimiter, clock: Clock) -> None:
    assert await granted(limiter, 20) == 5
    wait = await limiter.take("k", rate_per_s=10, burst=5)
    assert wait == pytest.approx(0.1)
    clock.now += wait
    assert await granted(limiter, 20) == 1
    clock.now += 0.35
    assert await granted(limiter, 20) == 3
    clock.now += 3600
    assert await granted(limiter, 20) == 5, "a bucket holds no more than its burst"


async def test_keys_do_not_share(limiter: RateLimiter) -> None:
    assert await granted(limiter, 9, key="a") == 5
    assert await granted(limiter, 9, key="b") == 5


async def test_what_is_refused_costs_nothing(limiter: RateLimiter, clock: Clock) -> None:
    await granted(limiter, 5)
    for _ in range(50):
        assert await limiter.take("k", rate_per_s=10, burst=5) == pytest.approx(0.1)
    clock.now += 0.1
    assert await granted(limiter, 2) == 1


async def test_slow_rates(limiter: RateLimiter) -> None:
    """Three tries, then one an hour."""
    assert await granted(limiter, 5, rate=1 / 3600, burst=3) == 3
    wait = await limiter.take("k", rate_per_s=1 / 3600, burst=3)
    assert wait == pytest.approx(3600, abs=5)


# -- memory ----------------------------------------------------------------------------------------------------------


async def test_memory_is_bounded_and_forgets_what_says_nothing(clock: Clock) -> None:
    limiter = MemoryLimiter(clock=clock, max_keys=10)
    await granted(limiter, 5, key="busy", rate=0.1)
    for index in range(9):
        await granted(limiter, 1, key=f"idle {index}", rate=100)
    clock.now += 1  # the idle ones are full again
    for index in range(100):
        await granted(limiter, 1, key=f"new {index}", rate=100)
        clock.now += 1
    assert len(limiter) <= 10
    for index in range(1000):
        await granted(limiter, 1, key=f"attack {index}", rate=0.1)
    assert len(limiter) <= 10


# -- Redis -----------------------------------------------------------------------------------------------------------


@pytest.mark.real("redis")
async def test_processes_share_a_bucket(shared: Shared, clock: Clock) -> None:
    one, two = shared.process(clock), shared.process(clock)
    assert await granted(one, 9) == 5
    await settled(one)
    assert await granted(two, 1) == 1, "the first one is given before it is known what others gave"
    await settled(two)
    assert await granted(two, 9) == 0
    assert await two.take("k", rate_per_s=10, burst=5) == pytest.approx(0.2, abs=0.1)


@pytest.mark.real("redis")
async def test_many_processes_keep_to_the_rate(shared: Shared) -> None:
    """Four take as fast as they are let, for two seconds of real time."""
    processes = [shared.process() for _ in range(4)]
    rate, burst, seconds = 100, 20, 2.0
    given = 0
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        for process in processes:
            given += await process.take("k", rate_per_s=rate, burst=burst) == 0.0
        await asyncio.sleep(0.002)
    exact = burst + rate * seconds
    first_flush = 3 * burst  # each gives its own burst before it hears of the others
    assert 0.8 * exact <= given <= exact + first_flush + 4 * rate * 0.1
    for process in processes:
        await settled(process)


@pytest.mark.real("redis")
async def test_slow_rates_are_exact_over_processes(shared: Shared, clock: Clock) -> None:
    processes = [shared.process(clock) for _ in range(4)]
    taken = [await granted(process, 3, rate=1 / 60, burst=5) for process in processes]
    assert sum(taken) == 5


@pytest.mark.real("redis")
async def test_without_redis_each_counts_for_itself(shared: Shared, server: Services, clock: Clock) -> None:
    limiter, other = shared.process(clock), shared.process(clock)
    await asyncio.to_thread(server.kill, "redis")
    assert await granted(limiter, 9) == 5
    await settled(limiter)
    assert await granted(limiter, 9, key="slow", rate=0.5) == 5
    assert await granted(other, 9) == 5
    await asyncio.to_thread(server.start, "redis")
    clock.now += BACK_OFF_S + 10
    assert await granted(limiter, 9) == 5
    await settled(limiter)
    fresh = shared.process(clock)
    await granted(fresh, 1)
    await settled(fresh)
    assert await granted(fresh, 9) == 0, "what is counted is shared again"


@pytest.mark.real("redis")
async def test_the_hot_path_asks_nobody(shared: Shared, server: Services, clock: Clock) -> None:
    """Also while Redis hangs: a take does not wait for it."""
    limiter = shared.process(clock)
    server.pause("redis")
    try:
        async with asyncio.timeout(0.2):
            for index in range(1000):
                await granted(limiter, 1, key=str(index))
    finally:
        server.resume("redis")
    await settled(limiter)
