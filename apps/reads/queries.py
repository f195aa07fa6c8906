"""Reads: how far somebody has read, and what is left. Synchronous ones may be called from Celery tasks."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Count, Q

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import pagination, threads
from apps.core.pagination import MAX_LIMIT
from apps.eventlog import streams
from apps.messaging import queries as messaging
from apps.messaging.events import MessagePosted
from apps.messaging.ports import StoreUnavailableError
from apps.messaging.projection import body
from apps.messaging.registry import store
from apps.messaging.targets import store_needed
from apps.reads import places
from apps.reads.models import ChannelMention, DeletedBlock, Marker, Mention, ThreadReplies
from apps.reads.moves import Moved as Moved  # noqa: PLC0414 - taken from here

THREADS_MAX = 200
_CHUNK = 200


class Scope(NamedTuple):
    """A channel or thread that somebody reads. `end`: its newest place, None while that is not known.

    `named`: every message in it counts as a mention (a direct message).
    """

    id: int
    channel_id: int
    end: int | None
    named: bool = False


class State(NamedTuple):
    """`unread` and `mentions` are None while they can't be known; without a marker all of a channel is read."""

    n: int | None
    version: int
    unread: int | None
    mentions: int | None


@dataclass(frozen=True)
class Scopes:
    channels: Sequence[conversations.MyChannel]
    threads: Sequence[ThreadReplies]


# -- markers ---------------------------------------------------------------------------------------------------------


def read_up_to(*, channel_id: int, user_ids: Collection[int]) -> dict[int, int]:
    """User id -> the n (count of top-level messages) read up to. Who never read is left out."""
    rows = Marker.objects.filter(scope_id=channel_id, user_id__in=user_ids)
    return dict(rows.values_list("user_id", "n"))


def thread_read_up_to(*, thread_id: int, user_ids: Collection[int]) -> dict[int, int]:
    """User id -> the thread_n read up to."""
    return read_up_to(channel_id=thread_id, user_ids=user_ids)


def read_places(user_id: int, scope_ids: Collection[int]) -> dict[int, int]:
    """Scope id -> the place read up to, of at most 200; those without a marker are left out."""
    return dict(Marker.objects.filter(user_id=user_id, scope_id__in=scope_ids).values_list("scope_id", "n"))


def marker(user_id: int, scope_id: int) -> Moved | None:
    row = Marker.objects.filter(user_id=user_id, scope_id=scope_id).first()
    return None if row is None else Moved(user_id, scope_id, row.channel_id, row.n, row.version)


def versions(user_id: int, scope_ids: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for start in range(0, len(scope_ids), _CHUNK):
        rows = Marker.objects.filter(user_id=user_id, scope_id__in=scope_ids[start : start + _CHUNK])
        found.update(rows.values_list("scope_id", "version"))
    return found


# -- what is left ----------------------------------------------------------------------------------------------------


def states(user_id: int, scopes: Iterable[Scope]) -> dict[int, State]:
    """By scope id, at most 200 of them: the counts a badge shows."""
    asked = {scope.id: scope for scope in scopes}
    markers = {row.scope_id: row for row in Marker.objects.filter(user_id=user_id, scope_id__in=asked)}
    starts = {scope_id: _start(scope, markers.get(scope_id)) for scope_id, scope in asked.items()}
    behind = {
        scope_id: start for scope_id, start in starts.items() if (end := asked[scope_id].end) is None or start < end
    }
    deleted = _deleted(behind)
    mentions = _mentions(user_id, {scope_id: n for scope_id, n in behind.items() if not asked[scope_id].named})
    found: dict[int, State] = {}
    for scope_id, scope in asked.items():
        row = markers.get(scope_id)
        own = places.unpack(row.own) if row else ()
        unread = None
        if scope.end is not None:
            unread = places.unread(count=scope.end, n=starts[scope_id], deleted=deleted.get(scope_id, {}), own=own)
        named = unread if scope.named else mentions.get(scope_id, 0)
        found[scope_id] = State(
            starts[scope_id] if row or scope.named or scope.end is not None else None,
            row.version if row else 0,
            unread,
            named,
        )
    return found


def _start(scope: Scope, marker: Marker | None) -> int:
    """Who has no marker yet has read nothing of a DM or of a thread, and all of a channel: joining makes a marker."""
    if marker is not None:
        return marker.n
    return 0 if scope.named or scope.id != scope.channel_id else scope.end or 0


def _deleted(behind: Mapping[int, int]) -> dict[int, dict[int, bytes]]:
    found: dict[int, dict[int, bytes]] = {}
    if behind:
        after = Q()
        for scope_id, n in behind.items():
            after |= Q(scope_id=scope_id, block__gte=places.block_of(n + 1))
        for scope_id, block, bits in DeletedBlock.objects.filter(after).values_list("scope_id", "block", "bits"):
            found.setdefault(scope_id, {})[block] = bytes(bits)
    return found


def _mentions(user_id: int, behind: Mapping[int, int]) -> dict[int, int]:
    found: dict[int, int] = {}
    if behind:
        after = Q()
        for scope_id, n in behind.items():
            after |= Q(scope_id=scope_id, n__gt=n)
        by_name = Mention.objects.filter(after, user_id=user_id, counted=True)
        to_all = ChannelMention.objects.filter(after).exclude(sender_id=user_id)
        for rows in (by_name, to_all):
            for scope_id, count in rows.values_list("scope_id").annotate(Count("message_id")).order_by():
                found[scope_id] = found.get(scope_id, 0) + count
    return found


def scopes(*, actor: Principal, workspace_id: int, limit: int, after: int = 0) -> Scopes:
    """What the actor reads in a workspace: channels by id after `after`, threads that they follow, newest first."""
    channels = conversations.channels_of(actor=actor, workspace_id=workspace_id, after=after, limit=limit)
    return Scopes(channels, followed(actor.user_id, workspace_id) if not after else [])


def followed(user_id: int, workspace_id: int) -> list[ThreadReplies]:
    """The threads a badge counts: the THREADS_MAX replied to last, in channels that the user is in."""
    ids = messaging.followed_thread_ids(user_id=user_id, workspace_id=workspace_id, limit=THREADS_MAX)
    rows = ThreadReplies.objects.in_bulk(ids)
    mine = conversations.memberships({row.channel_id for row in rows.values()}, user_id)
    return [rows[thread_id] for thread_id in ids if thread_id in rows and rows[thread_id].channel_id in mine]


def thread_states(user_id: int, rows: Sequence[ThreadReplies]) -> dict[int, State]:
    return states(user_id, [Scope(row.thread_id, row.channel_id, row.count) for row in rows])


def present_state(state: State) -> dict[str, Any]:
    """unread, mentions and marker of docs/protocol.md."""
    return {
        "unread": state.unread,
        "mentions": state.mentions,
        "marker": None if state.n is None else {"n": state.n, "version": state.version},
    }


async def first_unread(*, actor: Principal, channel_id: int, place: int | None = None) -> int | None:
    """The id of the top-level message at `place`, by default the first after the actor's marker; None: there is none.

    Raises NotFoundError, ForbiddenError, UnavailableError.
    """
    require_scope(actor, "messages:read")
    access = await conversations.access(channel_id, actor.user_id)
    stream = streams.channel(channel_id)
    with store_needed():
        head = (await store().heads([stream])).get(stream)
        count, seq = (head.count, head.seq) if head else (0, 0)
        if place is None:
            scope = Scope(channel_id, channel_id, count, access.kind in conversations.DIRECT)
            state = (await threads.read(lambda: states(actor.user_id, [scope])))[channel_id]
            place = (state.n or 0) + 1
        if place > count:
            return None
        # `count` never decreases along the stream, so the post that made it `place` is found by halving.
        low, high = 0, seq - 1
        while low < high:
            middle = (low + high) // 2
            event = (await store().events(stream, after=middle, limit=1))[0]
            low, high = (low, middle) if event.count >= place else (middle + 1, high)
        found = await store().events(stream, after=low, limit=1)
    post = body(found[0]) if found else None
    return found[0].envelope.event_id if isinstance(post, MessagePosted) else None


@dataclass(frozen=True)
class UnreadsPage:
    """`channels` in the order in which they were made; threads with the first page only."""

    channels: Sequence[tuple[Scope, State]]
    threads: Sequence[tuple[Scope, State]]
    next_cursor: str | None
    partial: bool


async def unreads(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = MAX_LIMIT
) -> UnreadsPage:
    """What is unread in the actor's channels and followed threads. Raises NotFoundError, ForbiddenError, InvalidError.

    While the message store does not answer: `partial`, with markers and mentions, and counts of threads only.
    """
    require_scope(actor, "messages:read")
    after = pagination.decode(cursor, int)[0] if cursor else 0
    found = await threads.read(lambda: scopes(actor=actor, workspace_id=workspace_id, after=after, limit=limit + 1))
    mine = found.channels[:limit]
    names = [streams.channel(channel.id) for channel in mine]
    partial, heads = False, {}
    try:
        heads = dict(await store().heads(names)) if names else {}
    except StoreUnavailableError:
        partial = True
    channels = []
    for channel, name in zip(mine, names, strict=True):
        count = None if partial else heads[name].count if name in heads else 0
        channels.append(Scope(channel.id, channel.id, count, channel.is_direct))
    followed_threads = [Scope(row.thread_id, row.channel_id, row.count) for row in found.threads]

    def of_all() -> tuple[dict[int, State], dict[int, State]]:
        return states(actor.user_id, channels), states(actor.user_id, followed_threads)

    of_channels, of_threads = await threads.read(of_all)
    return UnreadsPage(
        [(scope, of_channels[scope.id]) for scope in channels],
        [(scope, of_threads[scope.id]) for scope in followed_threads],
        pagination.encode(mine[-1].id) if len(found.channels) > limit else None,
        partial,
    )
