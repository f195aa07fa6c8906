"""One call for many askers."""

import asyncio
from collections.abc import Sequence

import pytest

from apps.core.batching import Batcher


class Source:
    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def fetch(self, keys: Sequence[str]) -> dict[str, str]:
        self.calls.append(list(keys))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return {key: key.upper() for key in keys if key != "nobody"}


async def asked(batcher: Batcher[str, str], *keys: str) -> list["asyncio.Task[str | None]"]:
    tasks = [asyncio.ensure_future(batcher.ask(key)) for key in keys]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_at_once_is_one_call_and_what_comes_meanwhile_the_next() -> None:
    source = Source()
    batcher = Batcher(source.fetch)
    first = await asked(batcher, "a", "b", "a", "nobody")
    second = await asked(batcher, "c", "a", "d")
    source.gate.set()
    assert await asyncio.gather(*first, *second) == ["A", "B", "A", None, "C", "A", "D"]
    # "a" is asked for again: the first call had begun, so its answer may be older than the question.
    assert source.calls == [["a", "b", "nobody"], ["c", "a", "d"]]
    assert await batcher.ask("later") == "LATER"


async def test_a_call_is_of_bounded_size() -> None:
    source = Source()
    source.gate.set()
    batcher = Batcher(source.fetch, at_once=2)
    assert await asyncio.gather(*(batcher.ask(key) for key in "abcde")) == list("ABCDE")
    assert [len(call) for call in source.calls] == [2, 2, 1]


async def test_a_failure_is_for_those_of_that_call_only() -> None:
    source = Source()
    source.gate.set()
    source.error = RuntimeError("down")
    batcher = Batcher(source.fetch)
    answers = await asyncio.gather(batcher.ask("a"), batcher.ask("b"), return_exceptions=True)
    assert all(isinstance(answer, RuntimeError) for answer in answers)
    source.error = None
    assert await batcher.ask("a") == "A"


async def test_who_goes_away_does_not_take_the_others_along() -> None:
    source = Source()
    batcher = Batcher(source.fetch)
    leaving, staying = await asked(batcher, "a", "a")
    leaving.cancel()
    source.gate.set()
    assert await staying == "A"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_who_asks_as_the_last_call_ends_is_answered() -> None:
    asked_late: list[asyncio.Task[str | None]] = []

    async def fetch(keys: Sequence[str]) -> dict[str, str]:
        if not asked_late:
            # Its first step is taken when this call's work is over and its task not yet told so.
            asked_late.append(asyncio.ensure_future(batcher.ask("late")))
        return {key: key.upper() for key in keys}

    batcher: Batcher[str, str] = Batcher(fetch)
    assert await batcher.ask("a") == "A"
    assert await asyncio.wait_for(asked_late[0], 5) == "LATE"
