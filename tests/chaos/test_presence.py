"""Redis stops: people show offline, chat goes on, and it mends by itself (M14)."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from bench.product import Product
from deploy.services import Services
from tests.flows.test_presence import told, watch, webs
from tests.harness.fixtures import SERVERS, MakePeople

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240), pytest.mark.real(*SERVERS)]


@pytest.fixture(autouse=True)
def _all_back_again(services: Services) -> Iterator[None]:
    yield
    services.start(*SERVERS)


async def test_without_redis_people_show_offline_and_chat_goes_on(
    product_factory: Callable[..., Product], people_in: MakePeople, services: Services
) -> None:
    product = await asyncio.to_thread(lambda: product_factory("cluster", webs=2))
    team = await people_in(product).team("Ann", "Bob")
    ann, bob = team.people
    one, other = webs(product)
    mine = await ann.socket(team.stream, base_url=one, backoff_cap_s=1.0)
    theirs = await bob.socket(team.stream, base_url=other, backoff_cap_s=1.0)
    await watch(mine, bob)
    await theirs.tell({"t": "active", "on": False})
    await told(mine, bob, state="away")

    await asyncio.to_thread(services.kill, "redis")
    await told(mine, bob, state="offline")
    await theirs.send(team.channel["id"], "said without presence", timeout_s=20)
    await mine.has(team.stream, 1)
    assert await watch(mine) == {}
    assert await watch(mine, bob) == {}
    pulled = await ann.rest.get(f"/v1/workspaces/{team.workspace['id']}/presence?ids={bob.id}")
    assert [row["state"] for row in pulled["results"]] == ["offline"]

    await asyncio.to_thread(services.start, "redis")
    await told(mine, bob, state="away")
    await theirs.tell({"t": "active", "on": True})
    await told(mine, bob, state="online")
