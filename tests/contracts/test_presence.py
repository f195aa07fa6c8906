"""Who is here: one suite on memory and on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from django.test import override_settings

from apps.core import redis
from apps.presence.backends.presence_memory import MemoryPresence
from apps.presence.backends.presence_redis import RedisPresence
from apps.presence.ports import MAX_IDS, Beat, Presence, PresenceUnavailableError
from apps.presence.states import State
from deploy.services import Services
from tests.harness.fixtures import require_servers

DATABASE = 12  # of the shared Redis, this suite's own
ADA, BELA, CLEO = 1 << 61 | 1, 1 << 61 | 2, 1 << 61 | 3


@pytest.fixture
def redis_database(services: Services) -> Iterator[None]:
    require_servers(services, ("redis",))
    url = f"redis://127.0.0.1:{services.ports['redis']}/{DATABASE}"
    client = redis.make_sync_client(url)
    redis.sync_client.cache_clear()
    client.flushdb()
    with override_settings(REDIS_URL=url):
        yield
        redis.sync_client().close()
    redis.sync_client.cache_clear()
    client.flushdb()
    client.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
async def presence(request: pytest.FixtureRequest) -> AsyncIterator[Presence]:
    if request.param == "memory":
        yield MemoryPresence()
        return
    request.getfixturevalue("redis_database")
    yield RedisPresence()
    await redis.close()


async def states(presence: Presence, *user_ids: int) -> list[State]:
    seen = await presence.read(user_ids)
    return [seen[user_id].state for user_id in user_ids]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not await condition():  # type: ignore[misc]
            await asyncio.sleep(0.02)


async def test_who_is_nowhere_is_offline(presence: Presence) -> None:
    assert await states(presence, ADA, BELA) == ["offline", "offline"]
    assert await presence.read([]) == {}


async def test_a_person_is_the_most_present_of_their_devices(presence: Presence) -> None:
    for gateway in "ab":
        await presence.beat(gateway, lease_s=30)
    first = (await presence.put("a", {ADA: "away", BELA: "online"}))[ADA]
    second = (await presence.put("b", {ADA: "online"}))[ADA]
    assert (first.before, first.after, second.before, second.after) == ("offline", "away", "away", "online")
    third = (await presence.put("b", {ADA: "offline"}))[ADA]
    assert (third.before, third.after) == ("online", "away")
    assert first.version < second.version < third.version
    assert await states(presence, ADA, BELA, CLEO) == ["away", "online", "offline"]
    assert (await presence.read([ADA]))[ADA].version >= third.version
    seen = await asyncio.to_thread(presence.read_now, [ADA, BELA])
    assert [one.state for one in seen.values()] == ["away", "online"]


async def test_what_is_written_twice_changes_nothing(presence: Presence) -> None:
    await presence.beat("a", lease_s=30)
    await presence.put("a", {ADA: "online"})
    again = (await presence.put("a", {ADA: "online"}))[ADA]
    assert (again.before, again.after) == ("online", "online")


async def test_people_of_a_dead_gateway_expire(presence: Presence) -> None:
    await presence.beat("dead", lease_s=0.3)
    await presence.beat("alive", lease_s=30)
    await presence.put("dead", {ADA: "online", BELA: "online"})
    await presence.put("alive", {BELA: "away"})
    assert await states(presence, ADA, BELA) == ["online", "online"]

    async def expired() -> bool:
        return await states(presence, ADA, BELA) == ["offline", "away"]

    await until(expired)
    # what it left behind is no state that anybody comes from
    back = (await presence.put("alive", {ADA: "online"}))[ADA]
    assert (back.before, back.after) == ("offline", "online")
    assert await presence.beat("alive", lease_s=30) == Beat(True, frozenset({"alive"}))
    assert await presence.beat("dead", lease_s=30) == Beat(False, frozenset({"alive", "dead"})), (
        "it must write everyone again"
    )


async def test_a_beat_keeps_everyone_however_many(presence: Presence) -> None:
    many = range(1, MAX_IDS + 1)
    assert await presence.beat("a", lease_s=30) == Beat(False, frozenset({"a"}))
    await presence.put("a", dict.fromkeys(many, "online"))
    assert await presence.beat("a", lease_s=30) == Beat(True, frozenset({"a"}))
    assert set((await presence.read(many)).keys()) == set(many)
    assert await states(presence, *many) == ["online"] * MAX_IDS


async def test_a_gateway_that_ends_leaves_its_people_a_grace(presence: Presence) -> None:
    await presence.beat("a", lease_s=30)
    await presence.put("a", {ADA: "online"})
    await presence.leave("a", grace_s=0.3)
    assert await states(presence, ADA) == ["online"]

    async def gone() -> bool:
        return await states(presence, ADA) == ["offline"]

    await until(gone)
    await presence.leave("never seen", grace_s=30)
    assert await states(presence, ADA) == ["offline"]


async def test_without_redis_every_call_fails_soon_and_then_at_once() -> None:
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        redis.sync_client.cache_clear()
        presence = RedisPresence()
        with pytest.raises(PresenceUnavailableError):
            await presence.read([ADA])
        asked = 0

        def connect() -> None:
            nonlocal asked
            asked += 1

        presence._connect = presence._connect_sync = connect  # type: ignore[assignment]
        for call in (presence.read([ADA]), presence.put("a", {ADA: "online"}), presence.beat("a", lease_s=9)):
            with pytest.raises(PresenceUnavailableError):
                await call
        with pytest.raises(PresenceUnavailableError):
            presence.read_now([ADA])
        assert asked == 0, "an open circuit asks nobody"
        await redis.close()
        redis.sync_client.cache_clear()
