"""What this room needs of the outside: what live clients acknowledged, and the push services."""

from collections.abc import Collection, Mapping
from typing import Protocol


class Acks(Protocol):
    """How far each person's live clients acknowledged a stream, kept for a quarter of an hour at least.

    It only ever rises. Nothing here raises: what can't be asked counts as not acknowledged, so that it is pushed.
    """

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None: ...

    def acked(self, user_id: int, stream: str) -> int:
        """0 when nothing is known. Blocks; for threads."""
        ...

    def acked_many(self, user_ids: Collection[int], stream: str) -> dict[int, int]:
        """Those of whom something is known. Blocks; for threads."""
        ...
