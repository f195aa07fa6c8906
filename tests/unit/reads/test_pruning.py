"""Mentions that were read go with age and by number; those that are counted stay."""

import pytest

from apps.core import ids
from apps.reads.actions.follow_log import prune_mentions
from apps.reads.models import Marker, Mention

pytestmark = pytest.mark.django_db
OLD_MS, NEW_MS, BETWEEN_MS = 1_760_000_000_000, 1_770_000_000_000, 1_765_000_000_000


def mention(user_id: int, n: int, at_ms: int) -> Mention:
    return Mention.objects.create(
        user_id=user_id, message_id=ids.first_of(at_ms) + n, workspace_id=1, channel_id=5, scope_id=5, n=n, counted=True
    )


def left(user_id: int) -> list[int]:
    return list(Mention.objects.filter(user_id=user_id).order_by("n").values_list("n", flat=True))


def test_by_age() -> None:
    Marker.objects.create(user_id=7, scope_id=5, channel_id=5, n=2)
    for n, at_ms in ((1, OLD_MS), (2, NEW_MS), (3, OLD_MS)):
        mention(7, n, at_ms)
    mention(8, 1, OLD_MS)  # has read nothing
    assert prune_mentions(before_ms=BETWEEN_MS) == 1
    assert left(7) == [2, 3]
    assert left(8) == [1]
    assert prune_mentions(before_ms=BETWEEN_MS) == 0


def test_by_number() -> None:
    Marker.objects.create(user_id=7, scope_id=5, channel_id=5, n=4)
    for n in range(1, 7):
        mention(7, n, NEW_MS)
        mention(8, n, NEW_MS)
    assert prune_mentions(before_ms=BETWEEN_MS, each_max=4) == 2
    assert left(7) == [3, 4, 5, 6]
    assert left(8) == [1, 2, 3, 4, 5, 6]
