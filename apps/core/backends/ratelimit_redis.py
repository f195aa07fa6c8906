"""Token buckets shared through Redis, written behind.

The hot path asks no one: the bucket of this process decides, and what it gave is taken from the shared bucket every
FLUSH_S in one call. The answer is how empty the shared bucket is, and the local one is made as empty, so the sum
over all processes keeps to the rate with an error of one flush (and of one burst each at the very start).

Rates below one a second guard sign-in and the like, where that would be too much: they ask Redis each time.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from apps.core.backends.ratelimit_memory import MemoryLimiter
from apps.core.redis import ERRORS, client

FLUSH_S = 0.1
BACK_OFF_S = 1.0
MAX_PENDING = 20_000
_BATCH = 500

# A bucket is the moment (in seconds of Redis's clock) at which it will be full again, as in MemoryLimiter. With force,
# tokens that were given already are taken even from an empty bucket. KEYS the buckets; ARGV force, then tokens, rate
# and burst of each. Answers wait and full in of each, seconds as text.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local force, answers = ARGV[1] == '1', {}
for i = 1, #KEYS do
  local tokens, rate, burst = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
  local full_at = math.max(tonumber(redis.call('GET', KEYS[i]) or '0'), now)
  local after = full_at + tokens / rate
  local wait = after - now - burst / rate
  if force or wait <= 0.000001 then
    full_at = after
    wait = 0
    redis.call('SET', KEYS[i], string.format('%.6f', full_at), 'PX', math.ceil((full_at - now) * 1000) + 1)
  end
  answers[2 * i - 1] = string.format('%.6f', wait)
  answers[2 * i] = string.format('%.6f', full_at - now)
end
return answers
"""

log = logging.getLogger(__name__)


class RedisLimiter:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = client,
        prefix: str = "rate:",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._prefix = prefix
        self._clock = clock
        self._local = MemoryLimiter(clock=clock)
        self._pending: dict[str, tuple[int, float, int]] = {}
        self._flusher: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._down_until = 0.0

    async def take(self, key: str, *, rate_per_s: float, burst: int) -> float:
        wait = self._local.take_now(key, rate_per_s=rate_per_s, burst=burst)
        if wait > 0:
            return wait
        if rate_per_s < 1 and self._clock() >= self._down_until:
            return await self._ask(key, rate_per_s, burst)
        pending = self._pending.get(key)
        if pending is not None or len(self._pending) < MAX_PENDING:
            self._pending[key] = (pending[0] + 1 if pending else 1, rate_per_s, burst)
            self._ensure_flusher()
        return 0.0

    async def flush(self) -> None:
        """Hand what was given to Redis now; used by the flusher, and by tests in its place."""
        pending, self._pending = self._pending, {}
        items = list(pending.items())
        if self._clock() < self._down_until:
            return
        try:
            for start in range(0, len(items), _BATCH):
                batch = items[start : start + _BATCH]
                answers = await self._run([(key, *taken) for key, taken in batch], force=True)
                for (key, _), (_, full_in_s) in zip(batch, answers, strict=True):
                    self._local.raise_to(key, full_in_s)
        except ERRORS as error:
            self._went_down(error)

    async def _ask(self, key: str, rate_per_s: float, burst: int) -> float:
        try:
            wait, full_in_s = (await self._run([(key, 1, rate_per_s, burst)], force=False))[0]
        except ERRORS as error:
            self._went_down(error)
            return 0.0
        self._local.raise_to(key, full_in_s)
        return wait

    async def _run(self, takes: Sequence[tuple[str, int, float, int]], *, force: bool) -> list[tuple[float, float]]:
        keys = [self._prefix + key for key, *_ in takes]
        arguments = [each for _, *amounts in takes for each in amounts]
        answers = await self._connect().eval(_TAKE, len(keys), *keys, int(force), *arguments)
        return [(float(wait), float(full_in_s)) for wait, full_in_s in zip(answers[::2], answers[1::2], strict=True)]

    def _ensure_flusher(self) -> None:
        loop = asyncio.get_running_loop()
        if self._flusher is None or self._flusher.done() or self._loop is not loop:
            self._loop = loop
            self._flusher = loop.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        while self._pending:
            await asyncio.sleep(FLUSH_S)
            await self.flush()

    def _went_down(self, error: BaseException) -> None:
        self._down_until = self._clock() + BACK_OFF_S
        log.warning("rate limits are counted per process: Redis does not answer (%s)", error)
