"""Events of a message's life, all in the stream of its channel."""

from typing import ClassVar

import msgspec

from apps.eventlog.events import Event


class Mention(msgspec.Struct, frozen=True):
    """A mention found in the text at the post. `kind`: user, group, channel or here. `handle` is as written, no @."""

    kind: str
    handle: str
    user_id: str | None = None
    group_id: str | None = None


class FileFacts(msgspec.Struct, frozen=True):
    """A file as it was when the message was posted; it never changes. `width` is 0 where there is no preview."""

    id: str
    name: str
    type: str
    size: int
    width: int = 0
    height: int = 0


class Quote(msgspec.Struct, frozen=True):
    """A forwarded message as it was then: a copy, since not all who read it here can follow the link.

    `files` are its files, which whoever may read this one may read.
    """

    message_id: str
    channel_id: str
    sender_id: str
    timestamp: int
    text: str
    html: str | None = None
    files: list[FileFacts] = []


class Content(msgspec.Struct, frozen=True):
    """What is sealed. `html` is the rendered text, absent when it would say no more than the escaped text."""

    text: str
    html: str | None = None
    mentions: list[Mention] = []
    quote: Quote | None = None
    files: list[FileFacts] = []


class MessagePosted(Event, frozen=True, kw_only=True):
    """Envelope.event_id is the message id, Envelope.actor_id the sender; the content is sealed.

    kind is the `type` of the wire ("text"). also_in_channel: a reply that is shown in the channel as well.
    Whom it concerns is in clear, so that follow-up work needs no key: mentioned are user ids, mentioned_groups those of
    groups (who must know who is in them looks it up), mentions_all is "channel", "here" or None, parent_sender_id is
    the author of the message that a reply answers, file_ids are those of its content, forwarded_file_ids those of its
    quote.
    """

    type: ClassVar[str] = "message.posted"
    channel_id: str
    message_id: str
    sender_id: str
    kind: str = "text"
    client_msg_id: str | None = None
    thread_id: str | None = None
    also_in_channel: bool = False
    mentioned: list[str] = []
    mentions_all: str | None = None
    mentioned_groups: list[str] = []
    parent_sender_id: str | None = None
    file_ids: list[str] = []
    forwarded_file_ids: list[str] = []


class Target(msgspec.Struct, frozen=True):
    """Where the message that an event changes lies in the store, so that the sequencer needs no look-up."""

    channel_id: str
    message_id: str
    bucket: str
    created_at: int
    seq: int
    thread_id: str | None = None
    parent: tuple[int, str, int, int] | None = None
    also_in_channel: bool = False


class MessageEdited(Event, frozen=True, kw_only=True):
    """The new content is sealed."""

    type: ClassVar[str] = "message.edited"
    target: Target


class MessageDeleted(Event, frozen=True, kw_only=True):
    """n, thread_n and sender_id are the message's, so that who counts unread messages can count it out."""

    type: ClassVar[str] = "message.deleted"
    target: Target
    n: int = 0
    thread_n: int = 0
    sender_id: str | None = None


class ReactionAdded(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "reaction.added"
    target: Target
    emoji: str
    user_id: str


class ReactionRemoved(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "reaction.removed"
    target: Target
    emoji: str
    user_id: str


class MessagePinned(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "message.pinned"
    target: Target


class MessageUnpinned(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "message.unpinned"
    target: Target


EVENTS: dict[str, type[Event]] = {
    event.type: event
    for event in (
        MessagePosted,
        MessageEdited,
        MessageDeleted,
        ReactionAdded,
        ReactionRemoved,
        MessagePinned,
        MessageUnpinned,
    )
}
