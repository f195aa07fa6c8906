"""Mark unread from here: the one way in which a marker goes back, under a new version."""

from django.db import transaction

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core import threads
from apps.core.errors import InvalidError
from apps.messaging import targets
from apps.messaging.ports import Location, StoredMessage
from apps.messaging.registry import store
from apps.messaging.targets import store_needed
from apps.reads import places
from apps.reads.actions.move_marker import require_member
from apps.reads.models import Marker
from apps.reads.moves import Moved
from apps.reads.telling import tell

_PAGE = 500
STEP_MAX = 10_000


async def step_back(*, actor: Principal, message_id: int) -> Moved:
    """The message and what comes after it is unread, in its channel or, for a reply, in its thread.

    One's own messages after it, and what of them is deleted, still count for nothing, so they are read over here: at
    most STEP_MAX messages. Raises NotFoundError, ForbiddenError, InvalidError, UnavailableError.
    """
    require_scope(actor, "messages:read")
    location, access = await targets.visible(actor, message_id)
    require_member(access)
    message = await targets.stored(location)
    scope_id, place = _scope(message)
    own, end = await _own_from(actor.user_id, message, location)

    def step() -> Moved:
        with transaction.atomic():
            marker, _ = Marker.objects.select_for_update().get_or_create(
                user_id=actor.user_id,
                scope_id=scope_id,
                defaults={"channel_id": location.channel_id, "n": place - 1},
            )
            marker.n, marker.own = place - 1, places.pack(own)
            marker.version += 1
            marker.stepped_at = max(marker.stepped_at, end)
            marker.save(update_fields=["n", "own", "version", "stepped_at"])
        return Moved(actor.user_id, scope_id, location.channel_id, marker.n, marker.version)

    moved = await threads.read(step)
    await tell([moved])
    return moved


def _scope(message: StoredMessage) -> tuple[int, int]:
    if message.thread_id is not None:
        return message.thread_id, message.thread_n
    return message.channel_id, message.n


async def _own_from(user_id: int, first: StoredMessage, location: Location) -> tuple[list[int], int]:
    """Places of the user's own messages from `first` on, and the newest place."""
    scope_id, place = _scope(first)
    own = [place] if first.sender_id == user_id else []
    end, after = place, (location.created_at, location.seq)
    read = 0
    with store_needed():
        while True:
            if first.thread_id is not None:
                page = list(await store().replies(scope_id, after=after, limit=_PAGE))
            else:
                page = list(await store().history(scope_id, before=None, after=after, limit=_PAGE))[::-1]
            for message in page:
                there, n = _scope(message)
                if there == scope_id:  # not a reply that is shown in the channel as well
                    end = max(end, n)
                    if message.sender_id == user_id:
                        own.append(n)
            read += len(page)
            if len(page) < _PAGE:
                return own, end
            if read >= STEP_MAX:
                raise InvalidError(f"At most {STEP_MAX} messages can be marked unread.")
            after = (page[-1].created_at, page[-1].seq)
