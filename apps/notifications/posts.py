"""A message as notifications see it, and whom it may concern, page by page."""

import heapq
from dataclasses import dataclass
from itertools import islice

from apps.conversations import queries as conversations
from apps.eventlog.events import Sequenced
from apps.messaging import contents
from apps.messaging import queries as messaging
from apps.messaging.events import Content, MessageDeleted, MessagePosted
from apps.messaging.projection import body
from apps.messaging.registry import store
from apps.notifications import plain
from apps.notifications.models import ChannelPreference, Level, Preference
from apps.workspaces import queries as workspaces

CHUNK = 1_000
_DIRECT = frozenset({"dm", "group_dm"})


@dataclass(frozen=True)
class Post:
    """`position`: the n, or in a thread the thread_n, that a marker must reach for it to be read."""

    stream: str
    seq: int
    event_id: int
    workspace_id: int
    channel_id: int
    kind: str
    channel_name: str | None
    thread_id: int | None
    position: int
    top_level: bool
    created_at: int
    sender_id: int
    mentioned: frozenset[int]
    everybody: str | None
    parent_sender_id: int | None
    text: str
    plain: str
    deleted: bool

    @property
    def direct(self) -> bool:
        return self.kind in _DIRECT

    @property
    def path(self) -> str:
        """Where the web client shows it."""
        place = f"/w/{self.workspace_id}/c/{self.channel_id}"
        return f"{place}/t/{self.thread_id}" if self.thread_id is not None else f"{place}/m/{self.event_id}"


async def load(stream: str, seq: int) -> tuple[Sequenced, Content, bool] | None:
    """The event, its opened content, and whether the message is deleted by now; None when it is no post.

    Raises StoreUnavailableError, UnavailableError.
    """
    for event in await store().events(stream, after=seq - 1, limit=1):
        if event.seq != seq or event.envelope.type != MessagePosted.type:
            return None
        sealed = event.envelope.sealed
        await contents.warm([sealed])
        location = await store().locate(event.envelope.event_id)
        message = None if location is None else await store().message(location)
        deleted = message is not None and message.deleted_at is not None
        return event, contents.unseal(sealed, stream=stream, event_id=event.envelope.event_id), deleted
    return None


async def deleted_by(stream: str, seq: int) -> int | None:
    """The id of the message that the event deleted; None when it deleted none. Raises StoreUnavailableError."""
    for event in await store().events(stream, after=seq - 1, limit=1):
        deletion = body(event) if event.seq == seq else None
        if isinstance(deletion, MessageDeleted):
            return int(deletion.target.message_id)
    return None


def describe(event: Sequenced, content: Content, deleted: bool) -> Post | None:  # noqa: FBT001 - as `load` gives it
    """With what the database says of its channel; None when that is gone."""
    post = body(event)
    if not isinstance(post, MessagePosted):
        return None
    channel_id = int(post.channel_id)
    kind, name = conversations.named([channel_id]).get(channel_id, ("", None))
    if not kind:
        return None
    reply = post.thread_id is not None
    return Post(
        stream=event.stream,
        seq=event.seq,
        event_id=event.envelope.event_id,
        workspace_id=event.envelope.workspace_id or 0,
        channel_id=channel_id,
        kind=kind,
        channel_name=name,
        thread_id=None if post.thread_id is None else int(post.thread_id),
        position=event.thread_n if reply else event.count,
        top_level=not reply or post.also_in_channel,
        created_at=event.created_at,
        sender_id=int(post.sender_id),
        mentioned=frozenset(int(user_id) for user_id in post.mentioned)
        | workspaces.in_groups([int(group_id) for group_id in post.mentioned_groups]),
        everybody=post.mentions_all,
        parent_sender_id=None if post.parent_sender_id is None else int(post.parent_sender_id),
        text=content.text,
        plain=plain.of(content),
        deleted=deleted,
    )


def audience(post: Post, *, after: int, limit: int = CHUNK) -> list[int]:
    """User ids above `after`, ascending: everyone whom the policy must be asked about. Fewer than `limit`: the last."""
    if post.direct or post.everybody is not None:
        return conversations.members_after(post.channel_id, after=after, limit=limit)
    named = {*post.mentioned, *([post.parent_sender_id] if post.parent_sender_id is not None else [])}
    sources: list[list[int]] = [sorted(user_id for user_id in named if user_id > after)]
    if post.thread_id is not None:
        sources.append(messaging.followers_after(post.thread_id, after=after, limit=limit))
    sources.append(_listeners(post, after=after, limit=limit))
    return list(islice(dict.fromkeys(heapq.merge(*sources)), limit))


def _listeners(post: Post, *, after: int, limit: int) -> list[int]:
    """Who wants to hear of messages that name nobody."""
    everything = ChannelPreference.objects.filter(channel_id=post.channel_id, level=Level.ALL, user_id__gt=after)
    wide = Preference.objects.filter(
        workspace_id=post.workspace_id,
        wide=True,
        user_id__gt=after,
        user_id__in=conversations.member_ids(post.channel_id),
    )
    ids = [list(rows.order_by("user_id").values_list("user_id", flat=True)[:limit]) for rows in (everything, wide)]
    return sorted({*ids[0], *ids[1]})[:limit]


def listened(channels: dict[int, int]) -> set[int]:
    """Of channel id -> workspace id, those in which every message may concern somebody. Three queries."""
    found = {channel_id for channel_id, (kind, _) in conversations.named(channels).items() if kind in _DIRECT}
    found |= set(
        ChannelPreference.objects.filter(channel_id__in=channels, level=Level.ALL)
        .values_list("channel_id", flat=True)
        .distinct()
    )
    wide = set(
        Preference.objects.filter(workspace_id__in=set(channels.values()), wide=True)
        .values_list("workspace_id", flat=True)
        .distinct()
    )
    for channel_id, workspace_id in channels.items():
        if channel_id not in found and workspace_id in wide and _anyone_wide(channel_id, workspace_id):
            found.add(channel_id)
    return found


def _anyone_wide(channel_id: int, workspace_id: int) -> bool:
    rows = Preference.objects.filter(
        workspace_id=workspace_id, wide=True, user_id__in=conversations.member_ids(channel_id)
    )
    return rows.exists()
