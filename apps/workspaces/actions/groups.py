"""Groups: made, changed, archived; who is in them."""

from collections.abc import Collection

from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, InvalidError
from apps.core.text import clean_line
from apps.eventlog import outbox, streams
from apps.workspaces import audit, events, handles, policies, queries
from apps.workspaces.actions.standing import acting, require
from apps.workspaces.models import Group, GroupMember, Member
from apps.workspaces.sizes import DESCRIPTION_MAX, GROUP_MEMBERS_MAX, GROUPS_MAX, NAME_MAX


def create_group(
    *,
    actor: Principal,
    workspace_id: int,
    handle: str,
    name: str,
    description: str = "",
    user_ids: Collection[int] = (),
) -> Group:
    """Raises InvalidError, ConflictError, NotFoundError, ForbiddenError."""
    cleaned = handles.clean_handle(handle)
    group = Group(
        workspace_id=workspace_id,
        handle=cleaned,
        name=clean_line(name, field="name", max_chars=NAME_MAX),
        description=_description(description),
        creator_id=actor.user_id,
    )
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_groups(me.role, who=me.workspace.groups_by))
        if Group.objects.filter(workspace_id=workspace_id).count() >= GROUPS_MAX:
            raise ConflictError(f"A workspace has at most {GROUPS_MAX} groups.")
        _require_free(workspace_id, cleaned)
        group.save(force_insert=True)
        added = _add(group, user_ids)
        _tell(group, actor, "group.created", added=added)
    return group


def update_group(
    *,
    actor: Principal,
    workspace_id: int,
    group_id: int,
    handle: str | None = None,
    name: str | None = None,
    description: str | None = None,
    archived: bool | None = None,
) -> Group:
    """What is None stays. Raises as create_group."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_groups(me.role, who=me.workspace.groups_by))
        group = queries.group(workspace_id, group_id)
        before = (group.handle, group.name, group.description, group.archived)
        if handle is not None and (cleaned := handles.clean_handle(handle)) != group.handle:
            _require_free(workspace_id, cleaned)
            group.handle = cleaned
        if name is not None:
            group.name = clean_line(name, field="name", max_chars=NAME_MAX)
        if description is not None:
            group.description = _description(description)
        if archived is not None:
            group.archived = archived
        if (group.handle, group.name, group.description, group.archived) != before:
            group.save(update_fields=["handle", "name", "description", "archived"])
            _tell(group, actor, "group.changed")
    return group


def add_to_group(*, actor: Principal, workspace_id: int, group_id: int, user_ids: Collection[int]) -> Group:
    """Who is in it already stays. Raises as create_group."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_groups(me.role, who=me.workspace.groups_by))
        group = queries.group(workspace_id, group_id)
        if added := _add(group, user_ids):
            _tell(group, actor, "group.changed", added=added)
    return group


def remove_from_group(*, actor: Principal, workspace_id: int, group_id: int, user_id: int) -> None:
    """Anybody may leave. Raises NotFoundError, ForbiddenError."""
    with acting(actor, workspace_id) as me:
        group = queries.group(workspace_id, group_id)
        require(user_id == actor.user_id or policies.can_manage_groups(me.role, who=me.workspace.groups_by))
        gone, _ = GroupMember.objects.filter(group=group, user_id=user_id).delete()
        if gone:
            _tell(group, actor, "group.changed", removed=[user_id])


def _add(group: Group, user_ids: Collection[int]) -> list[int]:
    wanted = set(user_ids)
    if len(wanted) > GROUP_MEMBERS_MAX:
        raise InvalidError(errors={"user_ids": [f"At most {GROUP_MEMBERS_MAX}."]})
    active = Member.objects.filter(workspace_id=group.workspace_id, active=True, user_id__in=wanted, user__is_bot=False)
    if len(known := set(active.values_list("user_id", flat=True))) != len(wanted):
        raise InvalidError(errors={"user_ids": ["Not all of them are people of this workspace."]})
    there = set(GroupMember.objects.filter(group=group).values_list("user_id", flat=True))
    if len(there | known) > GROUP_MEMBERS_MAX:
        raise ConflictError(f"A group has at most {GROUP_MEMBERS_MAX} people.")
    added = sorted(known - there)
    GroupMember.objects.bulk_create([GroupMember(group=group, user_id=user_id) for user_id in added])
    return added


def _require_free(workspace_id: int, handle: str) -> None:
    taken = (
        Member.objects.filter(workspace_id=workspace_id, handle=handle).exists()
        or Group.objects.filter(workspace_id=workspace_id, handle=handle).exists()
    )
    if taken:
        text = "Somebody or some group here has this handle already."
        raise ConflictError(text, errors={"handle": [text]})


def _description(value: str) -> str:
    return clean_line(value, field="description", max_chars=DESCRIPTION_MAX) if value.strip() else ""


def _tell(
    group: Group, actor: Principal, action: str, *, added: Collection[int] = (), removed: Collection[int] = ()
) -> None:
    audit.record(
        workspace_id=group.workspace_id,
        actor_id=actor.user_id,
        action=action,
        target=f"@{group.handle}",
        added=[str(user_id) for user_id in added],
        removed=[str(user_id) for user_id in removed],
    )
    seen = queries.present_group(group, mine=False)
    del seen["mine"]
    outbox.enqueue(
        stream=streams.workspace(group.workspace_id),
        event=events.GroupChanged(
            workspace_id=str(group.workspace_id),
            **seen,
            added=[str(user_id) for user_id in added],
            removed=[str(user_id) for user_id in removed],
        ),
        actor_id=actor.user_id,
        workspace_id=group.workspace_id,
    )
