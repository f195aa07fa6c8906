"""How messages and events look in JSON (docs/protocol.md). Pure and fast; `contents.warm` must have run before."""

from collections.abc import Sequence
from typing import Any

import msgspec

from apps.eventlog import streams
from apps.eventlog.events import Sequenced
from apps.files.queries import links
from apps.messaging import contents
from apps.messaging.events import (
    FileFacts,
    Mention,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessagePosted,
    MessageUnpinned,
    Quote,
    ReactionAdded,
    ReactionRemoved,
    Target,
)
from apps.messaging.ports import StoredMessage, Version
from apps.messaging.projection import body

encode_json = msgspec.json.Encoder().encode


class MentionView(msgspec.Struct, frozen=True):
    kind: str
    handle: str
    user_id: str | None
    group_id: str | msgspec.UnsetType = msgspec.UNSET


class ReactionView(msgspec.Struct, frozen=True):
    emoji: str
    user_ids: list[str]


class FileView(msgspec.Struct, frozen=True):
    """`preview_url` and `thumb_url` are of images that were drawn anew, else None."""

    id: str
    name: str
    type: str
    size: int
    width: int
    height: int
    url: str
    preview_url: str | None
    thumb_url: str | None


class QuoteView(msgspec.Struct, frozen=True):
    message_id: str
    channel_id: str
    sender_id: str
    timestamp: int
    text: str
    html: str | None
    files: list[FileView]


class MessageView(msgspec.Struct, frozen=True, kw_only=True):
    """Message of docs/protocol.md."""

    message_id: str
    channel_id: str
    seq: int
    n: int
    sender_id: str
    type: str
    text: str
    html: str | None
    mentions: list[MentionView]
    files: list[FileView]
    timestamp: int
    client_msg_id: str | None
    thread_id: str | None
    thread_n: int
    also_in_channel: bool
    edited_at: int | None
    deleted: bool
    reactions: list[ReactionView]
    reply_count: int
    last_reply_at: int | None
    quote: QuoteView | msgspec.UnsetType = msgspec.UNSET


class EditView(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    channel_id: str
    thread_id: str | None
    also_in_channel: bool
    text: str
    html: str | None
    mentions: list[MentionView]
    edited_at: int


class DeletionView(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    channel_id: str
    thread_id: str | None
    also_in_channel: bool
    n: int
    thread_n: int
    sender_id: str | None


class ReactionChangeView(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    channel_id: str
    thread_id: str | None
    emoji: str
    user_id: str


class PinChangeView(msgspec.Struct, frozen=True, kw_only=True):
    message_id: str
    channel_id: str
    thread_id: str | None


class VersionView(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    html: str | None
    edited_at: int
    editor_id: str


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """The `event` frame."""

    t: str = "event"
    stream: str
    seq: int
    count: int
    type: str
    actor_id: str | None
    timestamp: int
    data: Any


def message_view(message: StoredMessage) -> MessageView:
    version = message.content
    content = contents.GONE
    if version is not None:
        content = contents.unseal(version.sealed, stream=streams.channel(message.channel_id), event_id=version.event_id)
    return MessageView(
        message_id=str(message.message_id),
        channel_id=str(message.channel_id),
        seq=message.seq,
        n=message.n,
        sender_id=str(message.sender_id),
        type=message.kind,
        text=content.text,
        html=content.html,
        mentions=[_mention(found) for found in content.mentions],
        files=[_file(found) for found in content.files],
        timestamp=message.created_at,
        client_msg_id=message.client_msg_id,
        thread_id=None if message.thread_id is None else str(message.thread_id),
        thread_n=message.thread_n,
        also_in_channel=message.also_in_channel,
        edited_at=version.created_at if version is not None and version.event_id != message.message_id else None,
        deleted=message.deleted_at is not None,
        reactions=_reactions(message.reactions),
        reply_count=message.reply_count,
        last_reply_at=message.last_reply_at or None,
        quote=msgspec.UNSET if content.quote is None else _quote(content.quote),
    )


def present_message(message: StoredMessage) -> dict[str, Any]:
    """Message of docs/protocol.md as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(message_view(message))
    return found


def version_view(channel_id: int, version: Version) -> VersionView:
    content = contents.unseal(version.sealed, stream=streams.channel(channel_id), event_id=version.event_id)
    return VersionView(
        text=content.text, html=content.html, edited_at=version.created_at, editor_id=str(version.editor_id)
    )


def present_event_bytes(event: Sequenced) -> bytes:
    """The whole `event` frame, encoded."""
    return encode_json(event_view(event))


def present_event(event: Sequenced) -> dict[str, Any]:
    """The `event` frame as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(event_view(event))
    return found


def event_view(event: Sequenced) -> EventView:
    envelope = event.envelope
    return EventView(
        stream=event.stream,
        seq=event.seq,
        count=event.count,
        type=envelope.type,
        actor_id=None if envelope.actor_id is None else str(envelope.actor_id),
        timestamp=event.created_at,
        data=_data(event),
    )


def stored_message(event: Sequenced) -> StoredMessage | None:
    """The row that a post makes, before anything happened to it. None for other events."""
    post = body(event)
    if not isinstance(post, MessagePosted):
        return None
    envelope = event.envelope
    sender_id = int(post.sender_id)
    return StoredMessage(
        channel_id=int(post.channel_id),
        message_id=envelope.event_id,
        sender_id=sender_id,
        kind=post.kind,
        seq=event.seq,
        n=event.count if envelope.counts else 0,
        created_at=event.created_at,
        bucket=event.bucket,
        client_msg_id=post.client_msg_id,
        thread_id=None if envelope.thread is None else envelope.thread[0],
        thread_n=event.thread_n,
        also_in_channel=post.also_in_channel,
        content=None
        if envelope.sealed is None
        else Version(envelope.event_id, event.created_at, sender_id, envelope.sealed),
        deleted_at=None,
        reactions=[],
        reply_count=0,
        last_reply_at=0,
    )


def _data(event: Sequenced) -> Any:
    change = body(event)
    match change:
        case MessagePosted():
            row = stored_message(event)
            return None if row is None else message_view(row)
        case MessageEdited(target=target):
            content = contents.unseal(event.envelope.sealed, stream=event.stream, event_id=event.envelope.event_id)
            return EditView(
                **_where(target),
                also_in_channel=target.also_in_channel,
                text=content.text,
                html=content.html,
                mentions=[_mention(found) for found in content.mentions],
                edited_at=event.created_at,
            )
        case MessageDeleted(target=target):
            return DeletionView(
                **_where(target),
                also_in_channel=target.also_in_channel,
                n=change.n,
                thread_n=change.thread_n,
                sender_id=change.sender_id,
            )
        case ReactionAdded(target=target) | ReactionRemoved(target=target):
            return ReactionChangeView(**_where(target), emoji=change.emoji, user_id=change.user_id)
        case MessagePinned(target=target) | MessageUnpinned(target=target):
            return PinChangeView(**_where(target))
    return _foreign(event)


def _foreign(event: Sequenced) -> Any:
    # another room's event: its body is what a client gets, ids are strings already
    try:
        return msgspec.msgpack.decode(event.envelope.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _mention(found: Mention) -> MentionView:
    return MentionView(found.kind, found.handle, found.user_id, found.group_id or msgspec.UNSET)


def _quote(copy: Quote) -> QuoteView:
    files = [_file(facts) for facts in copy.files]
    return QuoteView(copy.message_id, copy.channel_id, copy.sender_id, copy.timestamp, copy.text, copy.html, files)


def _file(facts: FileFacts) -> FileView:
    return FileView(
        facts.id,
        facts.name,
        facts.type,
        facts.size,
        facts.width,
        facts.height,
        **links(facts.id, facts.name, drawn=facts.width > 0),  # type: ignore[arg-type]  # url is never None
    )


def _where(target: Target) -> dict[str, Any]:
    return {"message_id": target.message_id, "channel_id": target.channel_id, "thread_id": target.thread_id}


def _reactions(added: Sequence[tuple[str, int]]) -> list[ReactionView]:
    if not added:
        return []
    users: dict[str, list[str]] = {}
    for emoji, user_id in added:
        users.setdefault(emoji, []).append(str(user_id))
    return [ReactionView(emoji, user_ids) for emoji, user_ids in users.items()]
