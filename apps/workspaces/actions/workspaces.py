"""Workspaces are made and renamed."""

import secrets

from django.db import IntegrityError, transaction

from apps.accounts import limits
from apps.accounts.models import User
from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, InvalidError
from apps.core.text import clean_line
from apps.eventlog import outbox, streams
from apps.workspaces import audit, events, handles, keys, policies, queries
from apps.workspaces.actions.joining import add_member, require_room_for_another
from apps.workspaces.actions.standing import acting, require
from apps.workspaces.models import Member, Workspace
from apps.workspaces.roles import Role, Who
from apps.workspaces.sizes import NAME_MAX

CREATE_LIMIT = limits.Limit("workspace-create", burst=20, per_minute=0.5)
_SLUG_CHARS = 40
_TRIES = 5


def clean_workspace_name(value: str) -> str:
    return clean_line(value, field="name", max_chars=NAME_MAX)


def create_workspace(*, actor: Principal, name: str) -> Member:
    """The creator's membership with `workspace` loaded. Raises InvalidError, ConflictError, ForbiddenError."""
    require_person(actor)
    limits.spend(CREATE_LIMIT, actor.user_id)
    cleaned = clean_workspace_name(name)
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=actor.user_id)
        require_room_for_another(user.pk)
        workspace = _insert(cleaned, user)
        keys.make_data_key(workspace.pk)
        member = add_member(workspace=workspace, user=user, role=Role.OWNER, actor_id=user.pk)
        audit.record(workspace_id=workspace.pk, actor_id=user.pk, action="workspace.created", name=cleaned)
    return member


def _insert(name: str, creator: User) -> Workspace:
    base = handles.ascii_words(name, joint="-").replace(".", "-").replace("_", "-")[:_SLUG_CHARS].strip("-") or "team"
    slug = base
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return Workspace.objects.create(name=name, slug=slug, creator=creator)
        except IntegrityError:
            slug = f"{base}-{secrets.token_hex(4)}"
    raise ConflictError("No free address was found for this name.")


def rename_workspace(*, actor: Principal, workspace_id: int, name: str) -> Member:
    """The actor's membership with `workspace` loaded. Raises InvalidError, NotFoundError, ForbiddenError."""
    cleaned = clean_workspace_name(name)
    with acting(actor, workspace_id) as me:
        require(policies.can_rename_workspace(me.role))
        workspace = me.workspace
        if workspace.name != cleaned:
            old, workspace.name = workspace.name, cleaned
            workspace.save(update_fields=["name"])
            audit.record(
                workspace_id=workspace_id, actor_id=actor.user_id, action="workspace.renamed", old=old, new=cleaned
            )
            _tell(workspace, actor)
    return me


def change_policies(
    *, actor: Principal, workspace_id: int, emoji_by: str | None = None, groups_by: str | None = None
) -> Member:
    """Who may add emoji, and make groups: `members` or `admins`; None stays. Raises as rename_workspace."""
    wanted = {"emoji_by": emoji_by, "groups_by": groups_by}
    for field, who in wanted.items():
        if who is not None and who not in Who.values:
            raise InvalidError(errors={field: ["One of members, admins."]})
    with acting(actor, workspace_id) as me:
        require(policies.can_rename_workspace(me.role))
        workspace = me.workspace
        changed = {field: who for field, who in wanted.items() if who not in {None, getattr(workspace, field)}}
        if changed:
            for field, who in changed.items():
                setattr(workspace, field, who)
            workspace.save(update_fields=list(changed))
            audit.record(
                workspace_id=workspace_id, actor_id=actor.user_id, action="workspace.policies_changed", **changed
            )
            _tell(workspace, actor)
    return me


def update_workspace(
    *,
    actor: Principal,
    workspace_id: int,
    name: str | None = None,
    emoji_by: str | None = None,
    groups_by: str | None = None,
) -> Member:
    """Several changes, all of them or none. Raises as each of them."""
    with transaction.atomic():
        if name is not None:
            rename_workspace(actor=actor, workspace_id=workspace_id, name=name)
        if emoji_by is not None or groups_by is not None:
            change_policies(actor=actor, workspace_id=workspace_id, emoji_by=emoji_by, groups_by=groups_by)
        return queries.membership(workspace_id, actor.user_id)


def _tell(workspace: Workspace, actor: Principal) -> None:
    outbox.enqueue(
        stream=streams.workspace(workspace.pk),
        event=events.WorkspaceUpdated(
            workspace_id=str(workspace.pk),
            name=workspace.name,
            emoji_by=workspace.emoji_by,
            groups_by=workspace.groups_by,
        ),
        actor_id=actor.user_id,
        workspace_id=workspace.pk,
    )
