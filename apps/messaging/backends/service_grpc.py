"""The Message Service in other processes, over gRPC: one stream to each, many commands to a message.

A command goes to the server with the fewest under way. A stream that ends, or is silent for STALLED_S while something
is under way, loses its commands: those that were not begun, and those that may happen twice without harm, go to another
server; the others end in UnavailableError.
"""

import asyncio
import itertools
import logging
import random
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from django.conf import settings

from apps.accounts.principal import Principal
from apps.core.errors import UnavailableError
from apps.messaging import texts, wire
from apps.messaging.ports import Receipt
from apps.messaging.proto.slackclone.v1 import messages_pb2 as pb

DEADLINE_S = 8.0
READY_S = 2.0  # how long a command waits for any server
CONNECT_S = 3.0
STALLED_S = 3.0
UNDER_WAY_MAX = 2000  # of one server; then callers are told to come back
_SWEEP_S = 0.5
_BACKOFF_S, _BACKOFF_MAX_S = 0.1, 1.0

_logger = logging.getLogger(__name__)


class _LostError(Exception):
    """The stream is gone. `begun`: the server may have done it."""

    def __init__(self, *, begun: bool) -> None:
        super().__init__()
        self.begun = begun


class _Pending:
    __slots__ = ("batch", "command", "deadline", "future")

    def __init__(self, command: pb.Command, deadline: float, future: "asyncio.Future[pb.Answer]") -> None:
        self.command = command
        self.deadline = deadline
        self.future = future
        self.batch = 0

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Target:
    """One server: its channel, its stream, and what is under way there."""

    def __init__(self, address: str, changed: asyncio.Event) -> None:
        self.address = address
        self.ready = False
        self._changed = changed
        self._queue: deque[_Pending] = deque()
        self._sent: dict[int, _Pending] = {}
        self._wake = asyncio.Event()
        self._heard = 0.0
        self._said = ""
        self._channel = _channel(address)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._live()), loop.create_task(self._sweep())]

    @property
    def under_way(self) -> int:
        return len(self._queue) + len(self._sent)

    def submit(self, pending: _Pending) -> None:
        self._queue.append(pending)
        self._wake.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close()

    # -- the stream

    async def _live(self) -> None:
        pause = _BACKOFF_S
        while True:
            try:
                await self._stream()
                reason = "it ended the stream"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except Exception as error:  # noqa: BLE001 - whatever it is, the next stream may be better
                reason = repr(error)
            if self._heard:
                pause, self._heard = _BACKOFF_S, 0.0
            if reason != self._said:
                _logger.warning("the message service at %s is not there: %s", self.address, reason)
                self._said = reason
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(pause * 2, _BACKOFF_MAX_S)

    async def _stream(self) -> None:
        call = self._channel.stream_stream(wire.ACT)()
        loop = asyncio.get_running_loop()
        writer: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                metadata = dict(await call.initial_metadata() or ())
                if call.done():
                    await call.read()  # says why
                    return
                challenge = metadata.get(wire.CHALLENGE, b"")
                key = wire.stream_key(challenge if isinstance(challenge, bytes) else b"")
                numbers = itertools.count(1)
                await call.write(_signed(key, pb.CommandBatch(number=next(numbers))))
                if await call.read() is grpc.aio.EOF:
                    return
            self._heard, self._said = loop.time(), ""
            _logger.info("the message service at %s is there", self.address)
            self.ready = True
            self._changed.set()
            writer = loop.create_task(self._write(call, key, numbers))
            while (message := await call.read()) is not grpc.aio.EOF:
                self._heard = loop.time()
                self._take(pb.AnswerBatch.FromString(message))
        finally:
            if writer is not None:
                writer.cancel()
            call.cancel()
            self._lose()

    def _take(self, batch: pb.AnswerBatch) -> None:
        for answer in batch.answers:
            pending = self._sent.pop(answer.tag, None)
            if pending is not None and not pending.future.done():
                pending.future.set_result(answer)
        if batch.draining and self.ready:
            self.ready = False
            self._lose_unread(batch.read)

    async def _write(self, call: Any, key: bytes, numbers: Iterator[int]) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue and self.ready:
                number, size = next(numbers), 0
                batch = pb.CommandBatch(number=number)
                while self._queue and len(batch.commands) < wire.COMMANDS_MAX and size < wire.BATCH_BYTES:
                    pending = self._queue.popleft()
                    if pending.future.done():
                        continue
                    batch.commands.append(pending.command)
                    size += pending.command.ByteSize()
                    if not self._sent:
                        self._heard = asyncio.get_running_loop().time()
                    pending.batch = number
                    self._sent[pending.command.tag] = pending
                try:
                    await call.write(_signed(key, batch))
                except (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError):
                    return  # whoever reads sees the end, and why
                await asyncio.sleep(wire.GATHER_S)

    # -- what can't be answered

    def _lose(self) -> None:
        self.ready = False
        lost, self._sent = self._sent, {}
        for pending in lost.values():
            pending.fail(_LostError(begun=True))
        self._lose_queue()

    def _lose_unread(self, read: int) -> None:
        for tag in [tag for tag, pending in self._sent.items() if pending.batch > read]:
            self._sent.pop(tag).fail(_LostError(begun=False))
        self._lose_queue()

    def _lose_queue(self) -> None:
        while self._queue:
            self._queue.popleft().fail(_LostError(begun=False))

    async def _sweep(self) -> None:
        """Ends what is past its deadline, and a stream that says nothing though it should."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = asyncio.get_running_loop().time()
            for tag in [tag for tag, pending in self._sent.items() if pending.deadline <= now or pending.future.done()]:
                self._sent.pop(tag).fail(UnavailableError(_LATE, retry_after=1))
            for pending in self._queue:
                if pending.deadline <= now:
                    pending.fail(UnavailableError(_LATE, retry_after=1))
            if self._sent and self._heard and now - self._heard > STALLED_S:
                _logger.warning("the message service at %s has stalled", self.address)
                self._tasks[0].cancel()
                await asyncio.gather(self._tasks[0], return_exceptions=True)
                self._heard = 0.0
                self._tasks[0] = asyncio.get_running_loop().create_task(self._live())


_LATE = "This took too long; it may have happened, or may yet."
_GONE = "The message service does not answer; try again in a moment."


class GrpcMessageService:
    """`url` is grpc://host:port[,host:port…]. Belongs to the event loop in which it is first used."""

    def __init__(self, url: str) -> None:
        self._addresses = [part for part in urlsplit(url).netloc.split(",") if part]
        if not self._addresses or not all(":" in address for address in self._addresses):
            raise ValueError(f"a message service is grpc://host:port[,host:port], this is {url!r}")
        self._targets: list[_Target] = []
        self._changed = asyncio.Event()
        self._tags = itertools.count(1)
        self._turn = 0

    # -- the port

    async def post(
        self,
        *,
        actor: Principal,
        channel_id: int,
        text: str,
        kind: str = "text",
        client_msg_id: str | None = None,
        thread_id: int | None = None,
        also_in_channel: bool = False,
        file_ids: Sequence[int] = (),
        retry: bool = False,
    ) -> Receipt:
        try:
            post = pb.PostRequest(
                channel_id=channel_id,
                text=text,
                type=kind,
                client_msg_id=client_msg_id,
                thread_id=thread_id,
                also_in_channel=also_in_channel,
                file_ids=file_ids,
                retry=retry,
            )
        except ValueError:
            # half of a surrogate pair does not travel
            texts.check_kind(kind)
            texts.check_text(text)
            texts.check_client_msg_id(client_msg_id)
            raise
        answer = await self._run(pb.Command(post=post, actor=wire.actor_of(actor)), harmless=client_msg_id is not None)
        return Receipt(answer.message_id, answer.timestamp)

    async def edit(self, *, actor: Principal, message_id: int, text: str) -> None:
        try:
            edit = pb.EditRequest(message_id=message_id, text=text)
        except ValueError:
            texts.check_text(text)
            raise
        await self._run(pb.Command(edit=edit, actor=wire.actor_of(actor)), harmless=False)

    async def delete(self, *, actor: Principal, message_id: int) -> None:
        request = pb.DeleteRequest(message_id=message_id)
        await self._run(pb.Command(delete=request, actor=wire.actor_of(actor)), harmless=False)

    async def react(self, *, actor: Principal, message_id: int, emoji: str, on: bool) -> None:
        try:
            react = pb.ReactRequest(message_id=message_id, emoji=emoji, on=on)
        except ValueError:
            texts.check_emoji(emoji)
            raise
        await self._run(pb.Command(react=react, actor=wire.actor_of(actor)), harmless=True)

    async def close(self) -> None:
        targets, self._targets = self._targets, []
        await asyncio.gather(*(target.close() for target in targets))

    # -- choosing, and choosing again

    async def _run(self, command: pb.Command, *, harmless: bool) -> pb.Answer:
        """`harmless`: may happen twice. Raises what the other end answers, and UnavailableError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DEADLINE_S
        while True:
            target = await self._pick(deadline)
            command.tag = next(self._tags)
            command.timeout_ms = max(1, int((deadline - loop.time()) * 1000))
            pending = _Pending(command, deadline, loop.create_future())
            target.submit(pending)
            try:
                answer = await pending.future
            except _LostError as lost:
                if lost.begun and not harmless:
                    raise UnavailableError(_LATE, retry_after=1) from lost
                if lost.begun and command.WhichOneof("what") == "post":
                    command.post.retry = True
                continue
            if answer.HasField("problem"):
                raise wire.error_of(answer.problem)
            return answer

    async def _pick(self, deadline: float) -> _Target:
        """The one with the fewest under way, in turn among equals. Raises UnavailableError."""
        if not self._targets:
            self._targets = [_Target(address, self._changed) for address in self._addresses]
        until = min(deadline, asyncio.get_running_loop().time() + READY_S)
        while True:
            self._turn += 1
            size = len(self._targets)
            ready = [each for index in range(size) if (each := self._targets[(index + self._turn) % size]).ready]
            if ready:
                target = min(ready, key=lambda each: each.under_way)
                if target.under_way >= UNDER_WAY_MAX:
                    raise UnavailableError("Too much is under way; try again in a moment.", retry_after=1)
                return target
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                raise UnavailableError(_GONE, retry_after=1) from None


def _signed(key: bytes, batch: pb.CommandBatch) -> bytes:
    body = batch.SerializeToString()
    return pb.SignedBatch(body=body, mac=wire.sign(key, body)).SerializeToString()


def _channel(address: str) -> Any:
    options = (
        ("grpc.max_receive_message_length", wire.MESSAGE_BYTES_MAX),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.keepalive_time_ms", 15_000),
        ("grpc.keepalive_timeout_ms", 3_000),
        ("grpc.use_local_subchannel_pool", 1),
    )
    if not (settings.GRPC_TLS_CERT or settings.GRPC_TLS_CA):
        return grpc.aio.insecure_channel(address, options=options)
    cert, key, ca = (
        Path(name).read_bytes() if name else None
        for name in (settings.GRPC_TLS_CERT, settings.GRPC_TLS_KEY, settings.GRPC_TLS_CA)
    )
    credentials = grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=cert)
    return grpc.aio.secure_channel(address, credentials, options=options)
