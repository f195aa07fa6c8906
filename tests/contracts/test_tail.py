"""The newest events of each stream: one contract, with none and on Redis; then what only the shared one does."""

import secrets
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from apps.core.redis import make_client
from apps.eventlog.backends import tail_redis
from apps.eventlog.backends.tail_none import NoTail
from apps.eventlog.backends.tail_redis import RedisTail
from apps.eventlog.events import Envelope, Position, Sequenced
from apps.eventlog.ports import Tail
from deploy.services import Services
from tests.harness.fixtures import require_servers

DEAD = "redis://127.0.0.1:1/0"


def event(seq: int, *, stream: str = "c:1", size: int = 10) -> Sequenced:
    envelope = Envelope("message.posted", 1, seq, 1, 1, None, True, None, b"x" * size, b"sealed")
    return Sequenced(stream, seq, seq, 0, seq, "2024_01", Position(0, seq), envelope)


def events(*seqs: int, stream: str = "c:1") -> list[Sequenced]:
    return [event(seq, stream=stream) for seq in seqs]


@pytest.fixture
async def redis(services: Services) -> AsyncIterator[Redis]:
    require_servers(services, ("redis",))
    made = make_client(services.urls()["REDIS_URL"])
    yield made
    await made.aclose()


@pytest.fixture
async def shared(redis: Redis) -> AsyncIterator[RedisTail]:
    prefix = f"tail-{secrets.token_hex(4)}:"
    made = RedisTail(connect=lambda: redis, prefix=prefix, kept_events=20)
    yield made
    await made.close()
    async for key in redis.scan_iter(f"{prefix}*"):
        await redis.delete(key)


@pytest.fixture(params=["none", pytest.param("redis", marks=pytest.mark.real("redis"))])
def tail(request: pytest.FixtureRequest) -> Tail:
    found: Tail = NoTail() if request.param == "none" else request.getfixturevalue("shared")
    return found


async def kept(tail: Tail, *what: Sequenced) -> None:
    tail.keep(what)
    await tail.close()


async def test_all_that_was_asked_for_or_nothing(tail: Tail) -> None:
    await kept(tail, *events(3, 4, 5, 6))
    for after, upto in ((2, 6), (4, 6), (3, 5)):
        assert await tail.read("c:1", after=after, upto=upto) in (None, events(*range(after + 1, upto + 1)))
    for after, upto in ((1, 6), (2, 7), (0, 2), (6, 8)):
        assert await tail.read("c:1", after=after, upto=upto) is None
    assert await tail.read("c:2", after=2, upto=6) is None
    assert await tail.read("c:1", after=6, upto=6) == []


async def test_the_newest_without_a_gap(tail: Tail) -> None:
    await kept(tail, *events(1, 2, 4, 5, 6))
    assert await tail.newest("c:1", limit=2) in ([], events(5, 6))
    assert await tail.newest("c:1", limit=10) in ([], events(4, 5, 6))
    assert await tail.newest("c:2", limit=10) == []


@pytest.mark.real("redis")
class TestShared:
    async def test_what_was_kept_is_there_for_every_process(self, shared: RedisTail, redis: Redis) -> None:
        await kept(shared, *events(1, 2), *events(1, stream="u:7"), *events(3))
        other = RedisTail(connect=lambda: redis, prefix=shared._prefix, kept_events=20)
        assert await other.read("c:1", after=0, upto=3) == events(1, 2, 3)
        assert await other.read("u:7", after=0, upto=1) == events(1, stream="u:7")

    async def test_the_newest_are_there(self, shared: RedisTail) -> None:
        await kept(shared, *events(1, 2, 4, 5, 6))
        assert await shared.newest("c:1", limit=10) == events(4, 5, 6)

    async def test_repeats_and_late_writers_change_nothing(self, shared: RedisTail) -> None:
        for some in ((1, 2, 3), (2, 3), (5,), (4,), (1,)):
            await kept(shared, *events(*some))
        assert await shared.read("c:1", after=0, upto=5) == events(1, 2, 3, 4, 5)

    async def test_it_holds_so_many_and_for_so_long(self, shared: RedisTail, redis: Redis) -> None:
        await kept(shared, *events(*range(1, 51)))
        assert await redis.zcard(f"{shared._prefix}c:1") == 20
        assert 0 < await redis.ttl(f"{shared._prefix}c:1") <= tail_redis.KEPT_S
        assert await shared.read("c:1", after=30, upto=50) == events(*range(31, 51))
        assert await shared.read("c:1", after=29, upto=50) is None

    async def test_what_is_too_large_leaves_a_gap(self, shared: RedisTail) -> None:
        await kept(shared, event(1), event(2, size=tail_redis.MAX_EVENT_BYTES), event(3))
        assert await shared.read("c:1", after=0, upto=3) is None
        assert await shared.read("c:1", after=2, upto=3) == events(3)

    async def test_what_another_version_wrote_is_no_answer(self, shared: RedisTail, redis: Redis) -> None:
        await redis.zadd(f"{shared._prefix}c:1", {b"\x01other": 1})
        assert await shared.read("c:1", after=0, upto=1) is None

    async def test_a_great_many_at_once(self, shared: RedisTail) -> None:
        await kept(shared, *(event(1, stream=f"c:{number}") for number in range(1, 1501)))
        assert await shared.read("c:1500", after=0, upto=1) == events(1, stream="c:1500")


async def test_without_redis_there_is_no_tail_and_no_waiting_for_one() -> None:
    now = 100.0
    asked: list[None] = []

    def connect() -> Redis:
        asked.append(None)
        return make_client(DEAD)

    tail = RedisTail(connect=connect, clock=lambda: now)
    await kept(tail, *events(1))
    assert len(asked) == 1
    for _ in range(100):
        await kept(tail, *events(2))
        assert await tail.read("c:1", after=0, upto=1) is None
    assert len(asked) == 1
    now += 2
    assert await tail.read("c:1", after=0, upto=1) is None
    assert len(asked) == 2
