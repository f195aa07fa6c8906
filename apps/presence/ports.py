"""The port of this room: who is here, shared by all gateways, worth nothing a minute later.

Nothing of it is durable: what is lost is written again by the gateways that hold the sockets.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from apps.presence.states import State

MAX_IDS = 500  # of one call


class PresenceUnavailableError(Exception):
    """The backend does not answer now. Raised at once while its circuit is open; nobody ever waits for it long."""


class Change(NamedTuple):
    """What a write did to the person's merged state. Of two versions of one person the greater is the newer."""

    before: State
    after: State
    version: int


class Seen(NamedTuple):
    state: State
    version: int


class Beat(NamedTuple):
    """`known`: the gateway had a lease. False: nothing that it wrote counts or is there, so it writes everyone again.

    `gateways`: all whose lease lives.
    """

    known: bool
    gateways: frozenset[str]


class Presence(Protocol):
    """Every gateway says what its people are. A gateway's word counts while its lease lives.

    So the beat of a gateway is one write however many people it holds, and when it dies they are offline once the
    lease has run out. All calls take at most MAX_IDS users. All raise PresenceUnavailableError.
    """

    async def beat(self, gateway: str, *, lease_s: float) -> Beat:
        """Renew the lease."""
        ...

    async def put(self, gateway: str, states: Mapping[int, State]) -> Mapping[int, Change]:
        """Write what these people are at this gateway; "offline" takes the entry away."""
        ...

    async def leave(self, gateway: str, *, grace_s: float) -> None:
        """The gateway ends: its word counts for `grace_s` more, so that nobody flaps who reconnects elsewhere."""
        ...

    async def read(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        """Everyone asked for, merged over the gateways."""
        ...

    def read_now(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        """`read` for code in threads: Celery tasks, REST views."""
        ...
