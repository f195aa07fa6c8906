"""Hot channels: from a load on, events of a stream are no longer pushed to the windows here; those in use ask for them.

A push costs a write for each follower and event. In a stream of thousands of followers and hundreds of events a second
that is more than a process can do, and more than anyone can read. Pulled every two seconds, an event costs a share of
one write, and only for the windows that somebody looks at (docs/adr/0010-hot-channels.md).
"""

from dataclasses import dataclass

HINT_EVERY_S = 4  # a write for each window: every 2 s they were a fifth of what a hot channel cost
# Who pulled within this time is a window in use and needs no hint.
ACTIVE_S = 5
# All answers of a moment end at the same place, so that those who ask next ask for the same.
BLOCK_S = 0.25
MAX_PULL_EVENTS = 1000
MAX_PULL_BYTES = 512 * 1024
MAX_CACHED = 8

_SMOOTHING = 0.4
_HOT_S = 2  # for so long it must be hot, or calm, before the mode changes
_CALM_S = 10
_CALM_SHARE = 0.25
_MIN_RATE = 5.0  # so many events a second can be followed by eye, whatever they cost


@dataclass(frozen=True)
class Limits:
    """A stream is hot from so many deliveries (events × followers) a second of this process, with so many followers.

    deliveries_per_s 0: never.
    """

    deliveries_per_s: float
    followers: int


NEVER = Limits(0, 1 << 62)


class Gauge:
    """Whether a stream is hot, decided once a second, with hysteresis."""

    __slots__ = ("hot", "rate", "seconds")

    def __init__(self) -> None:
        self.hot = False
        self.rate = 0.0  # events a second, smoothed
        self.seconds = 0  # for how long it has looked otherwise

    def tick(self, events: int, followers: int, limits: Limits) -> bool:
        """A second is over that brought so many events. Returns whether the stream is hot now."""
        self.rate += (events - self.rate) * _SMOOTHING
        load = self.rate * followers
        if self.hot:
            otherwise = (
                load < limits.deliveries_per_s * _CALM_SHARE
                or self.rate < _MIN_RATE * _CALM_SHARE
                or followers < limits.followers * _CALM_SHARE
            )
        else:
            otherwise = 0 < limits.deliveries_per_s <= load and self.rate >= _MIN_RATE and followers >= limits.followers
        self.seconds = self.seconds + 1 if otherwise else 0
        if self.seconds >= (_CALM_S if self.hot else _HOT_S):
            self.hot, self.seconds = not self.hot, 0
        return self.hot

    @property
    def asleep(self) -> bool:
        """Nothing to watch any more."""
        return not self.hot and self.rate < 1.0
