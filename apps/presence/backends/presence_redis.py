"""In Redis: `presence:gateways`, a sorted set of gateways by the end of their lease, and a hash `presence:{user_id}` of
gateway -> 1 (away) or 2 (online). All clocks are Redis's own.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import redis as library
from redis.asyncio import Redis

from apps.core import redis
from apps.presence.breaker import Breaker
from apps.presence.ports import Beat, Change, PresenceUnavailableError, Seen
from apps.presence.states import State

DEADLINE_S = 0.25
GATEWAYS = "presence:gateways"
# A hash outlives its gateways by this: so long at most lies around what a dead gateway left behind.
KEPT_S = 24 * 3600

_COMMON = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local version = string.format('%.0f', time[1] * 1000000 + time[2])
local leases = {}
local function lives(gateway)
  if leases[gateway] == nil then
    leases[gateway] = tonumber(redis.call('ZSCORE', KEYS[1], gateway) or '0') > now
  end
  return leases[gateway]
end
local function merged(key, clear)
  local best, fields = 0, redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    if lives(fields[i]) then best = math.max(best, tonumber(fields[i + 1]))
    elseif clear and fields[i] ~= ARGV[1] then redis.call('HDEL', key, fields[i]) end
  end
  return best
end
"""
_BEAT = (
    _COMMON
    + """
local known = lives(ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {known and 1 or 0, unpack(redis.call('ZRANGE', KEYS[1], 0, -1))}
"""
)
_PUT = (
    _COMMON
    + """
local changes = {version}
for i = 2, #KEYS do
  local before = merged(KEYS[i], true)
  if ARGV[i + 1] == '0' then redis.call('HDEL', KEYS[i], ARGV[1])
  else
    redis.call('HSET', KEYS[i], ARGV[1], ARGV[i + 1])
    redis.call('PEXPIRE', KEYS[i], ARGV[2])
  end
  changes[#changes + 1] = before * 3 + merged(KEYS[i], false)
end
return changes
"""
)
_LEAVE = (
    _COMMON
    + """
if lives(ARGV[1]) then redis.call('ZADD', KEYS[1], 'LT', now + ARGV[2], ARGV[1]) end
return 1
"""
)
_READ = (
    _COMMON
    + """
local seen = {version}
for i = 2, #KEYS do seen[i] = merged(KEYS[i], false) end
return seen
"""
)
_STATES: tuple[State, ...] = ("offline", "away", "online")
_CODES = {state: str(code) for code, state in enumerate(_STATES)}
log = logging.getLogger(__name__)


class RedisPresence:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = redis.client,
        connect_sync: Callable[[], "library.Redis"] = redis.sync_client,
        breaker: Breaker | None = None,
    ) -> None:
        self._connect, self._connect_sync = connect, connect_sync
        self._breaker = breaker or Breaker()

    async def beat(self, gateway: str, *, lease_s: float) -> Beat:
        known, *gateways = await self._run(_BEAT, (), gateway, int(lease_s * 1000), KEPT_S * 1000)
        return Beat(bool(known), frozenset(name.decode() for name in gateways))

    async def put(self, gateway: str, states: Mapping[int, State]) -> Mapping[int, Change]:
        version, *codes = await self._run(
            _PUT, states, gateway, KEPT_S * 1000, *map(_CODES.__getitem__, states.values())
        )
        return {
            user_id: Change(_STATES[code // 3], _STATES[code % 3], int(version))
            for user_id, code in zip(states, codes, strict=True)
        }

    async def leave(self, gateway: str, *, grace_s: float) -> None:
        await self._run(_LEAVE, (), gateway, int(grace_s * 1000))

    async def read(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        return _seen(user_ids, await self._run(_READ, user_ids)) if user_ids else {}

    def read_now(self, user_ids: Collection[int]) -> Mapping[int, Seen]:
        if not user_ids:
            return {}
        self._enter()
        try:
            answer: Any = self._connect_sync().eval(_READ, len(user_ids) + 1, *_keys(user_ids))
        except redis.ERRORS as error:
            raise self._failed(error) from error
        self._breaker.succeeded()
        return _seen(user_ids, answer)

    async def _run(self, script: str, user_ids: Collection[int], *args: str | int) -> Any:
        self._enter()
        try:
            async with asyncio.timeout(DEADLINE_S):
                keys = _keys(user_ids)
                answer = await self._connect().eval(script, len(keys), *keys, *map(str, args))
        except redis.ERRORS as error:
            raise self._failed(error) from error
        self._breaker.succeeded()
        return answer

    def _enter(self) -> None:
        if not self._breaker.allows():
            raise PresenceUnavailableError

    def _failed(self, error: BaseException) -> PresenceUnavailableError:
        if not self._breaker.open:
            log.warning("presence is not known: Redis does not answer (%s: %s)", type(error).__name__, error)
        self._breaker.failed()
        return PresenceUnavailableError()


def _keys(user_ids: Collection[int]) -> Sequence[str]:
    return [GATEWAYS, *(f"presence:{user_id}" for user_id in user_ids)]


def _seen(user_ids: Collection[int], answer: Sequence[Any]) -> Mapping[int, Seen]:
    version = int(answer[0])
    return {user_id: Seen(_STATES[code], version) for user_id, code in zip(user_ids, answer[1:], strict=True)}
