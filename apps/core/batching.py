"""One call for many askers: what is asked while a call is under way goes into the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Batcher(Generic[K, V]):
    """`fetch` gets distinct keys, at most `at_once`, and at most `under_way` calls of it run at a time.

    What it raises goes to everyone who asked for one of its keys. Who asks twice while a key waits shares the answer,
    but never one whose call had begun before.
    """

    def __init__(
        self, fetch: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, at_once: int = 500, under_way: int = 1
    ) -> None:
        self._fetch, self._at_once, self._under_way = fetch, at_once, under_way
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._running = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: K) -> V | None:
        """None when `fetch` knew nothing of it."""
        future = self._waiting.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._waiting[key] = loop.create_future()
            if self._running < self._under_way:
                self._running += 1
                task = loop.create_task(self._work())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(future)

    async def _work(self) -> None:
        # Counted here, in the same step that finds nothing waiting: a task's callbacks come a step later, and whoever
        # asked in between would wait for the next one to ask.
        try:
            await self._fetch_all()
        finally:
            self._running -= 1

    async def _fetch_all(self) -> None:
        while self._waiting:
            keys = list(self._waiting)[: self._at_once]
            futures = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await self._fetch(keys)
            except BaseException as error:
                for future in futures.values():
                    _fail(future, error)
                if not isinstance(error, Exception):
                    raise
            else:
                for key, future in futures.items():
                    if not future.done():
                        future.set_result(found.get(key))


def _fail(future: "asyncio.Future[V | None]", error: BaseException) -> None:
    if future.done():
        return
    if isinstance(error, Exception):
        future.set_exception(error)
        future.exception()  # whoever asked may be gone
    else:
        future.cancel()
