"""kill -9 of the one process under load: what was acknowledged is in history, once. The log alone rebuilds it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bench.client import Person
from bench.product import Product
from tests.harness.fixtures import SERVERS, MakePeople
from tests.harness.load import UNLIMITED, Talk

KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_embedded_killed_twenty_times_under_load(
    product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = await asyncio.to_thread(product_factory, "embedded", env=UNLIMITED)
    people = people_in(product)
    team = await people.team("Ann", "Bob", "Cy")
    talk = Talk(
        team.channel["id"],
        [await person.socket(backoff_cap_s=0.5) for person in team.people],
        {person.name: await person.socket(team.stream, backoff_cap_s=0.5) for person in team.people[:2]},
        count=1_000_000,
        window=16,
    )
    load = asyncio.create_task(talk.run(deadline_s=380))
    for _ in range(KILLS):
        await talk.sent_at_least(len(talk.operations) + 40)
        await product.restart()
    await talk.sent_at_least(len(talk.operations) + 40)
    talk.stopping = True
    await load
    await talk.drain(team.people[0])
    report = await talk.report(team.people[0])
    report.raise_if_any()
    assert report.acknowledged == len(talk.operations) == report.in_history
    assert all(socket.counters.connects >= KILLS // 2 for socket in talk.senders)


@pytest.mark.parametrize("profile", ["embedded", pytest.param("cluster", marks=pytest.mark.real(*SERVERS))])
@pytest.mark.timeout(240)
async def test_the_log_alone_rebuilds_the_store(
    profile: str, product_factory: Callable[..., Product], people_in: MakePeople
) -> None:
    product = await asyncio.to_thread(product_factory, profile)
    people = people_in(product)
    team = await people.team("Ann", "Bob")
    ann, bob = team.people
    side = await ann.channel(team.workspace, "side-room", bob)
    for index in range(30):
        posted = await (ann if index % 3 else bob).post(team.channel if index % 2 else side, f"line {index} @here")
        author = ann if index % 3 else bob
        match index % 5:
            case 0:
                await author.rest.patch(f"/v1/messages/{posted['message_id']}", {"text": f"edited {index}"})
            case 1:
                await author.rest.delete(f"/v1/messages/{posted['message_id']}")
            case 2:
                await bob.rest.put(f"/v1/messages/{posted['message_id']}/reactions/%F0%9F%8E%82")
            case 3:
                channel = team.channel if index % 2 else side
                await bob.post(
                    channel, f"reply {index}", thread_id=posted["message_id"], also_in_channel=index % 4 == 1
                )
    await bob.post(team.channel, "twice", client_msg_id="same")
    await bob.post(team.channel, "twice", client_msg_id="same")
    before = await _everything(ann, team.channel, side)
    assert len(before["messages"]) >= 30
    await asyncio.to_thread(product.stop)
    await asyncio.to_thread(product.manage, "replay")
    await asyncio.to_thread(product.start)
    after = await _settled(ann, team.channel, side, count=len(before["messages"]))
    assert after == before
    again = await bob.post(team.channel, "twice", client_msg_id="same")
    assert again["message_id"] in before["messages"]
    fresh = await bob.post(team.channel, "life goes on")
    assert fresh["seq"] == before["pages"][0]["seq"] + 1


async def _everything(person: Person, *channels: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"pages": [], "messages": {}, "threads": {}, "versions": {}}
    for channel in channels:
        page = await person.page(channel, limit=1)
        found["pages"].append({"seq": page["seq"], "count": page["count"]})
        for message in await person.history(channel):
            found["messages"][message["message_id"]] = message
            replies = await person.rest.get(f"/v1/messages/{message['thread_id'] or message['message_id']}/replies")
            del replies["following"]  # kept beside the store, by work that comes a moment later
            found["threads"][message["message_id"]] = replies
            if not message["deleted"]:
                versions = await person.rest.get(f"/v1/messages/{message['message_id']}/history")
                found["versions"][message["message_id"]] = versions
    return found


async def _settled(person: Person, *channels: dict[str, Any], count: int) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            found = await _everything(person, *channels)
            if len(found["messages"]) >= count:
                return found
            await asyncio.sleep(0.2)
