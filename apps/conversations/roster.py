"""What the database says about memberships, for the caches and for nobody else: queries.py is the room's front."""

import functools
import operator
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from django.db.models import Q

from apps.conversations.models import Channel, Membership
from apps.conversations.ports import Pair

CHUNK = 5_000


def contains(pairs: Collection[Pair]) -> dict[Pair, bool]:
    """For each pair whether it is a membership."""
    by_channel: dict[int, set[int]] = defaultdict(set)
    for channel_id, user_id in pairs:
        by_channel[channel_id].add(user_id)
    users = {user_id for _, user_id in pairs}
    if not users:
        return {}
    if len(users) == 1:
        where = Q(user_id__in=users, channel_id__in=by_channel)
    else:
        where = functools.reduce(
            operator.or_, (Q(channel_id=channel_id, user_id__in=ids) for channel_id, ids in by_channel.items())
        )
    members = set(Membership.objects.filter(where).values_list("channel_id", "user_id"))
    return {pair: pair in members for pair in pairs}


def versions(channel_ids: Collection[int]) -> Mapping[int, int]:
    return dict(Channel.objects.filter(id__in=channel_ids).values_list("id", "members_version"))


def chunks(channel_id: int) -> Iterator[Sequence[int]]:
    """All members in pieces. Not one snapshot: compare `versions` before and after."""
    last = 0
    while True:
        rows = Membership.objects.filter(channel_id=channel_id, user_id__gt=last).order_by("user_id")
        found = list(rows.values_list("user_id", flat=True)[:CHUNK])
        if found:
            yield found
        if len(found) < CHUNK:
            return
        last = found[-1]
