"""The commands of the socket that change something: parse, one call, translate."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from apps.accounts.principal import Principal
from apps.core.errors import NotFoundError
from apps.core.ids import MAX_ID
from apps.gateway import frames
from apps.messaging.registry import message_service
from apps.reads import actions as reads

Command = Callable[[Principal, Any], Awaitable[frames.Frame | None]]


def _id(text: str) -> int:
    """frames.Id has checked the digits; what is too large for an id names nothing."""
    number = int(text)
    if number > MAX_ID:
        raise NotFoundError
    return number


async def send(principal: Principal, frame: frames.Send) -> frames.Frame:
    posted = await message_service().post(
        actor=principal,
        channel_id=_id(frame.channel_id),
        text=frame.text,
        kind=frame.type,
        client_msg_id=frame.client_msg_id,
        thread_id=None if frame.thread_id is None else _id(frame.thread_id),
        also_in_channel=frame.also_in_channel,
        file_ids=[_id(one) for one in frame.file_ids],
        retry=frame.retry,
    )
    return frames.Sent(
        id=frame.id,
        client_msg_id=frame.client_msg_id,
        message_id=str(posted.message_id),
        timestamp=posted.timestamp,
    )


async def edit(principal: Principal, frame: frames.Edit) -> frames.Frame:
    await message_service().edit(actor=principal, message_id=_id(frame.message_id), text=frame.text)
    return frames.Ok(id=frame.id)


async def delete(principal: Principal, frame: frames.Delete) -> frames.Frame:
    await message_service().delete(actor=principal, message_id=_id(frame.message_id))
    return frames.Ok(id=frame.id)


async def react(principal: Principal, frame: frames.React) -> frames.Frame:
    await message_service().react(actor=principal, message_id=_id(frame.message_id), emoji=frame.emoji, on=frame.on)
    return frames.Ok(id=frame.id)


async def mark(principal: Principal, frame: frames.Mark) -> frames.Frame | None:
    await reads.move_marker(
        actor=principal,
        channel_id=_id(frame.channel_id),
        thread_id=None if frame.thread_id is None else _id(frame.thread_id),
        n=frame.n,
        version=frame.version,
    )
    return None if frame.id is None else frames.Ok(id=frame.id)


def mark_followed(principal: Principal, frame: frames.Mark) -> bool:
    """At once, for a member's socket that follows the channel and has seen `n`. False when there is no room."""
    return reads.move_known_marker(actor=principal, channel_id=int(frame.channel_id), n=frame.n, version=frame.version)


COMMANDS: Mapping[type[frames.Frame], Command] = {
    frames.Edit: edit,
    frames.Delete: delete,
    frames.React: react,
    frames.Mark: mark,
}
