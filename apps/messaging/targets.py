"""Finding the message that a caller names, if they may see it."""

import asyncio
import contextlib
from collections.abc import Iterator

from django.conf import settings

from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.conversations.access import Access
from apps.core import ids
from apps.core.clock import now_ms
from apps.core.errors import NotFoundError, UnavailableError
from apps.messaging.events import Target
from apps.messaging.ports import Location, StoredMessage, StoreUnavailableError
from apps.messaging.registry import store

_YOUNG_MS = 10_000
_PAUSE_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
NO_MESSAGE = "There is no such message."


@contextlib.contextmanager
def store_needed() -> Iterator[None]:
    """Turns a store that does not answer into what a caller understands."""
    try:
        yield
    except StoreUnavailableError as error:
        raise UnavailableError("The message store does not answer; try again in a moment.", retry_after=1) from error


async def locate(message_id: int) -> Location:
    """Waits a little for a message whose id was minted just now: it may be durable but not stored yet.

    Raises NotFoundError, UnavailableError.
    """
    if not 0 < message_id < 1 << 63:
        raise NotFoundError(NO_MESSAGE)
    with store_needed():
        found = await store().locate(message_id)
        if found is None and -_YOUNG_MS < now_ms() - ids.timestamp_ms(message_id) < _YOUNG_MS:
            deadline = asyncio.get_running_loop().time() + settings.SEQUENCED_DEADLINE_S
            for pause in (*_PAUSE_S, *_PAUSE_S[-1:] * 8):
                if asyncio.get_running_loop().time() + pause > deadline:
                    break
                await asyncio.sleep(pause)
                found = await store().locate(message_id)
                if found is not None:
                    break
    if found is None:
        raise NotFoundError(NO_MESSAGE)
    return found


async def visible(actor: Principal, message_id: int) -> tuple[Location, Access]:
    """Raises NotFoundError also when the actor may not see its channel, UnavailableError."""
    location = await locate(message_id)
    return location, await conversations.access(location.channel_id, actor.user_id)


async def stored(location: Location) -> StoredMessage:
    """Raises NotFoundError, UnavailableError."""
    with store_needed():
        found = await store().message(location)
    if found is None:
        raise NotFoundError(NO_MESSAGE)
    return found


async def standing(location: Location) -> StoredMessage:
    """The same, and NotFoundError when it is deleted."""
    found = await stored(location)
    if found.deleted_at is not None:
        raise NotFoundError("This message was deleted.")
    return found


def target(location: Location) -> Target:
    return Target(
        channel_id=str(location.channel_id),
        message_id=str(location.message_id),
        bucket=location.bucket,
        created_at=location.created_at,
        seq=location.seq,
        thread_id=None if location.parent is None else str(location.parent[0]),
        parent=location.parent,
        also_in_channel=location.also_in_channel,
    )


def location(target: Target) -> Location:
    """Enough of it to read the message: the sender is not known here."""
    return Location(
        channel_id=int(target.channel_id),
        message_id=int(target.message_id),
        sender_id=0,
        bucket=target.bucket,
        created_at=target.created_at,
        seq=target.seq,
        parent=target.parent,
        also_in_channel=target.also_in_channel,
    )
