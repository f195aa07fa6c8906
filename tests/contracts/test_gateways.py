"""The table of gateways: one suite on memory and on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import override_settings

from apps.core import redis
from apps.gateway.backends.gateways_memory import MemoryGateways
from apps.gateway.backends.gateways_redis import RedisGateways
from apps.gateway.ports import Gateways
from deploy.services import Services
from tests.harness.fixtures import require_servers

USERS = [1 << 62 | number for number in range(1200)]
DATABASE = 13  # of the shared Redis, this suite's own


@pytest.fixture
def redis_database(services: Services) -> Iterator[None]:
    require_servers(services, ("redis",))
    url = f"redis://127.0.0.1:{services.ports['redis']}/{DATABASE}"
    client = redis.make_sync_client(url)
    client.flushdb()
    with override_settings(REDIS_URL=url):
        yield
    client.flushdb()
    client.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
async def gateways(request: pytest.FixtureRequest) -> AsyncIterator[Gateways]:
    if request.param == "memory":
        yield MemoryGateways()
        return
    request.getfixturevalue("redis_database")
    yield RedisGateways()
    await redis.close()


async def test_a_gateway_comes_and_goes(gateways: Gateways) -> None:
    assert await gateways.alive() == {}
    await gateways.register("a", "ws://a", lease_s=30)
    await gateways.register("b", "ws://b", lease_s=30)
    await gateways.register("a", "ws://a2", lease_s=30)
    assert await gateways.alive() == {"a": "ws://a2", "b": "ws://b"}
    await gateways.withdraw("a")
    await gateways.withdraw("a")
    assert await gateways.alive() == {"b": "ws://b"}


async def _registered(gateways: Gateways, *names: str) -> None:
    for name in names:
        await gateways.register(name, f"ws://{name}", lease_s=30)


async def test_a_user_is_where_they_came_last(gateways: Gateways) -> None:
    await _registered(gateways, "a", "b")
    await gateways.claim("a", USERS, lease_s=30)
    await gateways.claim("b", USERS[:3], lease_s=30)
    assert await gateways.gateway_of(USERS[0]) == "b"
    assert await gateways.gateway_of(USERS[-1]) == "a"
    assert await gateways.gateway_of(5) is None


async def test_who_lets_go_does_not_take_what_another_holds(gateways: Gateways) -> None:
    await _registered(gateways, "a", "b")
    await gateways.claim("a", USERS, lease_s=30)
    await gateways.claim("b", USERS[:3], lease_s=30)
    await gateways.release("a", USERS)
    assert await gateways.gateway_of(USERS[0]) == "b"
    assert await gateways.gateway_of(USERS[-1]) is None


async def test_a_table_that_forgot_a_gateway_says_so(gateways: Gateways) -> None:
    assert await gateways.register("a", "ws://a", lease_s=30) is False
    assert await gateways.register("a", "ws://a", lease_s=30) is True
    await gateways.withdraw("a")
    assert await gateways.register("a", "ws://a", lease_s=30) is False


async def test_nobody_is_at_a_gateway_that_is_gone(gateways: Gateways) -> None:
    await _registered(gateways, "a")
    await gateways.claim("a", [1], lease_s=30)
    await gateways.withdraw("a")
    assert await gateways.gateway_of(1) is None


@pytest.mark.real("redis")
@pytest.mark.usefixtures("redis_database")
async def test_leases_run_out() -> None:
    """Also for its users, whose own leases are longer: it was killed, and lets nobody go."""
    table = RedisGateways()
    await table.register("dead", "ws://dead", lease_s=1)
    await table.claim("dead", [1], lease_s=30)
    async with asyncio.timeout(5):
        while await table.alive():
            await asyncio.sleep(0.1)
    assert await table.gateway_of(1) is None
    assert await redis.client().exists("gateways") == 0
    await redis.close()


async def test_without_redis_nothing_is_known_and_nothing_fails() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        table = RedisGateways()
        await table.register("a", "ws://a", lease_s=30)
        await table.claim("a", USERS[:3], lease_s=30)
        await table.release("a", USERS[:3])
        await table.withdraw("a")
        assert await table.alive() is None
        assert await table.gateway_of(1) is None
        await redis.close()
