"""Snowflake ids: 63 bits, K-sortable, minted without coordination.

Layout, high to low: 41 bits of milliseconds since EPOCH_MS, 10 bits of worker id, 12 bits of sequence.
Worker ids are leased (see apps.eventlog.leases); two holders of one worker id never mint in the same millisecond.
"""

import threading
import time

from apps.core.clock import Clock, now_ms

EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z; 41 bits last until 2093
WORKER_BITS = 10
SEQUENCE_BITS = 12
MAX_WORKER = (1 << WORKER_BITS) - 1
_MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1
MAX_BACKWARD_MS = 5_000
MAX_ID = (1 << 63) - 1


class ClockMovedBackwardsError(RuntimeError):
    """The clock jumped back further than a mint may wait out; minting stops rather than repeat an id."""


class LeaseExpiredError(RuntimeError):
    """The worker id's lease ran out: another process may hold it now."""


class Snowflakes:
    """A thread-safe mint for one worker id.

    `floor_ms` is a time before which this worker id may already have been used; the first id lies after it.
    """

    def __init__(self, worker_id: int, *, clock: Clock = now_ms, floor_ms: int = 0) -> None:
        if not 0 <= worker_id <= MAX_WORKER:
            msg = f"worker id {worker_id} is outside 0..{MAX_WORKER}"
            raise ValueError(msg)
        self.worker_id = worker_id
        self.valid_until_ms: int | None = None
        self._clock = clock
        self._last_ms = floor_ms
        self._sequence = _MAX_SEQUENCE
        self._lock = threading.Lock()

    @property
    def last_ms(self) -> int:
        """The newest millisecond in which an id was minted."""
        return self._last_ms

    def mint(self) -> int:
        with self._lock:
            now = self._clock()
            if self.valid_until_ms is not None and now >= self.valid_until_ms:
                raise LeaseExpiredError
            if now < self._last_ms - MAX_BACKWARD_MS:
                msg = f"clock is {self._last_ms - now} ms behind the last id"
                raise ClockMovedBackwardsError(msg)
            if now > self._last_ms:
                self._last_ms, self._sequence = now, 0
            elif self._sequence < _MAX_SEQUENCE:
                self._sequence += 1
            else:
                while now <= self._last_ms:
                    time.sleep(0.0002)
                    now = self._clock()
                self._last_ms, self._sequence = now, 0
            return (
                (self._last_ms - EPOCH_MS) << (WORKER_BITS + SEQUENCE_BITS)
                | self.worker_id << SEQUENCE_BITS
                | self._sequence
            )


def timestamp_ms(snowflake: int) -> int:
    """The millisecond in which an id was minted."""
    return (snowflake >> (WORKER_BITS + SEQUENCE_BITS)) + EPOCH_MS


def first_of(ms: int) -> int:
    """The least id that could be minted at that time; 0 before the epoch of ids."""
    return max(0, ms - EPOCH_MS) << (WORKER_BITS + SEQUENCE_BITS)


_process: Snowflakes | None = None


def install(snowflakes: Snowflakes) -> None:
    """Make `snowflakes` the mint of this process."""
    global _process  # noqa: PLW0603 - one mint a process is the point
    _process = snowflakes


def new_id() -> int:
    """Mint from this process's leased worker id."""
    if _process is None:
        msg = "no worker id leased yet: call apps.eventlog.leases.hold() first"
        raise RuntimeError(msg)
    return _process.mint()


def ready() -> bool:
    """Whether a worker id is leased, so that `new_id` works."""
    return _process is not None
