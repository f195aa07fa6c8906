"""One suite for the broadcast, over the in-memory layer and over a real Redis."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer

from apps.eventlog.backends.broadcast_layer import LayerBroadcast
from apps.eventlog.backends.layer_memory import MemoryLayer
from apps.eventlog.backends.layer_redis import BatchingLayer
from apps.eventlog.events import Batch, Envelope, Ephemeral, Position, Sequenced
from deploy.services import Services
from tests.harness.fixtures import require_servers

Factory = Callable[[], LayerBroadcast]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.real("redis"))])
def factory(request: pytest.FixtureRequest) -> Iterator[Factory]:
    """Broadcasts that hear each other: what several processes would have."""
    if request.param == "memory":
        layer = MemoryLayer(capacity=10_000)
        yield lambda: LayerBroadcast(layer)
        return
    servers: Services = request.getfixturevalue("services")
    require_servers(servers, ("redis",))
    options = {"hosts": [f"redis://127.0.0.1:{servers.ports['redis']}/9"], "prefix": uuid.uuid4().hex}
    yield lambda: LayerBroadcast(BatchingLayer(**options))


@pytest.fixture
async def publisher(factory: Factory) -> AsyncIterator[LayerBroadcast]:
    broadcast = factory()
    yield broadcast
    await broadcast.close()


@pytest.fixture
async def subscriber(factory: Factory) -> AsyncIterator[LayerBroadcast]:
    broadcast = factory()
    yield broadcast
    await broadcast.close()


class Ears:
    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._heard = asyncio.Event()

    def __call__(self, batch: Batch) -> None:
        self.batches.append(batch)
        self._heard.set()

    async def hear(self, count: int) -> list[Batch]:
        async with asyncio.timeout(10):
            while len(self.batches) < count:
                self._heard.clear()
                await self._heard.wait()
        return self.batches

    @property
    def seqs(self) -> list[int]:
        return [event.seq for batch in self.batches for event in batch.events]


def batch(seq: int, stream: str = "c:1") -> Batch:
    envelope = Envelope("message.posted", 1, seq, 1, 1, None, True, None, b"body\0\xff", b"sealed")
    return Batch(stream, [Sequenced(stream, seq, seq, 0, 1_700_000_000_000, "2026_01", Position(0, seq), envelope)])


async def test_a_batch_arrives_as_it_was_sent(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    ears = Ears()
    await subscriber.subscribe("c:1", ears)
    sent = Batch("c:1", batch(1).events, [], [Ephemeral("typing", "7", b"\0\xff")])
    await publisher.publish(sent)
    assert await ears.hear(1) == [sent]
    assert publisher.healthy
    assert subscriber.healthy


async def test_batches_of_a_stream_arrive_in_order(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    ears = Ears()
    await subscriber.subscribe("c:1", ears)
    for seq in range(1, 301):
        await publisher.publish(batch(seq))
    await ears.hear(300)
    assert ears.seqs == list(range(1, 301))


async def test_streams_are_apart(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    first, second = Ears(), Ears()
    await subscriber.subscribe("c:1", first)
    await subscriber.subscribe("u:1", second)
    await publisher.publish(batch(1, "c:1"))
    await publisher.publish(batch(2, "c:11"))
    await publisher.publish(batch(3, "u:1"))
    await second.hear(1)
    assert (first.seqs, second.seqs) == ([1], [3])


async def test_each_handler_hears_once_in_every_process(
    publisher: LayerBroadcast, subscriber: LayerBroadcast, factory: Factory
) -> None:
    third = factory()
    ears = [Ears() for _ in range(4)]
    for broadcast, each in zip((publisher, subscriber, subscriber, third), ears, strict=True):
        await broadcast.subscribe("c:1", each)
    await publisher.publish(batch(1))
    await publisher.publish(batch(2))
    for each in ears:
        await each.hear(2)
        assert each.seqs == [1, 2]
    await third.close()


async def test_who_left_hears_no_more(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    left, stays, elsewhere = Ears(), Ears(), Ears()
    await subscriber.subscribe("c:1", left)
    await subscriber.subscribe("c:1", stays)
    await subscriber.subscribe("c:2", elsewhere)
    await subscriber.unsubscribe("c:1", left)
    await publisher.publish(batch(1))
    await stays.hear(1)
    await subscriber.unsubscribe("c:1", stays)
    await subscriber.unsubscribe("c:1", stays)
    await publisher.publish(batch(2))
    await publisher.publish(batch(3, "c:2"))
    await elsewhere.hear(1)
    assert (left.seqs, stays.seqs) == ([], [1])
    await subscriber.subscribe("c:1", stays)
    await publisher.publish(batch(4))
    await stays.hear(2)
    assert stays.seqs == [1, 4]


async def test_a_handler_that_fails_disturbs_nobody(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    def broken(_: Batch) -> None:
        raise RuntimeError

    ears = Ears()
    await subscriber.subscribe("c:1", broken)
    await subscriber.subscribe("c:1", ears)
    await publisher.publish(batch(1))
    await publisher.publish(batch(2))
    await ears.hear(2)


async def test_nothing_is_missed_from_the_return_of_subscribe(
    publisher: LayerBroadcast, subscriber: LayerBroadcast
) -> None:
    await publisher.publish(batch(1))  # connected
    for number in range(100):
        ears = Ears()
        await subscriber.subscribe(f"c:{number}", ears)
        await publisher.publish(batch(1, f"c:{number}"))
        await ears.hear(1)


async def test_many_streams_at_once(publisher: LayerBroadcast, subscriber: LayerBroadcast) -> None:
    ears = Ears()
    streams = [f"c:{number}" for number in range(1, 501)]
    await asyncio.gather(*(subscriber.subscribe(stream, ears) for stream in streams))
    await asyncio.gather(*(publisher.publish(batch(1, stream)) for stream in streams))
    await ears.hear(500)
    assert {each.stream for each in ears.batches} == set(streams)


async def test_closing_twice_and_unused(factory: Factory) -> None:
    broadcast = factory()
    await broadcast.close()
    await broadcast.close()


# -- of Redis alone: it goes, and comes back


async def _until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not reached():
            await asyncio.sleep(0.01)


@pytest.mark.real("redis")
@pytest.mark.parametrize("how", ["killed", "paused"])
async def test_redis_goes_and_comes_back(services: Services, how: str) -> None:
    require_servers(services, ("redis",))
    options: Any = {"hosts": [f"redis://127.0.0.1:{services.ports['redis']}/9"]}
    publisher, subscriber = LayerBroadcast(BatchingLayer(**options)), LayerBroadcast(BatchingLayer(**options))
    ears, late = Ears(), Ears()
    await subscriber.subscribe("c:1", ears)
    await publisher.publish(batch(1))
    await ears.hear(1)

    if how == "killed":
        services.kill("redis")
    else:
        services.pause("redis")
    async with asyncio.timeout(3):
        await publisher.publish(batch(2))
    await _until(lambda: not (publisher.healthy or subscriber.healthy))
    async with asyncio.timeout(3):
        await publisher.publish(batch(3))
        await subscriber.subscribe("c:2", late)

    if how == "killed":
        await asyncio.to_thread(services.start, "redis")
    else:
        services.resume("redis")
    await _until(lambda: publisher.healthy and subscriber.healthy)
    await publisher.publish(batch(4))
    await publisher.publish(batch(5, "c:2"))
    await late.hear(1)
    await _until(lambda: 4 in ears.seqs)
    assert late.seqs == [5]
    assert ears.seqs.count(4) == 1
    await publisher.close()
    await subscriber.close()


async def test_memory_a_send_does_not_look_at_every_group(monkeypatch: pytest.MonkeyPatch) -> None:
    walks: list[None] = []
    monkeypatch.setattr(InMemoryChannelLayer, "_clean_expired", lambda _: walks.append(None))
    layer = MemoryLayer(capacity=10)
    channel = await layer.new_channel()
    await layer.group_add("people", channel)
    for number in range(20):  # what finds a full queue is lost
        await layer.group_send("people", {"number": number})
    assert [(await layer.receive(channel))["number"] for _ in range(10)] == list(range(10))
    assert len(walks) == 1
