"""Joining, leaving, adding, removing."""

from collections.abc import Collection

from django.db import transaction

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations.actions import change
from apps.conversations.models import Channel, Membership
from apps.conversations.queries import access_now
from apps.core.errors import InvalidError, NotFoundError


def join_channel(*, actor: Principal, channel_id: int) -> Channel:
    """Idempotent."""
    require_scope(actor, "channels:manage")
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        if not access.is_member:
            policies.require(policies.can_join(access), access, "Somebody in this channel has to add you.")
            change.add(channel, [actor.user_id], actor_id=actor.user_id)
    return channel


def leave_channel(*, actor: Principal, channel_id: int) -> None:
    """Idempotent for who sees the channel."""
    require_scope(actor, "channels:manage")
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        if not access.is_member:
            policies.require(policies.can_see(access), access, "")
            return
        why = "Everyone stays in this channel." if access.is_general else "A direct message can't be left."
        policies.require(policies.can_leave(access), access, why)
        change.remove(channel, actor.user_id, actor_id=actor.user_id)


def add_members(*, actor: Principal, channel_id: int, user_ids: Collection[int]) -> tuple[Channel, list[int]]:
    """At most change.MAX_USERS people; answers those that were not in it before."""
    require_scope(actor, "channels:manage")
    if not user_ids:
        raise InvalidError(errors={"user_ids": ["at least one person"]})
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        policies.require(policies.can_add_members(access), access, "You can't add people to this conversation.")
        change.require_people(channel.workspace_id, user_ids, field="user_ids")
        added = change.add(channel, list(user_ids), actor_id=actor.user_id)
        if added:
            change.audited(channel, "channel.members_added", actor_id=actor.user_id, count=len(added))
        return channel, added


def remove_member(*, actor: Principal, channel_id: int, user_id: int) -> None:
    """Raises NotFoundError when the user is not in it. Removing oneself is leaving."""
    require_scope(actor, "channels:manage")
    if user_id == actor.user_id:
        leave_channel(actor=actor, channel_id=channel_id)
        return
    with transaction.atomic():
        channel = change.lock(channel_id)
        access = access_now(channel, actor.user_id)
        why = (
            "Everyone stays in this channel."
            if access.is_general
            else "Only an admin or its creator may remove people."
        )
        policies.require(policies.can_remove_member(access), access, why)
        if not change.remove(channel, user_id, actor_id=actor.user_id):
            raise NotFoundError("Not a member of this channel.")
        change.audited(channel, "channel.member_removed", actor_id=actor.user_id, target=f"member:{user_id}")


def join_default_channels(*, workspace_id: int, user_id: int) -> list[Channel]:
    """For a new member of a workspace, guests apart: the caller knows that they are one. Idempotent."""
    joined: list[Channel] = []
    with transaction.atomic():
        defaults = Channel.objects.filter(workspace_id=workspace_id, is_default=True, archived_at=None)
        for channel_id in defaults.order_by("id").values_list("id", flat=True):
            channel = change.lock(channel_id)
            if not Membership.objects.filter(channel=channel, user_id=user_id).exists():
                change.add(channel, [user_id], actor_id=user_id)
            joined.append(channel)
    return joined
