from collections.abc import Mapping, Sequence

import pytest

from apps.eventlog.events import Position
from apps.messaging.ports import Head, StoreUnavailableError


class Heads:
    """The one question that these doors ask the store."""

    def __init__(self) -> None:
        self.seqs: dict[str, int] = {}
        self.down = False

    async def heads(self, streams: Sequence[str]) -> Mapping[str, Head]:
        if self.down:
            raise StoreUnavailableError
        return {name: Head(self.seqs[name], 0, 0, Position(0, 0), "", 0) for name in streams if name in self.seqs}


@pytest.fixture(autouse=True)
def heads(monkeypatch: pytest.MonkeyPatch) -> Heads:
    heads = Heads()
    monkeypatch.setattr("apps.messaging.registry.store", lambda: heads)
    return heads
