import asyncio
from collections.abc import Collection

import pytest

from apps.gateway import hub as hub_module
from apps.gateway import upkeep as upkeep_module
from apps.gateway.backends.gateways_memory import MemoryGateways
from apps.gateway.hub import Hub
from apps.gateway.metrics import GatewayCollector
from apps.gateway.upkeep import Upkeep
from tests.unit.gateway.doubles import World
from tests.unit.gateway.test_hub import enter, join, until


@pytest.fixture
def gateways() -> MemoryGateways:
    return MemoryGateways()


@pytest.fixture
def upkeep(world: World, hub: Hub, gateways: MemoryGateways) -> Upkeep:
    return Upkeep(hub, gateways=gateways, broadcast=lambda: world.broadcast, url="ws://one/v1/socket")


async def test_a_stall_is_found_within_a_round(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "CHECK_EVERY_S", 0.02)
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    upkeep.start()
    world.store.fill("c:1", 2)
    await until(lambda: socket.connection.seqs() == [1, 2])
    await upkeep.stop()


async def test_while_the_broadcast_is_down_streams_are_polled(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "POLL_EVERY_S", 0.02)
    monkeypatch.setattr(upkeep_module, "CHECK_EVERY_S", 60.0)
    world.broadcast.healthy = False
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    upkeep.start()
    for seq in range(1, 4):
        world.store.fill("c:1", seq)
        await until(lambda: socket.connection.seqs() == list(range(1, len(world.store.logs["c:1"]) + 1)))
    await upkeep.stop()


async def test_heads_are_asked_for_in_bounded_chunks_and_all_get_their_turn(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "_COLD_PER_S", 4)
    monkeypatch.setattr(upkeep_module, "_CHUNK", 10)
    hub.tick = 1000
    socket = await enter(hub)
    await join(world, hub, socket, **{f"c_{number}": None for number in range(1, 50)})
    hub.streams["c:7"].active_tick = 999
    seen: set[str] = set()
    for _ in range(3):
        due = upkeep.due(everything=False)
        assert len(due) == 21
        assert hub.streams["c:7"] in due
        seen.update(stream.name for stream in due)
    assert len(seen) == 50
    before = world.store.head_reads
    await upkeep.check_streams(upkeep.due(everything=True))
    assert world.store.head_reads - before == 5


async def test_users_are_told_of_and_forgotten(
    world: World, hub: Hub, upkeep: Upkeep, gateways: MemoryGateways
) -> None:
    await upkeep.renew()
    socket = await enter(hub, 5)
    await upkeep.tell_users()
    assert await gateways.gateway_of(5) == "g1"
    hub.detach(socket)
    await upkeep.tell_users()
    assert await gateways.gateway_of(5) is None


async def test_a_table_that_lost_everything_is_told_again(hub: Hub, upkeep: Upkeep, gateways: MemoryGateways) -> None:
    await upkeep.renew()
    await enter(hub, 5)
    await upkeep.tell_users()
    gateways.__init__()  # type: ignore[misc]  # Redis came back empty
    await upkeep.tell_users()
    assert await gateways.gateway_of(5) is None, "nobody knows yet"
    await upkeep.renew()
    await upkeep.tell_users()
    assert await gateways.gateway_of(5) == "g1"


async def test_who_could_not_be_told_of_is_told_of_later(
    hub: Hub, upkeep: Upkeep, gateways: MemoryGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(_gateway: str, _user_ids: Collection[int], *, lease_s: int) -> bool:
        return lease_s < 0

    await upkeep.renew()
    await enter(hub, 5)
    with monkeypatch.context() as patch:
        patch.setattr(gateways, "claim", down)
        await upkeep.tell_users()
    assert await gateways.gateway_of(5) is None
    await upkeep.tell_users()
    assert await gateways.gateway_of(5) == "g1"


async def test_a_gateway_that_leaves_is_withdrawn_first(upkeep: Upkeep, hub: Hub, gateways: MemoryGateways) -> None:
    await upkeep.renew()
    assert await gateways.alive() == {"g1": "ws://one/v1/socket"}
    await upkeep.renew_away()
    await upkeep.renew()
    assert await gateways.alive() == {}
    assert hub.full


async def test_sessions_that_ended_unheard_are_cut(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(proofs: Collection[int]) -> set[int]:
        return {71} & set(proofs)

    monkeypatch.setattr("apps.accounts.queries.ended", ended)
    over, lives = await enter(hub, 1, proof=71), await enter(hub, 1, proof=72)
    await upkeep.look_for_ended()
    assert (over.connection.codes, lives.connection.codes) == ([4410], [])


async def test_a_preview_that_ended_unheard_is_cut(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.accounts.queries.ended", lambda _proofs: set())
    world.previews.update({1, 2})
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None, c_2=None, c_3=None)
    world.hidden.update({1, 3})
    await upkeep.look_for_ended()
    assert set(socket.streams) == {"c:2", "c:3"}  # what a membership gives is taken by its event
    assert socket.connection.frames() == [{"t": "gone", "stream": "c:1"}]


async def test_upkeep_survives_a_failing_step(
    world: World, hub: Hub, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(upkeep_module, "_USERS_EVERY_S", 0.01)
    monkeypatch.setattr(upkeep_module, "_RETRY_S", 0.01)
    failed = asyncio.Event()

    async def broken() -> None:
        monkeypatch.setattr(upkeep, "tell_users", None)
        failed.set()
        raise RuntimeError("once")

    monkeypatch.setattr(upkeep, "tell_users", broken)
    upkeep.start()
    await failed.wait()
    await asyncio.sleep(0.03)
    assert "once" in caplog.text
    await upkeep.stop()


async def test_what_is_counted_can_be_scraped(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    hub.stats.deliveries += 3
    found = {
        sample.name: sample.value
        for metric in GatewayCollector(hub.stats, hub.gauges).collect()
        for sample in metric.samples
    }
    assert found["gateway_deliveries_total"] == 3
    assert found["gateway_sockets"] == 1
    assert found["gateway_streams"] == 2
    assert found["gateway_queue_bytes"] == 0
    assert hub_module.TICK_S == 1.0
