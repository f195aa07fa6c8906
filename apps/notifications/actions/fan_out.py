"""See to a big audience chunk by chunk, from where an earlier attempt ended."""

from collections.abc import Callable, Sequence

from apps.core import clock
from apps.notifications.models import FanOut
from apps.notifications.posts import CHUNK, Post, audience

_STALE_MS = 60_000


def fan_out(*, post: Post, see_to: Callable[[Sequence[int], int], None]) -> bool:
    """Call `see_to(people, after)` with the next chunk: at most CHUNK user ids above `after`. Whether there are more.

    The cursor moves after it, so a killed attempt sees to its chunk once more. Of two attempts at once one goes on.
    """
    row, _ = FanOut.objects.get_or_create(
        event_id=post.event_id,
        defaults={
            "channel_id": post.channel_id,
            "seq": post.seq,
            "created_at": clock.now_ms(),
            "moved_at": clock.now_ms(),
        },
    )
    if row.done:
        return False
    people = audience(post, after=row.cursor, limit=CHUNK)
    if people:
        see_to(people, row.cursor)
    done = len(people) < CHUNK
    moved = FanOut.objects.filter(event_id=post.event_id, cursor=row.cursor, done=False).update(
        cursor=people[-1] if people else row.cursor, done=done, moved_at=clock.now_ms()
    )
    return bool(moved) and not done


def stale(*, limit: int = 100) -> list[tuple[int, int]]:
    """(channel id, seq) of those that nobody goes on with: a lost task, a killed worker."""
    rows = FanOut.objects.filter(done=False, moved_at__lt=clock.now_ms() - _STALE_MS).order_by("moved_at")
    return list(rows.values_list("channel_id", "seq")[:limit])
