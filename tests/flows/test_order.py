"""Eight senders, three live readers and history: one order, dense, nothing lost, nothing twice."""

import asyncio
from collections.abc import Callable

import pytest

from bench.client import Person
from bench.product import Product
from tests.harness.fixtures import SERVERS, MakePeople
from tests.harness.load import UNLIMITED, Disturbance, Talk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SENDERS, MESSAGES = 8, 2000
CLUSTER = pytest.mark.real(*SERVERS)


async def _nothing(product: Product, talk: Talk) -> None:
    pass


async def _kill_and_restart_the_sequencer(product: Product, talk: Talk) -> None:
    for share in (0.2, 0.5):
        await talk.sent_at_least(int(SENDERS * MESSAGES * share), deadline_s=120)
        await product.restart("sequencer-0")


async def _a_second_sequencer_joins(product: Product, talk: Talk) -> None:
    await talk.sent_at_least(int(SENDERS * MESSAGES * 0.3), deadline_s=120)
    product.add_role("sequencer", 1)
    await asyncio.to_thread(product.start, "sequencer-1")
    await talk.sent_at_least(int(SENDERS * MESSAGES * 0.7), deadline_s=120)
    await asyncio.to_thread(product.kill, "sequencer-0")


@pytest.mark.parametrize(
    ("profile", "disturb"),
    [
        pytest.param("embedded", _nothing, id="embedded"),
        pytest.param("cluster", _nothing, id="cluster", marks=CLUSTER),
        pytest.param("cluster", _kill_and_restart_the_sequencer, id="cluster-sequencer-killed", marks=CLUSTER),
        pytest.param("cluster", _a_second_sequencer_joins, id="cluster-second-sequencer", marks=CLUSTER),
    ],
)
async def test_every_reader_sees_one_order(
    profile: str, disturb: Disturbance, product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = await asyncio.to_thread(product_factory, profile, env=UNLIMITED, webs=2 if profile == "cluster" else 1)
    people = people_in(product)
    team = await people.team("Ann", "Bob", "Cy", "Dee")
    urls = [product.url_of(name) for name in product.roles if name.startswith("web")]
    talk = Talk(
        team.channel["id"],
        [await _anywhere(team.people[index % 4], urls[index % len(urls)]) for index in range(SENDERS)],
        {
            f"reader {index}": await _anywhere(person, urls[index % len(urls)], team.stream)
            for index, person in enumerate(team.people[:3])
        },
        MESSAGES,
    )
    disturbance = asyncio.create_task(disturb(product, talk))
    await talk.run(deadline_s=200)
    await disturbance
    await talk.drain(team.people[0])
    report = await talk.report(team.people[0])
    report.raise_if_any()
    assert (report.acknowledged, report.in_history) == (SENDERS * MESSAGES, SENDERS * MESSAGES)
    assert all(socket.counters.resyncs == 0 for socket in talk.readers.values())
    seen = [
        e["data"]["client_msg_id"] for e in talk.readers["reader 0"].events[team.stream] if "client_msg_id" in e["data"]
    ]
    for sender, keys in talk.order.items():
        assert [key for key in seen if key.startswith(f"{sender}-")] == keys, f"the order in which {sender} sent"


async def _anywhere(person: Person, url: str, *streams: str):
    return await person.socket(*streams, base_url=url, backoff_cap_s=1.0)
