"""What others did that concerns somebody: mentions, followed threads, reactions; newest first, by pages."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core import ids, pagination, threads
from apps.core.errors import InvalidError
from apps.messaging import queries as messaging
from apps.messaging.ports import StoredMessage
from apps.messaging.present import MessageView
from apps.messaging.registry import store
from apps.messaging.targets import store_needed
from apps.reads import queries
from apps.reads.models import ChannelMention, Mention, ReactionNote, ThreadReplies
from apps.workspaces import queries as workspaces

LIMIT = 25
_AT_ONCE = 16


@dataclass(frozen=True)
class Happening:
    """kind: mention, thread or reaction. at: ms. unread: of a thread, how many replies; of a mention, 1 or 0."""

    kind: str
    at: int
    actor_id: int
    message: MessageView
    emoji: str | None = None
    unread: int | None = None


@dataclass(frozen=True)
class _Named:
    message_id: int
    channel_id: int
    scope_id: int
    n: int


async def activity(
    *, actor: Principal, workspace_id: int, kind: str = "mentions", cursor: str | None = None, limit: int = LIMIT
) -> pagination.Page[Happening]:
    """Only what the actor may see now, so a page can be shorter than asked.

    Raises NotFoundError, ForbiddenError, InvalidError, UnavailableError.
    """
    require_scope(actor, "messages:read")
    await threads.read(lambda: workspaces.member(workspace_id, actor.user_id))
    reading = _KINDS.get(kind)
    if reading is None:
        raise InvalidError(errors={"filter": [f"one of {', '.join(_KINDS)}"]})
    return await reading(actor, workspace_id, cursor, limit)


async def _mentions(actor: Principal, workspace_id: int, cursor: str | None, limit: int) -> pagination.Page[Happening]:
    before = pagination.decode(cursor, int)[0] if cursor else ids.MAX_ID

    def rows() -> list[_Named]:
        mine = [channel.id for channel in _channels(actor, workspace_id)]
        fields = ("message_id", "channel_id", "scope_id", "n")
        by_name = Mention.objects.filter(user_id=actor.user_id, workspace_id=workspace_id, message_id__lt=before)
        to_all = ChannelMention.objects.filter(channel_id__in=mine, message_id__lt=before).exclude(
            sender_id=actor.user_id
        )
        found = {
            row[0]: _Named(*row)
            for query in (by_name, to_all)
            for row in query.order_by("-message_id").values_list(*fields)[: limit + 1]
        }
        return sorted(found.values(), key=lambda named: -named.message_id)

    found = await threads.read(rows)
    page = found[:limit]
    messages = await _messages(actor, {named.message_id: named.channel_id for named in page})
    scopes = {named.scope_id for named in page}
    up_to = await threads.read(lambda: queries.read_places(actor.user_id, scopes))
    happened = [
        Happening(
            "mention",
            message.timestamp,
            int(message.sender_id),
            message,
            unread=int(named.n > up_to.get(named.scope_id, 0)),
        )
        for named in page
        if (message := messages.get(named.message_id)) is not None
    ]
    return pagination.Page(happened, pagination.encode(page[-1].message_id) if len(found) > limit else None)


async def _threads(actor: Principal, workspace_id: int, cursor: str | None, limit: int) -> pagination.Page[Happening]:
    page = await messaging.followed_threads(actor=actor, workspace_id=workspace_id, cursor=cursor, limit=limit)
    thread_ids = [int(thread.parent.message_id) for thread in page.results]

    def states() -> Mapping[int, queries.State]:
        return queries.thread_states(actor.user_id, list(ThreadReplies.objects.filter(thread_id__in=thread_ids)))

    found = await threads.read(states)
    happened = []
    for thread in page.results:
        parent, state = thread.parent, found.get(int(thread.parent.message_id))
        at = thread.last_reply_at or parent.timestamp
        unread = 0 if state is None else state.unread
        happened.append(Happening("thread", at, int(parent.sender_id), parent, unread=unread))
    return pagination.Page(happened, page.next_cursor)


async def _reactions(actor: Principal, workspace_id: int, cursor: str | None, limit: int) -> pagination.Page[Happening]:
    bound = pagination.decode(cursor, int, int) if cursor else None

    def rows() -> list[ReactionNote]:
        found = ReactionNote.objects.filter(user_id=actor.user_id, workspace_id=workspace_id)
        if bound is not None:
            found = found.filter(created_at__lt=bound[0]) | found.filter(created_at=bound[0], id__lt=bound[1])
        return list(found.order_by("-created_at", "-id")[: limit + 1])

    found = await threads.read(rows)
    page = found[:limit]
    messages = await _messages(actor, {note.message_id: note.channel_id for note in page})
    happened = [
        Happening("reaction", note.created_at, note.reactor_id, message, emoji=note.emoji)
        for note in page
        if (message := messages.get(note.message_id)) is not None
    ]
    more = len(found) > limit
    return pagination.Page(happened, pagination.encode(page[-1].created_at, page[-1].pk) if more else None)


def _channels(actor: Principal, workspace_id: int) -> Sequence[conversations.MyChannel]:
    return conversations.channels_of(actor=actor, workspace_id=workspace_id, after=0, limit=conversations.MAX_CHANNELS)


async def _messages(actor: Principal, channels: Mapping[int, int]) -> dict[int, MessageView]:
    """Those of the messages (id -> channel id) that stand and that the actor may see."""
    seen = await conversations.access_many(set(channels.values()), actor.user_id)
    wanted = [message_id for message_id, channel_id in channels.items() if channel_id in seen]
    found: list[StoredMessage] = []

    async def look(message_id: int) -> None:
        location = await store().locate(message_id)
        message = None if location is None else await store().message(location)
        if message is not None and message.deleted_at is None:
            found.append(message)

    with store_needed():
        for start in range(0, len(wanted), _AT_ONCE):
            await asyncio.gather(*(look(message_id) for message_id in wanted[start : start + _AT_ONCE]))
    return {int(view.message_id): view for view in await messaging.views(found)}


_Reading = Callable[[Principal, int, str | None, int], Awaitable[pagination.Page[Happening]]]
_KINDS: Mapping[str, _Reading] = {"mentions": _mentions, "threads": _threads, "reactions": _reactions}
