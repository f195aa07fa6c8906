"""Change one's own message."""

import msgspec

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.core.clock import now_ms
from apps.core.errors import ForbiddenError
from apps.eventlog import streams
from apps.eventlog.events import Sequenced
from apps.messaging import contents, rendering, targets, texts
from apps.messaging.actions import appending
from apps.messaging.events import Content, MessageEdited
from apps.messaging.ports import StoredMessage, Version


async def edit_message(*, actor: Principal, message_id: int, text: str, wait: bool = False) -> StoredMessage:
    """The message as it is with the new content; with `wait`, readers see it too (or SEQUENCED_DEADLINE_S has passed).

    Raises InvalidError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError.
    """
    require_scope(actor, "messages:write")
    texts.check_text(text, blank=True)
    await appending.take_turn(actor.user_id)
    location, access = await targets.visible(actor, message_id)
    if location.sender_id != actor.user_id:
        raise ForbiddenError("Only who wrote a message can change it.")
    policies.require(policies.can_take_part(access), access, "Join this channel to change what you wrote in it.")
    message = await targets.standing(location)
    stream = streams.channel(location.channel_id)
    old = await _before(message, stream)
    texts.check_text(text, blank=bool(old.files) or old.quote is not None)
    content = await rendering.content_of(text, workspace_id=access.workspace_id)
    content = msgspec.structs.replace(content, quote=old.quote, files=old.files)
    event_id = appending.new_id()
    sealed = await contents.seal(content, workspace_id=access.workspace_id, stream=stream, event_id=event_id)
    appended = await appending.append(
        stream=stream,
        event=MessageEdited(target=targets.target(location)),
        event_id=event_id,
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        sealed=sealed,
        wait=wait,
    )
    edited_at = appended.outcome.created_at if isinstance(appended.outcome, Sequenced) else now_ms()
    return msgspec.structs.replace(message, content=Version(event_id, edited_at, actor.user_id, sealed))


async def _before(message: StoredMessage, stream: str) -> Content:
    """An edit changes the text; the files and what was forwarded stay."""
    if message.content is None:
        return contents.GONE
    await contents.warm([message.content.sealed])
    return contents.unseal(message.content.sealed, stream=stream, event_id=message.content.event_id)
