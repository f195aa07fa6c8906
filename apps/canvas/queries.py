"""Reads: the document, what a client lacks of it, the versions it went through."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.canvas import documents, policies
from apps.canvas.models import Canvas, CanvasUpdate, CanvasVersion
from apps.canvas.sealing import unseal
from apps.conversations import policies as channels
from apps.conversations import queries as conversations
from apps.conversations.access import Access
from apps.core import pagination, threads
from apps.core.clock import to_ms
from apps.core.errors import InvalidError, NotFoundError


class Opened(NamedTuple):
    """What a client lacks, as an update; the server's state vector; whether the client may write."""

    missing: bytes
    state: bytes
    can_edit: bool


async def open_canvas(*, actor: Principal, channel_id: int, state: bytes) -> Opened:
    """`state`: the client's state vector. Raises NotFoundError, ForbiddenError, InvalidError."""
    access = await _require_reader(actor, channel_id)

    def read() -> tuple[bytes, bytes]:
        whole = document(channel_id)
        return documents.missing(whole, state), documents.state_of(whole)

    try:
        lacking, ours = await threads.read(read)
    except documents.MalformedError as error:
        raise InvalidError("Not a state vector.") from error
    return Opened(lacking, ours, policies.can_edit(access))


def document(channel_id: int) -> bytes:
    """The whole document as one update; for a channel that nobody wrote in, that of an empty one."""
    canvas = Canvas.objects.filter(channel_id=channel_id).first()
    return documents.NOTHING if canvas is None else whole(canvas)


def whole(canvas: Canvas) -> bytes:
    updates = CanvasUpdate.objects.filter(canvas=canvas, n__gt=canvas.merged_n).order_by("n")
    parts = [unseal(row.sealed, canvas.pk, row.n) for row in updates]
    if canvas.snapshot is not None:
        parts.insert(0, unseal(canvas.snapshot, canvas.pk, canvas.merged_n))
    return documents.merged(parts)


async def readable(*, actor: Principal, channel_id: int) -> bytes:
    """`document` for who may read it. Raises NotFoundError, ForbiddenError."""
    await _require_reader(actor, channel_id)
    return await threads.read(lambda: document(channel_id))


async def versions(
    *, actor: Principal, channel_id: int, cursor: str | None = None, limit: int = 50
) -> pagination.Page[CanvasVersion]:
    """Newest first, without their contents."""
    await _require_reader(actor, channel_id)
    before = pagination.decode(cursor, int)[0] if cursor else None

    def read() -> pagination.Page[CanvasVersion]:
        rows = CanvasVersion.objects.filter(canvas_id=channel_id).defer("sealed").order_by("-n")
        found = list((rows if before is None else rows.filter(n__lt=before))[: limit + 1])
        more = len(found) > limit
        return pagination.Page(found[:limit], pagination.encode(found[limit - 1].n) if more else None)

    return await threads.read(read)


async def version(*, actor: Principal, channel_id: int, n: int) -> bytes:
    """The document as it was. Raises NotFoundError."""
    await _require_reader(actor, channel_id)

    def read() -> bytes:
        row = CanvasVersion.objects.filter(canvas_id=channel_id, n=n).first()
        if row is None:
            raise NotFoundError
        return unseal(row.sealed, channel_id, row.n)

    return await threads.read(read)


async def _require_reader(actor: Principal, channel_id: int) -> Access:
    require_scope(actor, "messages:read")
    access = await conversations.access(channel_id, actor.user_id)
    channels.require(policies.can_read(access), access, "")
    return access


def present_version(row: CanvasVersion) -> dict[str, Any]:
    editors: Sequence[str] = row.editors
    return {"n": row.n, "editors": list(editors), "created_at": to_ms(row.created_at)}
