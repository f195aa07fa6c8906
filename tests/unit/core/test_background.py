"""The loop for code that has none."""

import asyncio
import threading

import pytest

from apps.core import background


def test_one_loop_serves_every_call_and_thread() -> None:
    async def where() -> tuple[int, int]:
        return id(asyncio.get_running_loop()), threading.get_ident()

    found = {background.run(where(), timeout_s=5)}
    other = threading.Thread(target=lambda: found.add(background.run(where(), timeout_s=5)))
    other.start()
    other.join()
    assert len(found) == 1
    assert found.pop()[1] != threading.get_ident()


def test_errors_and_deadlines_reach_the_caller() -> None:
    async def fails() -> None:
        raise ValueError("no")

    ended = threading.Event()

    async def hangs() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(ValueError, match="no"):
        background.run(fails(), timeout_s=5)
    with pytest.raises(TimeoutError):
        background.run(hangs(), timeout_s=0.01)
    assert ended.wait(5)
