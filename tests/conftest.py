"""Fixtures for every suite."""

import pytest

from apps.core import ids
from tests.harness.fixtures import *  # noqa: F403 - the product and people in it, one instance for all suites


@pytest.fixture(autouse=True, scope="session")
def _worker_id() -> None:
    ids.install(ids.Snowflakes(1))
