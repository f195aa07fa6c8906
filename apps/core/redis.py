"""Connections to Redis with short deadlines: whoever asks has another way to go on when Redis does not answer."""

import asyncio
import functools
import weakref

import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

TIMEOUT_S = 0.25
MAX_CONNECTIONS = 16
# What a call may raise: RedisError covers the client's own errors, OSError a refused or reset connection.
ERRORS = (RedisError, OSError, TimeoutError)

_clients: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis]" = weakref.WeakKeyDictionary()


def make_client(url: str) -> redis.asyncio.Redis:
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        # one more try at once: a pooled connection may have died with an earlier server
        retry=AsyncRetry(NoBackoff(), 1),
    )
    return redis.asyncio.Redis.from_pool(pool)


def make_sync_client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
    )


def client() -> redis.asyncio.Redis:
    """The client of this process and event loop for settings.REDIS_URL."""
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None:
        found = _clients[loop] = make_client(settings.REDIS_URL)
    return found


@functools.cache
def sync_client() -> "redis.Redis":
    """The client of this process for code in threads."""
    return make_sync_client(settings.REDIS_URL)


async def close() -> None:
    """Close what `client()` opened in this event loop."""
    found = _clients.pop(asyncio.get_running_loop(), None)
    if found is not None:
        await found.aclose()
