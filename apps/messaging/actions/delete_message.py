"""Take back a message: one's own, or anyone's for admins."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core.errors import ForbiddenError
from apps.eventlog import streams
from apps.messaging import targets
from apps.messaging.actions import appending
from apps.messaging.events import MessageDeleted
from apps.messaging.policies import can_delete


async def delete_message(*, actor: Principal, message_id: int, wait: bool = False) -> None:
    """Raises ForbiddenError, NotFoundError (also when it is deleted already), RateLimitedError, UnavailableError."""
    require_scope(actor, "messages:write")
    await appending.take_turn(actor.user_id)
    location, access = await targets.visible(actor, message_id)
    if not can_delete(access, location.sender_id):
        raise ForbiddenError("Only who wrote a message, or an admin, can delete it.")
    message = await targets.standing(location)
    await appending.append(
        stream=streams.channel(location.channel_id),
        event=MessageDeleted(
            target=targets.target(location),
            n=message.n,
            thread_n=message.thread_n,
            sender_id=str(message.sender_id),
        ),
        event_id=appending.new_id(),
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        wait=wait,
    )
