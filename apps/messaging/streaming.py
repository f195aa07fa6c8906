"""A stream of the gRPC door: bounded work for what comes in, answers as they are done, an orderly end."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Generic, TypeVar

import grpc

from apps.core.errors import UnavailableError

A = TypeVar("A")


class Stream(Generic[A]):
    """`limit` pieces of work are under way at most: beyond that nothing is read, and flow control holds the sender.

    pack         the messages that carry these answers; none when there is nothing to say
    heartbeat_s  calls `pack` with no answers this often while something is under way
    gather_s     how long answers come together after some have left
    """

    def __init__(
        self,
        context: Any,
        *,
        limit: int,
        pack: Callable[[Sequence[A]], Iterable[bytes]],
        heartbeat_s: float | None = None,
        gather_s: float = 0.0,
    ) -> None:
        self.draining = False
        self._context = context
        self._pack = pack
        self._heartbeat_s = heartbeat_s
        self._gather_s = gather_s
        self._slots = asyncio.Semaphore(limit)
        self._answers: list[A] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._in_read = False

    async def start(self, doing: Coroutine[Any, Any, A]) -> None:
        """Waits while too much is under way."""
        try:
            await self._slots.acquire()
        except BaseException:
            doing.close()
            raise
        self._under_way += 1
        self._idle.clear()
        task = asyncio.get_running_loop().create_task(self._do(doing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def nudge(self) -> None:
        """Have `pack` called though there may be no answers."""
        self._wake.set()

    async def run(self, take: Callable[[bytes], Awaitable[None]], draining: asyncio.Event) -> None:
        """Until the client has sent everything, or `draining`; then until everything is answered.

        Raises what `take` raises. Cancelled when the client is gone: what is under way is cancelled as well.
        """
        loop = asyncio.get_running_loop()
        reader, writer = loop.create_task(self._read(take)), loop.create_task(self._write())
        drained = loop.create_task(draining.wait())
        helpers: list[asyncio.Task[Any]] = [reader, writer, drained]
        if self._heartbeat_s is not None:
            helpers.append(loop.create_task(self._beat(self._heartbeat_s)))
        try:
            await asyncio.wait((reader, writer, drained), return_when=asyncio.FIRST_COMPLETED)
            if drained.done() and not reader.done():
                self.draining = True
                self.nudge()
                if self._in_read:
                    # what comes in after this is dropped: it was not begun, and the client is told so
                    reader.cancel()
                await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and not reader.cancelled():
                reader.result()
            idle = loop.create_task(self._idle.wait())
            helpers.append(idle)
            await asyncio.wait((idle, writer), return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                writer.result()
        finally:
            for task in (*helpers, *self._tasks):
                task.cancel()
            await asyncio.gather(*helpers, *self._tasks, return_exceptions=True)

    async def _read(self, take: Callable[[bytes], Awaitable[None]]) -> None:
        while not self.draining:
            self._in_read = True
            message = await self._context.read()
            self._in_read = False
            if message is grpc.aio.EOF:
                return
            await take(message)

    async def _do(self, doing: Coroutine[Any, Any, A]) -> None:
        answer = await doing
        self._answers.append(answer)  # the list may have become another meanwhile
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            answers, self._answers = self._answers, []
            for message in self._pack(answers):
                await self._context.write(message)
            for _ in answers:
                self._slots.release()
            self._under_way -= len(answers)
            if not self._under_way:
                self._idle.set()
            if self._gather_s:
                await asyncio.sleep(self._gather_s)

    async def _beat(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            if self._under_way:
                self._wake.set()


async def within(seconds: float, doing: Awaitable[A]) -> A:
    """Raises UnavailableError at the end of that time: whether it happened is not known then."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await doing
    raise UnavailableError("This took too long; it may have happened, or may yet.", retry_after=1)
