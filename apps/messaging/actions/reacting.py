"""What adding and removing a reaction have in common."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies as channels
from apps.conversations.access import Access
from apps.messaging import targets, texts
from apps.messaging.actions import appending
from apps.messaging.policies import can_react
from apps.messaging.ports import Location, StoredMessage


async def reactable(actor: Principal, message_id: int, emoji: str) -> tuple[Location, Access, StoredMessage]:
    """Raises InvalidError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError."""
    require_scope(actor, "reactions:write")
    texts.check_emoji(emoji)
    await appending.take_turn(actor.user_id)
    location, access = await targets.visible(actor, message_id)
    channels.require(can_react(access), access, "Join this channel to react in it.")
    return location, access, await targets.standing(location)
