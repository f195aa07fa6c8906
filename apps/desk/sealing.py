"""Texts of this room, sealed as messages are."""

from collections.abc import Sequence

from apps.eventlog import streams
from apps.messaging import contents
from apps.messaging.events import Content


async def seal(text: str, *, workspace_id: int, user_id: int, row_id: int) -> bytes:
    """Raises NotFoundError when the workspace has no key any more, UnavailableError."""
    return await contents.seal(
        Content(text=text), workspace_id=workspace_id, stream=streams.user(user_id), event_id=row_id
    )


async def opened(rows: Sequence[tuple[int, bytes]], *, user_id: int) -> list[str]:
    """Texts of (row id, sealed). Raises UnavailableError."""
    await contents.warm(sealed for _, sealed in rows)
    return [contents.unseal(sealed, stream=streams.user(user_id), event_id=row_id).text for row_id, sealed in rows]
