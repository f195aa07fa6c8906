"""The log as one Kafka topic, keyed by stream.

Producer: idempotent, acks=all; a thread serves its delivery reports and tells each event loop once per round. Reader: a
consumer in its own thread, cooperative-sticky, so that partitions that stay are read on during a rebalance.

Durability is replication: run at least three brokers with LOG_REPLICATION=3. The number of partitions decides where a
stream lies; it must never change once the topic has records.
"""

import asyncio
import contextlib
import logging
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec
from django.conf import settings

from apps.eventlog.backends.partitioning import partition_of
from apps.eventlog.events import Position
from apps.eventlog.ports import PATIENCE_S, LogRecord, LogUnavailableError, Poll

T = TypeVar("T")

_logger = logging.getLogger(__name__)

REQUEST_S = 10.0
# A reader that nobody polled for this long is taken for stuck and leaves its partitions to others.
POLL_INTERVAL_S = 30.0
SLICE_S = 0.1
# Appends this soon after others wait for more, so that a request to the broker, and the readers' fetch of it, carries
# several; one that finds the log quiet goes at once.
GATHER_S = 0.002
# Fetched and not yet asked for, in librdkafka; beyond it the broker keeps the records.
FETCH_AHEAD_KIB = 16_384
# Taken from librdkafka while nobody asks. Pausing it, for it must be polled to stay in the group, drops what it fetched
# and costs up to a second, so that comes last.
HELD_RECORDS, HELD_BYTES = 2_000, 4 * 1024 * 1024
PAUSE_AFTER_S = 5.0
# The broker answers a patient reader when it has this much, or after PATIENCE_S.
PATIENT_BYTES = 64 * 1024
_NO_LONGER_OURS = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.FENCED_INSTANCE_ID, KafkaError._NO_OFFSET}  # noqa: SLF001 - the client's name for a local error
)


class _Append(NamedTuple):
    key: str
    value: bytes
    future: "asyncio.Future[Position]"


class _Gathered:
    """What one event loop is about to append, in order."""

    __slots__ = ("timer", "until", "waiting")

    def __init__(self) -> None:
        self.waiting: list[_Append] = []
        self.timer: asyncio.TimerHandle | None = None
        self.until = 0.0


class KafkaLog:
    def __init__(self, url: str, *, topic: str | None = None, partitions: int | None = None) -> None:
        self.partitions = partitions or settings.LOG_PARTITIONS
        self.topic = topic or settings.LOG_TOPIC
        self._client: dict[str, Any] = {
            "bootstrap.servers": urlsplit(url).netloc,
            "socket.nagle.disable": True,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "logger": _logger,
        }
        self._deadline_s: float = settings.LOG_APPEND_DEADLINE_S
        self._producer: Producer | None = None
        self._lock = threading.Lock()
        self._settled: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[Position], Message, KafkaError | None]] = []
        self._gathered: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Gathered] = weakref.WeakKeyDictionary()
        self._closing = threading.Event()
        self._poller: threading.Thread | None = None
        self._readers: set[KafkaReader] = set()
        self._admin: AdminClient | None = None

    async def setup(self) -> None:
        """Create the topic, and connect the producer, whose first send would else take half a second and more."""
        try:
            await asyncio.to_thread(self._create)
        except KafkaException as error:
            raise LogUnavailableError(str(error)) from error

    def admin(self) -> AdminClient:
        with self._lock:
            if self._admin is None:
                self._admin = AdminClient(self._client)
            return self._admin

    def _create(self) -> None:
        admin = self.admin()
        found = admin.list_topics(timeout=REQUEST_S).topics
        if self.topic not in found:
            topic = NewTopic(
                self.topic,
                num_partitions=self.partitions,
                replication_factor=settings.LOG_REPLICATION,
                config={
                    "message.timestamp.type": "LogAppendTime",
                    "retention.ms": str(settings.LOG_RETENTION_MS),
                    "min.insync.replicas": str(max(1, settings.LOG_REPLICATION - 1)),
                },
            )
            try:
                admin.create_topics([topic], operation_timeout=REQUEST_S)[self.topic].result(REQUEST_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        producer = self._connected()
        until = time.monotonic() + REQUEST_S
        while time.monotonic() < until:
            topics = producer.list_topics(self.topic, timeout=REQUEST_S).topics
            about = topics.get(self.topic)
            if about is not None and about.error is None and about.partitions:
                break
            time.sleep(0.05)  # a new topic takes a moment to be known everywhere
        else:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the topic does not appear"))  # noqa: SLF001
        if len(about.partitions) != self.partitions:
            _logger.warning("%s has %d partitions, not %d", self.topic, len(about.partitions), self.partitions)
            self.partitions = len(about.partitions)

    # -- appending

    def _connected(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(
                    self._client
                    | {
                        "enable.idempotence": True,
                        "acks": "all",
                        "linger.ms": 0,  # what waits while a request is under way leaves together anyway
                        "queue.buffering.max.messages": settings.LOG_QUEUE_MAX,
                        "message.timeout.ms": int(self._deadline_s * 1000),
                        "socket.timeout.ms": max(1_000, int(self._deadline_s * 1000)),
                        "message.max.bytes": 1_000_000,
                    }
                )
            if self._poller is None:
                self._poller = threading.Thread(target=self._poll_forever, name="log-producer", daemon=True)
                self._poller.start()
            return self._producer

    async def append(self, key: str, value: bytes) -> Position:
        if self._closing.is_set():
            raise LogUnavailableError("the log is closed")
        loop = asyncio.get_running_loop()
        gathered = self._gathered.get(loop)
        if gathered is None:
            gathered = self._gathered.setdefault(loop, _Gathered())
        future: asyncio.Future[Position] = loop.create_future()
        gathered.waiting.append(_Append(key, value, future))
        if gathered.timer is None:
            if loop.time() >= gathered.until:
                self._produce(loop, gathered)
            else:
                gathered.timer = loop.call_at(gathered.until, self._produce, loop, gathered)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await future
        except TimeoutError as error:
            raise LogUnavailableError(f"not known to be durable after {self._deadline_s} s") from error

    def _produce(self, loop: asyncio.AbstractEventLoop, gathered: _Gathered) -> None:
        if gathered.timer is not None:
            gathered.timer.cancel()
            gathered.timer = None
        gathered.until = loop.time() + GATHER_S
        appends, gathered.waiting = gathered.waiting, []
        for append in appends:
            if append.future.done():
                continue  # its deadline passed, or nobody waits any more
            try:
                self._produce_one(loop, append)
            except (LogUnavailableError, OSError) as error:
                append.future.set_exception(error)

    def _produce_one(self, loop: asyncio.AbstractEventLoop, append: _Append) -> None:
        if self._closing.is_set():
            raise LogUnavailableError("the log is closed")
        producer = self._producer or self._connected()
        try:
            producer.produce(
                self.topic,
                key=append.key,
                value=append.value,
                partition=partition_of(append.key, self.partitions),
                on_delivery=partial(self._delivered, loop, append.future),
            )
        except BufferError as error:
            raise LogUnavailableError("the log's queue is full") from error
        except KafkaException as error:
            self._forsake(producer, error.args[0])
            raise LogUnavailableError(str(error)) from error

    def _delivered(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Position],
        error: KafkaError | None,
        message: Message,
    ) -> None:
        self._settled.append((loop, future, message, error))

    def _poll_forever(self) -> None:
        while not self._closing.is_set():
            producer = self._producer
            if producer is None:
                self._closing.wait(0.05)
                continue
            producer.poll(SLICE_S)
            self._settle(producer)

    def _settle(self, producer: Producer) -> None:
        settled, self._settled = self._settled, []
        loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Position], Position | str]]] = {}
        for loop, future, message, error in settled:
            if error is None:
                outcome: Position | str = Position(message.partition(), message.offset())
            else:
                outcome = error.str()
                self._forsake(producer, error)
            loops.setdefault(loop, []).append((future, outcome))
        for loop, outcomes in loops.items():
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits
                loop.call_soon_threadsafe(_resolve, outcomes)

    def _forsake(self, producer: Producer, error: KafkaError) -> None:
        """An idempotent producer that can't vouch for its order any more stays dead: the next append makes another."""
        if error.fatal():
            with self._lock:
                if self._producer is producer:
                    _logger.error("the producer failed for good and is replaced: %s", error.str())
                    self._producer = None

    async def reader(self, group: str | None, *, patient: bool = False) -> "KafkaReader":
        reader = KafkaReader(self, self._client, group, fetch_min_bytes=PATIENT_BYTES if patient else 1)
        self._readers.add(reader)
        return reader

    def forget(self, reader: "KafkaReader") -> None:
        self._readers.discard(reader)

    async def close(self) -> None:
        for reader in list(self._readers):
            await reader.close()
        loop = asyncio.get_running_loop()
        if loop in self._gathered:
            self._produce(loop, self._gathered[loop])
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        producer = self._producer
        if producer is not None:
            producer.flush(self._deadline_s)
        self._closing.set()
        if self._poller is not None:
            self._poller.join()
        if producer is not None:
            self._settle(producer)
        with self._lock:
            self._producer = self._admin = None


def _resolve(outcomes: list[tuple[asyncio.Future[Position], Position | str]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue
        if isinstance(outcome, str):
            future.set_exception(LogUnavailableError(outcome))
        else:
            future.set_result(outcome)


class _PendingPoll:
    __slots__ = ("deadline", "future", "max_records")

    def __init__(self, max_records: int, timeout_s: float) -> None:
        self.max_records = max_records
        self.deadline = time.monotonic() + timeout_s
        self.future: Future[Poll] = Future()


class KafkaReader:
    def __init__(
        self, log: KafkaLog, client: Mapping[str, Any], group: str | None, *, fetch_min_bytes: int = 1
    ) -> None:
        self._log = log
        self._topic = log.topic
        self._group = group
        self._consumer = Consumer(
            dict(client)
            | {
                "group.id": group or f"none-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": settings.LOG_SESSION_TIMEOUT_MS,
                "heartbeat.interval.ms": min(1_000, settings.LOG_SESSION_TIMEOUT_MS // 4),
                "max.poll.interval.ms": max(int(POLL_INTERVAL_S * 1000), settings.LOG_SESSION_TIMEOUT_MS),
                "queued.min.messages": 10_000,
                "queued.max.messages.kbytes": FETCH_AHEAD_KIB,
                "fetch.queue.backoff.ms": 10,
                "fetch.min.bytes": fetch_min_bytes,
                "fetch.wait.max.ms": int(PATIENCE_S * 1000),  # a seek waits for the fetch under way
                "fetch.error.backoff.ms": 100,
            }
        )
        self._owned: set[int] = set()
        self._assigned: dict[int, int] = {}
        self._revoked: list[int] = []
        self._buffer: deque[LogRecord] = deque()
        self._held_bytes = 0
        self._paused = False
        self._poll: _PendingPoll | None = None
        self._polled_at = self._received_at = time.monotonic()
        self._requests: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._condition = threading.Condition()
        self._closing = False
        self._error: KafkaError | None = None
        # For calls that wait for the broker, which librdkafka allows beside a poll.
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"log-calls-{group}")
        self._thread = threading.Thread(target=self._serve_forever, name=f"log-reader-{group}", daemon=True)
        self._thread.start()

    # -- called from any event loop

    async def poll(self, *, max_records: int, timeout_s: float) -> Poll:
        pending = _PendingPoll(max_records, timeout_s)
        with self._condition:
            self._require_open()
            self._poll = pending
            self._polled_at = time.monotonic()
            self._condition.notify()
        return await asyncio.wrap_future(pending.future)

    async def commit(self, offsets: Mapping[int, int]) -> None:
        if self._group is None:
            return
        partitions = [
            TopicPartition(self._topic, part, offset) for part, offset in offsets.items() if part in self._owned
        ]
        if not partitions:
            return
        try:
            for result in await self._call(partial(self._consumer.commit, offsets=partitions, asynchronous=False)):
                if result.error is not None:
                    raise LogUnavailableError(result.error.str())
        except KafkaException as error:
            if error.args[0].code() not in _NO_LONGER_OURS:
                raise LogUnavailableError(str(error)) from error

    async def seek(self, partition: int, offset: int) -> None:
        future: Future[None] = Future()
        with self._condition:
            self._require_open()
            self._requests.append((partial(self._seek, partition, offset), future))
            self._condition.notify()
        try:
            await asyncio.wrap_future(future)
        except KafkaException as error:
            raise LogUnavailableError(str(error)) from error

    async def offset_at(self, partition: int, timestamp_ms: int) -> int:
        where = [TopicPartition(self._topic, partition, timestamp_ms)]
        try:
            (found,) = await self._call(partial(self._consumer.offsets_for_times, where, timeout=REQUEST_S))
            if found.error is not None:
                raise LogUnavailableError(found.error.str())
            if found.offset >= 0:
                return int(found.offset)
            return (await self._ends([partition]))[partition]
        except KafkaException as error:
            raise LogUnavailableError(str(error)) from error

    async def end_offsets(self) -> Mapping[int, int]:
        return await self._ends(sorted(self._owned))

    async def close(self) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._calls.shutdown)
        self._log.forget(self)

    async def _ends(self, partitions: list[int]) -> dict[int, int]:
        if not partitions:
            return {}

        def ask() -> dict[int, int]:
            where = {TopicPartition(self._topic, partition): OffsetSpec.latest() for partition in partitions}
            asked = self._log.admin().list_offsets(where, request_timeout=REQUEST_S)
            return {tp.partition: future.result(REQUEST_S + 1).offset for tp, future in asked.items()}

        try:
            return await self._call(ask)
        except (KafkaException, TimeoutError) as error:
            raise LogUnavailableError(str(error)) from error

    async def _call(self, function: Callable[[], T]) -> T:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(self._calls, function)

    def _require_open(self) -> None:
        if self._closing:
            raise LogUnavailableError("the reader is closed")

    # -- the thread

    def _serve_forever(self) -> None:
        consumer = self._consumer
        try:
            if self._group is None:
                self._owned = set(range(self._log.partitions))
                self._assigned = dict.fromkeys(self._owned, 0)
                consumer.assign([TopicPartition(self._topic, part, OFFSET_BEGINNING) for part in sorted(self._owned)])
            else:
                consumer.subscribe(
                    [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
                )
            while not self._closing:
                try:
                    self._turn_once(consumer)
                except KafkaException as error:
                    self._fail(LogUnavailableError(str(error)))
                    time.sleep(0.1)
        finally:
            self._closing = True
            consumer.close()
            self._fail(LogUnavailableError("the reader is closed"))

    def _turn_once(self, consumer: Consumer) -> None:
        while self._requests:
            request, future = self._requests.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(request())
            except KafkaException as error:
                future.set_exception(error)
        pending = self._poll
        if pending is None or pending.future.cancelled():
            self._idle(consumer, SLICE_S)
            return
        if self._room() and len(self._buffer) < pending.max_records:
            remaining = pending.deadline - time.monotonic()
            wait_s = 0.0 if self._answerable(pending) else max(min(remaining, SLICE_S), 0.0)
            self._receive(consumer, pending.max_records - len(self._buffer), wait_s)
            failure, self._error = self._error, None
            if failure is not None and not self._buffer:
                self._fail(LogUnavailableError(failure.str()))
                return
        elif not self._answerable(pending):
            self._idle(consumer, min(pending.deadline - time.monotonic(), SLICE_S))
        if self._answerable(pending) or time.monotonic() >= pending.deadline:
            self._answer(pending)

    def _answerable(self, pending: _PendingPoll) -> bool:
        return bool((self._buffer and pending.max_records) or self._assigned or self._revoked)

    def _room(self) -> bool:
        return len(self._buffer) < HELD_RECORDS and self._held_bytes < HELD_BYTES

    def _answer(self, pending: _PendingPoll) -> None:
        with self._condition:
            if self._poll is pending:
                self._poll = None
        if not pending.future.set_running_or_notify_cancel():
            return
        count = min(len(self._buffer), pending.max_records)
        records = [self._buffer.popleft() for _ in range(count)]
        self._held_bytes -= sum(len(record.value) for record in records)
        assigned, self._assigned = self._assigned, {}
        revoked, self._revoked = self._revoked, []
        pending.future.set_result(Poll(records=records, assigned=assigned, revoked=revoked))

    def _idle(self, consumer: Consumer, seconds: float) -> None:
        """Nobody takes records: stay in the group, hold a few, and when there is no more room fetch nothing."""
        pending = self._poll
        with self._condition:
            if self._poll is pending and not self._requests and not self._closing and seconds > 0:
                self._condition.wait(seconds)
            if self._poll is not pending or self._requests or self._closing:
                return
        now = time.monotonic()
        if now - self._polled_at < POLL_INTERVAL_S and (self._room() or now - self._received_at > PAUSE_AFTER_S):
            self._receive(consumer, HELD_RECORDS - len(self._buffer) if self._room() else 0, 0.0)

    def _receive(self, consumer: Consumer, max_records: int, timeout_s: float) -> None:
        self._pause(consumer, paused=max_records == 0)
        self._received_at = time.monotonic()
        # consume() waits until it has as many as asked for; poll() returns with the first.
        first = consumer.poll(timeout_s)
        if first is None:
            return
        messages = [first]
        if max_records > 1:
            messages += consumer.consume(max_records - 1, 0)
        for message in messages:
            error = message.error()
            if error is not None:
                if error.fatal() or not error.retriable():
                    self._error = error
                _logger.warning("log reader: %s", error.str())
            elif message.partition() in self._owned:
                self._held_bytes += len(message.value() or b"")
                self._buffer.append(
                    LogRecord(
                        Position(message.partition(), message.offset()),
                        message.timestamp()[1],
                        (message.key() or b"").decode(errors="replace"),
                        message.value() or b"",
                    )
                )

    def _pause(self, consumer: Consumer, *, paused: bool) -> None:
        if paused == self._paused or not self._owned:
            return
        partitions = [TopicPartition(self._topic, partition) for partition in sorted(self._owned)]
        (consumer.pause if paused else consumer.resume)(partitions)
        self._paused = paused

    def _seek(self, partition: int, offset: int) -> None:
        if partition not in self._owned:
            return
        self._drop({partition})
        if partition in self._assigned:
            self._assigned[partition] = offset
        until = time.monotonic() + REQUEST_S
        while True:
            try:
                self._consumer.seek(TopicPartition(self._topic, partition, offset))
            except KafkaException as error:
                # Just after an assignment the fetcher isn't ready to be moved.
                if error.args[0].code() != KafkaError._STATE or time.monotonic() > until:  # noqa: SLF001
                    raise
                time.sleep(0.01)
            else:
                return

    def _drop(self, partitions: Collection[int]) -> None:
        self._buffer = deque(record for record in self._buffer if record.position.partition not in partitions)
        self._held_bytes = sum(len(record.value) for record in self._buffer)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        for where in consumer.committed(partitions, timeout=REQUEST_S):
            if where.error is not None:
                raise KafkaException(where.error)
            where.offset = max(where.offset, 0)
            self._assigned[where.partition] = where.offset
            self._owned.add(where.partition)
        consumer.incremental_assign(
            [TopicPartition(self._topic, part.partition, self._assigned[part.partition]) for part in partitions]
        )
        self._paused = False
        consumer.resume([TopicPartition(self._topic, partition) for partition in sorted(self._owned)])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {where.partition for where in partitions}
        self._owned -= gone
        self._drop(gone)
        for partition in sorted(gone):
            if self._assigned.pop(partition, None) is None:
                self._revoked.append(partition)
        with contextlib.suppress(KafkaException):  # lost ones are unassigned already
            consumer.incremental_unassign(partitions)

    def _fail(self, error: LogUnavailableError) -> None:
        with self._condition:
            pending, self._poll = self._poll, None
            requests = list(self._requests)
            self._requests.clear()
        for future in [pending.future] if pending else []:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
        for _, waiting in requests:
            if waiting.set_running_or_notify_cancel():
                waiting.set_exception(error)
