"""Reads. `Member`s come with their `user` loaded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Value

from apps.accounts.models import BotToken
from apps.accounts.policies import require_person, require_scope
from apps.accounts.principal import Principal
from apps.accounts.queries import bot_tokens, status_of
from apps.accounts.tokens import digest
from apps.core import pagination
from apps.core.clock import now, to_ms
from apps.core.errors import ForbiddenError, NotFoundError
from apps.core.text import storable
from apps.eventlog import streams
from apps.workspaces import policies
from apps.workspaces.models import AuditEntry, Group, GroupMember, Invitation, Workspace
from apps.workspaces.models import Member as Member  # noqa: PLC0414 - other rooms take the type from here
from apps.workspaces.roles import Role

MAX_IDS = 1000
MAX_HANDLES = 100
QUERY_MAX = 80


def member(workspace_id: int, user_id: int) -> Member:
    """Raises NotFoundError unless active."""
    found = (
        Member.objects.select_related("user").filter(active=True, workspace_id=workspace_id, user_id=user_id).first()
    )
    if found is None:
        raise NotFoundError
    return found


def any_member(workspace_id: int, user_id: int) -> Member:
    """Also a deactivated one. Raises NotFoundError."""
    found = Member.objects.select_related("user").filter(workspace_id=workspace_id, user_id=user_id).first()
    if found is None:
        raise NotFoundError
    return found


def member_many(workspace_id: int, user_ids: Collection[int], *, active_only: bool = True) -> dict[int, Member]:
    """By user id; unknown ones are left out. At most MAX_IDS."""
    rows = Member.objects.select_related("user").filter(
        workspace_id=workspace_id, user_id__in=sorted(set(user_ids))[:MAX_IDS]
    )
    return {row.user_id: row for row in (rows.filter(active=True) if active_only else rows)}


def role_of(workspace_id: int, user_id: int) -> str | None:
    """None unless an active member. One narrow query."""
    return (
        Member.objects.filter(active=True, workspace_id=workspace_id, user_id=user_id)
        .values_list("role", flat=True)
        .first()
    )


def roles_of(user_id: int) -> dict[int, str]:
    """By workspace, those in which the user is active. One narrow query."""
    return dict(Member.objects.filter(active=True, user_id=user_id).values_list("workspace_id", "role"))


def active_among(workspace_ids: Collection[int], user_ids: Collection[int]) -> set[int]:
    """Those of the users who are active in one of the workspaces. At most MAX_IDS."""
    rows = Member.objects.filter(active=True, workspace_id__in=workspace_ids, user_id__in=list(user_ids)[:MAX_IDS])
    return set(rows.values_list("user_id", flat=True))


def people(workspace_id: int, user_ids: Collection[int]) -> dict[int, str]:
    """Roles of those who are active here and no bots. At most MAX_IDS."""
    rows = Member.objects.filter(
        active=True, workspace_id=workspace_id, user_id__in=list(user_ids)[:MAX_IDS], user__is_bot=False
    )
    return dict(rows.values_list("user_id", "role"))


def role_key(workspace_id: int, user_id: int) -> str:
    """The key of an active member's role among core's Facts; this room's actions call `changed` with it."""
    return f"role:{workspace_id}:{user_id}"


def load_roles(keys: Sequence[str]) -> Mapping[str, str]:
    """core.ports.Load for `role_key`s: who is no active member is left out."""
    wanted: dict[int, set[int]] = {}
    for key in keys:
        _, workspace_part, user_part = key.split(":")
        wanted.setdefault(int(workspace_part), set()).add(int(user_part))
    found: dict[str, str] = {}
    for workspace_id, user_ids in wanted.items():
        rows = Member.objects.filter(active=True, workspace_id=workspace_id, user_id__in=user_ids)
        found |= {role_key(workspace_id, user_id): role for user_id, role in rows.values_list("user_id", "role")}
    return found


def handles(workspace_id: int, names: Collection[str], *, active_only: bool = True) -> dict[str, int]:
    """Lower-case handle -> user id. At most MAX_HANDLES are looked up."""
    wanted = sorted({name.lower() for name in names})[:MAX_HANDLES]
    if not wanted:
        return {}
    rows = Member.objects.filter(workspace_id=workspace_id, handle__in=wanted)
    return dict((rows.filter(active=True) if active_only else rows).values_list("handle", "user_id"))


def named(workspace_id: int, names: Collection[str]) -> tuple[dict[str, int], dict[str, int]]:
    """By lower-case handle: active people, and groups that are not archived. One query, of at most MAX_HANDLES."""
    wanted = sorted({name.lower() for name in names})[:MAX_HANDLES]
    people = Member.objects.filter(workspace_id=workspace_id, handle__in=wanted, active=True)
    groups = Group.objects.filter(workspace_id=workspace_id, handle__in=wanted, archived=False)
    rows = people.values_list("handle", "user_id", Value(0)).union(groups.values_list("handle", "id", Value(1)))
    found: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for handle, bearer_id, kind in rows if wanted else ():
        found[kind][handle] = bearer_id
    return found


def in_groups(group_ids: Collection[int]) -> set[int]:
    """User ids. At most GROUP_MEMBERS_MAX a group."""
    if not group_ids:
        return set()
    return set(GroupMember.objects.filter(group_id__in=list(group_ids)[:MAX_HANDLES]).values_list("user_id", flat=True))


def group(workspace_id: int, group_id: int) -> Group:
    """Raises NotFoundError."""
    found = Group.objects.filter(workspace_id=workspace_id, id=group_id).first()
    if found is None:
        raise NotFoundError
    return found


def visible_groups(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[dict[str, Any]]:
    """By handle, presented. Raises NotFoundError, ForbiddenError for guests."""
    _require_directory(actor, workspace_id)
    rows = Group.objects.filter(workspace_id=workspace_id)
    page = pagination.page_by_text(rows, field="handle", key=lambda row: row.handle, cursor=cursor, limit=limit)
    of_page = GroupMember.objects.filter(group__in=[row.pk for row in page.results])
    mine = set(of_page.filter(user_id=actor.user_id).values_list("group_id", flat=True))
    counts = dict(of_page.values_list("group_id").annotate(Count("id")).order_by())
    found = [present_group(row, mine=row.pk in mine, count=counts.get(row.pk, 0)) for row in page.results]
    return pagination.Page(found, page.next_cursor)


def visible_group(*, actor: Principal, workspace_id: int, group_id: int) -> dict[str, Any]:
    """Raises NotFoundError, ForbiddenError for guests."""
    _require_directory(actor, workspace_id)
    found = group(workspace_id, group_id)
    return present_group(found, mine=GroupMember.objects.filter(group=found, user_id=actor.user_id).exists())


def people_of_group(
    *, actor: Principal, workspace_id: int, group_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[Member]:
    """By handle. Raises NotFoundError, ForbiddenError for guests."""
    _require_directory(actor, workspace_id)
    found = group(workspace_id, group_id)
    among = GroupMember.objects.filter(group=found).values("user_id")
    return members(workspace_id, among=among, active_only=True, cursor=cursor, limit=limit)


def _require_directory(actor: Principal, workspace_id: int) -> None:
    require_scope(actor, "members:read")
    role = role_of(workspace_id, actor.user_id)
    if role is None:
        raise NotFoundError
    if not policies.can_see_directory(role):
        raise ForbiddenError("Guests see the people of their channels only.")


def present_group(row: Group, *, mine: bool, count: int | None = None) -> dict[str, Any]:
    """Group of docs/protocol.md."""
    return {
        "id": str(row.pk),
        "handle": row.handle,
        "name": row.name,
        "description": row.description,
        "archived": row.archived,
        "member_count": GroupMember.objects.filter(group=row).count() if count is None else count,
        "created_at": to_ms(row.created_at),
        "mine": mine,
    }


def members(
    workspace_id: int,
    *,
    q: str = "",
    ids: Collection[int] | None = None,
    active_only: bool = False,
    among: "QuerySet[Any] | Collection[int] | None" = None,
    cursor: str | None = None,
    limit: int = 50,
) -> pagination.Page[Member]:
    """Everyone, or who matches `q` by handle or name, ordered by handle; of `ids`, and of `among`, when given."""
    rows = Member.objects.select_related("user").filter(workspace_id=workspace_id)
    if ids is not None:
        rows = rows.filter(user_id__in=ids)
    if among is not None:
        rows = rows.filter(user_id__in=among)
    if active_only:
        rows = rows.filter(active=True)
    words = q.strip().removeprefix("@")[:QUERY_MAX]
    if not storable(words):
        rows = rows.none()
    elif words:
        rows = rows.filter(Q(handle__startswith=words.lower()) | Q(user__name__icontains=words))
    return pagination.page_by_text(rows, field="handle", key=lambda row: row.handle, cursor=cursor, limit=limit)


def workspaces_of(user_id: int, *, cursor: str | None = None, limit: int = 50) -> pagination.Page[Member]:
    """The user's active memberships with `workspace` loaded, oldest workspace first."""
    rows = Member.objects.select_related("workspace", "user").filter(active=True, user_id=user_id)
    if cursor:
        rows = rows.filter(workspace_id__gt=pagination.decode(cursor, int)[0])
    found = list(rows.order_by("workspace_id")[: limit + 1])
    more = len(found) > limit
    return pagination.Page(found[:limit], pagination.encode(found[limit - 1].workspace_id) if more else None)


def membership(workspace_id: int, user_id: int) -> Member:
    """`member` with its `workspace` loaded. Raises NotFoundError."""
    rows = Member.objects.select_related("workspace", "user")
    found = rows.filter(active=True, workspace_id=workspace_id, user_id=user_id).first()
    if found is None:
        raise NotFoundError
    return found


def workspace(workspace_id: int) -> Workspace:
    """Raises NotFoundError."""
    found = Workspace.objects.filter(id=workspace_id).first()
    if found is None:
        raise NotFoundError
    return found


@dataclass(frozen=True)
class Preview:
    """What an invitation shows to whoever holds its link. `email` is the address that it is bound to."""

    invitation: Invitation
    workspace: Workspace
    inviter: str
    role: str
    email: str | None


DEAD_INVITATION = "This invitation is no longer valid. Ask for a new one."


def invitation_by_code(code: str) -> Invitation | None:
    """Dead ones too."""
    rows = Invitation.objects.select_related("workspace", "inviter")
    return rows.filter(code_hash=digest(code)).first()


def usable(invitation: Invitation) -> bool:
    """Alive, and its inviter could still make it today."""
    if invitation.revoked_at is not None or invitation.expires_at <= now() or invitation.uses >= invitation.max_uses:
        return False
    role = role_of(invitation.workspace_id, invitation.inviter_id)
    return role is not None and policies.can_grant(role, invitation.role)


def preview(code: str) -> Preview:
    """Raises NotFoundError for unknown, expired, revoked and used-up ones alike."""
    found = invitation_by_code(code)
    if found is None or not usable(found):
        raise NotFoundError(DEAD_INVITATION)
    return Preview(found, found.workspace, found.inviter.name, found.role, found.email)


def visible_invitations(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[Invitation]:
    """All for admins, one's own for others. Raises NotFoundError, ForbiddenError."""
    require_person(actor)
    role = member(workspace_id, actor.user_id).role
    inviter_id = None if policies.is_admin(role) else actor.user_id
    return invitations(workspace_id, inviter_id=inviter_id, cursor=cursor, limit=limit)


def visible_audit(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[AuditEntry]:
    """Raises NotFoundError, ForbiddenError."""
    require_person(actor)
    if not policies.can_see_audit(member(workspace_id, actor.user_id).role):
        raise ForbiddenError("Only admins see the audit log.")
    return audit(workspace_id, cursor=cursor, limit=limit)


def invitations(
    workspace_id: int, *, inviter_id: int | None = None, cursor: str | None = None, limit: int = 50
) -> pagination.Page[Invitation]:
    """Those that can still be used (as far as a query can tell), newest first; of one inviter when given."""
    rows = Invitation.objects.filter(workspace_id=workspace_id, revoked_at=None, expires_at__gt=now())
    if inviter_id is not None:
        rows = rows.filter(inviter_id=inviter_id)
    return _newest_first(rows, cursor=cursor, limit=limit)


def audit(workspace_id: int, *, cursor: str | None = None, limit: int = 50) -> pagination.Page[AuditEntry]:
    """Newest first."""
    return _newest_first(AuditEntry.objects.filter(workspace_id=workspace_id), cursor=cursor, limit=limit)


@dataclass(frozen=True)
class Counts:
    """Active people (`admins` and `guests` among them), active bots, deactivated members, usable invitations."""

    people: int
    admins: int
    guests: int
    bots: int
    deactivated: int
    invitations: int


def counts(workspace_id: int) -> Counts:
    person = Q(active=True, user__is_bot=False)
    found = Member.objects.filter(workspace_id=workspace_id).aggregate(
        people=Count("id", filter=person),
        admins=Count("id", filter=person & Q(role__in=[Role.OWNER, Role.ADMIN])),
        guests=Count("id", filter=person & Q(role=Role.GUEST)),
        bots=Count("id", filter=Q(active=True, user__is_bot=True)),
        deactivated=Count("id", filter=Q(active=False)),
    )
    live = Invitation.objects.filter(workspace_id=workspace_id, revoked_at=None, expires_at__gt=now())
    return Counts(**found, invitations=live.filter(uses__lt=F("max_uses")).count())


def bots(workspace_id: int, *, cursor: str | None = None, limit: int = 50) -> pagination.Page[Member]:
    rows = Member.objects.select_related("user").filter(active=True, workspace_id=workspace_id, user__is_bot=True)
    return pagination.page_by_text(rows, field="handle", key=lambda row: row.handle, cursor=cursor, limit=limit)


def visible_bots(
    *, actor: Principal, workspace_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[Member]:
    """Raises NotFoundError, ForbiddenError."""
    _require_bot_manager(actor, workspace_id)
    return bots(workspace_id, cursor=cursor, limit=limit)


def visible_bot_tokens(*, actor: Principal, workspace_id: int, user_id: int) -> Sequence[BotToken]:
    """The live tokens of a bot of this workspace, oldest first. Raises NotFoundError, ForbiddenError."""
    _require_bot_manager(actor, workspace_id)
    if not member(workspace_id, user_id).user.is_bot:
        raise NotFoundError
    return bot_tokens(user_id)


def _require_bot_manager(actor: Principal, workspace_id: int) -> None:
    require_person(actor)
    if not policies.can_manage_bots(member(workspace_id, actor.user_id).role):
        raise ForbiddenError("Only admins manage bots.")


def _newest_first(rows: QuerySet[Any], *, cursor: str | None, limit: int) -> pagination.Page[Any]:
    if cursor:
        rows = rows.filter(id__lt=pagination.decode(cursor, int)[0])
    found = list(rows.order_by("-id")[: limit + 1])
    more = len(found) > limit
    return pagination.Page(found[:limit], pagination.encode(found[limit - 1].pk) if more else None)


def present_member(row: Member) -> dict[str, Any]:
    """Member of docs/protocol.md."""
    return {
        "user_id": str(row.user_id),
        "name": row.user.name,
        "handle": row.handle,
        "role": row.role,
        "is_bot": row.user.is_bot,
        "active": row.active,
        "joined_at": to_ms(row.joined_at),
        "timezone": row.user.timezone,
        "status": status_of(row.user),
    }


def present_workspace(row: Member, *, seq: int | None) -> dict[str, Any]:
    """Workspace of docs/protocol.md as this member sees it; `seq` is the head of its stream, None when unknown now."""
    return {
        "id": str(row.workspace_id),
        "name": row.workspace.name,
        "slug": row.workspace.slug,
        "role": row.role,
        "emoji_by": row.workspace.emoji_by,
        "groups_by": row.workspace.groups_by,
        "created_at": to_ms(row.workspace.created_at),
        "stream": streams.workspace(row.workspace_id),
        "seq": seq,
    }


def present_invitation(row: Invitation) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "email": row.email,
        "role": row.role,
        "inviter_id": str(row.inviter_id),
        "created_at": to_ms(row.created_at),
        "expires_at": to_ms(row.expires_at),
        "uses": row.uses,
        "max_uses": row.max_uses,
    }


def present_audit(row: AuditEntry) -> dict[str, Any]:
    return {
        "id": str(row.pk),
        "actor_id": None if row.actor_id is None else str(row.actor_id),
        "action": row.action,
        "target": row.target,
        "detail": row.detail,
        "at": to_ms(row.at),
    }
