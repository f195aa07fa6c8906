"""Events of a workspace's life; docs/protocol.md says in which stream each goes."""

from typing import ClassVar

from apps.accounts.queries import Status, status_of
from apps.core.clock import to_ms
from apps.eventlog.events import Event
from apps.workspaces.models import Member


class WorkspaceUpdated(Event, frozen=True, kw_only=True):
    type: ClassVar[str] = "workspace.updated"
    workspace_id: str
    name: str
    emoji_by: str = "members"
    groups_by: str = "admins"


class GroupChanged(Event, frozen=True, kw_only=True):
    """Group of docs/protocol.md without `mine`, and who came and went."""

    type: ClassVar[str] = "group.changed"
    workspace_id: str
    id: str
    handle: str
    name: str
    description: str
    archived: bool
    member_count: int
    created_at: int
    added: list[str] = []
    removed: list[str] = []


class _MemberEvent(Event, frozen=True, kw_only=True):
    """Member of docs/protocol.md, and where."""

    workspace_id: str
    user_id: str
    name: str
    handle: str
    role: str
    is_bot: bool
    active: bool
    joined_at: int
    timezone: str = ""
    status: Status | None = None


class MemberJoined(_MemberEvent, frozen=True, kw_only=True):
    type: ClassVar[str] = "workspace.member_joined"


class MemberUpdated(_MemberEvent, frozen=True, kw_only=True):
    """Also when a member was deactivated (`active` false) or came back."""

    type: ClassVar[str] = "workspace.member_updated"


class WorkspaceJoined(Event, frozen=True, kw_only=True):
    """To the user: there is a workspace to show."""

    type: ClassVar[str] = "workspace.joined"
    audience: ClassVar[str] = "user"
    workspace_id: str


class WorkspaceLeft(Event, frozen=True, kw_only=True):
    """To the user: every right in this workspace is gone."""

    type: ClassVar[str] = "workspace.left"
    audience: ClassVar[str] = "user"
    workspace_id: str


EVENTS: dict[str, type[Event]] = {
    event.type: event
    for event in (WorkspaceUpdated, GroupChanged, MemberJoined, MemberUpdated, WorkspaceJoined, WorkspaceLeft)
}


def of_member(kind: type[MemberJoined] | type[MemberUpdated], member: Member) -> MemberJoined | MemberUpdated:
    """`member.user` is loaded."""
    return kind(
        workspace_id=str(member.workspace_id),
        user_id=str(member.user_id),
        name=member.user.name,
        handle=member.handle,
        role=member.role,
        is_bot=member.user.is_bot,
        active=member.active,
        joined_at=to_ms(member.joined_at),
        timezone=member.user.timezone,
        status=status_of(member.user),
    )
