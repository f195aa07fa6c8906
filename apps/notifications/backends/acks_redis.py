"""Acknowledgements shared through Redis: a hash per person, stream -> seq, gone a while after the last one."""

import logging
from collections.abc import Callable, Collection, Mapping

import redis
from redis.asyncio import Redis

from apps.core.redis import ERRORS, client, sync_client

KEPT_MS = 15 * 60 * 1000
_RAISE = """
for i = 2, #ARGV, 2 do
  local old = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  if tonumber(ARGV[i + 1]) > old then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
log = logging.getLogger(__name__)


class RedisAcks:
    def __init__(
        self,
        *,
        connect: Callable[[], Redis] = client,
        connect_sync: Callable[[], "redis.Redis"] = sync_client,
        prefix: str = "acks:",
    ) -> None:
        self._connect = connect
        self._connect_sync = connect_sync
        self._prefix = prefix

    async def record(self, user_id: int, streams: Mapping[str, int]) -> None:
        if not streams:
            return
        pairs = [part for stream, seq in streams.items() for part in (stream, str(seq))]
        try:
            await self._connect().eval(_RAISE, 1, f"{self._prefix}{user_id}", str(KEPT_MS), *pairs)
        except ERRORS as error:
            log.warning("an acknowledgement is not recorded: Redis does not answer (%s)", error)

    def acked(self, user_id: int, stream: str) -> int:
        return self.acked_many((user_id,), stream).get(user_id, 0)

    def acked_many(self, user_ids: Collection[int], stream: str) -> dict[int, int]:
        asked = list(user_ids)
        try:
            pipeline = self._connect_sync().pipeline(transaction=False)
            for user_id in asked:
                pipeline.hget(f"{self._prefix}{user_id}", stream)
            found = pipeline.execute()
        except ERRORS as error:
            log.warning("acknowledgements can't be asked: Redis does not answer (%s)", error)
            return {}
        return {user_id: int(seq) for user_id, seq in zip(asked, found, strict=True) if seq is not None}
