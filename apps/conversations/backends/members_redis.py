"""`chan_mem:{channel_id}`: a channel's member set in Redis, shared by all processes. docs/adr/0004 says why like this.

chan_mem:N         set of user ids, and "0" so that an empty set exists; it holds what the database held at
chan_mem:N:meta    hash: `version`, the Channel.members_version of the set; `noted`, the newest version reported
chan_mem:N:fresh   while it exists (CACHE_S from a look at the database) the set may be answered from

A change carries its version: the set takes it when it is the next one and is dropped when one was skipped. A fill is
installed only when nothing newer was noted. What is not fresh is answered from the database, which at the same time
tells whether the set is still right. Sets are filled in the background, one process at a time, in pieces.

In front of it each process keeps single answers for LEASE_S; who takes a membership away waits that long, and when
Redis can't be told, until what Redis may hold is no longer fresh.
"""

import asyncio
import logging
import time
import uuid
import weakref
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import redis
from redis.asyncio import Redis

from apps.conversations import roster
from apps.conversations.ports import Pair
from apps.core.localcache import LocalCache
from apps.core.redis import ERRORS, TIMEOUT_S, client, sync_client
from apps.core.threads import read

LEASE_S = 0.5
CACHE_S = 3.0
AHEAD = 8  # leases for which a copy is renewed though nobody asks
MARGIN_S = 0.05
KEEP_S = 24 * 3600  # an unused set goes away
FILL_LOCK_S = 30
FILLS_AT_ONCE = 2
MAX_UPDATE = 2_500  # values told in one step; beyond it the set is dropped and filled anew
_WAITING_FILLS = 1_000

# KEYS set, meta, fresh; ARGV version, keep, number of added (-1: too many to tell), added …, removed …
_CHANGE = """
local version = tonumber(ARGV[1])
local noted = tonumber(redis.call('HGET', KEYS[2], 'noted') or '0')
if version > noted then redis.call('HSET', KEYS[2], 'noted', version) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
local held = tonumber(redis.call('HGET', KEYS[2], 'version') or '-1')
if held >= version then return 0 end
if held ~= version - 1 or ARGV[3] == '-1' or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('UNLINK', KEYS[1], KEYS[3])
  redis.call('HDEL', KEYS[2], 'version')
  return 0
end
local last_added = 3 + tonumber(ARGV[3])
for i = 4, last_added do redis.call('SADD', KEYS[1], ARGV[i]) end
for i = last_added + 1, #ARGV do redis.call('SREM', KEYS[1], ARGV[i]) end
redis.call('HSET', KEYS[2], 'version', version)
return 1
"""
# KEYS set, meta, fresh; ARGV version in the database, ms for which that look at it counts, keep. 1 when now fresh.
_REFRESH = """
local version = tonumber(ARGV[1])
local held = tonumber(redis.call('HGET', KEYS[2], 'version') or '-1')
if held > version then return 1 end
if held < version or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'noted') or '0') > version then return 0 end
redis.call('SET', KEYS[3], '1', 'PX', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
# KEYS the new set, set, meta, fresh; ARGV its version, keep. 0 when something newer was noted meanwhile.
_INSTALL = """
local version = tonumber(ARGV[1])
if tonumber(redis.call('HGET', KEYS[3], 'noted') or '0') > version or redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('UNLINK', KEYS[1])
  return 0
end
redis.call('UNLINK', KEYS[4])
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], 'version', version)
redis.call('EXPIRE', KEYS[3], ARGV[2])
return 1
"""
_SENTINEL = 0

log = logging.getLogger(__name__)


class RedisMembers:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = client,
        connect_sync: Callable[[], "redis.Redis"] = sync_client,
        prefix: str = "chan_mem:",
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._connect_sync = connect_sync
        self._prefix = prefix
        self._wait = wait
        self._clock = clock
        self._cache: LocalCache[Pair, bool] = LocalCache(self._read, lease_s=LEASE_S, ahead=AHEAD, clock=clock)
        self._fills: dict[int, asyncio.Task[None]] = {}
        self._filling: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._filling = weakref.WeakKeyDictionary()

    async def contains(self, pairs: Collection[Pair]) -> Mapping[Pair, bool]:
        found = await self._cache.get(pairs)
        return {pair: pair in found for pair in pairs}

    def changed(self, channel_id: int, *, version: int, added: Sequence[int] = (), removed: Sequence[int] = ()) -> None:
        try:
            self._note(channel_id, version, added, removed)
        except ERRORS as error:
            log.warning("Redis can't be told who is in a channel; waiting until its copy is dead (%s)", error)
            until = self._clock() + CACHE_S + 2 * TIMEOUT_S + (LEASE_S if removed else 0.0)
        else:
            until = self._clock() + LEASE_S if removed else 0.0
        self._cache.forget((channel_id, user_id) for user_id in (*added, *removed))
        if until:
            self._wait(until + MARGIN_S - self._clock())

    async def filled(self) -> None:
        """When the fills that are under way are done: for tests and for a clean end."""
        while self._fills:
            await asyncio.wait(list(self._fills.values()))

    def _keys(self, channel_id: int) -> tuple[str, str, str]:
        name = f"{self._prefix}{channel_id}"
        return name, f"{name}:meta", f"{name}:fresh"

    def _note(self, channel_id: int, version: int, added: Sequence[int], removed: Sequence[int]) -> None:
        arguments = [version, KEEP_S, len(added), *added, *removed]
        if len(arguments) > MAX_UPDATE:
            arguments = [version, KEEP_S, -1]
        self._connect_sync().eval(_CHANGE, 3, *self._keys(channel_id), *arguments)

    async def _read(self, pairs: Sequence[Pair]) -> Mapping[Pair, bool]:
        """Those of the pairs that are members. That somebody is none is not kept: they may join through any process."""
        answers = await self._look_up(pairs)
        return {pair: True for pair, is_member in answers.items() if is_member}

    async def _look_up(self, pairs: Sequence[Pair]) -> Mapping[Pair, bool]:
        try:
            found = await self._from_redis(pairs)
        except ERRORS as error:
            log.warning("memberships come from the database: Redis does not answer (%s)", error)
            return await read(lambda: roster.contains(pairs))
        rest = [pair for pair in pairs if pair not in found]
        if not rest:
            return found
        started = self._clock()
        channel_ids = {channel_id for channel_id, _ in rest}
        # the version first: a change in between makes the set look old, never too new
        versions, answers = await read(lambda: (roster.versions(channel_ids), roster.contains(rest)))
        await self._refresh(versions, started)
        return found | answers

    async def _from_redis(self, pairs: Sequence[Pair]) -> dict[Pair, bool]:
        by_channel: dict[int, list[int]] = defaultdict(list)
        for channel_id, user_id in pairs:
            by_channel[channel_id].append(user_id)
        pipeline = self._connect().pipeline(transaction=False)
        for channel_id, user_ids in by_channel.items():
            name, _, fresh = self._keys(channel_id)
            pipeline.exists(fresh)
            pipeline.smismember(name, [_SENTINEL, *user_ids])
        answers = await pipeline.execute()
        found: dict[Pair, bool] = {}
        for (channel_id, user_ids), fresh, held in zip(by_channel.items(), answers[::2], answers[1::2], strict=True):
            if fresh and held[0]:
                found.update(
                    {
                        (channel_id, user_id): bool(is_member)
                        for user_id, is_member in zip(user_ids, held[1:], strict=True)
                    }
                )
        return found

    async def _refresh(self, versions: Mapping[int, int], started: float) -> None:
        """Tell Redis what the database said; fill what it does not hold rightly."""
        left_ms = int((CACHE_S - (self._clock() - started)) * 1000)
        if left_ms <= 0 or not versions:
            return
        try:
            pipeline = self._connect().pipeline(transaction=False)
            for channel_id, version in versions.items():
                pipeline.eval(_REFRESH, 3, *self._keys(channel_id), version, left_ms, KEEP_S)
            fresh = await pipeline.execute()
        except ERRORS as error:
            log.info("Redis did not take a look at the database (%s)", error)
            return
        for channel_id, is_fresh in zip(versions, fresh, strict=True):
            if not is_fresh:
                self._fill_soon(channel_id)

    def _fill_soon(self, channel_id: int) -> None:
        if channel_id in self._fills or len(self._fills) >= _WAITING_FILLS:
            return
        task = asyncio.get_running_loop().create_task(self._fill(channel_id))
        self._fills[channel_id] = task
        task.add_done_callback(lambda _: self._fills.pop(channel_id, None))

    async def _fill(self, channel_id: int) -> None:
        loop = asyncio.get_running_loop()
        async with self._filling.setdefault(loop, asyncio.Semaphore(FILLS_AT_ONCE)):
            try:
                await self._fill_now(channel_id)
            except ERRORS as error:
                log.info("the members of a channel were not put into Redis (%s)", error)

    async def _fill_now(self, channel_id: int) -> None:
        name, meta, fresh = self._keys(channel_id)
        # Not given back: it also keeps a busy channel, whose fills are overtaken by changes, from filling all the time.
        if not await self._connect().set(f"{name}:filling", "1", nx=True, px=1000):
            return
        started = self._clock()
        new = f"{name}:new:{uuid.uuid4().hex}"
        before = (await read(lambda: roster.versions([channel_id]))).get(channel_id)
        if before is None:
            return
        pieces = roster.chunks(channel_id)
        added = 0
        pipeline = self._connect().pipeline(transaction=False)
        pipeline.sadd(new, _SENTINEL)
        pipeline.expire(new, FILL_LOCK_S)
        await pipeline.execute()
        while (piece := await read(lambda: next(pieces, None))) is not None:
            pipeline = self._connect().pipeline(transaction=False)
            pipeline.sadd(new, *piece)
            pipeline.expire(new, FILL_LOCK_S)
            pipeline.pexpire(f"{name}:filling", FILL_LOCK_S * 1000)
            await pipeline.execute()
            added += len(piece)
        after = (await read(lambda: roster.versions([channel_id]))).get(channel_id)
        pause_ms = 100 + int((self._clock() - started) * 5000)
        await self._connect().pexpire(f"{name}:filling", pause_ms)
        if after != before:
            await self._connect().unlink(new)
            return
        await self._connect().eval(_INSTALL, 4, new, name, meta, fresh, before, KEEP_S)
        log.debug("filled %s with %d members", name, added)
