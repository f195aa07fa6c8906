"""The Channels layer over Redis' pub/sub, as channels_redis has it, for thousands of messages a second and process.

What it changes (measured in docs/adr/0003-broadcast-layer.md):
- Sends that wait at the same time leave in one write, and their answers are read together.
- `group_add` returns when Redis has confirmed the subscription, so nothing is missed from then on.
- A channel's queue is bounded: what comes while it is full is dropped. Readers see the gap in `seq` and fetch.
- A lost connection is an error of the next `receive`, not a silent pause.
"""

import asyncio
import contextlib
import math
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisSingleShardConnection
from channels_redis.utils import _wrap_close, create_pool, decode_hosts
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

QUEUE_MAX = 10_000
SENDS_AT_ONCE = 500
CONNECT_S = 1.0
_LOST = object()


class BatchingLayer(RedisPubSubChannelLayer):  # type: ignore[misc] # channels_redis has no types
    def _get_layer(self) -> "_LoopLayer":
        loop = asyncio.get_running_loop()
        layer: _LoopLayer | None = self._layers.get(loop)
        if layer is None:
            layer = self._layers[loop] = _LoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return layer


class _Queue(asyncio.Queue[Any]):
    def put_nowait(self, item: Any) -> None:
        if not self.full() or item is _LOST:
            super().put_nowait(item)


class _LoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shards: list[_Connection] = [_Connection(host, self) for host in decode_hosts(kwargs.get("hosts"))]

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = _Queue(QUEUE_MAX)
        await self._get_shard(channel).subscribe(channel)

    async def receive(self, channel: str) -> Any:
        if channel not in self.channels:
            await self._subscribe_to_channel(channel)
        message = await self.channels[channel].get()
        if message is _LOST:
            raise ConnectionError("the connection to Redis was lost")
        return self.channel_layer.deserialize(message)

    def lost(self) -> None:
        """Nobody knows what was missed."""
        for queue in self.channels.values():
            # Room for the news, whatever waits: all of it is as good as lost.
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(_LOST)


class _Connection(RedisSingleShardConnection):  # type: ignore[misc]
    """Two connections to one Redis: one that listens and one that sends."""

    def __init__(self, host: Any, channel_layer: _LoopLayer) -> None:
        super().__init__(host, channel_layer)
        self._pool: Any = None
        self._listening: Any = None
        self._sending: Any = None
        self._sends: list[tuple[str, bytes, asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._receive_task: asyncio.Task[None] | None = None
        self._confirmations: dict[str, asyncio.Future[None]] = {}

    # -- sending

    async def publish(self, channel: str, message: bytes) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sends.append((channel, message, future))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all(), name="layer-sender")
        await future

    async def _send_all(self) -> None:
        some: list[tuple[str, bytes, asyncio.Future[None]]] = []
        try:
            while self._sends:
                some, self._sends = self._sends[:SENDS_AT_ONCE], self._sends[SENDS_AT_ONCE:]
                await self._send(some)
        finally:
            self._sender = None
            waiting, self._sends = some + self._sends, []
            _settle(waiting, ConnectionError("the layer is being closed"))

    async def _send(self, some: list[tuple[str, bytes, asyncio.Future[None]]]) -> None:
        error: Exception | None = None
        try:
            if self._sending is None:
                self._sending = await self._connect()
            connection = self._sending
            commands = [(b"PUBLISH", channel, message) for channel, message, _ in some]
            await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            for _ in some:
                try:
                    await connection.read_response(disable_decoding=True)
                except ResponseError as refused:  # of one command; the connection goes on
                    error = refused
        except (RedisError, OSError) as lost:
            error = lost
            await self._hang_up(self._sending)
            self._sending = None
        _settle(some, error)

    # -- listening

    async def subscribe(self, channel: str) -> None:
        future = self._confirmations.get(channel)
        if future is None:
            if channel in self._subscribed_to:
                return
            future = self._confirmations[channel] = asyncio.get_running_loop().create_future()
            try:
                async with self._lock:
                    if self._listening is None:
                        self._listening = await self._connect()
                        self._receive_task = asyncio.create_task(self._do_receiving(), name="layer-receiver")
                    await self._listening.send_command("SUBSCRIBE", channel, check_health=False)
            except (RedisError, OSError) as error:
                self._confirmations.pop(channel, None)
                future.set_exception(error)
        await asyncio.shield(future)

    async def unsubscribe(self, channel: str) -> None:
        if channel in self._subscribed_to:
            self._subscribed_to.discard(channel)
            async with self._lock:
                if self._listening is not None:
                    await self._listening.send_command("UNSUBSCRIBE", channel, check_health=False)

    async def _do_receiving(self) -> None:
        connection = self._listening
        error: Exception = ConnectionError("the layer is being closed")
        try:
            while True:
                reply = await connection.read_response(disable_decoding=True, timeout=math.inf)
                if reply[0] == b"message":
                    self._receive_message({"channel": reply[1], "data": reply[2]})
                elif reply[0] == b"subscribe":
                    channel = reply[1].decode()
                    self._subscribed_to.add(channel)
                    future = self._confirmations.pop(channel, None)
                    if future is not None and not future.done():
                        future.set_result(None)
        except (RedisError, OSError) as lost:
            error = lost
        finally:
            self._listening = None
            self._subscribed_to.clear()
            confirmations, self._confirmations = self._confirmations, {}
            for future in confirmations.values():
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # whoever waits hears of it; nobody has to
            self.channel_layer.lost()
            await self._hang_up(connection)

    # -- connections

    async def _connect(self) -> Any:
        if self._pool is None:
            options = {"retry": Retry(NoBackoff(), 0), "socket_connect_timeout": CONNECT_S, "protocol": 2}
            self._pool = create_pool(options | self.host)
        connection = self._pool.make_connection()
        await connection.connect()
        return connection

    async def _hang_up(self, connection: Any) -> None:
        if connection is not None:
            with contextlib.suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def flush(self) -> None:
        for task in (self._receive_task, self._sender):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, RedisError, OSError):
                    await task
        self._receive_task = self._sender = None
        await self._hang_up(self._sending)
        self._sending = self._pool = None


def _settle(sends: list[tuple[str, bytes, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, _, future in sends:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
