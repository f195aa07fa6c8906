"""Take back one's reaction."""

from apps.accounts.principal import Principal
from apps.eventlog import streams
from apps.messaging import targets
from apps.messaging.actions import appending
from apps.messaging.actions.reacting import reactable
from apps.messaging.events import ReactionRemoved


async def remove_reaction(*, actor: Principal, message_id: int, emoji: str, wait: bool = False) -> None:
    """Appends also when the store shows no such reaction: one that was just added may not be stored yet.

    Raises InvalidError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError.
    """
    location, access, _ = await reactable(actor, message_id, emoji)
    await appending.append(
        stream=streams.channel(location.channel_id),
        event=ReactionRemoved(target=targets.target(location), emoji=emoji, user_id=str(actor.user_id)),
        event_id=appending.new_id(),
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        wait=wait,
    )
