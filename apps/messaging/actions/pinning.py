"""Pin a message to its channel, or take it off."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies as channels
from apps.core.errors import ConflictError
from apps.eventlog import streams
from apps.messaging import targets
from apps.messaging.actions import appending
from apps.messaging.events import MessagePinned, MessageUnpinned
from apps.messaging.policies import can_pin
from apps.messaging.ports import PINS_MAX
from apps.messaging.registry import store
from apps.messaging.targets import store_needed


async def pin_message(*, actor: Principal, message_id: int, wait: bool = False) -> None:
    """Idempotent. Raises ConflictError when PINS_MAX are pinned, ForbiddenError, NotFoundError, UnavailableError."""
    await _change(actor, message_id, on=True, wait=wait)


async def unpin_message(*, actor: Principal, message_id: int, wait: bool = False) -> None:
    await _change(actor, message_id, on=False, wait=wait)


async def _change(actor: Principal, message_id: int, *, on: bool, wait: bool) -> None:
    require_scope(actor, "messages:write")
    await appending.take_turn(actor.user_id)
    location, access = await targets.visible(actor, message_id)
    channels.require(can_pin(access), access, "Join this channel to pin in it.")
    if on:
        await targets.standing(location)
    with store_needed():
        pinned = [pin.target.message_id for pin in await store().pins(location.channel_id)]
    if (str(message_id) in pinned) is on:
        return
    if on and len(pinned) >= PINS_MAX:
        raise ConflictError(f"At most {PINS_MAX} messages are pinned to a channel. Take one off first.")
    target = targets.target(location)
    await appending.append(
        stream=streams.channel(location.channel_id),
        event=MessagePinned(target=target) if on else MessageUnpinned(target=target),
        event_id=appending.new_id(),
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        wait=wait,
    )
