"""Write-behind: marker moves of this process's sockets, coalesced, written together every MARKER_FLUSH_S.

A move that is lost here (a process killed) is read again, never skipped: markers only lag. When the database does not
answer, moves wait and go on coalescing. When MARKERS_MAX markers wait, moves of further ones are refused.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice

from django.db import DatabaseError, InterfaceError

from apps.core import threads
from apps.reads import metrics
from apps.reads.moves import Move, Moved, write

_logger = logging.getLogger(__name__)
_BATCH = 5_000
_TOLD_AT_ONCE = 200
_RETRY_MAX_S = 10.0
_DRAIN_S = 5.0

Key = tuple[int, int]


class MarkerBuffer:
    def __init__(
        self,
        *,
        max_markers: int,
        flush_s: float,
        tell: Callable[[Sequence[Moved]], Awaitable[None]],
        write: Callable[[Sequence[Move]], Sequence[Moved]] = write,
    ) -> None:
        self._max, self._flush_s, self._tell, self._write = max_markers, flush_s, tell, write
        self._waiting: dict[Key, Move] = {}
        self._untold: dict[Key, Moved] = {}
        self._task: asyncio.Task[None] | None = None
        self._teller: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._failures = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, move: Move) -> bool:
        """False when there is no room. Only in the event loop that serves the sockets."""
        metrics.MOVES.inc()
        key = move.user_id, move.scope_id
        held = self._waiting.get(key)
        if held is None and len(self._waiting) >= self._max:
            metrics.REFUSED.inc()
            return False
        if held is None or (move.version, move.n) > (held.version, held.n):
            self._waiting[key] = move
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._later(), name="marker-flush")
        return True

    async def _later(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(min(_RETRY_MAX_S, self._flush_s * 2**self._failures))
                await self.flush()
        finally:
            self._task = None

    async def flush(self) -> bool:
        """Write what waits. False when it could not be, and waits on."""
        async with self._lock:
            while self._waiting:
                keys = list(islice(self._waiting, _BATCH))
                moves = [self._waiting.pop(key) for key in keys]
                try:
                    moved = await threads.read(lambda moves=moves: self._write(moves))  # type: ignore[misc]  # bound at once
                except (DatabaseError, InterfaceError) as error:
                    self._put_back(moves)
                    self._failures += 1
                    if self._failures == 1:
                        _logger.warning("markers wait for the database: %s", error)
                    return False
                except asyncio.CancelledError:
                    self._put_back(moves)  # it may be written all the same: twice does no harm
                    raise
                self._failures = 0
                metrics.ROWS.inc(len(moves))
                metrics.FLUSHES.inc()
                self._announce(moved)
        return True

    def _announce(self, moved: Sequence[Moved]) -> None:
        """Beside the writing: telling thousands of people takes longer than a statement."""
        self._untold.update(((marker.user_id, marker.scope_id), marker) for marker in moved)
        if self._untold and self._teller is None:
            self._teller = asyncio.get_running_loop().create_task(self._tell_all(), name="marker-signals")

    async def _tell_all(self) -> None:
        try:
            while self._untold:
                keys = list(islice(self._untold, _TOLD_AT_ONCE))
                await self._tell([self._untold.pop(key) for key in keys])
        finally:
            self._teller = None

    def _put_back(self, moves: Sequence[Move]) -> None:
        newer: Mapping[Key, Move] = dict(self._waiting)
        for move in moves:
            held = newer.get((move.user_id, move.scope_id))
            if held is None or (move.version, move.n) > (held.version, held.n):
                self._waiting[move.user_id, move.scope_id] = move

    async def close(self) -> None:
        """Write the rest. What the database does not take within _DRAIN_S is read again some day."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                if not await self.flush():
                    _logger.warning("%d markers were not written", len(self._waiting))
                while self._teller is not None:
                    await asyncio.wait([self._teller])
