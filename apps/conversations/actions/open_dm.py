from collections.abc import Collection

from django.db import IntegrityError

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations.actions import change
from apps.conversations.actions.create_channel import make
from apps.conversations.models import DM_MAX, Channel, Kind, Membership
from apps.core.errors import ForbiddenError, InvalidError
from apps.workspaces import queries as workspaces
from apps.workspaces.roles import Role

_PAIR = 2


def open_dm(*, actor: Principal, workspace_id: int, user_ids: Collection[int]) -> tuple[Channel, bool]:
    """The conversation of exactly these people and the actor, and whether it is new. Up to DM_MAX people."""
    require_scope(actor, "channels:manage")
    member = workspaces.member(workspace_id, actor.user_id)
    people = sorted({actor.user_id, *user_ids})
    if len(people) > DM_MAX:
        raise InvalidError(errors={"members": [f"at most {DM_MAX} people, you included; make a channel instead"]})
    key = "-".join(map(str, people))
    existing = _existing(workspace_id, key)
    if existing is not None:
        return existing, False
    change.require_people(workspace_id, people, field="members")
    if member.role == Role.GUEST:
        _require_acquaintance(workspace_id, actor.user_id, people)
    channel = Channel(
        workspace_id=workspace_id,
        kind=Kind.DM if len(people) <= _PAIR else Kind.GROUP_DM,
        dm_key=key,
        creator_id=actor.user_id,
    )
    try:
        return make(channel, people, actor_id=actor.user_id), True
    except IntegrityError:
        raced = _existing(workspace_id, key)
        if raced is None:
            raise
        return raced, False


def _existing(workspace_id: int, key: str) -> Channel | None:
    return Channel.objects.filter(workspace_id=workspace_id, dm_key=key).first()


def _require_acquaintance(workspace_id: int, guest_id: int, people: Collection[int]) -> None:
    """A guest writes to those who share a channel with them."""
    shared = Membership.objects.filter(
        user_id__in=people,
        channel__workspace_id=workspace_id,
        channel_id__in=Membership.objects.filter(user_id=guest_id).values("channel_id"),
    )
    if set(people) - {guest_id} - set(shared.values_list("user_id", flat=True)):
        raise ForbiddenError("Guests can write to people in their own channels only.")
