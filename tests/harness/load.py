"""Senders and readers on one channel, checked by bench.checker."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bench.checker import Operation, Report, Seen, check
from bench.client import Person, ProblemError, SocketClient
from bench.product import Product

UNLIMITED = {"MESSAGE_RATE_PER_S": "1000000"}


@dataclass
class Talk:
    """`count` messages from each sender, at most `window` of one sender on the way; each reader's socket follows."""

    channel_id: str
    senders: Sequence[SocketClient]
    readers: dict[str, SocketClient]
    count: int
    window: int = 32
    sent: int = 0
    operations: list[Operation] = field(default_factory=list)
    order: dict[str, list[str]] = field(default_factory=dict)
    stopping: bool = False

    @property
    def stream(self) -> str:
        return f"c:{self.channel_id}"

    async def run(self, *, deadline_s: float) -> None:
        """Raises TimeoutError with what is missing."""
        try:
            async with asyncio.timeout(deadline_s):
                await asyncio.gather(*(self._send(index, socket) for index, socket in enumerate(self.senders)))
        except TimeoutError:
            told = "; ".join(f"s{index} {socket.state}" for index, socket in enumerate(self.senders))
            raise TimeoutError(f"{len(self.operations)} of {self.sent} sent were answered: {told}") from None

    async def _send(self, index: int, socket: SocketClient) -> None:
        slots = asyncio.Semaphore(self.window)
        keys = self.order.setdefault(f"s{index}", [])

        def finished(key: str, ack: "asyncio.Future[dict[str, object]]") -> None:
            slots.release()
            if ack.cancelled():
                self.operations.append(Operation(key, "unknown"))
            elif isinstance(error := ack.exception(), ProblemError):
                self.operations.append(Operation(key, "fail"))
            elif error:
                self.operations.append(Operation(key, "unknown"))
            else:
                self.operations.append(Operation(key, "ok", str(ack.result()["message_id"])))

        for number in range(self.count):
            if self.stopping:
                break
            await slots.acquire()
            key = f"s{index}-{number}"
            keys.append(key)
            ack = socket.post(self.channel_id, f"{key} says hello", client_msg_id=key)
            ack.add_done_callback(partial(finished, key))
            self.sent += 1
            if number % 16 == 15:
                await asyncio.sleep(0)
        for _ in range(self.window):
            await slots.acquire()

    async def sent_at_least(self, count: int, *, deadline_s: float = 60) -> None:
        async with asyncio.timeout(deadline_s):
            while len(self.operations) < count:
                await asyncio.sleep(0.02)

    async def drain(self, reader: Person, *, deadline_s: float = 60) -> int:
        """Wait until every acknowledged message is in history and every reader has what history has; the seq."""
        acknowledged = sum(operation.outcome == "ok" for operation in self.operations)
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    page = await reader.page(self.channel_id, limit=1)
                except (ProblemError, OSError):
                    page = None
                if page and not page.get("partial") and page["count"] >= acknowledged:
                    break
                await asyncio.sleep(0.1)
        for name, socket in self.readers.items():
            await socket.reaches(self.stream, page["seq"], timeout_s=deadline_s, what=name)
        return int(page["seq"])

    async def report(self, reader: Person) -> Report:
        history = await reader.history(self.channel_id)
        report = check(
            self.operations,
            {
                name: [Seen.of_event(event) for event in socket.events[self.stream]]
                for name, socket in self.readers.items()
            },
            [Seen.of_message(message) for message in history],
            since={name: socket.followed[self.stream]["seq"] for name, socket in self.readers.items()},
            resynced={name: socket.resynced[self.stream] for name, socket in self.readers.items()},
        )
        if report.anomalies:
            for name, socket in self.readers.items():
                print(name, socket.state)
        return report


Disturbance = Callable[[Product, Talk], Coroutine[Any, Any, None]]
