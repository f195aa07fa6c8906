"""Gateways that post through two message services: killed, paused, ended, all gone. Nothing twice, nothing lost."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from apps.messaging import wire
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb
from bench.product import Product
from tests.harness.fixtures import SERVERS, MakePeople
from tests.harness.load import UNLIMITED, Talk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.real(*SERVERS)]
SENDERS, MESSAGES = 6, 1000
TOTAL = SENDERS * MESSAGES


async def _killed(product: Product, talk: Talk) -> None:
    for share, name in ((0.15, "messages-0"), (0.4, "messages-1"), (0.65, "messages-0")):
        await talk.sent_at_least(int(TOTAL * share), deadline_s=120)
        there = _there(product, name)
        await product.restart(name)
        async with asyncio.timeout(20):
            while _there(product, name) == there:
                await asyncio.sleep(0.05)


def _there(product: Product, name: str) -> int:
    """How often the gateway has found it."""
    said = f"the message service at 127.0.0.1:{product.roles[name].port} is there"
    return product.roles["web-0"].log.read_text().count(said)


async def _paused(product: Product, talk: Talk) -> None:
    """Long enough that its commands are done elsewhere, and short enough that it finishes its own late."""
    await talk.sent_at_least(int(TOTAL * 0.3), deadline_s=120)
    product.pause("messages-0")
    await talk.sent_at_least(int(TOTAL * 0.5), deadline_s=120)
    product.resume("messages-0")


async def _ended(product: Product, talk: Talk) -> None:
    await talk.sent_at_least(int(TOTAL * 0.3), deadline_s=120)
    assert await asyncio.to_thread(product.terminate, "messages-0") == 0
    await talk.sent_at_least(int(TOTAL * 0.6), deadline_s=120)
    await asyncio.to_thread(product.start, "messages-0")
    assert await asyncio.to_thread(product.terminate, "messages-1") == 0


async def _all_gone(product: Product, talk: Talk) -> None:
    await talk.sent_at_least(int(TOTAL * 0.3), deadline_s=120)
    for name in ("messages-0", "messages-1"):
        await asyncio.to_thread(product.kill, name)
    before = len(talk.operations)
    await asyncio.sleep(4)
    # what was on the way may have been answered; nothing else can be
    assert len(talk.operations) <= before + SENDERS * talk.window
    for name in ("messages-0", "messages-1"):
        await asyncio.to_thread(product.start, name)


@pytest.mark.parametrize("disturb", [_killed, _paused, _ended, _all_gone])
async def test_nothing_twice_and_nothing_lost(
    disturb: Callable[[Product, Talk], Awaitable[None]],
    product_factory: Callable[..., Product],
    people_in: MakePeople,
) -> None:
    product = await asyncio.to_thread(product_factory, "cluster", env=UNLIMITED, messages=2)
    people = people_in(product)
    team = await people.team("Ann", "Bob", "Cy")
    talk = Talk(
        team.channel["id"],
        [await team.people[index % 3].socket(backoff_cap_s=1.0) for index in range(SENDERS)],
        {person.name: await person.socket(team.stream, backoff_cap_s=1.0) for person in team.people[:2]},
        MESSAGES,
    )
    disturbance = asyncio.ensure_future(disturb(product, talk))
    await talk.run(deadline_s=200)
    await disturbance
    await talk.drain(team.people[0])
    report = await talk.report(team.people[0])
    report.raise_if_any()
    assert (report.acknowledged, report.in_history) == (TOTAL, TOTAL)
    if disturb is _all_gone:
        return  # a client repeats what was refused later than what it sent meanwhile
    assert [error for socket in talk.senders for error in socket.errors] == []
    seen = [e["data"]["client_msg_id"] for e in talk.readers["Ann"].events[team.stream] if "client_msg_id" in e["data"]]
    for sender, keys in talk.order.items():
        assert [key for key in seen if key.startswith(f"{sender}-")] == keys, f"the order in which {sender} sent"


async def test_a_bot_s_stream(product_factory: Callable[..., Product], people_in: MakePeople) -> None:
    """Straight to a message service, with a token: what it posts reaches a socket at a gateway, in order."""
    product = await asyncio.to_thread(product_factory, "cluster", env=UNLIMITED, messages=1)
    team = await people_in(product).team("Ann", "Bob")
    ann, bob = team.people
    socket = await ann.socket(team.stream)
    metadata = (("authorization", f"Bearer {await bob.token()}"),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{product.roles['messages-0'].port}") as channel:
        stream: Any = channel.stream_stream(
            f"/{wire.MESSAGE_SERVICE}/PostMany",
            request_serializer=pb.PostRequest.SerializeToString,
            response_deserializer=pb.PostResponse.FromString,
        )(metadata=metadata)
        for tag in range(1, 201):
            text = f"line {tag}" if tag != 100 else ""
            await stream.write(pb.PostRequest(channel_id=int(team.channel["id"]), text=text, tag=tag))
        await stream.done_writing()
        answers = [answer async for answer in stream]
    assert sorted(answer.tag for answer in answers) == list(range(1, 201))
    assert [answer.tag for answer in answers if answer.HasField("problem")] == [100]
    page = await ann.page(team.channel, limit=1)
    async with asyncio.timeout(20):
        while page["count"] < 199:
            await asyncio.sleep(0.05)
            page = await ann.page(team.channel, limit=1)
    await socket.reaches(team.stream, page["seq"], timeout_s=20, what="Ann")
    texts = [e["data"]["text"] for e in socket.events[team.stream] if e["type"] == "message.posted"]
    assert texts == [f"line {tag}" for tag in range(1, 201) if tag != 100]
