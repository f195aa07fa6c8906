"""Follow a thread, or stop following it."""

from django.db import DatabaseError

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.errors import InvalidError, UnavailableError
from apps.messaging import targets
from apps.messaging.models import Thread, ThreadFollow


async def follow_thread(*, actor: Principal, message_id: int) -> None:
    """Raises InvalidError, NotFoundError, UnavailableError."""
    await _set(actor, message_id, following=True)


async def unfollow_thread(*, actor: Principal, message_id: int) -> None:
    """It stays so when others reply or mention the actor; replying again follows it again."""
    await _set(actor, message_id, following=False)


async def _set(actor: Principal, message_id: int, *, following: bool) -> None:
    require_scope(actor, "messages:read")
    location, access = await targets.visible(actor, message_id)
    if location.parent is not None:
        raise InvalidError(errors={"message_id": ["A reply has no thread of its own."]})
    message = await targets.stored(location)

    def write() -> None:
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
            thread=thread, user_id=actor.user_id, defaults={"following": following, "chosen": True}
        )

    try:
        await threads.read(write)
    except DatabaseError as error:
        raise UnavailableError(retry_after=1) from error
