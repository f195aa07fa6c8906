"""Upload a file in pieces: begin, append at an offset, append again after a failure, or give up."""

from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core import registry as core
from apps.core.errors import ConflictError, InvalidError, NotFoundError, RateLimitedError, TooLargeError
from apps.files import images, metadata, names, parts
from apps.files.models import File, State
from apps.workspaces import keys
from apps.workspaces import queries as workspaces

RATE_PER_S = 2
BURST = 40
PIECE_MAX = 8 * parts.PART_BYTES
UNATTACHED_MAX = 200  # of one person at a time


def begin_upload(*, actor: Principal, workspace_id: int, name: str, size: int, keep_metadata: bool = False) -> File:
    """Raises ForbiddenError, NotFoundError, InvalidError, TooLargeError, RateLimitedError."""
    require_scope(actor, "messages:write")
    workspaces.member(workspace_id, actor.user_id)
    name = names.check_name(name)
    if size < 1:
        raise InvalidError(errors={"size": ["An empty file can't be shared."]})
    if size > settings.FILES_MAX_BYTES:
        raise TooLargeError(f"A file has at most {settings.FILES_MAX_BYTES // (1024 * 1024)} MiB.")
    take = async_to_sync(core.rate_limiter().take)
    wait_s = take(f"upload:{actor.user_id}", rate_per_s=RATE_PER_S, burst=BURST)
    if wait_s > 0:
        raise RateLimitedError(retry_after=wait_s)
    waiting = File.objects.filter(owner_id=actor.user_id, channel_id=None).exclude(state=State.GONE)
    if waiting.count() >= UNATTACHED_MAX:
        raise RateLimitedError("Post or discard what you have uploaded first.", retry_after=60)
    key_id, _ = keys.data_key(workspace_id)
    return File.objects.create(
        workspace_id=workspace_id,
        owner_id=actor.user_id,
        key_id=key_id,
        name=name,
        type=names.type_of(name),
        size=size,
        keeps_metadata=keep_metadata,
    )


def append_bytes(*, actor: Principal, file_id: int, offset: int, data: bytes) -> File:
    """Bytes at `offset`, which is how many there are already; every piece but the last is whole parts.

    Raises NotFoundError, ConflictError (with the offset to go on at), InvalidError, TooLargeError, UnavailableError.
    """
    require_scope(actor, "messages:write")
    found = own_unattached(actor, file_id)
    if found.state != State.UPLOADING or offset != found.received:
        raise ConflictError("Go on where the upload stands.", offset=found.received)
    end = offset + len(data)
    if end > found.size or len(data) > PIECE_MAX:
        raise TooLargeError("More than was announced.")
    if not data or (end < found.size and len(data) % parts.PART_BYTES):
        raise InvalidError(errors={"body": [f"Every piece but the last is a multiple of {parts.PART_BYTES} bytes."]})
    parts.write(
        workspace_id=found.workspace_id,
        file_id=found.pk,
        key_id=found.key_id,
        variant=parts.ORIGINAL,
        first=offset // parts.PART_BYTES,
        data=data,
    )
    changes: dict[str, Any] = {"received": end}
    if end == found.size:
        changes |= {"state": State.READY, **_looked_at(found)}
    if not File.objects.filter(id=file_id, received=offset, state=State.UPLOADING).update(**changes):
        raise ConflictError("Another piece came in between.", offset=File.objects.get(id=file_id).received)
    if changes.get("cleaned"):
        parts.remove_original(workspace_id=found.workspace_id, file_id=found.pk, size=found.size)
    return File.objects.get(id=file_id)


def discard_upload(*, actor: Principal, file_id: int) -> None:
    """One's own, as long as no message shows it. Raises NotFoundError."""
    require_scope(actor, "messages:write")
    found = own_unattached(actor, file_id)
    File.objects.filter(id=found.pk, channel_id=None).update(state=State.GONE)
    parts.remove(workspace_id=found.workspace_id, file_id=found.pk, size=found.size)


def own_unattached(actor: Principal, file_id: int) -> File:
    """Raises NotFoundError."""
    found = File.objects.filter(id=file_id, owner_id=actor.user_id, channel_id=None).exclude(state=State.GONE).first()
    if found is None:
        raise NotFoundError
    return found


def _looked_at(file: File) -> dict[str, Any]:
    """What changes once the whole of it is there: a picture loses its metadata, and gets a preview and a thumb."""
    if file.size > settings.FILES_IMAGE_MAX_BYTES:
        return {}
    where = {"workspace_id": file.workspace_id, "file_id": file.pk, "key_id": file.key_id}
    try:
        head = b"".join(parts.read(**where, variant=parts.ORIGINAL, size=file.size, end=metadata.HEAD_BYTES))
        tells = not file.keeps_metadata and metadata.tells(head)
        if not tells and not file.type.startswith("image/"):
            return {}
        data = b"".join(parts.read(**where, variant=parts.ORIGINAL, size=file.size))
    except parts.PartsMissingError:
        return {}
    changes: dict[str, Any] = {}
    clean = metadata.stripped(data) if tells else data
    if clean is not data:
        parts.write(**where, variant=parts.CLEAN, first=0, data=clean)
        changes = {"cleaned": True, "size": len(clean), "received": len(clean)}
    return changes | (_drawn(where, data) if file.type.startswith("image/") else {})


def _drawn(where: dict[str, int], data: bytes) -> dict[str, int]:
    """Preview and thumb of an image, written; nothing for what is none."""
    drawn = images.draw(data)
    if drawn is None or max(len(drawn.preview), len(drawn.thumb)) > parts.PART_BYTES:
        return {}
    parts.write(**where, variant=parts.PREVIEW, first=0, data=drawn.preview)
    parts.write(**where, variant=parts.THUMB, first=0, data=drawn.thumb)
    return {
        "width": drawn.width,
        "height": drawn.height,
        "preview_size": len(drawn.preview),
        "thumb_size": len(drawn.thumb),
    }
