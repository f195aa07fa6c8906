"""What the actions of this room share: the lock that orders a channel's events, and rows, events, caches together.

The channel's row is locked before anything is read or appended, so the order of events in the outbox is the order of
the changes.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

from django.db import transaction

from apps.conversations import events, queries, registry
from apps.conversations.models import Channel, Kind, Membership
from apps.core import registry as core
from apps.core.clock import to_ms
from apps.core.errors import InvalidError, NotFoundError
from apps.eventlog import outbox, streams
from apps.eventlog.events import Event
from apps.workspaces import audit
from apps.workspaces import queries as workspaces

MAX_USERS = 1000  # added in one call


def lock(channel_id: int) -> Channel:
    """The channel, ours until the end of the transaction. Raises NotFoundError."""
    found = Channel.objects.select_for_update().filter(id=channel_id).first()
    if found is None:
        raise NotFoundError
    return found


def append(channel: Channel, event: Event, *, actor_id: int | None) -> None:
    """To the channel's stream, and to the workspace's where everyone may see the channel."""
    outbox.enqueue(
        stream=streams.channel(channel.pk), event=event, actor_id=actor_id, workspace_id=channel.workspace_id
    )
    if channel.kind == Kind.PUBLIC:
        append_to_workspace(channel, event, actor_id=actor_id)


def append_to_workspace(channel: Channel, event: Event, *, actor_id: int | None) -> None:
    outbox.enqueue(
        stream=streams.workspace(channel.workspace_id),
        event=event,
        actor_id=actor_id,
        workspace_id=channel.workspace_id,
    )


def created(channel: Channel) -> events.ChannelCreated:
    return events.ChannelCreated(
        id=str(channel.pk),
        workspace_id=str(channel.workspace_id),
        kind=channel.kind,
        name=channel.name,
        topic=channel.topic,
        purpose=channel.purpose,
        archived=channel.archived_at is not None,
        creator_id=None if channel.creator_id is None else str(channel.creator_id),
        created_at=to_ms(channel.created_at),
        member_count=channel.member_count,
        member_ids=None,
        stream=streams.channel(channel.pk),
    )


def require_people(workspace_id: int, user_ids: Collection[int], *, field: str) -> None:
    """All of them are active members of the workspace, and not too many for one call. Raises InvalidError."""
    if len(user_ids) > MAX_USERS:
        raise InvalidError(errors={field: [f"at most {MAX_USERS} people"]})
    found = workspaces.member_many(workspace_id, user_ids)
    if unknown := sorted(set(user_ids) - found.keys()):
        raise InvalidError(errors={field: [f"not in this workspace: {', '.join(map(str, unknown[:20]))}"]})


def add(channel: Channel, user_ids: Sequence[int], *, actor_id: int | None) -> list[int]:
    """Those of `user_ids` that were not members yet become so. The channel is locked, the people are known to be."""
    wanted = list(dict.fromkeys(user_ids))
    there = set(Membership.objects.filter(channel=channel, user_id__in=wanted).values_list("user_id", flat=True))
    new = [user_id for user_id in wanted if user_id not in there]
    if new:
        Membership.objects.bulk_create([Membership(channel=channel, user_id=user_id) for user_id in new])
        _count(channel, len(new))
        by = None if actor_id is None else str(actor_id)
        for user_id in new:
            joined = events.MemberJoined(channel_id=str(channel.pk), user_id=str(user_id), by=by)
            _append_membership(channel, joined, user_id, actor_id, gained=True)
        _after_commit(channel, added=new)
    return new


def remove(channel: Channel, user_id: int, *, actor_id: int | None) -> bool:
    """The user is a member no more. The channel is locked."""
    deleted, _ = Membership.objects.filter(channel=channel, user_id=user_id).delete()
    if not deleted:
        return False
    _count(channel, -1)
    by = None if actor_id is None else str(actor_id)
    left = events.MemberLeft(channel_id=str(channel.pk), user_id=str(user_id), by=by)
    _append_membership(channel, left, user_id, actor_id, gained=False)
    _after_commit(channel, removed=[user_id])
    return True


def audited(channel: Channel, action: str, *, actor_id: int | None, target: str = "", **detail: Any) -> None:
    """An admin's log shows what became of a private channel, not what it is called."""
    name = channel.name if channel.kind == Kind.PUBLIC else None
    audit.record(
        workspace_id=channel.workspace_id,
        actor_id=actor_id,
        action=action,
        target=target or f"channel:{channel.pk}",
        channel=str(channel.pk),
        name=name,
        **detail,
    )


def facts_changed(channel: Channel) -> None:
    """After the commit, no process takes the old kind, archived or creator for granted."""
    transaction.on_commit(partial(core.facts().changed, queries.fact_key(channel.pk)), robust=True)


def _count(channel: Channel, difference: int) -> None:
    channel.member_count += difference
    channel.members_version += 1
    channel.save(update_fields=["member_count", "members_version"])


def _append_membership(channel: Channel, event: Event, user_id: int, actor_id: int | None, *, gained: bool) -> None:
    of_user = events.MembershipAdded if gained else events.MembershipRemoved
    workspace_id = channel.workspace_id
    outbox.enqueue(stream=streams.channel(channel.pk), event=event, actor_id=actor_id, workspace_id=workspace_id)
    outbox.enqueue(
        stream=streams.user(user_id),
        event=of_user(channel_id=str(channel.pk), workspace_id=str(workspace_id)),
        actor_id=actor_id,
        workspace_id=workspace_id,
    )


def _after_commit(channel: Channel, *, added: Sequence[int] = (), removed: Sequence[int] = ()) -> None:
    told = partial(
        registry.members().changed, channel.pk, version=channel.members_version, added=added, removed=removed
    )
    transaction.on_commit(told, robust=True)
