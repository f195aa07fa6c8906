"""The transactional outbox: a relational change and its event become true together.

`enqueue` writes the event into the transaction that makes the change; after the commit the relay appends it to the log
and then deletes the row. A crash in between appends it twice, and the sequencer drops the repeat by its dedupe key.

Rows of a stream leave in id order. Transactions that run at once may commit in either order, as ever; whoever needs
their events in a fixed order takes the lock that orders them (the row that they change) before `enqueue`.
"""

import asyncio
import contextlib
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from apps.core import ids
from apps.eventlog.append import encode_event
from apps.eventlog.events import Event
from apps.eventlog.leases import give_back_named, take_named
from apps.eventlog.models import OutboxRow
from apps.eventlog.ports import Log, LogUnavailableError

_logger = logging.getLogger(__name__)

BATCH = 200
POLL_S = 0.2
LEASE = "outbox-relay"
LEASE_MS = 5_000
_BACKOFF_MAX_S = 5.0

_wakes: set[Callable[[], None]] = set()
_wakes_lock = threading.Lock()


def enqueue(*, stream: str, event: Event, actor_id: int | None, workspace_id: int | None) -> int:
    """Write `event` into the open transaction; returns its event id. It is in the log soon after the commit."""
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("outbox.enqueue belongs in the transaction of the change")
    event_id = ids.new_id()
    value = encode_event(
        event=event, event_id=event_id, actor_id=actor_id, workspace_id=workspace_id, dedupe=f"e:{event_id}"
    )
    OutboxRow.objects.create(event_id=event_id, stream=stream, value=value)
    transaction.on_commit(_wake)
    return event_id


def _wake() -> None:
    with _wakes_lock:
        wakes = list(_wakes)
    for wake in wakes:
        wake()


class Relay:
    """Moves rows from the outbox to the log. Any number may run, in any processes: a lease lets one of them work."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._holder = uuid.uuid4().hex
        self._leased_until = 0.0
        self._stopping = asyncio.Event()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # One thread, so one database connection.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox-relay")

    async def run(self) -> None:
        """Until `stop`. Outages of the database and of the log are waited out."""
        loop = asyncio.get_running_loop()

        def wake() -> None:
            # The loop may be closed already when a last transaction commits at the end of the process.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._awake.set)

        self._task = asyncio.current_task()
        with _wakes_lock:
            _wakes.add(wake)
        failures = 0
        try:
            while not self._stopping.is_set():
                self._awake.clear()
                moved = 0
                try:
                    moved = await self._step()
                    failures = 0
                except (LogUnavailableError, DatabaseError, InterfaceError) as error:
                    failures += 1
                    if failures == 1:
                        _logger.warning("outbox: waiting for the log and the database: %r", error)
                if moved < BATCH:
                    await self._pause(failures)
        finally:
            with _wakes_lock:
                _wakes.discard(wake)
            try:
                await loop.run_in_executor(self._thread, self._give_back)
            finally:
                self._thread.shutdown(wait=False)

    async def stop(self) -> None:
        """Finish the rows in hand, give the lease back, return when `run` has ended."""
        self._stopping.set()
        self._awake.set()
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task])

    async def _pause(self, failures: int) -> None:
        # A commit wakes an idle relay, but must not turn its back-off into a busy loop.
        event = self._stopping if failures else self._awake
        seconds = min(_BACKOFF_MAX_S, POLL_S * 2**failures) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)

    async def _step(self) -> int:
        """Move one batch: the streams side by side, the rows of one stream one after the other.

        A row that fails stops its stream, so that no row overtakes another; what is durable is deleted in any case.
        """
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(self._thread, self._next_rows)
        if not rows:
            return 0
        streams: dict[str, list[tuple[int, bytes]]] = {}
        for row_id, stream, value in rows:
            streams.setdefault(stream, []).append((row_id, value))
        done: list[int] = []

        async def move(stream: str, waiting: list[tuple[int, bytes]]) -> None:
            for row_id, value in waiting:
                await self._log.append(stream, value)
                done.append(row_id)

        results = await asyncio.gather(*(move(*item) for item in streams.items()), return_exceptions=True)
        if done:
            await loop.run_in_executor(self._thread, self._delete, done)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(rows)

    def _next_rows(self) -> Sequence[tuple[int, str, bytes]]:
        close_old_connections()
        now = time.monotonic()
        if now > self._leased_until - LEASE_MS / 2000:
            if not take_named(LEASE, self._holder, lease_ms=LEASE_MS):
                self._leased_until = 0.0
                return []
            self._leased_until = now + LEASE_MS / 1000
        rows = OutboxRow.objects.order_by("id").values_list("id", "stream", "value")[:BATCH]
        return [(row_id, stream, bytes(value)) for row_id, stream, value in rows]

    @staticmethod
    def _delete(row_ids: list[int]) -> None:
        OutboxRow.objects.filter(id__in=row_ids).delete()

    def _give_back(self) -> None:
        try:
            if self._leased_until:
                give_back_named(LEASE, self._holder)
        except (DatabaseError, InterfaceError) as error:
            _logger.warning("outbox: the relay's lease was not given back: %s", error)
        finally:
            connection.close()
