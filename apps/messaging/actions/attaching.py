"""Files of messages: claimed before the post is appended, withdrawn after the deletion was sequenced."""

import contextlib
from collections.abc import Sequence

from django.db import DatabaseError

from apps.accounts.principal import Principal
from apps.conversations.access import Access
from apps.core import threads
from apps.core.errors import UnavailableError
from apps.files import actions as files
from apps.messaging.events import FileFacts, MessageDeleted, MessagePosted
from apps.messaging.projection import body
from apps.messaging.registry import store


async def attach(
    *, actor: Principal, file_ids: Sequence[int], access: Access, message_id: int, dedupe: str | None
) -> list[FileFacts]:
    """The same post, repeated under its `dedupe`, may claim them again. Raises InvalidError, UnavailableError."""
    try:
        found = await threads.read(
            lambda: files.attach_files(
                actor=actor,
                file_ids=file_ids,
                workspace_id=access.workspace_id,
                channel_id=access.channel_id,
                message_id=message_id,
                claim=dedupe or f"m:{message_id}",
            )
        )
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
    return [FileFacts(str(row.pk), row.name, row.type, row.size, row.width, row.height) for row in found]


async def settle(*, file_ids: Sequence[int], message_id: int) -> None:
    """The post was a repeat. Only a list's way to the message depends on it, so a failure is let be."""
    with contextlib.suppress(DatabaseError):
        await threads.read(lambda: files.settle_files(file_ids=file_ids, message_id=message_id))


async def withdraw_files(*, places: Sequence[tuple[str, int]]) -> None:
    """(stream, seq) of deletions: what the messages had attached goes. Raises StoreUnavailableError."""
    for stream, seq in places:
        for event in await store().events(stream, after=seq - 1, limit=1):
            deletion = body(event)
            if not isinstance(deletion, MessageDeleted):
                continue
            for posted in await store().events(stream, after=deletion.target.seq - 1, limit=1):
                post = body(posted)
                if isinstance(post, MessagePosted) and post.file_ids:
                    ids = [int(file_id) for file_id in post.file_ids]
                    await threads.read(lambda ids=ids: files.withdraw_files(file_ids=ids))  # type: ignore[misc]
