"""Celery's door to this room: follow-up work of what was sequenced. May run twice and in any order."""

from collections.abc import Sequence
from typing import Any

from celery import shared_task
from django.db import OperationalError, transaction

from apps.eventlog.events import Sequenced
from apps.messaging.events import MessagePosted
from apps.messaging.models import Thread, ThreadFollow
from apps.messaging.projection import body

FOLLOWERS_MAX = 200


def follow_thread_args(event: Sequenced) -> dict[str, Any] | None:
    """The keyword arguments of `follow_thread` for an event that posts a reply, else None. Needs no key, no store."""
    envelope = event.envelope
    post = body(event)
    if envelope.thread is None or envelope.workspace_id is None or not isinstance(post, MessagePosted):
        return None
    thread_id, bucket, created_at, seq = envelope.thread
    others = [*post.mentioned, *([post.parent_sender_id] if post.parent_sender_id else [])]
    return {
        "thread": [str(thread_id), post.channel_id, str(envelope.workspace_id), bucket, created_at, seq],
        "replied_at": event.created_at,
        "author_id": post.sender_id,
        "user_ids": list(dict.fromkeys(others))[:FOLLOWERS_MAX],
    }


@shared_task(  # type: ignore[untyped-decorator]  # Celery has no types
    name="messaging.follow_thread",
    autoretry_for=(OperationalError,),
    retry_backoff=2,
    retry_jitter=True,
    max_retries=None,
)
def follow_thread(*, thread: Sequence[Any], replied_at: int, author_id: str, user_ids: Sequence[str]) -> None:
    """A reply was posted: its author follows the thread, and so do who began it and who is mentioned.

    `thread` is (id, channel id, workspace id, bucket, created_at, seq) of the message that begins it.
    """
    thread_id, channel_id, workspace_id, bucket, created_at, seq = thread
    with transaction.atomic():
        row, _ = Thread.objects.get_or_create(
            thread_id=int(thread_id),
            defaults={
                "channel_id": int(channel_id),
                "workspace_id": int(workspace_id),
                "bucket": bucket,
                "created_at": created_at,
                "seq": seq,
                "last_reply_at": replied_at,
            },
        )
        Thread.objects.filter(thread_id=row.thread_id, last_reply_at__lt=replied_at).update(last_reply_at=replied_at)
        ThreadFollow.objects.bulk_create(
            [ThreadFollow(thread=row, user_id=int(user_id)) for user_id in {author_id, *user_ids}],
            ignore_conflicts=True,
        )
        # who replies wants to hear more, also after they had left; who had left and is only mentioned does not
        ThreadFollow.objects.filter(thread=row, user_id=int(author_id), following=False).update(following=True)
