"""Reads: what people want to hear of, and where they are reached."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core.clock import now, now_ms, to_ms
from apps.notifications.models import ChannelPreference, Device, Preference
from apps.notifications.policies import Wish, is_muted
from apps.workspaces import queries as workspaces

CHANNELS_MAX = 1_000


def preference(*, actor: Principal, workspace_id: int) -> tuple[Preference, list[ChannelPreference]]:
    """What the actor asked for in the workspace, and where channels differ. Raises NotFoundError, ForbiddenError."""
    require_person(actor)
    workspaces.member(workspace_id, actor.user_id)
    found = Preference.objects.filter(user_id=actor.user_id, workspace_id=workspace_id).first()
    channels = ChannelPreference.objects.filter(user_id=actor.user_id, workspace_id=workspace_id)
    return found or Preference(user_id=actor.user_id, workspace_id=workspace_id), list(
        channels.order_by("channel_id")[:CHANNELS_MAX]
    )


def channel_preference(*, actor: Principal, channel_id: int) -> ChannelPreference:
    """Raises NotFoundError, ForbiddenError."""
    require_person(actor)
    channel, _ = conversations.channel(actor=actor, channel_id=channel_id)
    found = ChannelPreference.objects.filter(user_id=actor.user_id, channel_id=channel_id).first()
    return found or ChannelPreference(user_id=actor.user_id, channel_id=channel_id, workspace_id=channel.workspace_id)


def devices(*, actor: Principal) -> list[Device]:
    """Newest first; there are at most DEVICES_MAX. Raises ForbiddenError."""
    require_person(actor)
    return list(Device.objects.filter(user_id=actor.user_id).order_by("-id"))


def devices_of(user_ids: Collection[int]) -> dict[int, list[Device]]:
    """By person, those whose session still stands."""
    found: dict[int, list[Device]] = {}
    stands = Q(session=None) | Q(session__revoked_at=None, session__expires_at__gt=now())
    rows = Device.objects.filter(stands, user_id__in=list(user_ids)).order_by("id")
    for row in rows:
        found.setdefault(row.user_id, []).append(row)
    return found


def wishes(
    *, workspace_id: int, channel_id: int, user_ids: Collection[int], at_ms: int | None = None
) -> tuple[dict[int, Wish], dict[int, list[str]]]:
    """What each of them wants of the channel, and the words of those who wait for some."""
    moment = now_ms() if at_ms is None else at_ms
    ids = list(user_ids)
    everywhere = {
        user_id: (level, keywords, email, digest)
        for user_id, level, keywords, email, digest in Preference.objects.filter(
            workspace_id=workspace_id, user_id__in=ids
        ).values_list("user_id", "level", "keywords", "email", "digest")
    }
    here = {
        user_id: (level, is_muted(muted=muted, until_ms=None if until is None else to_ms(until), now_ms=moment))
        for user_id, level, muted, until in ChannelPreference.objects.filter(
            channel_id=channel_id, user_id__in=ids
        ).values_list("user_id", "level", "muted", "muted_until")
    }
    found = {}
    for user_id in ids:
        level, _, email, digest = everywhere.get(user_id, ("mentions", [], True, "soon"))
        own_level, muted = here.get(user_id, (None, False))
        found[user_id] = Wish(level=own_level or level, muted=muted, email=email, digest=digest)
    return found, {user_id: keywords for user_id, (_, keywords, *_) in everywhere.items() if keywords}


def content_free(*, workspace_id: int, user_ids: Collection[int]) -> set[int]:
    """Who wants no words of a message on a lock screen."""
    rows = Preference.objects.filter(workspace_id=workspace_id, user_id__in=list(user_ids), content_free=True)
    return set(rows.values_list("user_id", flat=True))


def wants_mail(*, workspace_id: int, user_id: int) -> bool:
    found = Preference.objects.filter(workspace_id=workspace_id, user_id=user_id).values_list("email", flat=True)
    return found.first() is not False


# -- JSON ------------------------------------------------------------------------------------------------------------


def present_preference(row: Preference, channels: Collection[ChannelPreference]) -> dict[str, Any]:
    """NotificationPreference of docs/protocol.md."""
    return {
        "workspace_id": str(row.workspace_id),
        "level": row.level,
        "keywords": row.keywords,
        "email": row.email,
        "digest": row.digest,
        "content_free": row.content_free,
        "sound": row.sound,
        "channels": [present_channel_preference(channel) for channel in channels],
    }


def present_channel_preference(row: ChannelPreference) -> dict[str, Any]:
    return {
        "channel_id": str(row.channel_id),
        "level": row.level,
        "muted": row.muted,
        "muted_until": None if row.muted_until is None else to_ms(row.muted_until),
    }


def present_device(row: Device, *, session_id: int | None) -> Mapping[str, Any]:
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "name": row.name,
        "created_at": to_ms(row.created_at),
        "last_seen_at": to_ms(row.last_seen_at),
        "current": session_id is not None and row.session_id == session_id,
    }
