"""Reads: messages, threads, history. They check the actor's rights themselves; contents come opened."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db import DatabaseError

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import pagination, threads
from apps.core.errors import InvalidError, NotFoundError, UnavailableError
from apps.eventlog import streams
from apps.eventlog.events import Sequenced
from apps.eventlog.registry import tail
from apps.messaging import contents, present, recent, targets
from apps.messaging.events import Target
from apps.messaging.models import ThreadFollow
from apps.messaging.ports import PINS_MAX, Location, StoredMessage
from apps.messaging.present import EventView, MessageView, VersionView
from apps.messaging.present import present_event as present_event  # noqa: PLC0414 - taken from here
from apps.messaging.present import present_event_bytes as present_event_bytes  # noqa: PLC0414 - taken from here
from apps.messaging.present import present_message as present_message  # noqa: PLC0414 - taken from here
from apps.messaging.registry import store
from apps.messaging.targets import store_needed

Cursor = tuple[int, int]
_ID_DIGITS = 19
_TIME_DIGITS = 15
NOTICES_MAX = 200
RECENT_EVENTS = 400


@dataclass(frozen=True)
class HistoryPage:
    """Newest first. `seq` and `count` are the channel's before the page was read: it is complete up to there.

    partial    the store does not answer: what could be had is here, replies and reactions to it perhaps not all
    """

    results: Sequence[MessageView]
    older: str | None
    newer: str | None
    seq: int
    count: int
    notices: Sequence[EventView] | None = None
    partial: bool = False


@dataclass(frozen=True)
class RepliesPage:
    """Oldest first. `following`: whether the reader follows the thread."""

    results: Sequence[MessageView]
    next_cursor: str | None
    parent: MessageView
    following: bool


@dataclass(frozen=True)
class Pinned:
    message: MessageView
    pinned_at: int
    pinned_by: str


@dataclass(frozen=True)
class FollowedThread:
    parent: MessageView
    reply_count: int
    last_reply_at: int | None


# -- opening contents ------------------------------------------------------------------------------------------------


async def warm_keys(events: Iterable[Sequenced]) -> None:
    """Fetches the keys that presenting these events takes. Raises UnavailableError."""
    await contents.warm(event.envelope.sealed for event in events)


def keys_warmed(events: Iterable[Sequenced]) -> bool:
    """Whether they can be presented at once."""
    return contents.warmed(event.envelope.sealed for event in events)


async def views(messages: Sequence[StoredMessage]) -> list[MessageView]:
    """Raises UnavailableError."""
    await contents.warm(message.content.sealed for message in messages if message.content is not None)
    return [present.message_view(message) for message in messages]


async def views_at(places: Iterable[Target]) -> list[MessageView]:
    """Those that are stored; whoever asks has seen to the rights. Raises UnavailableError."""
    with store_needed():
        rows = await asyncio.gather(*(store().message(targets.location(place)) for place in places))
    return await views([row for row in rows if row is not None])


# -- one message -----------------------------------------------------------------------------------------------------


async def locate(*, actor: Principal, message_id: int) -> Location:
    """Raises ForbiddenError, NotFoundError, UnavailableError; so do all below."""
    require_scope(actor, "messages:read")
    location, _ = await targets.visible(actor, message_id)
    return location


async def message(*, actor: Principal, message_id: int) -> MessageView:
    location = await locate(actor=actor, message_id=message_id)
    return (await views([await targets.stored(location)]))[0]


async def versions(*, actor: Principal, message_id: int) -> list[VersionView]:
    """Oldest first; none of a deleted message."""
    location = await locate(actor=actor, message_id=message_id)
    with store_needed():
        found = await store().versions(location)
    await contents.warm(version.sealed for version in found)
    return [present.version_view(location.channel_id, version) for version in found]


# -- lists -----------------------------------------------------------------------------------------------------------


async def history(
    *,
    actor: Principal,
    channel_id: int,
    before: str | None = None,
    after: str | None = None,
    around: str | None = None,
    limit: int = 50,
    notices: bool = False,
) -> HistoryPage:
    """At most one of `before`, `after`, `around`: a cursor of an earlier page, or a message id.

    With `notices` also what else happened to the channel between the page's messages, the newest NOTICES_MAX of it.
    """
    require_scope(actor, "messages:read")
    if sum(given is not None for given in (before, after, around)) > 1:
        raise InvalidError(errors={"before": ["Give one of before, after and around."]})
    await conversations.access(channel_id, actor.user_id)
    try:
        return await _stored_history(
            channel_id, before=before, after=after, around=around, limit=limit, notices=notices
        )
    except UnavailableError:
        page = await _recent(channel_id, limit) if before is after is around is None else None
        if page is None:
            raise
        return page


async def _recent(channel_id: int, limit: int) -> HistoryPage | None:
    """The newest page as far as the newest events tell it; None when they tell nothing."""
    events = await tail().newest(streams.channel(channel_id), limit=RECENT_EVENTS)
    found = recent.messages(events)[:limit]
    if not found:
        return None
    return HistoryPage(
        results=await views(found),
        older=_cursor(found[-1]),
        newer=None,
        seq=events[-1].seq,
        count=events[-1].count,
        partial=True,
    )


async def _stored_history(
    channel_id: int, *, before: str | None, after: str | None, around: str | None, limit: int, notices: bool
) -> HistoryPage:
    stream = streams.channel(channel_id)
    low, high = 0, 1 << 62  # seqs between which this page is the whole history
    with store_needed():
        head = (await store().heads([stream])).get(stream)
        if head is None:
            return HistoryPage([], None, None, 0, 0, [] if notices else None)
        if around is not None:
            place = await _place(channel_id, "around", around)
            newer_half = limit // 2
            newer, older = await asyncio.gather(
                store().history(channel_id, before=None, after=place, limit=newer_half + 1, newest_bucket=head.bucket),
                store().history(
                    channel_id,
                    before=(place[0], place[1] + 1),
                    after=None,
                    limit=limit - newer_half + 1,
                    newest_bucket=head.bucket,
                ),
            )
            found = [*newer[-newer_half:], *older[: limit - newer_half]] if newer_half else older[:limit]
            more_newer, more_older = len(newer) > newer_half, len(older) > limit - newer_half
        elif after is not None:
            place = await _place(channel_id, "after", after)
            newer = await store().history(
                channel_id, before=None, after=place, limit=limit + 1, newest_bucket=head.bucket
            )
            found = newer[-limit:]
            more_newer, more_older = len(newer) > limit, bool(found)
            low = place[1]
        else:
            end = None if before is None else await _place(channel_id, "before", before)
            older = await store().history(
                channel_id, before=end, after=None, limit=limit + 1, newest_bucket=head.bucket
            )
            found = older[:limit]
            more_newer, more_older = before is not None and bool(found), len(older) > limit
            high = high if end is None else end[1]
        told: Sequence[Sequenced] = ()
        if notices:
            if before is None and found and more_newer:
                high = found[0].seq
            if after is None and found and more_older:
                low = found[-1].seq
            told = await store().notices(channel_id, after=low, before=high, limit=NOTICES_MAX)
    return HistoryPage(
        results=await views(found),
        older=_cursor(found[-1]) if found and more_older else None,
        newer=_cursor(found[0]) if found and more_newer else None,
        seq=head.seq,
        count=head.count,
        notices=[present.event_view(event) for event in told] if notices else None,
    )


async def replies(*, actor: Principal, message_id: int, cursor: str | None = None, limit: int = 50) -> RepliesPage:
    location = await locate(actor=actor, message_id=message_id)
    if location.parent is not None:
        raise NotFoundError("A reply has no thread of its own.")
    after = None
    if cursor:
        created_at, seq = pagination.decode(cursor, int, int)
        after = (created_at, seq)
    with store_needed():
        parent, found = await asyncio.gather(
            targets.stored(location), store().replies(message_id, after=after, limit=limit + 1)
        )
    shown = found[:limit]
    parent_view, *results = await views([parent, *shown])
    rows = ThreadFollow.objects.filter(thread_id=message_id, user_id=actor.user_id, following=True)
    try:
        following = await threads.read(rows.exists)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    return RepliesPage(results, _cursor(shown[-1]) if len(found) > limit else None, parent_view, following)


async def pins(*, actor: Principal, channel_id: int) -> list[Pinned]:
    """The newest pinning first."""
    require_scope(actor, "messages:read")
    await conversations.access(channel_id, actor.user_id)
    with store_needed():
        pinned = (await store().pins(channel_id))[:PINS_MAX]
        rows = await asyncio.gather(*(store().message(targets.location(pin.target)) for pin in pinned))
    standing = [(pin, row) for pin, row in zip(pinned, rows, strict=True) if row is not None and row.deleted_at is None]
    shown = await views([row for _, row in standing])
    return [Pinned(view, pin.at, str(pin.by)) for (pin, _), view in zip(standing, shown, strict=True)]


async def followed_threads(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[FollowedThread]:
    """Threads that the actor follows in channels they can see, the one replied to last first."""
    require_scope(actor, "messages:read")
    bound = pagination.decode(cursor, int, int) if cursor else None

    def rows() -> list[ThreadFollow]:
        found = ThreadFollow.objects.select_related("thread").filter(
            user_id=actor.user_id, following=True, thread__workspace_id=workspace_id
        )
        if bound is not None:
            found = found.filter(thread__last_reply_at__lt=bound[0]) | found.filter(
                thread__last_reply_at=bound[0], thread_id__lt=bound[1]
            )
        return list(found.order_by("-thread__last_reply_at", "-thread_id")[: limit + 1])

    try:
        follows = await threads.read(rows)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    shown = [follow.thread for follow in follows[:limit]]
    seen = await conversations.access_many({thread.channel_id for thread in shown}, actor.user_id)
    places = [
        Location(
            channel_id=thread.channel_id,
            message_id=thread.thread_id,
            sender_id=0,
            bucket=thread.bucket,
            created_at=thread.created_at,
            seq=thread.seq,
            parent=None,
            also_in_channel=False,
        )
        for thread in shown
        if thread.channel_id in seen
    ]
    with store_needed():
        parents = await asyncio.gather(*(store().message(place) for place in places))
    found = [parent for parent in parents if parent is not None]
    return pagination.Page(
        [FollowedThread(view, view.reply_count, view.last_reply_at) for view in await views(found)],
        pagination.encode(shown[-1].last_reply_at, shown[-1].thread_id) if len(follows) > limit else None,
    )


def followed_thread_ids(*, user_id: int, workspace_id: int, limit: int) -> list[int]:
    """The one replied to last first; the caller has checked who may ask."""
    rows = ThreadFollow.objects.filter(user_id=user_id, following=True, thread__workspace_id=workspace_id)
    return list(rows.order_by("-thread__last_reply_at", "-thread_id").values_list("thread_id", flat=True)[:limit])


def followers_after(thread_id: int, *, after: int, limit: int) -> list[int]:
    """User ids above `after`, ascending, for follow-up work."""
    rows = ThreadFollow.objects.filter(thread_id=thread_id, following=True, user_id__gt=after)
    return list(rows.order_by("user_id").values_list("user_id", flat=True)[:limit])


def follows_among(thread_id: int, user_ids: Collection[int]) -> dict[int, bool]:
    """By person, whether they follow the thread or left it; who did neither is left out."""
    rows = ThreadFollow.objects.filter(thread_id=thread_id, user_id__in=list(user_ids))
    return dict(rows.values_list("user_id", "following"))


async def _place(channel_id: int, field: str, cursor: str) -> Cursor:
    """Raises InvalidError when it is neither a cursor, nor `t` and a time, nor a message of this channel."""
    if cursor.startswith("t") and cursor[1:].isascii() and cursor[1:].isdigit() and len(cursor) <= _TIME_DIGITS + 1:
        return int(cursor[1:]), 0
    if cursor.isascii() and cursor.isdigit() and len(cursor) <= _ID_DIGITS:
        location = await store().locate(int(cursor)) if int(cursor) < 1 << 63 else None
        if location is None or location.channel_id != channel_id:
            raise InvalidError(errors={field: ["There is no such message in this channel."]})
        return location.created_at, location.seq
    created_at, seq = pagination.decode(cursor, int, int)
    if not (0 <= created_at < 1 << 53 and 0 <= seq < 1 << 53):
        raise InvalidError(errors={field: ["Not a cursor from an earlier page."]})
    return created_at, seq


def _cursor(at: StoredMessage) -> str:
    return pagination.encode(at.created_at, at.seq)
