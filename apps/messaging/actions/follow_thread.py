"""Follow a thread, or stop following it; and what a reply does to who follows it."""

from collections.abc import Sequence

from django.db import DatabaseError, transaction

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.errors import InvalidError, UnavailableError
from apps.eventlog.events import Sequenced
from apps.messaging import targets
from apps.messaging.events import MessagePosted
from apps.messaging.models import Thread, ThreadFollow
from apps.messaging.projection import body
from apps.messaging.registry import store

FOLLOWERS_MAX = 200


async def follow_thread(*, actor: Principal, message_id: int) -> None:
    """Raises InvalidError, NotFoundError, UnavailableError."""
    await _set(actor, message_id, following=True)


async def unfollow_thread(*, actor: Principal, message_id: int) -> None:
    """It stays so when others reply or mention the actor; replying again follows it again."""
    await _set(actor, message_id, following=False)


async def follow_replies(*, places: Sequence[tuple[str, int]]) -> None:
    """(stream, seq) of posts: who writes a reply, whom it mentions and who began its thread follow the thread.

    Raises StoreUnavailableError and what the database raises.
    """
    for stream, seq in places:
        for event in await store().events(stream, after=seq - 1, limit=1):
            await threads.read(lambda event=event: _follow_reply(event))  # type: ignore[misc]  # bound at once


def _follow_reply(event: Sequenced) -> None:
    envelope = event.envelope
    post = body(event)
    if envelope.thread is None or not isinstance(post, MessagePosted):
        return
    thread_id, bucket, created_at, seq = envelope.thread
    author_id = int(post.sender_id)
    others = [int(user_id) for user_id in (*post.mentioned, post.parent_sender_id) if user_id is not None]
    with transaction.atomic():
        thread, _ = Thread.objects.get_or_create(
            thread_id=thread_id,
            defaults={
                "channel_id": int(post.channel_id),
                "workspace_id": envelope.workspace_id or 0,
                "bucket": bucket,
                "created_at": created_at,
                "seq": seq,
                "last_reply_at": event.created_at,
            },
        )
        Thread.objects.filter(thread_id=thread_id, last_reply_at__lt=event.created_at).update(
            last_reply_at=event.created_at
        )
        ThreadFollow.objects.bulk_create(
            [
                ThreadFollow(thread=thread, user_id=user_id)
                for user_id in list(dict.fromkeys([author_id, *others]))[:FOLLOWERS_MAX]
            ],
            ignore_conflicts=True,
        )
        # who replies wants to hear more, also after they had left; who is only mentioned stays away
        ThreadFollow.objects.filter(thread=thread, user_id=author_id, following=False).update(following=True)


async def _set(actor: Principal, message_id: int, *, following: bool) -> None:
    require_scope(actor, "messages:read")
    location, access = await targets.visible(actor, message_id)
    if location.parent is not None:
        raise InvalidError(errors={"message_id": ["A reply has no thread of its own."]})
    message = await targets.stored(location)

    def write() -> None:
        with transaction.atomic():
            thread, _ = Thread.objects.get_or_create(
                thread_id=message_id,
                defaults={
                    "channel_id": location.channel_id,
                    "workspace_id": access.workspace_id,
                    "bucket": location.bucket,
                    "created_at": location.created_at,
                    "seq": location.seq,
                    "last_reply_at": message.last_reply_at,
                },
            )
            ThreadFollow.objects.update_or_create(
                thread=thread, user_id=actor.user_id, defaults={"following": following}
            )

    try:
        await threads.read(write)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
