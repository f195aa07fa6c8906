"""The gateway's counters as Prometheus gets them."""

import asyncio
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from apps.gateway.hub import Hub
from apps.gateway.metrics import GatewayCollector
from slackclone import metrics
from tests.unit.gateway.doubles import World, event
from tests.unit.gateway.test_hub import enter, join


@pytest.fixture
def collected(hub: Hub) -> Iterator[None]:
    collector = GatewayCollector(hub.stats, hub.gauges)
    REGISTRY.register(collector)
    yield
    REGISTRY.unregister(collector)


async def ask(port: int, path: bytes) -> tuple[bytes, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return head, body.decode()


@pytest.mark.usefixtures("collected")
async def test_what_was_delivered_is_told(world: World, hub: Hub) -> None:
    socket = await enter(hub)
    await join(world, hub, socket, c_1=None)
    async with metrics.served("127.0.0.1", 0) as port:
        world.broadcast.events(event("c:1", 1), event("c:1", 2))
        async with asyncio.timeout(5):
            while socket.connection.seqs() != [1, 2]:
                await asyncio.sleep(0.005)
        head, body = await ask(port, b"/metrics")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert (await ask(port, b"/"))[0].startswith(b"HTTP/1.1 404")
    found = {sample.name: sample.value for family in text_string_to_metric_families(body) for sample in family.samples}
    assert found["gateway_deliveries_total"] == 2
    assert found["gateway_users"] == found["gateway_streams"] - 1 == 1
