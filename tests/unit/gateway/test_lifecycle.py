import asyncio

import pytest

from apps.gateway import hub as hub_module
from apps.gateway import lifecycle, registry
from apps.gateway.backends.gateways_memory import MemoryGateways
from apps.gateway.hub import Hub
from tests.unit.gateway.doubles import World
from tests.unit.gateway.test_hub import enter, until


async def test_a_gateway_runs_drains_and_stops(world: World, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    gateways = MemoryGateways()
    monkeypatch.setattr(hub_module, "_DRAIN_GRACE_S", 0.01)
    monkeypatch.setattr(registry, "gateways", lambda: gateways)
    monkeypatch.setattr(lifecycle, "broadcast", lambda: world.broadcast)
    monkeypatch.setattr(lifecycle, "_collector", lambda: None)
    lifecycle._upkeep.cache_clear()
    running = asyncio.create_task(lifecycle.run())
    socket = await enter(hub)
    async with asyncio.timeout(5):
        while not await gateways.alive() or await gateways.gateway_of(1) is None:
            await asyncio.sleep(0.005)
    await lifecycle.drain(0.0)
    assert await gateways.alive() == {}
    assert socket.connection.frames()[0]["t"] == "reconnect"
    await until(lambda: socket.connection.codes == [1012])
    await lifecycle.stop()
    async with asyncio.timeout(5):
        await running
    assert await gateways.gateway_of(1) is None
    assert world.broadcast.handlers == {}
    lifecycle._upkeep.cache_clear()
