"""What live clients acknowledged: one contract, in memory and on Redis."""

import asyncio

import pytest

from apps.core.redis import make_client, make_sync_client
from apps.notifications.backends.acks_memory import MemoryAcks
from apps.notifications.backends.acks_redis import RedisAcks
from apps.notifications.ports import Acks
from deploy.services import Services
from tests.harness.fixtures import require_servers


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
async def acks(request: pytest.FixtureRequest):
    if request.param == "memory":
        yield MemoryAcks()
        return
    services: Services = request.getfixturevalue("services")
    await asyncio.to_thread(require_servers, services, ("redis",))
    url = services.urls()["REDIS_URL"]
    client, sync = make_client(url), make_sync_client(url)
    yield RedisAcks(connect=lambda: client, connect_sync=lambda: sync, prefix=f"test-acks-{id(client)}:")
    await client.aclose()
    sync.close()


async def test_of_whom_nothing_is_known_nothing_is_acknowledged(acks: Acks) -> None:
    assert await asyncio.to_thread(acks.acked, 1, "c:1") == 0
    assert await asyncio.to_thread(acks.acked_many, [1, 2], "c:1") == {}


async def test_an_acknowledgement_is_of_one_person_and_one_stream(acks: Acks) -> None:
    await acks.record(1, {"c:1": 5, "c:2": 9_007_199_254_740_000})
    assert await asyncio.to_thread(acks.acked, 1, "c:1") == 5
    assert await asyncio.to_thread(acks.acked, 1, "c:2") == 9_007_199_254_740_000
    assert await asyncio.to_thread(acks.acked, 1, "c:3") == 0
    assert await asyncio.to_thread(acks.acked, 2, "c:1") == 0


async def test_it_only_rises(acks: Acks) -> None:
    await acks.record(1, {"c:1": 10})
    await acks.record(1, {"c:1": 9})
    assert await asyncio.to_thread(acks.acked, 1, "c:1") == 10
    await acks.record(1, {"c:1": 11})
    assert await asyncio.to_thread(acks.acked, 1, "c:1") == 11


async def test_many_are_asked_at_once(acks: Acks) -> None:
    for user_id in range(1, 6):
        await acks.record(user_id, {"c:1": user_id})
    assert await asyncio.to_thread(acks.acked_many, range(3, 8), "c:1") == {3: 3, 4: 4, 5: 5}


async def test_memory_is_bounded_and_keeps_the_newest() -> None:
    acks = MemoryAcks(limit=10)
    for user_id in range(100):
        await acks.record(user_id, {"c:1": 1})
    assert list(acks.acked_many(range(100), "c:1")) == list(range(90, 100))


async def test_without_redis_nothing_counts_as_acknowledged_and_nobody_waits() -> None:
    dead = "redis://127.0.0.1:1/0"
    client, sync = make_client(dead), make_sync_client(dead)
    acks = RedisAcks(connect=lambda: client, connect_sync=lambda: sync)
    await acks.record(1, {"c:1": 5})
    assert await asyncio.to_thread(acks.acked, 1, "c:1") == 0
    await client.aclose()
