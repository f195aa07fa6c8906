"""Who is typing in a channel: a last-writer-wins map, so that gateways may tell each other in any order, twice, or not.

An entry is (moment, cleared) and the greater one wins; of two at the same moment the one that clears. What was set
holds for TTL_MS, so an entry that is older than that can be forgotten: whatever it could still overrule has ended too.
"""

from collections.abc import Mapping
from typing import NamedTuple

TTL_MS = 6_000
SHOWN_MAX = 20


class Key(NamedTuple):
    user_id: int
    thread_id: int | None


Stamp = tuple[int, bool]  # (milliseconds since the epoch, cleared)


class Typists:
    def __init__(self, stamps: Mapping[Key, Stamp] | None = None) -> None:
        self.stamps: dict[Key, Stamp] = dict(stamps or {})

    def put(self, key: Key, at_ms: int, *, on: bool) -> bool:
        """Whether it says something new."""
        return self.merge({key: (at_ms, not on)})

    def merge(self, stamps: Mapping[Key, Stamp]) -> bool:
        changed = False
        for key, stamp in stamps.items():
            if stamp > self.stamps.get(key, (0, False)):
                self.stamps[key] = stamp
                changed = True
        return changed

    def prune(self, now_ms: int) -> None:
        for key in [key for key, (at_ms, _) in self.stamps.items() if at_ms + TTL_MS <= now_ms]:
            del self.stamps[key]

    def shown(self, now_ms: int) -> dict[Key, int]:
        """Who is typing -> for how many milliseconds more that counts; those who began to last, first."""
        live = [
            (at_ms, key) for key, (at_ms, cleared) in self.stamps.items() if not cleared and at_ms + TTL_MS > now_ms
        ]
        return {key: min(at_ms + TTL_MS - now_ms, TTL_MS) for at_ms, key in _newest(live)}


def _newest(live: list[tuple[int, Key]]) -> list[tuple[int, Key]]:
    return sorted(live, key=lambda one: (-one[0], one[1].user_id))[:SHOWN_MAX]
