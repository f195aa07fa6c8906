"""Ports of this room."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from apps.eventlog.events import Sequenced


class Presenter(Protocol):
    """Turns an event into what a client gets."""

    async def warm(self, events: Sequence[Sequenced]) -> None:
        """Fetch whatever `present` needs for these events."""
        ...

    def warmed(self, events: Sequence[Sequenced]) -> bool:
        """Whether `present` can be called for these now."""
        ...

    def present(self, event: Sequenced) -> bytes:
        """The JSON of the `event` frame."""
        ...


class Notified(Protocol):
    """Who cares whether a message for somebody was acknowledged. Calls that raise are made again or counted."""

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        """A device of the user has seen these streams up to these places."""
        ...

    async def report(self, user_id: int, stream: str, seq: int) -> None:
        """A device here got this event twice and acknowledged neither, or went away without."""
        ...


class Gateways(Protocol):
    """Who is connected where, and which gateways there are. Shared by all gateways; losing it loses no message.

    Backends: memory (one process), Redis (`user_session:{user_id}` = gateway id, with a lease). Nothing here raises:
    while the backend is down, what would be written is skipped and what is asked is unknown.
    """

    async def register(self, gateway: str, url: str, *, lease_s: int) -> bool:
        """Announce a gateway that takes new sockets, or renew its lease. False: it was not in the table (any more)."""
        ...

    async def withdraw(self, gateway: str) -> None: ...

    async def alive(self) -> dict[str, str] | None:
        """Gateway id -> URL of those with a valid lease; None while nothing can be known."""
        ...

    async def claim(self, gateway: str, user_ids: Collection[int], *, lease_s: int) -> bool:
        """These users have their newest socket at this gateway. False: it could not be written, or not all of it."""
        ...

    async def release(self, gateway: str, user_ids: Collection[int]) -> None:
        """They have none here any more; entries that name another gateway stay."""
        ...

    async def gateway_of(self, user_id: int) -> str | None:
        """None also where the gateway's own lease ran out, whatever it claimed while it lived."""
        ...
