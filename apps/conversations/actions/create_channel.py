from collections.abc import Collection

from django.db import IntegrityError, transaction

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import names, policies
from apps.conversations.actions import change
from apps.conversations.models import Channel, Kind
from apps.core.errors import ConflictError, ForbiddenError, InvalidError
from apps.workspaces import queries as workspaces


def create_channel(
    *,
    actor: Principal,
    workspace_id: int,
    name: str,
    kind: str = Kind.PUBLIC,
    topic: str = "",
    purpose: str = "",
    member_ids: Collection[int] = (),
) -> Channel:
    """A public or private channel with the actor in it. Raises ConflictError when the name is taken."""
    require_scope(actor, "channels:manage")
    member = workspaces.member(workspace_id, actor.user_id)
    if not policies.can_create(member.role):
        raise ForbiddenError("Guests can't create channels.")
    if kind not in {Kind.PUBLIC, Kind.PRIVATE}:
        raise InvalidError(errors={"kind": ["public or private"]})
    channel = Channel(
        workspace_id=workspace_id,
        kind=kind,
        name=names.fold(name),
        topic=names.text(topic, field="topic"),
        purpose=names.text(purpose, field="purpose"),
        creator_id=actor.user_id,
    )
    change.require_people(workspace_id, member_ids, field="members")
    return make(channel, [actor.user_id, *member_ids], actor_id=actor.user_id)


def make(channel: Channel, user_ids: Collection[int], *, actor_id: int | None) -> Channel:
    """Save a new channel with its first members and say so. Raises ConflictError."""
    try:
        with transaction.atomic():
            channel.save(force_insert=True)
            change.add(channel, list(user_ids), actor_id=actor_id)
            if channel.kind in {Kind.PUBLIC, Kind.PRIVATE}:
                change.audited(channel, "channel.created", actor_id=actor_id)
            if channel.kind == Kind.PUBLIC:
                change.append_to_workspace(channel, change.created(channel), actor_id=actor_id)
    except IntegrityError as error:
        taken = Channel.objects.filter(workspace_id=channel.workspace_id, name=channel.name).exists()
        if not taken or channel.name is None:
            raise
        raise ConflictError(f"There is a channel #{channel.name} already.", errors={"name": ["taken"]}) from error
    return channel
