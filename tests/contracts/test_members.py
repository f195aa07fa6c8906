"""The membership cache: one contract, in memory and on Redis; then what only a shared cache can get wrong."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import redis.asyncio
from django.db import transaction
from django.db.models import F

from apps.accounts.models import User
from apps.conversations import roster
from apps.conversations.backends import members_redis
from apps.conversations.backends.members_memory import MemoryMembers
from apps.conversations.backends.members_redis import RedisMembers
from apps.conversations.models import Channel, Membership
from apps.conversations.ports import Members
from apps.core.redis import make_client, make_sync_client
from apps.workspaces.models import Workspace
from deploy.services import Services
from tests.harness.fixtures import require_servers

pytestmark = pytest.mark.django_db(transaction=True)
DEAD = "redis://127.0.0.1:1/0"


class World:
    """Two processes that share what a backend shares, and a channel whose rows change as the actions change them."""

    def __init__(self, processes: Sequence[Members], users: Sequence[int]) -> None:
        self.here, self.there = processes
        creator = User.objects.create(name="Creator", email="creator@example.com")
        self.workspace = Workspace.objects.create(name="W", slug="w", creator=creator)
        self.users = [User.objects.create(name=f"U{n}", email=f"u{n}@example.com").pk for n in users]
        self.channel = self.make(self.users[:-1])
        self.outsider = self.users[-1]

    def make(self, users: Sequence[int]) -> int:
        name = f"c{Channel.objects.count()}"
        channel = Channel.objects.create(workspace=self.workspace, kind="public", name=name, members_version=1)
        Membership.objects.bulk_create([Membership(channel=channel, user_id=user_id) for user_id in users])
        return channel.pk

    def commit(self, *, added: Sequence[int] = (), removed: Sequence[int] = ()) -> int:
        """The change in the database; returns its version. Nobody is told."""
        with transaction.atomic():
            Membership.objects.filter(channel_id=self.channel, user_id__in=removed).delete()
            Membership.objects.bulk_create([Membership(channel_id=self.channel, user_id=one) for one in added])
            Channel.objects.filter(id=self.channel).update(members_version=F("members_version") + 1)
        return Channel.objects.get(id=self.channel).members_version

    async def change(
        self, *, added: Sequence[int] = (), removed: Sequence[int] = (), by: Members | None = None
    ) -> None:
        def act() -> None:
            version = self.commit(added=added, removed=removed)
            (by or self.here).changed(self.channel, version=version, added=added, removed=removed)

        await asyncio.to_thread(act)

    async def asked(self, process: Members, *users: int) -> list[bool]:
        pairs = [(self.channel, user_id) for user_id in users]
        found = await process.contains(pairs)
        return [found[pair] for pair in pairs]


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
    """What makes processes on one Redis, counts what they ask the database, and looks into the Redis."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.raw: redis.asyncio.Redis = make_client(url)
        self.clients = [self.raw]

    def process(self, *, told_at: str | None = None) -> RedisMembers:
        client = make_client(self.url)
        self.clients.append(client)
        sync = make_sync_client(told_at or self.url)
        return RedisMembers(connect=lambda: client, connect_sync=lambda: sync)

    async def held(self, channel_id: int) -> set[int] | None:
        found = await self.raw.smembers(f"chan_mem:{channel_id}")
        return {int(one) for one in found} - {0} if found else None

    async def fill(self, world: World, process: Members) -> None:
        assert isinstance(process, RedisMembers)
        await world.asked(process, world.outsider)
        await process.filled()
        # the set is installed; the next look at the database makes it fresh
        await world.asked(process, world.outsider)
        assert await self.raw.exists(f"chan_mem:{world.channel}:fresh")


@pytest.fixture
async def shared(server: Services, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shared]:
    monkeypatch.setattr(members_redis, "LEASE_S", 0.2)
    monkeypatch.setattr(members_redis, "CACHE_S", 0.6)
    await asyncio.to_thread(server.start, "redis")
    found = Shared(server.urls()["REDIS_URL"])
    await found.raw.flushall()
    yield found
    for client in found.clients:
        await client.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
def world(request: pytest.FixtureRequest, transactional_db: None) -> World:
    if request.param == "memory":
        one = MemoryMembers()
        processes: list[Members] = [one, one]
    else:
        shared: Shared = request.getfixturevalue("shared")
        processes = [shared.process(), shared.process()]
    return World(processes, range(8))


@pytest.fixture
def on_redis(shared: Shared, transactional_db: None) -> World:
    return World([shared.process(), shared.process()], range(8))


class Reads:
    """Counts the look-ups that reach the database; `broken` makes them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pairs = 0
        self.calls = 0
        self.broken = False
        real = roster.contains

        def contains(pairs: Any) -> Any:
            assert not self.broken, "the database was asked"
            self.calls += 1
            self.pairs += len(pairs)
            return real(pairs)

        monkeypatch.setattr(roster, "contains", contains)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


# -- the contract ----------------------------------------------------------------------------------------------------


async def test_members_and_others(world: World) -> None:
    first, *_, last = world.users[:-1]
    for process in (world.here, world.there, world.here):
        assert await world.asked(process, first, last, world.outsider, 12345) == [True, True, False, False]
    assert await world.here.contains([(1, first)]) == {(1, first): False}
    assert await world.here.contains([]) == {}


async def test_many_channels_at_once(world: World) -> None:
    other = await asyncio.to_thread(world.make, [world.outsider])
    empty = await asyncio.to_thread(world.make, [])
    for _ in range(3):
        found = await world.here.contains(
            [(channel, user) for channel in (world.channel, other, empty) for user in world.users]
        )
        assert {pair for pair, is_member in found.items() if is_member} == {
            *((world.channel, user) for user in world.users[:-1]),
            (other, world.outsider),
        }


async def test_a_change_is_seen_everywhere_once_it_returns(world: World) -> None:
    user = world.users[0]
    for _ in range(3):
        for process in (world.here, world.there):
            assert await world.asked(process, user, world.outsider) == [True, False]
        await world.change(removed=[user], added=[world.outsider])
        for process in (world.there, world.here):
            assert await world.asked(process, user, world.outsider) == [False, True]
        await world.change(added=[user], removed=[world.outsider], by=world.there)


async def test_a_removal_beats_a_read_that_was_under_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read has its answer from before the removal, and comes back after it."""
    user = world.users[0]
    has_read, go_on = threading.Event(), threading.Event()
    real = roster.contains

    def slow(pairs: Any) -> Any:
        answer = real(pairs)
        has_read.set()
        assert go_on.wait(10)
        return answer

    monkeypatch.setattr(roster, "contains", slow)
    early = asyncio.create_task(world.asked(world.there, user))
    await asyncio.to_thread(has_read.wait, 10)
    monkeypatch.setattr(roster, "contains", real)
    await world.change(removed=[user])
    go_on.set()
    await early
    for process in (world.there, world.here):
        assert await world.asked(process, user) == [False]


async def test_a_crowd_asks_once(world: World, reads: Reads) -> None:
    user = world.users[0]
    answers = await asyncio.gather(*(world.asked(world.here, user) for _ in range(200)))
    assert answers == [[True]] * 200
    assert (reads.calls, reads.pairs) == (1, 1)


async def test_a_failure_reaches_everyone_and_is_not_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(pairs: Any) -> Any:
        raise RuntimeError("no database")

    with monkeypatch.context() as patch:
        patch.setattr(roster, "contains", fail)
        answers = await asyncio.gather(
            *(world.asked(world.here, world.users[0]) for _ in range(3)), return_exceptions=True
        )
        assert all(isinstance(answer, RuntimeError) for answer in answers)
    assert await world.asked(world.here, world.users[0]) == [True]


# -- Redis -----------------------------------------------------------------------------------------------------------

real_redis = pytest.mark.real("redis")


@real_redis
async def test_the_set_answers_instead_of_the_database(on_redis: World, shared: Shared, reads: Reads) -> None:
    await shared.fill(on_redis, on_redis.here)
    assert await shared.held(on_redis.channel) == set(on_redis.users[:-1])
    reads.broken = True
    process = shared.process()
    assert await on_redis.asked(process, *on_redis.users) == [True] * 7 + [False]
    reads.broken = False
    await on_redis.change(removed=on_redis.users[:2], added=[on_redis.outsider])
    assert await shared.held(on_redis.channel) == set(on_redis.users[2:])


@real_redis
async def test_an_empty_channel_is_held_as_well(on_redis: World, shared: Shared, reads: Reads) -> None:
    await on_redis.change(removed=on_redis.users[:-1])
    await shared.fill(on_redis, on_redis.here)
    reads.broken = True
    assert await on_redis.asked(shared.process(), *on_redis.users) == [False] * 8


@real_redis
async def test_large_sets_are_filled_in_pieces(
    on_redis: World, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chunk in (1, 3, 7, 8):
        monkeypatch.setattr(roster, "CHUNK", chunk)
        await shared.raw.flushall()
        await shared.fill(on_redis, shared.process())
        assert await shared.held(on_redis.channel) == set(on_redis.users[:-1])


@real_redis
async def test_a_fill_that_a_removal_overtook_is_thrown_away(
    on_redis: World, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fill has read the removed user, and installs its set after the removal returned."""
    user = on_redis.users[0]
    has_read, go_on = threading.Event(), threading.Event()
    real = roster.chunks

    def slow(channel_id: int) -> Any:
        for piece in real(channel_id):
            has_read.set()
            assert go_on.wait(10)
            yield piece

    # versions of before and after the reading look the same to the fill: only what was noted in Redis can save it
    monkeypatch.setattr(roster, "chunks", slow)
    asked = asyncio.create_task(on_redis.asked(on_redis.there, user))
    assert await asked == [True]
    await asyncio.to_thread(has_read.wait, 10)
    monkeypatch.setattr(roster, "versions", lambda ids: dict.fromkeys(ids, 1))
    await on_redis.change(removed=[user])
    go_on.set()
    assert isinstance(on_redis.there, RedisMembers)
    await on_redis.there.filled()
    assert await shared.held(on_redis.channel) is None
    monkeypatch.undo()
    for process in (on_redis.there, on_redis.here, shared.process()):
        assert await on_redis.asked(process, user) == [False]


@real_redis
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1)])
async def test_changes_that_are_told_out_of_order(on_redis: World, shared: Shared, order: Sequence[int]) -> None:
    """Three changes, committed in one order by processes that tell of them in another."""
    await shared.fill(on_redis, on_redis.here)
    y, z, *_, x = on_redis.users

    def act() -> None:
        plan = ({"added": [x]}, {"removed": [y]}, {"removed": [z]})
        changes = [(on_redis.commit(**change), change) for change in plan]
        for index in order:
            version, change = changes[index]
            on_redis.here.changed(on_redis.channel, version=version, **change)

    await asyncio.to_thread(act)
    assert await on_redis.asked(shared.process(), x, y, z) == [True, False, False]
    held = await shared.held(on_redis.channel)
    assert held is None or (x in held and not {y, z} & held)


@real_redis
async def test_a_removal_that_redis_never_heard_of(on_redis: World, shared: Shared) -> None:
    """The process that removes is cut off from Redis; others are not, and hold the member there."""
    user = on_redis.users[0]
    await shared.fill(on_redis, on_redis.here)
    assert await on_redis.asked(on_redis.there, user) == [True]
    await on_redis.change(removed=[user], by=shared.process(told_at=DEAD))
    for process in (on_redis.there, on_redis.here, shared.process()):
        assert await on_redis.asked(process, user) == [False]
    # and the set, found to be old, is made anew
    process = shared.process()
    await shared.fill(on_redis, process)
    held = await shared.held(on_redis.channel)
    assert held is not None
    assert user not in held


@real_redis
async def test_redis_dies_and_returns(on_redis: World, shared: Shared, server: Services) -> None:
    user, other = on_redis.users[:2]
    await shared.fill(on_redis, on_redis.here)
    await asyncio.to_thread(server.kill, "redis")
    assert await on_redis.asked(on_redis.there, user, on_redis.outsider) == [True, False]
    await on_redis.change(removed=[user])
    for process in (on_redis.here, on_redis.there):
        assert await on_redis.asked(process, user, other) == [False, True]
    await asyncio.to_thread(server.start, "redis")
    for process in (on_redis.here, on_redis.there, shared.process()):
        assert await on_redis.asked(process, user, other) == [False, True]
    await shared.raw.flushall()
    await shared.fill(on_redis, on_redis.there)
    assert await shared.held(on_redis.channel) == set(on_redis.users[1:-1])


@real_redis
async def test_redis_is_emptied_under_load(on_redis: World, shared: Shared, reads: Reads) -> None:
    channels = [on_redis.channel, *[await asyncio.to_thread(on_redis.make, on_redis.users[:4]) for _ in range(9)]]
    pairs = [(channel, user) for channel in channels for user in on_redis.users[:4]]
    stop = asyncio.Event()
    wrong: list[Any] = []

    async def ask(process: Members) -> None:
        while not stop.is_set():
            found = await process.contains(pairs)
            wrong.extend(pair for pair, is_member in found.items() if not is_member)
            await asyncio.sleep(0.01)

    asking = [asyncio.create_task(ask(process)) for process in (on_redis.here, on_redis.there)]
    for _ in range(5):
        await shared.raw.flushall()
        await asyncio.sleep(0.15)
    stop.set()
    await asyncio.gather(*asking)
    assert not wrong


@real_redis
async def test_too_many_to_tell(on_redis: World, shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_redis, "MAX_UPDATE", 5)
    await shared.fill(on_redis, on_redis.here)
    await on_redis.change(removed=on_redis.users[:4])
    assert await shared.held(on_redis.channel) is None
    assert await on_redis.asked(on_redis.there, *on_redis.users[:5]) == [False] * 4 + [True]
