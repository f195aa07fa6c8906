from collections.abc import Iterator

import pytest

from apps.conversations import registry
from apps.core import registry as core
from tests.unit.accounts.fixtures import ann, bob, make_user, quick
from tests.unit.workspaces.fixtures import team

__all__ = ["ann", "bob", "fresh_caches", "make_user", "quick", "team"]


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    registry.members.cache_clear()
    core.facts.cache_clear()
    yield
    registry.members.cache_clear()
    core.facts.cache_clear()
