"""A message told on: what of it is copied, and to whom it may go."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import queries as conversations
from apps.conversations.access import Access
from apps.core import threads
from apps.core.errors import ForbiddenError, NotFoundError
from apps.eventlog import streams
from apps.messaging import contents, targets
from apps.messaging.events import Quote
from apps.messaging.policies import can_forward


async def quote_of(actor: Principal, message_id: int, target: Access) -> Quote:
    """Raises ForbiddenError when it would show a private conversation to others, NotFoundError, UnavailableError."""
    require_scope(actor, "messages:read")
    location, source = await targets.visible(actor, message_id)
    message = await targets.standing(location)
    if source.workspace_id != target.workspace_id or message.content is None:
        raise NotFoundError(targets.NO_MESSAGE)
    readers = await threads.read(lambda: conversations.are_members_too(target.channel_id, source.channel_id))
    if not can_forward(source, target, readers_are_members=readers):
        raise ForbiddenError("What is private can be forwarded only to people who can read it where it is.")
    sealed = message.content.sealed
    await contents.warm([sealed])
    content = contents.unseal(sealed, stream=streams.channel(location.channel_id), event_id=message.content.event_id)
    if not content.text.strip() and not content.files and content.quote is not None:
        return content.quote
    return Quote(
        message_id=str(message_id),
        channel_id=str(location.channel_id),
        sender_id=str(message.sender_id),
        timestamp=message.created_at,
        text=content.text,
        html=content.html,
        files=content.files,
    )
