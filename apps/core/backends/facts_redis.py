"""Facts shared through Redis, with a leased copy in each process.

`fact:{key}` holds a fact for at most CACHE_S after it was read from the database. A change removes it and sets a fence,
so that a reader who read before the change can't put its old answer back; then it waits out the copies in the processes
(LEASE_S). When Redis can't be told, it waits out what may be in there too. So a lost message, a cut network or a Redis
that comes back with old data never prolongs a right beyond the return of `changed`. See docs/adr/0004.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

import redis
from redis.asyncio import Redis

from apps.core.localcache import LocalCache
from apps.core.ports import Load
from apps.core.redis import ERRORS, TIMEOUT_S, client, sync_client
from apps.core.threads import read

LEASE_S = 0.5
CACHE_S = 3.0
AHEAD = 8  # leases for which a copy is renewed though nobody asks
FENCE_S = 10.0
MARGIN_S = 0.05

_PUT = """
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('SET', KEYS[i], ARGV[(i + 1) / 2 + 1], 'PX', ARGV[1]) end
end
"""
_Key = tuple[Load, str]
log = logging.getLogger(__name__)


class RedisFacts:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = client,
        connect_sync: Callable[[], "redis.Redis"] = sync_client,
        prefix: str = "fact:",
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._connect_sync = connect_sync
        self._prefix = prefix
        self._wait = wait
        self._clock = clock
        self._loads: set[Load] = set()
        self._cache: LocalCache[_Key, str] = LocalCache(self._fill, lease_s=LEASE_S, ahead=AHEAD, clock=clock)

    async def get(self, keys: Collection[str], load: Load) -> Mapping[str, str]:
        self._loads.add(load)
        found = await self._cache.get([(load, key) for key in keys])
        return {key: value for (_, key), value in found.items()}

    def changed(self, *keys: str) -> None:
        until = self._clock() + LEASE_S
        try:
            pipeline = self._connect_sync().pipeline(transaction=True)
            for key in keys:
                pipeline.set(f"{self._prefix}{key}:fence", "1", px=int(FENCE_S * 1000))
                pipeline.delete(self._prefix + key)
            pipeline.execute()
            until = self._clock() + LEASE_S
        except ERRORS as error:
            log.warning("Redis can't be told of a change of rights; waiting until its copies are dead (%s)", error)
            until = self._clock() + CACHE_S + LEASE_S + 2 * TIMEOUT_S  # what is being put there right now included
        self._cache.forget([(load, key) for load in list(self._loads) for key in keys])
        self._wait(until + MARGIN_S - self._clock())

    async def _fill(self, keys: Sequence[_Key]) -> Mapping[_Key, str]:
        found: dict[_Key, str] = {}
        reachable = True
        try:
            values = await self._connect().mget([self._prefix + key for _, key in keys])
            found = {key: _text(value) for key, value in zip(keys, values, strict=True) if value is not None}
        except ERRORS as error:
            log.warning("facts come from the database: Redis does not answer (%s)", error)
            reachable = False
        for load in {key[0] for key in keys if key not in found}:
            started = self._clock()
            wanted = [key for each, key in keys if each is load and (load, key) not in found]
            loaded = await read(partial(load, wanted))
            found.update({(load, key): value for key, value in loaded.items()})
            left_s = CACHE_S - (self._clock() - started)
            if reachable and loaded and left_s > 0:
                await self._put(loaded, left_s)
        return found

    async def _put(self, facts: Mapping[str, str], left_s: float) -> None:
        names = [name for key in facts for name in (self._prefix + key, f"{self._prefix}{key}:fence")]
        try:
            await self._connect().eval(_PUT, len(names), *names, int(left_s * 1000), *facts.values())
        except ERRORS as error:
            log.info("a fact was not put into Redis (%s)", error)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()
