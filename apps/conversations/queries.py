"""Reads: what a user may see of channels, and how a channel looks in JSON."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet

from apps.accounts import policies as scopes
from apps.accounts.principal import Principal
from apps.conversations import policies, registry
from apps.conversations.access import Access as Access  # noqa: PLC0414 - other rooms take it from here
from apps.conversations.models import Channel, Kind, Membership
from apps.core import pagination
from apps.core import registry as core
from apps.core.clock import to_ms
from apps.core.errors import ForbiddenError, NotFoundError
from apps.eventlog import streams
from apps.workspaces import policies as workspace_policies
from apps.workspaces import queries as workspaces

MAX_CHANNELS = 1000
SEARCHED_MAX = 20_000
DIRECT = frozenset({Kind.DM, Kind.GROUP_DM})


class MyChannel(NamedTuple):
    id: int
    kind: str

    @property
    def is_direct(self) -> bool:
        return self.kind in DIRECT


# -- who may: cached, for every message ------------------------------------------------------------------------------


async def access(channel_id: int, user_id: int) -> Access:
    """What the user is to the channel. Raises NotFoundError when they can't see it."""
    found = (await access_many((channel_id,), user_id)).get(channel_id)
    if found is None:
        raise NotFoundError
    return found


async def access_many(channel_ids: Collection[int], user_id: int) -> dict[int, Access]:
    """The same for many; those that the user can't see are left out."""
    keys = {_key(channel_id): channel_id for channel_id in channel_ids}
    facts = {keys[key]: _parse(fact) for key, fact in (await core.facts().get(keys, _load)).items()}
    if not facts:
        return {}
    roles = await _roles({fact[0] for fact in facts.values()}, user_id)
    pairs = [(channel_id, user_id) for channel_id, fact in facts.items() if fact[0] in roles]
    members = await registry.members().contains(pairs)
    seen: dict[int, Access] = {}
    for pair in pairs:
        channel_id = pair[0]
        workspace_id, kind, archived, creator_id, is_general, posting = facts[channel_id]
        found = Access(
            channel_id,
            workspace_id,
            kind,
            archived,
            members[pair],
            roles[workspace_id],
            user_id,
            creator_id,
            is_general,
            posting,
        )
        if policies.can_see(found):
            seen[channel_id] = found
    return seen


async def follows_workspace(workspace_id: int, user_id: int) -> bool:
    """Whether the user may follow the workspace's own stream: every active member but guests."""
    role = (await _roles([workspace_id], user_id)).get(workspace_id)
    return role is not None and workspace_policies.can_follow_workspace(role)


async def _roles(workspace_ids: Collection[int], user_id: int) -> dict[int, str]:
    """By workspace, those in which the user is active."""
    keys = {workspaces.role_key(workspace_id, user_id): workspace_id for workspace_id in workspace_ids}
    return {keys[key]: role for key, role in (await core.facts().get(keys, workspaces.load_roles)).items()}


def fact_key(channel_id: int) -> str:
    """What an action reports as changed."""
    return _key(channel_id)


def _key(channel_id: int) -> str:
    return f"channel:{channel_id}"


def _load(keys: Sequence[str]) -> Mapping[str, str]:
    rows = Channel.objects.filter(id__in=[int(key.partition(":")[2]) for key in keys])
    return {
        _key(channel_id): (
            f"{workspace_id} {kind} {int(archived_at is not None)} {creator_id or 0} {int(is_general)} {posting}"
        )
        for channel_id, workspace_id, kind, archived_at, creator_id, is_general, posting in rows.values_list(
            "id", "workspace_id", "kind", "archived_at", "creator_id", "is_general", "posting"
        )
    }


def _parse(fact: str) -> tuple[int, str, bool, int | None, bool, str]:
    # A fact that an older version left in a shared cache has no posting.
    workspace_id, kind, archived, creator_id, is_general, posting = (*fact.split(" "), "everyone")[:6]
    return int(workspace_id), kind, archived == "1", int(creator_id) or None, is_general == "1", posting


# -- from the database, now ------------------------------------------------------------------------------------------


def access_now(channel: Channel, user_id: int) -> Access:
    """For a channel in hand, nothing cached. Raises NotFoundError for who is no active member of its workspace."""
    role = workspaces.role_of(channel.workspace_id, user_id)
    if role is None:
        raise NotFoundError
    return Access(
        channel.pk,
        channel.workspace_id,
        channel.kind,
        channel.archived_at is not None,
        Membership.objects.filter(channel=channel, user_id=user_id).exists(),
        role,
        user_id,
        channel.creator_id,
        channel.is_general,
        channel.posting,
    )


def channel(*, actor: Principal, channel_id: int) -> tuple[Channel, Access]:
    """Raises NotFoundError when the actor can't see it."""
    scopes.require_scope(actor, "channels:read")
    return _visible(channel_id, actor.user_id)


def my_channels(
    *, actor: Principal, workspace_id: int, search: str = "", cursor: str | None = None, limit: int = 50
) -> pagination.Page[Channel]:
    """All kinds, archived ones too, in the order in which they were made."""
    scopes.require_scope(actor, "channels:read")
    workspaces.member(workspace_id, actor.user_id)
    rows = Channel.objects.filter(workspace_id=workspace_id, memberships__user_id=actor.user_id)
    return _page_by_id(_named_like(rows, search), cursor, limit)


def channels_of(*, actor: Principal, workspace_id: int, after: int, limit: int) -> list[MyChannel]:
    """Ids and kinds only, of those with an id greater than `after`."""
    scopes.require_scope(actor, "channels:read")
    workspaces.member(workspace_id, actor.user_id)
    rows = Channel.objects.filter(workspace_id=workspace_id, memberships__user_id=actor.user_id, id__gt=after)
    return [MyChannel(*row) for row in rows.order_by("id").values_list("id", "kind")[:limit]]


def browse(
    *, actor: Principal, workspace_id: int, search: str = "", cursor: str | None = None, limit: int = 50
) -> tuple[pagination.Page[Channel], set[int]]:
    """Public channels that are not archived, by name, and which of them the actor is in. Raises ForbiddenError."""
    scopes.require_scope(actor, "channels:read")
    if not policies.can_browse(workspaces.member(workspace_id, actor.user_id).role):
        raise ForbiddenError("Guests see only the channels that they were added to.")
    rows = Channel.objects.filter(workspace_id=workspace_id, kind=Kind.PUBLIC, archived_at=None)
    page = pagination.page_by_text(
        _named_like(rows, search), field="name", key=lambda found: found.name or "", cursor=cursor, limit=limit
    )
    return page, memberships([found.pk for found in page.results], actor.user_id)


def manageable_channels(
    *, actor: Principal, workspace_id: int, search: str = "", cursor: str | None = None, limit: int = 50
) -> pagination.Page[Channel]:
    """For the console: channels by name, archived ones too; private ones only where the actor is in."""
    scopes.require_scope(actor, "channels:manage")
    workspaces.member(workspace_id, actor.user_id)
    mine = Membership.objects.filter(user_id=actor.user_id).values("channel_id")
    rows = Channel.objects.filter(workspace_id=workspace_id).filter(
        Q(kind=Kind.PUBLIC) | Q(kind=Kind.PRIVATE, id__in=mine)
    )
    return pagination.page_by_text(
        _named_like(rows, search), field="name", key=lambda found: found.name or "", cursor=cursor, limit=limit
    )


def public_counts(workspace_id: int) -> tuple[int, int]:
    """How many public channels there are, open and archived. Private ones exist for their members only."""
    rows = Channel.objects.filter(workspace_id=workspace_id, kind=Kind.PUBLIC)
    total, archived = rows.count(), rows.exclude(archived_at=None).count()
    return total - archived, archived


def channel_members(
    *, actor: Principal, channel_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[workspaces.Member]:
    """A channel's members by user id, deactivated ones too."""
    scopes.require_scope(actor, "members:read")
    found, _ = _visible(channel_id, actor.user_id)
    page = members_page(found.pk, cursor=cursor, limit=limit)
    people = workspaces.member_many(found.workspace_id, page.results, active_only=False)
    return pagination.Page([people[user_id] for user_id in page.results if user_id in people], page.next_cursor)


def members_page(channel_id: int, *, cursor: str | None, limit: int) -> pagination.Page[int]:
    """Ids only, for a caller that has no actor: follow-up work."""
    rows = Membership.objects.filter(channel_id=channel_id)
    if cursor:
        rows = rows.filter(user_id__gt=pagination.decode(cursor, int)[0])
    ids = list(rows.order_by("user_id").values_list("user_id", flat=True)[: limit + 1])
    return pagination.Page(ids[:limit], pagination.encode(ids[limit - 1]) if len(ids) > limit else None)


def members_after(channel_id: int, *, after: int, limit: int) -> list[int]:
    """User ids above `after`, ascending: follow-up work walks a channel of any size with it."""
    rows = Membership.objects.filter(channel_id=channel_id, user_id__gt=after)
    return list(rows.order_by("user_id").values_list("user_id", flat=True)[:limit])


def members_among(channel_id: int, user_ids: Collection[int]) -> set[int]:
    """Those of at most a chunk of people who are in the channel."""
    rows = Membership.objects.filter(channel_id=channel_id, user_id__in=list(user_ids))
    return set(rows.values_list("user_id", flat=True))


def member_ids(channel_id: int) -> QuerySet[Membership, int]:
    """A subquery, unordered."""
    return Membership.objects.filter(channel_id=channel_id).values_list("user_id", flat=True)


def named(channel_ids: Collection[int]) -> dict[int, tuple[str, str | None]]:
    """Kind and name by channel id."""
    rows = Channel.objects.filter(id__in=list(channel_ids)[:MAX_CHANNELS])
    return {channel_id: (kind, name) for channel_id, kind, name in rows.values_list("id", "kind", "name")}


def memberships(channel_ids: Collection[int], user_id: int) -> set[int]:
    """Those of the channels that the user is in."""
    rows = Membership.objects.filter(user_id=user_id, channel_id__in=list(channel_ids)[:MAX_CHANNELS])
    return set(rows.values_list("channel_id", flat=True))


def are_members_too(channel_id: int, of_channel_id: int) -> bool:
    """Whether all people of a direct conversation are in the other channel too; of a channel: no."""
    found = Channel.objects.filter(id=channel_id).first()
    if found is None or not found.is_dm:
        return False
    people = set(found.dm_user_ids)
    return Membership.objects.filter(channel_id=of_channel_id, user_id__in=people).count() == len(people)


def acquainted(*, workspace_id: int, user_id: int) -> QuerySet[Membership, int]:
    """Ids of the people who share a channel of the workspace with the user (one of them): a subquery, unordered."""
    mine = Membership.objects.filter(user_id=user_id, channel__workspace_id=workspace_id).values("channel_id")
    return Membership.objects.filter(channel_id__in=mine).values_list("user_id", flat=True)


def workspace_of(channel_id: int) -> int:
    """Raises NotFoundError."""
    found = Channel.objects.filter(id=channel_id).values_list("workspace_id", flat=True).first()
    if found is None:
        raise NotFoundError
    return found


@dataclass(frozen=True)
class Searchable:
    """What a user may search now. `by_people`: a direct channel by everyone in it."""

    ids: Sequence[int]
    by_name: Mapping[str, int]
    by_people: Mapping[frozenset[int], int]


def searchable(*, workspace_id: int, user_id: int, role: str) -> Searchable:
    """The user's channels and, but for guests, public ones, archived ones too; at most SEARCHED_MAX, the newest."""
    may = Q(id__in=Membership.objects.filter(user_id=user_id).values("channel_id"))
    if policies.can_browse(role):
        may |= Q(kind=Kind.PUBLIC)
    rows = Channel.objects.filter(may, workspace_id=workspace_id).order_by("-id")
    found = list(rows.values_list("id", "name", "dm_key")[:SEARCHED_MAX])
    return Searchable(
        [channel_id for channel_id, _, _ in found],
        {name: channel_id for channel_id, name, _ in found if name is not None},
        {frozenset(map(int, key.split("-"))): channel_id for channel_id, _, key in found if key is not None},
    )


def _visible(channel_id: int, user_id: int) -> tuple[Channel, Access]:
    found = Channel.objects.filter(id=channel_id).first()
    if found is None:
        raise NotFoundError
    seen = access_now(found, user_id)
    if not policies.can_see(seen):
        raise NotFoundError
    return found, seen


def _named_like(rows: QuerySet[Channel], search: str) -> QuerySet[Channel]:
    wanted = search.strip().removeprefix("#").lower()[:80]
    if "\0" in wanted:
        return rows.none()
    return rows.filter(name__contains=wanted) if wanted else rows


def _page_by_id(rows: QuerySet[Channel], cursor: str | None, limit: int) -> pagination.Page[Channel]:
    if cursor:
        rows = rows.filter(id__gt=pagination.decode(cursor, int)[0])
    found = list(rows.order_by("id")[: limit + 1])
    return pagination.Page(found[:limit], pagination.encode(found[limit - 1].pk) if len(found) > limit else None)


# -- JSON ------------------------------------------------------------------------------------------------------------


def present_channel(channel: Channel, *, is_member: bool) -> dict[str, Any]:
    """Channel of docs/protocol.md without seq, count and last_message_at, which the message store knows."""
    return {
        "id": str(channel.pk),
        "workspace_id": str(channel.workspace_id),
        "kind": channel.kind,
        "name": channel.name,
        "topic": channel.topic,
        "purpose": channel.purpose,
        "archived": channel.archived_at is not None,
        "posting": channel.posting,
        "creator_id": None if channel.creator_id is None else str(channel.creator_id),
        "created_at": to_ms(channel.created_at),
        "member_count": channel.member_count,
        "member_ids": [str(user_id) for user_id in channel.dm_user_ids] if channel.is_dm else None,
        "stream": streams.channel(channel.pk),
        "is_member": is_member,
    }
