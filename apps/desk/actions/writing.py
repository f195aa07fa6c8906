"""How this room writes: rows and their event in one transaction, off the event loop."""

from collections.abc import Callable
from typing import TypeVar

from django.db import DatabaseError, transaction

from apps.core import threads
from apps.core.clock import now_ms
from apps.core.errors import InvalidError, UnavailableError
from apps.eventlog import outbox, streams
from apps.eventlog.events import Event

T = TypeVar("T")
AHEAD_MAX_MS = 366 * 86_400_000


async def write(change: Callable[[], T]) -> T:
    """Raises UnavailableError, and what `change` raises."""

    def run() -> T:
        with transaction.atomic():
            return change()

    try:
        return await threads.read(run)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error


def tell(user_id: int, event: Event, *, workspace_id: int) -> None:
    outbox.enqueue(stream=streams.user(user_id), event=event, actor_id=user_id, workspace_id=workspace_id)


def check_time(at: int) -> int:
    """Raises InvalidError unless it lies ahead, within a year."""
    if not now_ms() < at <= now_ms() + AHEAD_MAX_MS:
        raise InvalidError(errors={"at": ["A time from now on, within a year."]})
    return at
