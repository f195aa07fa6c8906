"""The team, channels and real parts of the messaging room's tests, with a fresh write-behind buffer."""

from collections.abc import Iterator

import pytest

from apps.reads.registry import buffer
from tests.unit.messaging.conftest import *  # noqa: F403 - fixtures


@pytest.fixture(autouse=True)
def fresh_buffer() -> Iterator[None]:
    buffer.cache_clear()
    yield
    buffer.cache_clear()
