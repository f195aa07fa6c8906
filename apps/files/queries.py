"""Reads: who may have which file now."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import signing
from django.db.models import Q

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core import pagination
from apps.core.clock import to_ms
from apps.core.errors import NotFoundError
from apps.core.threads import wait
from apps.files import parts
from apps.files.models import File, Forward, State
from apps.files.names import path_name

LINK_S = 300
_SALT = "files"


def readable(*, actor: Principal, file_id: int) -> File:
    """Asked at every access: one's own upload, or one that a message shows which the actor may read now.

    Raises ForbiddenError, NotFoundError.
    """
    require_scope(actor, "messages:read")
    return _readable(actor.user_id, file_id)


def own_upload(*, actor: Principal, file_id: int) -> File:
    """Also an incomplete one. Raises NotFoundError."""
    require_scope(actor, "messages:write")
    found = File.objects.filter(id=file_id, owner_id=actor.user_id).exclude(state=State.GONE).first()
    if found is None:
        raise NotFoundError
    return found


def of_channel(
    *, actor: Principal, channel_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[File]:
    """Newest first. Raises ForbiddenError, NotFoundError, InvalidError."""
    require_scope(actor, "messages:read")
    access = wait(conversations.access, channel_id, actor.user_id)
    if not policies.can_read(access):
        raise NotFoundError
    forwarded = Forward.objects.filter(channel_id=channel_id)
    rows = File.objects.filter(Q(channel_id=channel_id) | Q(id__in=forwarded.values("file_id")), state=State.READY)
    if cursor:
        rows = rows.filter(id__lt=pagination.decode(cursor, int)[0])
    found = list(rows.order_by("-id")[: limit + 1])
    elsewhere = [row.pk for row in found if row.channel_id != channel_id]
    if elsewhere:
        shown = dict(forwarded.filter(file_id__in=elsewhere).order_by("-id").values_list("file_id", "message_id"))
        for row in found:
            if row.pk in shown and row.channel_id != channel_id:
                # where it was first is not for everybody here to know
                row.channel_id, row.message_id = channel_id, shown[row.pk]
    return pagination.Page(found[:limit], pagination.encode(found[limit - 1].pk) if len(found) > limit else None)


def content(file: File, variant: str, *, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The first part is read at once, so that what is missing is told before an answer begins. Raises NotFoundError."""
    pieces = parts.read(
        workspace_id=file.workspace_id,
        file_id=file.pk,
        key_id=file.key_id,
        variant=parts.CLEAN if file.cleaned and variant == parts.ORIGINAL else variant,
        size=size_of(file, variant),
        begin=begin,
        end=end,
    )
    try:
        first = next(pieces, b"")
    except parts.PartsMissingError as error:
        raise NotFoundError from error

    def rest() -> Iterator[bytes]:
        yield first
        yield from pieces

    return rest()


def size_of(file: File, variant: str) -> int:
    return {parts.ORIGINAL: file.size, parts.PREVIEW: file.preview_size, parts.THUMB: file.thumb_size}[variant]


# -- an origin of its own: cookies don't get there, a short-lived proof in the address does --------------------------


def proof(*, user_id: int, file_id: int) -> str:
    return signing.dumps([user_id, file_id], salt=_SALT)


def readable_by_proof(*, token: str, file_id: int) -> File:
    """Who the proof was made for must still be allowed. Raises NotFoundError."""
    try:
        user_id, proven = signing.loads(token, salt=_SALT, max_age=LINK_S)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotFoundError from error
    if proven != file_id:
        raise NotFoundError
    return _readable(user_id, file_id)


def _readable(user_id: int, file_id: int) -> File:
    found = File.objects.filter(id=file_id, state=State.READY).first()
    if found is None:
        raise NotFoundError
    if found.channel_id is None:
        if found.owner_id != user_id:
            raise NotFoundError
        return found
    if not _any_readable([found.channel_id], user_id):
        places = Forward.objects.filter(file=found).values_list("channel_id", flat=True).distinct()
        if not _any_readable(list(places), user_id):
            raise NotFoundError
    return found


def _any_readable(channel_ids: Sequence[int], user_id: int) -> bool:
    if not channel_ids:
        return False
    seen = wait(conversations.access_many, channel_ids, user_id)
    return any(policies.can_read(access) for access in seen.values())


# -- JSON ------------------------------------------------------------------------------------------------------------


def present_file(file: File) -> dict[str, Any]:
    """File of docs/protocol.md, with what only lists and uploads tell."""
    return {
        **links(str(file.pk), file.name, drawn=file.width > 0),
        "id": str(file.pk),
        "name": file.name,
        "type": file.type,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "owner_id": str(file.owner_id),
        "channel_id": None if file.channel_id is None else str(file.channel_id),
        "message_id": None if file.message_id is None else str(file.message_id),
        "created_at": to_ms(file.created_at),
        "received": file.received,
        "complete": file.state == State.READY,
    }


def links(file_id: str, name: str, *, drawn: bool) -> dict[str, str | None]:
    """Paths at this server; with an origin for files they lead there."""
    return {
        "url": f"/files/{file_id}/{path_name(name)}",
        "preview_url": f"/files/{file_id}/@preview" if drawn else None,
        "thumb_url": f"/files/{file_id}/@thumb" if drawn else None,
    }
