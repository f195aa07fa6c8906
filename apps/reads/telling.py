"""Tell a person's tabs and devices where their markers are: by signals, since who misses one fetches the state."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence

from django.conf import settings
from django.utils.module_loading import import_string

from apps.eventlog import registry, streams
from apps.eventlog.events import Batch, Ephemeral, encode
from apps.reads.moves import Moved

MOVED = "marker.moved"
_AT_ONCE = 64


async def tell(moved: Sequence[Moved]) -> None:
    by_user: dict[int, list[Ephemeral]] = {}
    for marker in moved:
        body = {
            "channel_id": str(marker.channel_id),
            "thread_id": None if marker.scope_id == marker.channel_id else str(marker.scope_id),
            "n": marker.n,
            "version": marker.version,
        }
        by_user.setdefault(marker.user_id, []).append(
            Ephemeral(type=MOVED, key=str(marker.scope_id), body=encode(body))
        )
    broadcast = registry.broadcast()
    batches = [Batch(streams.user(user_id), ephemeral=signals) for user_id, signals in by_user.items()]
    for start in range(0, len(batches), _AT_ONCE):
        # The layer sends together what waits together.
        await asyncio.gather(*(broadcast.publish(batch) for batch in batches[start : start + _AT_ONCE]))
    for listener in _listeners():
        await listener(moved)


@functools.cache
def _listeners() -> Sequence[Callable[[Sequence[Moved]], Awaitable[None]]]:
    """Rooms above that care: settings.MARKER_LISTENERS."""
    return [import_string(path) for path in settings.MARKER_LISTENERS]
