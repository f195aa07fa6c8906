"""Hand a big audience on in chunks, from where an earlier attempt ended."""

from collections.abc import Callable

from apps.core.clock import now_ms
from apps.notifications.models import FanOut
from apps.notifications.posts import CHUNK, Post, audience


def fan_out(*, post: Post, hand_on: Callable[[int, int], None]) -> int:
    """Call `hand_on(after, upto)` for each range of at most CHUNK people: user ids above `after`, up to `upto`.

    The cursor is kept after each, so that a killed attempt hands one range on twice at most. Returns the ranges.
    """
    row, _ = FanOut.objects.get_or_create(event_id=post.event_id, defaults={"created_at": now_ms()})
    ranges = 0
    while not row.done:
        page = audience(post, after=row.cursor, limit=CHUNK)
        if page:
            hand_on(row.cursor, page[-1])
            ranges += 1
            row.cursor = page[-1]
        row.done = len(page) < CHUNK
        row.save(update_fields=["cursor", "done"])
    return ranges
