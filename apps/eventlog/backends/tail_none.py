"""No tail: in one process the hub's own ring is the same memory, and the store is a file that is read as fast."""

from collections.abc import Sequence

from apps.eventlog.events import Sequenced


class NoTail:
    def keep(self, _events: Sequence[Sequenced]) -> None:
        return

    async def read(self, _stream: str, *, after: int, upto: int) -> Sequence[Sequenced] | None:
        return [] if after >= upto else None

    async def newest(self, _stream: str, *, limit: int) -> Sequence[Sequenced]:  # noqa: ARG002 - the port's
        return []

    async def close(self) -> None:
        return
