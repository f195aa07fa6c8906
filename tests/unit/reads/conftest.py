"""The team, channels and real parts of the messaging room's tests, with a fresh write-behind buffer."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from apps.delivery.sequencer import Sequencer
from apps.eventlog import registry as eventlog
from apps.eventlog.outbox import Relay
from apps.messaging import registry as messaging
from apps.reads.registry import buffer
from apps.reads.service import ReadService
from tests.unit.messaging.conftest import *  # noqa: F403 - fixtures


@pytest.fixture(autouse=True)
def fresh_buffer() -> Iterator[None]:
    buffer.cache_clear()
    yield
    buffer.cache_clear()


class Reading:
    """The read service at work beside the sequencer, and a way to wait until both have gone through the log."""

    def __init__(self) -> None:
        self.service = ReadService(eventlog.log(), messaging.store, gather_s=0)
        self.task = asyncio.create_task(self.service.run())

    async def through(self) -> None:
        """Everything that was appended until now has had its effect."""
        reader = await eventlog.log().reader(None)
        await reader.poll(max_records=0, timeout_s=0)
        ends = await reader.end_offsets()
        await reader.close()
        async with asyncio.timeout(30):
            while any(self.service.reached.get(partition, 0) < end for partition, end in ends.items()):
                assert not self.task.done(), self.task
                await asyncio.sleep(0.005)

    async def kill(self) -> None:
        """In the middle of whatever it does; another one takes over."""
        before = dict(self.service.reached)
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.service = ReadService(eventlog.log(), messaging.store, gather_s=0)
        self.service.reached.update(before)
        self.task = asyncio.create_task(self.service.run())

    async def stop(self) -> None:
        await self.service.stop()
        await self.task


@pytest.fixture
async def reading(sequencing: Sequencer) -> AsyncIterator[Reading]:
    found = Reading()
    yield found
    await found.stop()


@pytest.fixture
async def relaying(rooms: None) -> AsyncIterator[None]:
    relay = Relay(eventlog.log())
    task = asyncio.create_task(relay.run())
    yield
    await relay.stop()
    await task
