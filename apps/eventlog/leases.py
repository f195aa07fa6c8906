"""Leases in the relational database: Snowflake worker ids, and the right to be the only one at something."""

import logging
import random
import threading
import uuid

from django.db import DatabaseError, IntegrityError, InterfaceError, close_old_connections, connection, transaction

from apps.core import ids
from apps.core.clock import Clock, now_ms
from apps.eventlog.models import NamedLease, WorkerLease

_logger = logging.getLogger(__name__)

LEASE_MS = 30_000
RENEW_S = 10.0
# How long after its end a lease that was never given back is left alone: two hosts' clocks may differ by that much.
GRACE_MS = 10_000
_TRIES = 64


class NoWorkerIdError(RuntimeError):
    """All 1,024 worker ids are held."""


class Lease:
    """The worker id of this process. `snowflakes` is its mint; it stops minting by itself when the lease runs out."""

    def __init__(self, *, clock: Clock = now_ms, renew_s: float = RENEW_S) -> None:
        self._clock = clock
        self._renew_s = renew_s
        self._holder = uuid.uuid4().hex
        self._stop = threading.Event()
        self.snowflakes = self._take()
        self._thread = threading.Thread(target=self._renew_forever, name="worker-lease", daemon=True)
        self._thread.start()

    @property
    def worker_id(self) -> int:
        return self.snowflakes.worker_id

    def release(self) -> None:
        """Give the id back. Nothing more is minted from it."""
        self._stop.set()
        self._thread.join(timeout=5)
        self.snowflakes.valid_until_ms = 0
        WorkerLease.objects.filter(worker_id=self.worker_id, holder=self._holder).update(
            expires_at_ms=0, last_ms=self.snowflakes.last_ms
        )

    def renew(self) -> None:
        """Hold on to the id for another LEASE_MS, or to a new one when somebody has taken it over."""
        until = self._clock() + LEASE_MS
        snowflakes = self.snowflakes
        renewed = WorkerLease.objects.filter(worker_id=snowflakes.worker_id, holder=self._holder).update(
            expires_at_ms=until, last_ms=snowflakes.last_ms
        )
        if renewed:
            snowflakes.valid_until_ms = until
            return
        snowflakes.valid_until_ms = 0
        _logger.warning("worker id %d was taken over while this process stood still; leasing another", self.worker_id)
        self.snowflakes = self._take()
        ids.install(self.snowflakes)

    def _renew_forever(self) -> None:
        while not self._stop.wait(self._renew_s):
            try:
                close_old_connections()
                self.renew()
            except (DatabaseError, InterfaceError, NoWorkerIdError) as error:
                _logger.warning("worker id %d not renewed: %s", self.worker_id, error)
        connection.close()

    def _take(self) -> ids.Snowflakes:
        for _ in range(_TRIES):
            now = self._clock()
            until = now + LEASE_MS
            # Ids used in what this clock takes for the future are left to those who have that clock.
            past = WorkerLease.objects.filter(last_ms__lte=now)
            free = list(past.filter(expires_at_ms=0))
            if not free:
                taken = set(WorkerLease.objects.values_list("worker_id", flat=True))
                worker = next((worker for worker in range(ids.MAX_WORKER + 1) if worker not in taken), None)
                if worker is not None:
                    try:
                        with transaction.atomic():
                            WorkerLease.objects.create(
                                worker_id=worker, holder=self._holder, expires_at_ms=until, last_ms=0
                            )
                    except IntegrityError:
                        continue
                    return self._mint(worker, until, 0)
                free = list(past.filter(expires_at_ms__lt=now - GRACE_MS))
            if not free:
                raise NoWorkerIdError("every worker id is held")
            row = random.choice(free)  # noqa: S311 - spreads those who start together
            if WorkerLease.objects.filter(
                worker_id=row.worker_id, holder=row.holder, expires_at_ms=row.expires_at_ms
            ).update(holder=self._holder, expires_at_ms=until):
                # The last holder minted nothing at or after the end of its lease.
                return self._mint(row.worker_id, until, max(row.last_ms, row.expires_at_ms))
        raise NoWorkerIdError("lost every race for a worker id")

    def _mint(self, worker_id: int, until: int, floor_ms: int) -> ids.Snowflakes:
        snowflakes = ids.Snowflakes(worker_id, clock=self._clock, floor_ms=floor_ms)
        snowflakes.valid_until_ms = until
        return snowflakes


def hold(*, clock: Clock = now_ms) -> Lease:
    """Lease a worker id for this process and install its mint. Raises NoWorkerIdError, DatabaseError."""
    lease = Lease(clock=clock)
    ids.install(lease.snowflakes)
    return lease


def take_named(name: str, holder: str, *, lease_ms: int, clock: Clock = now_ms) -> bool:
    """Whether `holder` has the lease `name` for the next `lease_ms`: it had it already, or nobody has."""
    now = clock()
    until = now + lease_ms
    mine = NamedLease.objects.filter(name=name, holder=holder)
    if mine.update(expires_at_ms=until):
        return True
    if NamedLease.objects.filter(name=name, expires_at_ms__lt=now).update(holder=holder, expires_at_ms=until):
        return True
    if NamedLease.objects.filter(name=name).exists():
        return False
    try:
        with transaction.atomic():
            NamedLease.objects.create(name=name, holder=holder, expires_at_ms=until)
    except IntegrityError:
        return False
    return True


def give_back_named(name: str, holder: str) -> None:
    NamedLease.objects.filter(name=name, holder=holder).update(expires_at_ms=0)
