"""A channel's newest messages put together from its newest events, for when the store does not answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.eventlog.events import Sequenced
from apps.messaging.events import (
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from apps.messaging.ports import StoredMessage, Version
from apps.messaging.projection import body


@dataclass
class _Known:
    posted: MessagePosted
    event: Sequenced
    content: Version | None
    deleted_at: int | None = None
    reactions: dict[tuple[str, int], None] = field(default_factory=dict)
    replies: set[int] = field(default_factory=set)
    last_reply_at: int = 0


def messages(events: Sequence[Sequenced]) -> list[StoredMessage]:
    """Those that the channel shows, newest first. `events` follow each other in one channel's stream.

    What happened before them is not known: of a message in them everything is, but replies to older ones are nowhere.
    """
    known: dict[int, _Known] = {}
    for event in events:
        match body(event):
            case MessagePosted() as posted:
                _post(known, event, posted)
            case MessageEdited(target=target) if (found := known.get(int(target.message_id))) and found.content:
                found.content = _version(event)
            case MessageDeleted(target=target):
                _delete(known, int(target.message_id), event)
            case ReactionAdded(target=target, emoji=emoji, user_id=user) if found := known.get(int(target.message_id)):
                found.reactions.setdefault((emoji, int(user)))
            case ReactionRemoved(target=target, emoji=emoji, user_id=user) if found := known.get(
                int(target.message_id)
            ):
                found.reactions.pop((emoji, int(user)), None)
    shown = [one for one in known.values() if one.posted.thread_id is None or one.posted.also_in_channel]
    return [_stored(one) for one in reversed(shown)]


def _post(known: dict[int, _Known], event: Sequenced, posted: MessagePosted) -> None:
    message_id = int(posted.message_id)
    known[message_id] = _Known(posted, event, _version(event))
    parent = known.get(int(posted.thread_id)) if posted.thread_id else None
    if parent is not None:
        parent.replies.add(message_id)
        parent.last_reply_at = event.created_at


def _delete(known: dict[int, _Known], message_id: int, event: Sequenced) -> None:
    found = known.get(message_id)
    if found is None or found.deleted_at is not None:
        return
    found.content, found.deleted_at = None, event.created_at
    found.reactions.clear()
    parent = known.get(int(found.posted.thread_id)) if found.posted.thread_id else None
    if parent is not None:
        parent.replies.discard(message_id)


def _version(event: Sequenced) -> Version | None:
    sealed = event.envelope.sealed
    if sealed is None:
        return None
    return Version(event.envelope.event_id, event.created_at, event.envelope.actor_id or 0, sealed)


def _stored(one: _Known) -> StoredMessage:
    posted, event = one.posted, one.event
    return StoredMessage(
        channel_id=int(posted.channel_id),
        message_id=int(posted.message_id),
        sender_id=int(posted.sender_id),
        kind=posted.kind,
        seq=event.seq,
        n=event.count if event.envelope.counts else 0,
        created_at=event.created_at,
        bucket=event.bucket,
        client_msg_id=posted.client_msg_id,
        thread_id=None if posted.thread_id is None else int(posted.thread_id),
        thread_n=event.thread_n,
        also_in_channel=posted.also_in_channel,
        content=one.content,
        deleted_at=one.deleted_at,
        reactions=list(one.reactions),
        reply_count=len(one.replies),
        last_reply_at=one.last_reply_at if one.replies else 0,
    )
