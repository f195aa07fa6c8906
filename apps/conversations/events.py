"""Events of channels and their members. docs/protocol.md says in which streams each one goes."""

from typing import ClassVar

from apps.eventlog.events import Event


class ChannelCreated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "channel.created"
    id: str
    workspace_id: str
    kind: str
    name: str | None
    topic: str
    purpose: str
    archived: bool
    creator_id: str | None
    created_at: int
    member_count: int
    member_ids: list[str] | None
    stream: str


class ChannelUpdated(Event, frozen=True, kw_only=True):
    """What it is now; `changed` names the fields that this change concerned."""

    type: ClassVar[str] = "channel.updated"
    channel_id: str
    name: str | None
    topic: str
    purpose: str
    changed: list[str] = []
    old_name: str | None = None
    posting: str = "everyone"


class ChannelArchived(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "channel.archived"
    channel_id: str


class ChannelUnarchived(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "channel.unarchived"
    channel_id: str


class MemberJoined(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "channel.member_joined"
    channel_id: str
    user_id: str
    by: str | None


class MemberLeft(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "channel.member_left"
    channel_id: str
    user_id: str
    by: str | None


class MembershipAdded(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "membership.added"
    channel_id: str
    workspace_id: str


class MembershipRemoved(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "membership.removed"
    channel_id: str
    workspace_id: str


EVENTS: dict[str, type[Event]] = {
    event.type: event
    for event in (
        ChannelCreated,
        ChannelUpdated,
        ChannelArchived,
        ChannelUnarchived,
        MemberJoined,
        MemberLeft,
        MembershipAdded,
        MembershipRemoved,
    )
}
