"""Makes updates durable. One transaction takes all that wait for a canvas: a slow database gets fewer, larger ones."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db import DatabaseError, transaction

from apps.canvas import documents, queries
from apps.canvas.models import Canvas, CanvasUpdate, CanvasVersion
from apps.canvas.sealing import seal
from apps.core import threads
from apps.core.clock import now
from apps.core.errors import TooLargeError, UnavailableError

WAITING_MAX = 200
SIZE_MAX = 8 * 1024 * 1024
MERGE_EVERY = 64
VERSION_EVERY = timedelta(minutes=10)
VERSIONS_MAX = 100


class _Waiting(NamedTuple):
    user_id: int
    update: bytes
    written: "asyncio.Future[None]"


class Writer:
    """One per process. `write` from the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[_Waiting]] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}

    async def write(self, *, channel_id: int, workspace_id: int, user_id: int, update: bytes) -> None:
        """Durable on return. Raises UnavailableError when too much waits or the database fails, TooLargeError."""
        waiting = self._waiting.setdefault(channel_id, [])
        if len(waiting) >= WAITING_MAX:
            raise UnavailableError(retry_after=1)
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(_Waiting(user_id, update, written))
        if channel_id not in self._writing:
            self._writing[channel_id] = asyncio.create_task(self._drain(channel_id, workspace_id))
        await written

    async def _drain(self, channel_id: int, workspace_id: int) -> None:
        try:
            while batch := self._waiting.pop(channel_id, None):
                entries = [(one.user_id, one.update) for one in batch]
                error: Exception | None = None
                try:
                    await threads.read(lambda entries=entries: store(channel_id, workspace_id, entries))  # type: ignore[misc]  # bound at once
                except DatabaseError:
                    error = UnavailableError(retry_after=1)
                except Exception as raised:  # noqa: BLE001 - told to who waits for it
                    error = raised
                for one in batch:
                    if one.written.done():
                        continue
                    if error is None:
                        one.written.set_result(None)
                    else:
                        one.written.set_exception(error)
        finally:
            del self._writing[channel_id]


def store(channel_id: int, workspace_id: int, entries: Sequence[tuple[int, bytes]]) -> None:
    """Take in updates, in one transaction. Raises TooLargeError."""
    moment = now()
    with transaction.atomic():
        Canvas.objects.get_or_create(channel_id=channel_id, defaults={"created_at": moment, "updated_at": moment})
        canvas = Canvas.objects.select_for_update().get(channel_id=channel_id)
        if canvas.n > canvas.version_n and moment - canvas.updated_at >= VERSION_EVERY:
            # Somebody begins anew: what the last ones left is worth going back to.
            _merge(canvas, workspace_id)
            _keep_version(canvas)
        canvas.n += 1
        update = documents.merged([update for _, update in entries])
        CanvasUpdate.objects.create(
            canvas=canvas,
            n=canvas.n,
            sealed=seal(update, workspace_id=workspace_id, canvas_id=channel_id, n=canvas.n),
        )
        canvas.size += len(update)
        canvas.editors = sorted({*canvas.editors, *(str(user_id) for user_id, _ in entries)})
        canvas.updated_at, canvas.updated_by_id = moment, entries[-1][0]
        if canvas.n - canvas.merged_n >= MERGE_EVERY or canvas.size > SIZE_MAX:
            _merge(canvas, workspace_id)
            if canvas.version_at is None or moment - canvas.version_at >= VERSION_EVERY:
                _keep_version(canvas)
        canvas.save()


def keep_version(channel_id: int, workspace_id: int) -> None:
    """Make what stands now a version, unless it is one."""
    with transaction.atomic():
        canvas = Canvas.objects.select_for_update().filter(channel_id=channel_id).first()
        if canvas is not None and canvas.n > canvas.version_n:
            _merge(canvas, workspace_id)
            _keep_version(canvas)
            canvas.save()


def _merge(canvas: Canvas, workspace_id: int) -> None:
    """Put the updates into the snapshot."""
    whole = documents.compacted(queries.whole(canvas))
    if len(whole) > SIZE_MAX:
        raise TooLargeError("This canvas is full.")
    canvas.snapshot = seal(whole, workspace_id=workspace_id, canvas_id=canvas.pk, n=canvas.n)
    canvas.merged_n, canvas.size = canvas.n, len(whole)
    CanvasUpdate.objects.filter(canvas=canvas).delete()


def _keep_version(canvas: Canvas) -> None:
    CanvasVersion.objects.create(
        canvas=canvas, n=canvas.n, sealed=canvas.snapshot, editors=canvas.editors, created_at=canvas.updated_at
    )
    canvas.version_n, canvas.version_at, canvas.editors = canvas.n, canvas.updated_at, []
    old = CanvasVersion.objects.filter(canvas=canvas).order_by("-n").values_list("pk", flat=True)[VERSIONS_MAX:]
    CanvasVersion.objects.filter(pk__in=list(old)).delete()
