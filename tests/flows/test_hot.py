"""A channel gets hot and calm again: everyone ends with everything, once and in order, and a mention does not wait."""

import asyncio
from collections.abc import Callable

import pytest

from bench.client import Json, SocketClient
from bench.product import Product
from tests.harness.fixtures import SERVERS, MakePeople

# Hot from 50 deliveries a second to three followers.
ENV = {"HOT_DELIVERIES_PER_S": "50", "HOT_FOLLOWERS": "3", "MESSAGE_RATE_PER_S": "1000"}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", ["embedded", pytest.param("cluster", marks=pytest.mark.real(*SERVERS))])
async def test_hot_and_calm_again(product_factory: Callable[..., Product], people_in: MakePeople, profile: str) -> None:
    product = product_factory(profile, env=ENV, workers=0)
    people = people_in(product)
    team = await people.team("Ann", "Bob", "Che", "Dee", "Eve")
    ann, bob, _che, _dee, eve = team.people
    stream = team.stream
    sender = await ann.socket()
    readers = [await person.socket(stream) for person in team.people[1:4]]
    watched = readers[0]

    async def talk() -> list[Json]:
        acks: list[asyncio.Future[Json]] = []
        while not stopped.is_set():
            acks.append(sender.post(team.channel["id"], f"message {len(acks)}"))
            await asyncio.sleep(0.02)
        return list(await asyncio.gather(*acks))

    stopped = asyncio.Event()
    talking = asyncio.create_task(talk())
    try:
        await watched.until(lambda: watched.modes.get(stream) == "pull", what="the switch to pull")

        # Who comes now learns the mode with the answer, and what they ask for.
        late = await eve.socket()
        await late.subscribe(since={stream: 0})
        readers.append(late)
        assert late.followed[stream]["mode"] == "pull"

        # Own posts and mentions are not a pull away.
        (handle,) = [
            member["handle"]
            for member in (await ann.rest.get(f"/v1/workspaces/{team.workspace['id']}/members"))["results"]
            if member["user_id"] == bob.id
        ]
        pulls = watched.counters.pulls
        told = await ann.post(team.channel, f"@{handle} look")
        await watched.reaches(stream, told["seq"])
        assert watched.counters.pulls <= pulls + 2
    finally:
        stopped.set()
        acked = await talking

    await watched.until(lambda: watched.modes.get(stream) == "push", timeout_s=60, what="the switch to push")
    last = await ann.post(team.channel, "pushed again")
    for reader in readers:
        await reader.reaches(stream, last["seq"])

    history = [message["message_id"] for message in await ann.history(team.channel)]
    assert set(history) >= {ack["message_id"] for ack in acked}
    assert _messages(late, stream) == history
    for reader in readers:
        seqs = [event["seq"] for event in reader.events[stream]]
        assert seqs == list(range(seqs[0], last["seq"] + 1))
        assert history[-len(_messages(reader, stream)) :] == _messages(reader, stream)
        assert reader.counters.resyncs == 0


def _messages(reader: SocketClient, stream: str) -> list[str]:
    return [event["data"]["message_id"] for event in reader.events[stream] if event["type"] == "message.posted"]
