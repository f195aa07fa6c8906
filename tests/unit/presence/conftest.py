import pytest

from apps.presence import registry
from apps.presence.backends.presence_memory import MemoryPresence
from tests.unit.accounts.fixtures import ann, bob, make_user, quick
from tests.unit.workspaces.fixtures import team

__all__ = ["ann", "bob", "make_user", "presence", "quick", "team"]


@pytest.fixture
def presence(monkeypatch: pytest.MonkeyPatch) -> MemoryPresence:
    made = MemoryPresence()
    monkeypatch.setattr(registry, "presence", lambda: made)
    return made
