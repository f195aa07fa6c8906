"""Members change: role, handle, name, whether they are active."""

from django.db import IntegrityError, transaction

from apps.accounts.actions import change_locale, mark_toured, revoke_bot_tokens
from apps.accounts.actions import change_name as change_account_name
from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, InvalidError
from apps.workspaces import audit, events, handles, policies, queries
from apps.workspaces.actions.joining import announce, tell_user
from apps.workspaces.actions.standing import acting, require
from apps.workspaces.models import Group, Member
from apps.workspaces.roles import Role


def change_role(*, actor: Principal, workspace_id: int, user_id: int, role: str) -> Member:
    """Raises InvalidError, NotFoundError, ForbiddenError, ConflictError for the last owner."""
    if role not in Role.values:
        raise InvalidError(errors={"role": ["One of owner, admin, member, guest."]})
    with acting(actor, workspace_id) as me:
        target = queries.member(workspace_id, user_id)
        require(policies.can_change_role(me.role, old=target.role, new=role))
        if target.user.is_bot and role not in policies.BOT_ROLES:
            raise InvalidError(errors={"role": ["A bot is a member or a guest."]})
        if target.role == role:
            return target
        _keep_an_owner(target)
        old, target.role = target.role, role
        target.save(update_fields=["role"])
        _audit(actor, target, "member.role_changed", old=old, new=role)
        announce(target, events.MemberUpdated, actor_id=actor.user_id)
    return target


def change_handle(*, actor: Principal, workspace_id: int, user_id: int, handle: str) -> Member:
    """One's own, or anybody's for those who manage members. Raises as change_role, ConflictError when taken."""
    cleaned = handles.clean_handle(handle)
    with acting(actor, workspace_id) as me:
        own = user_id == actor.user_id
        # Who may not manage people must not learn here who exists.
        require(own or policies.can_manage_members(me.role))
        target = queries.any_member(workspace_id, user_id)
        require(policies.can_change_handle(me.role, target.role, own=own))
        if target.handle == cleaned:
            return target
        old, target.handle = target.handle, cleaned
        try:
            with transaction.atomic():
                if Group.objects.filter(workspace_id=workspace_id, handle=cleaned).exists():
                    raise IntegrityError  # noqa: TRY301 - as a person's would
                target.save(update_fields=["handle"])
        except IntegrityError as error:
            text = "Somebody here has this handle already."
            raise ConflictError(text, errors={"handle": [text]}) from error
        _audit(actor, target, "member.handle_changed", old=old, new=cleaned)
        announce(target, events.MemberUpdated, actor_id=actor.user_id)
    return target


def deactivate_member(*, actor: Principal, workspace_id: int, user_id: int) -> Member:
    """Every right here ends; memberships of channels stay for a return. Idempotent. Raises as change_role."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_members(me.role))
        target = queries.any_member(workspace_id, user_id)
        require(policies.can_touch(me.role, target.role))
        if not target.active:
            return target
        _keep_an_owner(target)
        target.active = False
        target.save(update_fields=["active"])
        if target.user.is_bot:
            revoke_bot_tokens(user_id=user_id)
        _audit(actor, target, "member.deactivated")
        announce(target, events.MemberUpdated, actor_id=actor.user_id)
        tell_user(target, events.WorkspaceLeft, actor_id=actor.user_id)
    return target


def reactivate_member(*, actor: Principal, workspace_id: int, user_id: int) -> Member:
    """Back with the role and the channels of before. Idempotent. Raises as change_role."""
    with acting(actor, workspace_id) as me:
        require(policies.can_manage_members(me.role))
        target = queries.any_member(workspace_id, user_id)
        require(policies.can_touch(me.role, target.role))
        if target.active:
            return target
        if not target.user.is_active:
            raise ConflictError("This account was closed for good.")
        target.active = True
        target.save(update_fields=["active"])
        _audit(actor, target, "member.reactivated")
        announce(target, events.MemberUpdated, actor_id=actor.user_id)
        tell_user(target, events.WorkspaceJoined, actor_id=actor.user_id)
    return target


def update_member(
    *,
    actor: Principal,
    workspace_id: int,
    user_id: int,
    role: str | None = None,
    active: bool | None = None,
    handle: str | None = None,
) -> Member:
    """Several changes, all of them or none. Raises as each of them."""
    with transaction.atomic():
        queries.member(workspace_id, actor.user_id)
        if handle is not None:
            change_handle(actor=actor, workspace_id=workspace_id, user_id=user_id, handle=handle)
        if active is True:
            reactivate_member(actor=actor, workspace_id=workspace_id, user_id=user_id)
        if role is not None:
            change_role(actor=actor, workspace_id=workspace_id, user_id=user_id, role=role)
        if active is False:
            deactivate_member(actor=actor, workspace_id=workspace_id, user_id=user_id)
        return queries.any_member(workspace_id, user_id)


def change_name(*, actor: Principal, name: str) -> User:
    """The account's name, told in every workspace that the person is in. Raises InvalidError, ForbiddenError."""
    with transaction.atomic():
        user = change_account_name(actor=actor, name=name)
        rows = Member.objects.select_related("user").filter(user_id=actor.user_id, active=True)
        for member in rows.order_by("workspace_id"):
            announce(member, events.MemberUpdated, actor_id=actor.user_id)
    return user


def update_profile(
    *,
    actor: Principal,
    name: str | None = None,
    language: str | None = None,
    language_automatic: bool | None = None,
    timezone: str | None = None,
    timezone_automatic: bool | None = None,
    toured: bool | None = None,
) -> User:
    """Several changes of one's own account, all of them or none. Raises InvalidError, ForbiddenError."""
    place = (language, language_automatic, timezone, timezone_automatic)
    with transaction.atomic():
        user = (
            change_locale(
                actor=actor,
                language=language,
                language_automatic=language_automatic,
                timezone=timezone,
                timezone_automatic=timezone_automatic,
            )
            if any(value is not None for value in place)
            else None
        )
        if toured is not None:
            user = mark_toured(actor=actor, toured=toured)
        if name is not None or user is None:
            user = change_name(actor=actor, name=name or "")
    return user


def _keep_an_owner(target: Member) -> None:
    if target.role != Role.OWNER:
        return
    others = Member.objects.filter(workspace_id=target.workspace_id, role=Role.OWNER, active=True).exclude(
        user_id=target.user_id
    )
    if not others.exists():
        raise ConflictError("A workspace keeps at least one owner. Make somebody else an owner first.")


def _audit(actor: Principal, target: Member, action: str, **detail: str) -> None:
    audit.record(
        workspace_id=target.workspace_id,
        actor_id=actor.user_id,
        action=action,
        target=f"member:{target.user_id}",
        **detail,
    )
