"""A person says what they want to hear of."""

from typing import Any

from django.db import transaction

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.core.clock import from_ms, now_ms, to_ms
from apps.core.errors import InvalidError, NotFoundError
from apps.eventlog import outbox, streams
from apps.notifications.events import ChannelPreferenceChanged, PreferencesChanged
from apps.notifications.models import ChannelPreference, Digest, Level, Preference
from apps.notifications.sizes import KEYWORD_MAX, KEYWORDS_MAX
from apps.workspaces import queries as workspaces

_PLAIN = ("email", "digest", "content_free", "sound")
_UNSET: Any = object()


def change_preference(*, actor: Principal, workspace_id: int, **changes: Any) -> Preference:
    """`changes`: level, keywords, email, digest, content_free, sound.

    Raises InvalidError, NotFoundError, ForbiddenError.
    """
    require_person(actor)
    level, keywords = changes.get("level"), changes.get("keywords")
    if level is not None:
        _require_level(level)
    if changes.get("digest", Digest.SOON) not in Digest.values:
        raise InvalidError(errors={"digest": [f"One of {', '.join(Digest.values)}."]})
    words = None if keywords is None else _words(keywords)
    with transaction.atomic():
        workspaces.member(workspace_id, actor.user_id)
        Preference.objects.get_or_create(user_id=actor.user_id, workspace_id=workspace_id)
        row = Preference.objects.select_for_update().get(user_id=actor.user_id, workspace_id=workspace_id)
        row.level = level or row.level
        row.keywords = row.keywords if words is None else words
        for name in _PLAIN:
            setattr(row, name, changes.get(name, getattr(row, name)))
        row.wide = row.level == Level.ALL or bool(row.keywords)
        row.save()
        outbox.enqueue(
            stream=streams.user(actor.user_id),
            event=PreferencesChanged(
                workspace_id=str(workspace_id),
                level=row.level,
                keywords=row.keywords,
                email=row.email,
                digest=row.digest,
                content_free=row.content_free,
                sound=row.sound,
            ),
            actor_id=actor.user_id,
            workspace_id=workspace_id,
        )
    return row


def turn_off_mail(*, user_id: int, workspace_id: int) -> bool:
    """What the link in a letter does; the link is the proof. False when they are no member any more."""
    try:
        change_preference(actor=Principal(user_id=user_id), workspace_id=workspace_id, email=False)
    except NotFoundError:
        return False
    return True


def change_channel_preference(
    *,
    actor: Principal,
    channel_id: int,
    level: str | None = _UNSET,
    muted: bool | None = None,
    muted_until: int | None = _UNSET,
) -> ChannelPreference:
    """`level` None: as in the workspace; `muted_until` (ms) None: for good. Raises InvalidError, NotFoundError."""
    require_person(actor)
    if level is not _UNSET and level is not None:
        _require_level(level)
    if muted_until is not _UNSET and muted_until is not None and muted_until <= now_ms():
        raise InvalidError(errors={"muted_until": ["This lies in the past."]})
    channel, _ = conversations.channel(actor=actor, channel_id=channel_id)
    with transaction.atomic():
        ChannelPreference.objects.get_or_create(
            user_id=actor.user_id, channel_id=channel_id, defaults={"workspace_id": channel.workspace_id}
        )
        row = ChannelPreference.objects.select_for_update().get(user_id=actor.user_id, channel_id=channel_id)
        if level is not _UNSET:
            row.level = level
        if muted is not None:
            row.muted = muted
        if muted_until is not _UNSET:
            row.muted_until = None if muted_until is None else from_ms(muted_until)
        if not row.muted:
            row.muted_until = None
        row.save()
        outbox.enqueue(
            stream=streams.user(actor.user_id),
            event=ChannelPreferenceChanged(
                workspace_id=str(row.workspace_id),
                channel_id=str(channel_id),
                level=row.level,
                muted=row.muted,
                muted_until=None if row.muted_until is None else to_ms(row.muted_until),
            ),
            actor_id=actor.user_id,
            workspace_id=row.workspace_id,
        )
    return row


def _require_level(level: str) -> None:
    if level not in Level.values:
        raise InvalidError(errors={"level": [f"One of {', '.join(Level.values)}."]})


def _words(given: list[str]) -> list[str]:
    """Trimmed, once each whatever their case. Raises InvalidError."""
    words = {word.casefold(): word for word in (" ".join(each.split()) for each in given) if word}
    if len(words) > KEYWORDS_MAX:
        raise InvalidError(errors={"keywords": [f"At most {KEYWORDS_MAX}."]})
    if any(len(word) > KEYWORD_MAX for word in words):
        raise InvalidError(errors={"keywords": [f"Each at most {KEYWORD_MAX} characters."]})
    return list(words.values())
