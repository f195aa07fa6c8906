"""Ports of this room: rate limits, and what is cached about who may do what.

Backends are chosen in settings and reached through `apps.core.registry`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

Load = Callable[[Sequence[str]], Mapping[str, str]]
Listener = Callable[[str], None]


class RateLimiter(Protocol):
    async def take(self, key: str, *, rate_per_s: float, burst: int) -> float:
        """Take one token from the bucket of `key`: 0.0 when there was one, else the seconds until there is.

        The bucket holds `burst` tokens and gains `rate_per_s` a second; a key keeps its rate and burst. Buckets are
        shared by all processes as well as the backend can; with Redis down each process counts for itself. Never
        raises.
        """
        ...


class Facts(Protocol):
    """Small facts about rights (a member's role, a channel's kind) that every request needs and that rarely change.

    Exact: once `changed(key)` has returned, no process answers from what it read before.
    """

    async def get(self, keys: Collection[str], load: Load) -> Mapping[str, str]:
        """What is known under `keys`; a key without a fact is left out.

        `load` asks the database for keys that are not cached. It runs in a thread, answers from committed data, and
        leaves out what does not exist (this is not cached). Its errors pass to the caller.
        """
        ...

    def changed(self, *keys: str) -> None:
        """To be called after the change is committed, from a thread: it may wait until old answers have died out."""
        ...
