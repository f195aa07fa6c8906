"""In Redis: `gateway:{id}` = URL and `user_session:{user_id}` = gateway id, both with a lease."""

import asyncio
import logging
from collections.abc import Collection, Sequence

from apps.core import redis

logger = logging.getLogger(__name__)

_GATEWAYS = "gateways"
_BATCH = 500
# Only where the entry still names the gateway that lets go: the user may have come back elsewhere.
_RELEASE = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""


class RedisGateways:
    """A gateway's entry in the hash is valid while its lease key lives; who finds a dead one's entry removes it."""

    async def register(self, gateway: str, url: str, *, lease_s: int) -> bool:
        try:
            async with redis.client().pipeline(transaction=False) as pipe:
                pipe.hset(_GATEWAYS, gateway, url)
                pipe.set(_lease(gateway), "1", ex=lease_s, get=True)
                return (await pipe.execute())[-1] is not None
        except redis.ERRORS:
            logger.warning("the gateway's lease could not be renewed: Redis does not answer")
            return False

    async def withdraw(self, gateway: str) -> None:
        try:
            async with redis.client().pipeline(transaction=False) as pipe:
                pipe.hdel(_GATEWAYS, gateway)
                pipe.delete(_lease(gateway))
                await pipe.execute()
        except redis.ERRORS:
            logger.warning("the gateway could not be withdrawn: its lease runs out by itself")

    async def alive(self) -> dict[str, str] | None:
        try:
            client = redis.client()
            known = {_text(name): _text(url) for name, url in (await client.hgetall(_GATEWAYS)).items()}
            if not known:
                return {}
            names = sorted(known)
            leases = await client.mget([_lease(name) for name in names])
            dead = [name for name, lease in zip(names, leases, strict=True) if lease is None]
            if dead:
                await client.hdel(_GATEWAYS, *dead)
        except redis.ERRORS:
            return None
        return {name: url for name, url in known.items() if name not in dead}

    async def claim(self, gateway: str, user_ids: Collection[int], *, lease_s: int) -> bool:
        for batch in _batches(user_ids):
            try:
                async with redis.client().pipeline(transaction=False) as pipe:
                    for user_id in batch:
                        pipe.set(_user(user_id), gateway, ex=lease_s)
                    await pipe.execute()
            except redis.ERRORS:
                return False
            await asyncio.sleep(0)
        return True

    async def release(self, gateway: str, user_ids: Collection[int]) -> None:
        for batch in _batches(user_ids):
            keys = [_user(user_id) for user_id in batch]
            try:
                await redis.client().register_script(_RELEASE)(keys=keys, args=[gateway])
            except redis.ERRORS:
                return
            await asyncio.sleep(0)

    async def gateway_of(self, user_id: int) -> str | None:
        try:
            found = await redis.client().get(_user(user_id))
            if found is None or not await redis.client().exists(_lease(_text(found))):
                return None
        except redis.ERRORS:
            return None
        return _text(found)


def _lease(gateway: str) -> str:
    return f"gateway:{gateway}"


def _user(user_id: int) -> str:
    return f"user_session:{user_id}"


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _batches(user_ids: Collection[int]) -> Sequence[Sequence[int]]:
    ids = list(user_ids)
    return [ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH)]
