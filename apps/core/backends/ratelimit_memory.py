"""Token buckets of this process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_KEYS = 100_000
_EVICTION_LOOK = 8
_ROUNDING_S = 1e-9


class MemoryLimiter:
    """A bucket is kept as the moment at which it will be full again: a full one says nothing and need not be kept."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._full_at)

    async def take(self, key: str, *, rate_per_s: float, burst: int) -> float:
        return self.take_now(key, rate_per_s=rate_per_s, burst=burst)

    def take_now(self, key: str, *, rate_per_s: float, burst: int) -> float:
        now = self._clock()
        with self._lock:
            full_at = max(self._full_at.get(key, now), now) + 1 / rate_per_s
            wait = full_at - now - burst / rate_per_s
            if wait > _ROUNDING_S:
                return wait
            self._full_at[key] = full_at
            self._full_at.move_to_end(key)
            if len(self._full_at) > self._max_keys:
                self._evict(now)
            return 0.0

    def raise_to(self, key: str, full_in_s: float) -> None:
        """Others took from the same bucket: it won't be full before `full_in_s` seconds from now."""
        full_at = self._clock() + full_in_s
        with self._lock:
            if full_at > self._full_at.get(key, 0.0):
                self._full_at[key] = full_at

    def _evict(self, now: float) -> None:
        """Drop full buckets among the least recently used; when there is none, the one closest to being full."""
        oldest = [key for key, _ in zip(self._full_at, range(_EVICTION_LOOK), strict=False)]
        full = [key for key in oldest if self._full_at[key] <= now]
        for key in full or [min(oldest, key=self._full_at.__getitem__)]:
            del self._full_at[key]
