"""Tell a person's tabs and devices where their markers are: by signals, since who misses one fetches the state."""

from collections.abc import Sequence

from apps.eventlog import registry, streams
from apps.eventlog.events import Batch, Ephemeral, encode
from apps.reads.moves import Moved

MOVED = "marker.moved"


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
    for user_id, signals in by_user.items():
        await broadcast.publish(Batch(streams.user(user_id), ephemeral=signals))
