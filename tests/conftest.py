"""Fixtures for every suite."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from apps.core import ids, threads
from tests.harness.fixtures import *  # noqa: F403 - the product and people in it, one instance for all suites


@pytest.fixture(autouse=True, scope="session")
def _worker_id() -> None:
    ids.install(ids.Snowflakes(1))


@pytest.fixture(autouse=True)
def _reading_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test its own, or a database connection of one test would be seen by another that may have none."""
    executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reads")
    monkeypatch.setattr(threads, "_executor", executor)
    yield
    executor.shutdown()
