"""React to a message."""

from django.conf import settings

from apps.accounts.principal import Principal
from apps.core.errors import ConflictError
from apps.eventlog import streams
from apps.messaging import targets
from apps.messaging.actions import appending
from apps.messaging.actions.reacting import reactable
from apps.messaging.events import ReactionAdded


async def add_reaction(*, actor: Principal, message_id: int, emoji: str, wait: bool = False) -> None:
    """Nothing happens when it is there already.

    Raises InvalidError, ConflictError (too many), ForbiddenError, NotFoundError, RateLimitedError, UnavailableError.
    """
    location, access, message = await reactable(actor, message_id, emoji)
    if (emoji, actor.user_id) in message.reactions:
        return
    kinds = {name for name, _ in message.reactions}
    if len(message.reactions) >= settings.MESSAGE_REACTIONS_MAX or (
        emoji not in kinds and len(kinds) >= settings.MESSAGE_EMOJI_MAX
    ):
        raise ConflictError("This message has all the reactions it can hold.")
    await appending.append(
        stream=streams.channel(location.channel_id),
        event=ReactionAdded(target=targets.target(location), emoji=emoji, user_id=str(actor.user_id)),
        event_id=appending.new_id(),
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        wait=wait,
    )
