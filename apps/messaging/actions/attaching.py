"""Files of messages: claimed before the post is appended, withdrawn after the deletion was sequenced."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from django.db import DatabaseError

from apps.accounts.principal import Principal
from apps.conversations.access import Access
from apps.core import threads
from apps.core.errors import NotFoundError, UnavailableError
from apps.files import actions as files
from apps.messaging.events import Content, FileFacts, MessageDeleted, MessagePosted, Quote
from apps.messaging.projection import body
from apps.messaging.registry import store
from apps.messaging.targets import NO_MESSAGE

T = TypeVar("T")


async def attach(
    *, actor: Principal, file_ids: Sequence[int], access: Access, message_id: int, dedupe: str | None
) -> list[FileFacts]:
    """The same post, repeated under its `dedupe`, may claim them again. Raises InvalidError, UnavailableError."""
    claim = functools.partial(files.attach_files, actor=actor, file_ids=file_ids)
    found = await _claimed(claim, access=access, message_id=message_id, dedupe=dedupe)
    return [FileFacts(str(row.pk), row.name, row.type, row.size, row.width, row.height) for row in found]


async def forward(*, quote: Quote, access: Access, message_id: int, dedupe: str | None) -> Quote:
    """The quote with those of its files that are there still; the new message shows them too.

    Raises NotFoundError when nothing is left of it, ConflictError, UnavailableError.
    """
    claim = functools.partial(files.forward_files, file_ids=[int(file.id) for file in quote.files])
    there = await _claimed(claim, access=access, message_id=message_id, dedupe=dedupe)
    left = [file for file in quote.files if int(file.id) in there]
    if not left and not quote.text.strip():
        raise NotFoundError(NO_MESSAGE)
    return msgspec.structs.replace(quote, files=left)


async def _claimed(claim: Callable[..., T], *, access: Access, message_id: int, dedupe: str | None) -> T:
    """What `claim` makes of the files for this message of the channel."""
    try:
        return await threads.read(
            functools.partial(
                claim,
                workspace_id=access.workspace_id,
                channel_id=access.channel_id,
                message_id=message_id,
                claim=dedupe or f"m:{message_id}",
            )
        )
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error


async def settle(content: Content, *, repeat_id: int, message_id: int, standing: bool) -> None:
    """The post `repeat_id` was a repeat of another, which still stands or was deleted meanwhile.

    Only a list's way to the message depends on it, so a failure is let be.
    """

    def change() -> None:
        if content.files:
            files.settle_files(file_ids=[int(file.id) for file in content.files], message_id=message_id)
        if content.quote is not None and content.quote.files:
            files.settle_forward(repeat_id=repeat_id, message_id=message_id if standing else None)

    if content.files or content.quote is not None:
        with contextlib.suppress(DatabaseError):
            await threads.read(change)


async def withdraw_files(*, places: Sequence[tuple[str, int]]) -> None:
    """(stream, seq) of deletions: what the messages had attached goes. Raises StoreUnavailableError."""
    for stream, seq in places:
        for event in await store().events(stream, after=seq - 1, limit=1):
            deletion = body(event)
            if not isinstance(deletion, MessageDeleted):
                continue
            for posted in await store().events(stream, after=deletion.target.seq - 1, limit=1):
                post = body(posted)
                if isinstance(post, MessagePosted) and (post.file_ids or post.forwarded_file_ids):
                    await threads.read(functools.partial(_withdraw, post))


def _withdraw(post: MessagePosted) -> None:
    files.withdraw_files(
        file_ids=[int(file_id) for file_id in (*post.file_ids, *post.forwarded_file_ids)],
        channel_id=int(post.channel_id),
        claim=f"{post.sender_id}:{post.client_msg_id}" if post.client_msg_id else f"m:{post.message_id}",
    )
