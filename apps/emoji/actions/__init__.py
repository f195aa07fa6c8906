"""Verbs of this room."""

import base64
import binascii
import re

from apps.accounts.limits import Limit, spend
from apps.accounts.principal import Principal
from apps.core.errors import ConflictError, InvalidError, NotFoundError, TooLargeError
from apps.emoji import events, images, policies, queries
from apps.emoji.models import CustomEmoji
from apps.emoji.sizes import NAME_MAX, PER_WORKSPACE_MAX, UPLOAD_MAX_BYTES
from apps.eventlog import outbox, streams
from apps.workspaces.actions.standing import acting, require
from apps.workspaces.audit import record

__all__ = ["add_emoji", "delete_emoji"]

LIMIT = Limit("emoji", burst=60, per_minute=20)
_NAME = re.compile(rf"[a-z0-9_+-]{{2,{NAME_MAX}}}")


def add_emoji(
    *, actor: Principal, workspace_id: int, name: str, image: str | None = None, alias_of: str | None = None
) -> CustomEmoji:
    """`image` is base64 of PNG, GIF, WebP or JPEG; or else `alias_of` names an emoji that is here.

    Raises InvalidError, TooLargeError, ConflictError, NotFoundError, RateLimitedError.
    """
    cleaned = name.strip().strip(":").lower()
    if not _NAME.fullmatch(cleaned):
        raise InvalidError(errors={"name": [f"2 to {NAME_MAX} of a–z, 0–9, _, - and +."]})
    if (image is None) == (alias_of is None):
        raise InvalidError(errors={"image": ["Either an image, or the emoji that this is another name of."]})
    with acting(actor, workspace_id) as me:
        require(policies.can_add(me.role, who=me.workspace.emoji_by))
        spend(LIMIT, actor.user_id)
        here = CustomEmoji.objects.filter(workspace_id=workspace_id)
        if here.count() >= PER_WORKSPACE_MAX:
            raise ConflictError(f"A workspace has at most {PER_WORKSPACE_MAX} emoji of its own.")
        if here.filter(name=cleaned).exists():
            text = f":{cleaned}: is here already."
            raise ConflictError(text, errors={"name": [text]})
        target = None if alias_of is None else _aliased(workspace_id, alias_of)
        row = CustomEmoji.objects.create(
            workspace_id=workspace_id,
            name=cleaned,
            alias_of=target,
            creator_id=actor.user_id,
            image=None if image is None else _drawn(image),
        )
        record(workspace_id=workspace_id, actor_id=actor.user_id, action="emoji.added", target=f":{cleaned}:")
        outbox.enqueue(
            stream=streams.workspace(workspace_id),
            event=events.EmojiAdded(workspace_id=str(workspace_id), **queries.present(row)),
            actor_id=actor.user_id,
            workspace_id=workspace_id,
        )
    return row


def delete_emoji(*, actor: Principal, workspace_id: int, name: str) -> None:
    """Its aliases go along. Whoever made it, or an admin. Raises NotFoundError, ForbiddenError."""
    with acting(actor, workspace_id) as me:
        row = CustomEmoji.objects.filter(workspace_id=workspace_id, name=name).defer("image").first()
        if row is None:
            raise NotFoundError
        require(policies.can_delete(me.role, own=row.creator_id == actor.user_id))
        names = [name, *CustomEmoji.objects.filter(alias_of=row).values_list("name", flat=True)]
        row.delete()
        record(workspace_id=workspace_id, actor_id=actor.user_id, action="emoji.removed", target=f":{name}:")
        outbox.enqueue(
            stream=streams.workspace(workspace_id),
            event=events.EmojiRemoved(workspace_id=str(workspace_id), names=names),
            actor_id=actor.user_id,
            workspace_id=workspace_id,
        )


def _aliased(workspace_id: int, name: str) -> CustomEmoji:
    """The one with the image."""
    rows = CustomEmoji.objects.select_related("alias_of").defer("image", "alias_of__image")
    found = rows.filter(workspace_id=workspace_id, name=name.strip(":")).first()
    if found is None:
        raise InvalidError(errors={"alias_of": ["There is no such emoji here."]})
    return found.alias_of or found


def _drawn(image: str) -> bytes:
    if len(image) > UPLOAD_MAX_BYTES * 4 // 3 + 4:
        raise TooLargeError(f"At most {UPLOAD_MAX_BYTES // 1024} KiB.")
    try:
        data = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(errors={"image": ["Not base64."]}) from error
    drawn = images.draw(data)
    if drawn is None:
        raise InvalidError(errors={"image": ["PNG, GIF, WebP or JPEG, not larger than a screen."]})
    return drawn
