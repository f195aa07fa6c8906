"""The presence of gateways, on a virtual clock: everything real but time, the network and the database."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from apps.eventlog.events import Batch, Ephemeral
from apps.presence.backends.presence_memory import MemoryPresence
from apps.presence.engine import BLIND_AFTER_S, LEASE_S, STEP_S, Engine
from apps.presence.policies import Person, Schedule, Wishes
from apps.presence.ports import PresenceUnavailableError
from apps.presence.topics import topic

ADA, BELA, CLEO = 11, 12, 13
START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def in_full(users: dict[str, Any]) -> dict[str, Any]:
    return {user_id: {"dnd": False, "status": None, **one} for user_id, one in users.items()}


class Socket:
    def __init__(self, user_id: int) -> None:
        self.user_id, self.held = user_id, False
        self.frames: list[dict[str, Any]] = []

    def tell(self, data: bytes) -> None:
        self.frames.append(in_full(msgspec.json.decode(data)))

    def states(self) -> list[str]:
        return [one["state"] for frame in self.frames for one in frame.values()]


class Wire:
    def __init__(self) -> None:
        self.handlers: dict[str, list[Any]] = {}
        self.sent: list[str] = []

    async def subscribe(self, stream, handler) -> None:
        self.handlers.setdefault(stream, []).append(handler)

    async def unsubscribe(self, stream, handler) -> None:
        self.handlers[stream].remove(handler)

    async def publish(self, batch: Batch) -> None:
        self.sent.append(batch.stream)
        for handler in list(self.handlers.get(batch.stream, ())):
            handler(batch)


class Flaky(MemoryPresence):
    down = False

    async def _refuse(self, *_: object, **__: object):
        raise PresenceUnavailableError

    def __getattribute__(self, name: str):
        if name in {"beat", "put", "read"} and object.__getattribute__(self, "down"):
            return object.__getattribute__(self, "_refuse")
        return object.__getattribute__(self, name)


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.people: dict[int, Person] = {}
        self.loads = 0
        self.wire = Wire()
        self.backend = Flaky(clock=lambda: self.now)
        self.gateways: list[Engine] = []

    def gateway(self) -> Engine:
        made = Engine(
            f"g{len(self.gateways)}",
            presence=lambda: self.backend,
            broadcast=lambda: self.wire,  # type: ignore[arg-type,return-value]
            load=self.load,
            clock=lambda: self.now,
            wall=lambda: START + timedelta(seconds=self.now - 1000),
        )
        self.gateways.append(made)
        return made

    async def load(self, user_ids: Collection[int]) -> dict[int, Person]:
        self.loads += 1
        return {user_id: self.people[user_id] for user_id in user_ids if user_id in self.people}

    async def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            for gateway in self.gateways:
                await gateway.step()
            self.now += STEP_S

    async def wrote(self, user_id: int) -> None:
        await self.wire.publish(Batch(topic(user_id), ephemeral=[Ephemeral("settings", str(user_id), b"")]))


@pytest.fixture
def world() -> World:
    return World()


async def watching(gateway: Engine, socket: Socket, *user_ids: int) -> dict[str, Any]:
    return in_full(msgspec.json.decode(await gateway.watch(socket, user_ids), type=dict[str, Any]))


async def test_who_watches_gets_a_snapshot_and_then_the_changes_across_gateways(world: World) -> None:
    here, there = world.gateway(), world.gateway()
    ada, bela, cleo = Socket(ADA), Socket(BELA), Socket(CLEO)
    here.arrived(ada)
    there.arrived(bela)
    await world.run(3)
    assert await watching(here, ada, BELA, CLEO) == {
        str(BELA): {"state": "online", "dnd": False, "status": None},
    }
    there.arrived(cleo)
    await world.run(4)
    assert [list(frame) for frame in ada.frames] == [[str(CLEO)]]
    there.active(cleo, on=False)
    await world.run(4)
    assert ada.states() == ["online", "away"]
    assert bela.frames == cleo.frames == [], "who did not ask hears nothing"


async def test_a_list_replaces_the_one_before_and_only_the_new_names_are_answered(world: World) -> None:
    gateway = world.gateway()
    ada, bela, cleo = Socket(ADA), Socket(BELA), Socket(CLEO)
    for socket in (ada, bela, cleo):
        gateway.arrived(socket)
    await world.run(3)
    assert (await watching(gateway, ada, BELA)).keys() == {str(BELA)}
    assert (await watching(gateway, ada, BELA, CLEO)).keys() == {str(CLEO)}
    await watching(gateway, ada, CLEO)
    gateway.active(bela, on=False)
    await world.run(4)
    assert ada.frames == []


async def test_nothing_is_published_that_no_gateway_could_show(world: World) -> None:
    gateway = world.gateway()
    first, second = Socket(ADA), Socket(ADA)
    gateway.arrived(first)
    await world.run(3)
    published = len(world.wire.sent)
    gateway.arrived(second)
    gateway.left(first)
    await world.run(60)
    assert len(world.wire.sent) == published


async def test_a_socket_gets_a_frame_a_second_at_most_and_a_held_one_the_newest_later(world: World) -> None:
    gateway = world.gateway()
    ada, bela = Socket(ADA), Socket(BELA)
    others = [Socket(100 + number) for number in range(50)]
    await watching(gateway, ada, *(one.user_id for one in others))
    await watching(gateway, bela, *(one.user_id for one in others))
    bela.held = True
    for number, socket in enumerate(others):
        gateway.arrived(socket)
        if number % 10 == 9:
            await world.run(1)
    await world.run(3)
    assert sum(len(frame) for frame in ada.frames) == 50
    assert len(ada.frames) <= 8
    for socket in others:
        gateway.active(socket, on=False)
    await world.run(3)
    assert bela.frames == []
    bela.held = False
    await world.run(2)
    assert [{one["state"] for one in frame.values()} for frame in bela.frames] == [{"away"}]


async def test_people_of_a_gateway_that_dies_are_offline_soon_after_its_lease(world: World) -> None:
    here, dying = world.gateway(), world.gateway()
    ada = Socket(ADA)
    here.arrived(ada)
    dying.arrived(Socket(BELA))
    await world.run(3)
    await watching(here, ada, BELA)
    world.gateways.remove(dying)
    await world.run(15)
    assert ada.frames == []
    await world.run(LEASE_S)
    assert ada.states() == ["offline"]


async def test_a_gateway_that_ends_in_order_lets_its_people_come_back_elsewhere(world: World) -> None:
    here, ending = world.gateway(), world.gateway()
    ada, bela = Socket(ADA), Socket(BELA)
    here.arrived(ada)
    ending.arrived(bela)
    await world.run(3)
    await watching(here, ada, BELA)
    world.gateways.remove(ending)
    ending.left(bela)
    await ending.stop()
    await world.run(10)
    here.arrived(Socket(BELA))
    await world.run(60)
    assert ada.frames == []


async def test_without_the_backend_everyone_is_shown_offline_and_then_as_before(world: World) -> None:
    gateway = world.gateway()
    ada, bela = Socket(ADA), Socket(BELA)
    gateway.arrived(ada)
    gateway.arrived(bela)
    await world.run(3)
    await watching(gateway, ada, BELA)
    world.backend.down = True
    gateway.arrived(Socket(CLEO))
    await world.run(BLIND_AFTER_S - 2)
    assert ada.states() == [], "a hiccup is no outage"
    await world.run(20)
    assert ada.states() == ["offline"]
    assert await watching(gateway, ada, BELA, CLEO) == {}
    world.backend.down = False
    world.backend._users.clear()
    world.backend._leases.clear()
    await world.run(10)
    assert ada.states()[1:] == ["online", "online"]
    assert {user_id for frame in ada.frames[1:] for user_id in frame} == {str(BELA), str(CLEO)}


async def test_settings_are_shown_when_they_change_and_when_their_time_comes(world: World) -> None:
    gateway = world.gateway()
    ada, bela = Socket(ADA), Socket(BELA)
    gateway.arrived(ada)
    gateway.arrived(bela)
    world.people[BELA] = Person(Wishes(schedule=Schedule(12 * 60 + 1, 12 * 60 + 2, (0,))))
    await world.run(3)
    assert (await watching(gateway, ada, BELA))[str(BELA)]["dnd"] is False
    loads = world.loads
    await world.run(120)
    assert [frame[str(BELA)]["dnd"] for frame in ada.frames] == [True, False]
    expires = int((START + timedelta(seconds=180)).timestamp() * 1000)
    status = {"emoji": "🌴", "text": "soon back", "expires_at": expires}
    world.people[BELA] = Person(Wishes(away=True), status)  # type: ignore[arg-type]
    await world.wrote(BELA)
    await world.run(3)
    assert ada.frames[-1] == {str(BELA): {"state": "away", "dnd": False, "status": status}}
    await world.run(60)
    assert ada.frames[-1] == {str(BELA): {"state": "away", "dnd": False, "status": None}}
    assert world.loads > loads


async def test_a_word_that_was_lost_is_found(world: World) -> None:
    here, there = world.gateway(), world.gateway()
    ada = Socket(ADA)
    here.arrived(ada)
    await watching(here, ada, BELA)
    handlers, world.wire.handlers = world.wire.handlers, {}
    there.arrived(Socket(BELA))
    await world.run(5)
    world.wire.handlers = handlers
    assert ada.frames == []
    await world.run(400)
    assert ada.states() == ["online"]


async def test_lost_rights(world: World) -> None:
    gateway = world.gateway()
    ada, bela, cleo = Socket(ADA), Socket(BELA), Socket(CLEO)
    for socket in (ada, bela, cleo):
        gateway.arrived(socket)
    await world.run(3)
    await watching(gateway, ada, BELA, CLEO)

    async def allow(viewer_id: int, user_ids: Collection[int]) -> set[int]:
        assert (viewer_id, set(user_ids)) == (ADA, {BELA, CLEO})
        return {CLEO}

    await gateway.recheck(ada, allow)
    gateway.active(bela, on=False)
    await world.run(4)
    assert ada.frames == []
    gateway.conceal(CLEO)
    gateway.active(cleo, on=False)
    await world.run(4)
    assert ada.frames == []


async def test_a_topic_is_left_when_nobody_of_it_is_watched(world: World) -> None:
    gateway = world.gateway()
    ada = Socket(ADA)
    await watching(gateway, ada, BELA)
    assert world.wire.handlers[topic(BELA)]
    gateway.left(ada)
    await world.run(120)
    assert not world.wire.handlers[topic(BELA)]
