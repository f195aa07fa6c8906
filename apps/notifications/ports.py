"""What this room needs of the outside: what live clients acknowledged, and the push services."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol


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


@dataclass(frozen=True, slots=True)
class Target:
    """One device, as its push service knows it."""

    token: str
    p256dh: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class Push:
    """What goes to a device. `tag` collapses: a later one of the same tag takes the earlier one's place.

    close  the notification of that tag is to go, since it was read elsewhere
    quiet  it may be a repeat: it is shown and does not ring
    data   what the client needs to open the place: ids as strings
    """

    tag: str
    title: str = ""
    body: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    close: bool = False
    quiet: bool = False
    ttl_s: int = 4 * 3600


@dataclass(frozen=True, slots=True)
class Outcome:
    """taken; dead: the token will never work again; later: worth another try after so many seconds; refused."""

    kind: Literal["taken", "dead", "later", "refused"]
    retry_after_s: float = 0.0
    detail: str = ""


TAKEN = Outcome("taken")


class Pusher(Protocol):
    """One push service. Awaited in the background loop; every call ends within its own deadline and never raises."""

    async def send(self, target: Target, push: Push) -> Outcome: ...

    async def close(self) -> None: ...
