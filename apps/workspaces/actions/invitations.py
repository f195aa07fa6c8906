"""Invitations: a link, for anybody who has it or for one address."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F

from apps.accounts import limits
from apps.accounts.actions.people import clean_email
from apps.accounts.models import User
from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.accounts.tokens import digest
from apps.core.clock import now
from apps.core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from apps.workspaces import audit, policies, queries, tasks
from apps.workspaces.actions.joining import add_member, require_room_for_another
from apps.workspaces.actions.standing import acting, lock, require
from apps.workspaces.models import Invitation, Member
from apps.workspaces.roles import Role

DEFAULT_LIFETIME = timedelta(days=14)
MIN_LIFETIME = timedelta(minutes=1)
MAX_LIFETIME = timedelta(days=60)
DEFAULT_USES = 100
MAX_USES = 10_000
MAX_LIVE = 1_000
MAIL_LIMIT = limits.Limit("invite-mail", burst=50, per_minute=2)


@dataclass(frozen=True)
class NewInvitation:
    """`code` and `url` are known only now: what is stored is a hash."""

    invitation: Invitation
    code: str
    url: str


def create_invite(
    *,
    actor: Principal,
    workspace_id: int,
    email: str | None = None,
    role: str = Role.MEMBER,
    max_uses: int | None = None,
    expires_in: int | None = None,
) -> NewInvitation:
    """`expires_in` in seconds. With an `email` it is good for one use, and a letter goes out.

    Raises InvalidError, NotFoundError, ForbiddenError, ConflictError, RateLimitedError.
    """
    address, wanted, uses, lifetime = _checked(email, role, max_uses, expires_in)
    if address is not None:
        limits.spend(MAIL_LIMIT, actor.user_id)
    code = secrets.token_urlsafe(24)
    with acting(actor, workspace_id) as me:
        require(policies.can_grant(me.role, wanted), "Your role does not allow this invitation.")
        if Member.objects.filter(workspace_id=workspace_id, user__email=address or "", active=True).exists():
            raise ConflictError("This person is a member already.")
        live = Invitation.objects.filter(workspace_id=workspace_id, revoked_at=None, expires_at__gt=now())
        if live.filter(uses__lt=F("max_uses")).count() >= MAX_LIVE:
            raise ConflictError(f"A workspace has at most {MAX_LIVE} open invitations. Revoke some first.")
        invitation = Invitation.objects.create(
            workspace=me.workspace,
            inviter_id=actor.user_id,
            code_hash=digest(code),
            email=address,
            role=wanted,
            max_uses=uses,
            expires_at=now() + lifetime,
        )
        audit.record(
            workspace_id=workspace_id,
            actor_id=actor.user_id,
            action="invitation.created",
            target=f"invitation:{invitation.pk}",
            email=address,
            role=wanted,
            max_uses=uses,
        )
        if address is not None:
            # The code is in no table, so it travels with the task; a letter that fails leaves the link on the screen.
            transaction.on_commit(lambda: tasks.send_invitation.delay(str(invitation.pk), code), robust=True)
    return NewInvitation(invitation, code, invitation_url(code))


def invitation_url(code: str) -> str:
    return f"{settings.PUBLIC_URL}/invite/{code}"


def _checked(
    email: str | None, role: str, max_uses: int | None, expires_in: int | None
) -> tuple[str | None, Role, int, timedelta]:
    if role not in Role.values:
        raise InvalidError(errors={"role": ["One of owner, admin, member, guest."]})
    address = clean_email(email) if email is not None else None
    uses = 1 if address is not None else DEFAULT_USES if max_uses is None else max_uses
    if not 1 <= uses <= MAX_USES:
        raise InvalidError(errors={"max_uses": [f"From 1 to {MAX_USES}."]})
    low, high = int(MIN_LIFETIME.total_seconds()), int(MAX_LIFETIME.total_seconds())
    if expires_in is not None and not low <= expires_in <= high:
        raise InvalidError(errors={"expires_in": [f"From {low} to {high} seconds."]})
    return address, Role(role), uses, DEFAULT_LIFETIME if expires_in is None else timedelta(seconds=expires_in)


def revoke_invite(*, actor: Principal, workspace_id: int, invitation_id: int) -> None:
    """Raises NotFoundError when there is none that the actor may see."""
    with acting(actor, workspace_id) as me:
        found = Invitation.objects.filter(id=invitation_id, workspace_id=workspace_id, revoked_at=None).first()
        if found is None or not policies.can_revoke_invitation(me.role, own=found.inviter_id == actor.user_id):
            raise NotFoundError
        Invitation.objects.filter(id=found.pk).update(revoked_at=now())
        audit.record(
            workspace_id=workspace_id,
            actor_id=actor.user_id,
            action="invitation.revoked",
            target=f"invitation:{found.pk}",
        )


class Accepted(NamedTuple):
    """`member` has its `workspace` loaded. `new` is False for who was a member already: it cost no use."""

    member: Member
    new: bool


def accept_invite(*, actor: Principal, code: str) -> Accepted:
    """Idempotent.

    Raises NotFoundError for every dead link, ForbiddenError for another's address and for who was deactivated here.
    """
    require_person(actor)
    found = queries.invitation_by_code(code)
    if found is None:
        raise NotFoundError(queries.DEAD_INVITATION)
    workspace_id = found.workspace_id
    with transaction.atomic():
        user = User.objects.select_for_update().get(id=actor.user_id)
        lock(workspace_id)
        rows = Member.objects.select_related("workspace", "user")
        present = rows.filter(workspace_id=workspace_id, user_id=user.pk).first()
        if present is not None:
            if not present.active:
                raise ForbiddenError("Your account in this workspace was deactivated. Ask an admin.")
            return Accepted(present, new=False)
        invitation = Invitation.objects.select_related("workspace").get(id=found.pk)
        if not queries.usable(invitation):
            raise NotFoundError(queries.DEAD_INVITATION)
        if invitation.email is not None and invitation.email != user.email:
            raise ForbiddenError("This invitation is for another e-mail address.")
        require_room_for_another(user.pk)
        Invitation.objects.filter(id=invitation.pk).update(uses=F("uses") + 1)
        member = add_member(workspace=invitation.workspace, user=user, role=invitation.role, actor_id=user.pk)
        audit.record(
            workspace_id=workspace_id,
            actor_id=user.pk,
            action="member.joined",
            target=f"member:{user.pk}",
            role=invitation.role,
            invitation_id=str(invitation.pk),
        )
    return Accepted(member, new=True)
