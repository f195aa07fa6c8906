"""Post a message, or a reply."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.conf import settings

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core import ids
from apps.core.clock import now_ms
from apps.core.errors import InvalidError, NotFoundError, UnavailableError
from apps.eventlog import streams
from apps.eventlog.events import Duplicate, Sequenced
from apps.messaging import contents, rendering, targets, texts
from apps.messaging.actions import appending, attaching, forwarding
from apps.messaging.events import MessagePosted
from apps.messaging.ports import Location, StoredMessage, StoreUnavailableError
from apps.messaging.present import stored_message
from apps.messaging.registry import store
from apps.messaging.sequenced import original_before

_END = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Posted:
    """`sequenced`: it has its place (`seq`, `message`) and can be read. Else it is durable and will come.

    What a repeated `client_msg_id` answers is the original: its id, time, seq and present state.
    """

    message_id: int
    timestamp: int
    seq: int | None = None
    message: StoredMessage | None = None
    sequenced: bool = False


async def post_message(
    *,
    actor: Principal,
    channel_id: int,
    text: str,
    kind: str = "text",
    client_msg_id: str | None = None,
    thread_id: int | None = None,
    also_in_channel: bool = False,
    forward_id: int | None = None,
    file_ids: Sequence[int] = (),
    retry: bool = False,
    wait: bool = False,
) -> Posted:
    """With `forward_id` a copy of that message comes along, and the text may be empty.

    Durable on return; with `wait` or `retry` also sequenced, unless that takes longer than SEQUENCED_DEADLINE_S.

    Raises InvalidError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError.
    """
    require_scope(actor, "messages:write")
    kind = texts.check_kind(kind)
    texts.check_text(text, blank=forward_id is not None or bool(file_ids))
    client_msg_id = texts.check_client_msg_id(client_msg_id)
    await appending.take_turn(actor.user_id)
    access = await conversations.access(channel_id, actor.user_id)
    is_reply = thread_id is not None and not also_in_channel
    allowed = policies.can_take_part(access) if is_reply else policies.can_post(access)
    policies.require(allowed, access, "Join this channel to post in it.")
    stream = streams.channel(channel_id)
    dedupe = None if client_msg_id is None else f"{actor.user_id}:{client_msg_id}"
    if retry and dedupe is not None:
        original = await _standing_original(stream, dedupe)
        if original is not None:
            return original
    parent = None if thread_id is None else await _parent(channel_id, thread_id)
    if parent is None and also_in_channel:
        raise InvalidError(errors={"also_in_channel": ["Only a reply can be shown in the channel as well."]})
    quote = None if forward_id is None else await forwarding.quote_of(actor, forward_id, access)
    content = await rendering.content_of(text, workspace_id=access.workspace_id)
    message_id = appending.new_id()
    if quote is not None and quote.files:
        quote = await attaching.forward(quote=quote, access=access, message_id=message_id, dedupe=dedupe)
    if quote is not None:
        content = msgspec.structs.replace(content, quote=quote)
    if file_ids:
        facts = await attaching.attach(
            actor=actor, file_ids=file_ids, access=access, message_id=message_id, dedupe=dedupe
        )
        content = msgspec.structs.replace(content, files=facts)
    appended = await appending.append(
        stream=stream,
        event=MessagePosted(
            channel_id=str(channel_id),
            message_id=str(message_id),
            sender_id=str(actor.user_id),
            kind=kind,
            client_msg_id=client_msg_id,
            thread_id=None if parent is None else str(parent.message_id),
            also_in_channel=also_in_channel,
            mentioned=[found.user_id for found in content.mentions if found.user_id is not None],
            mentions_all=next((found.kind for found in content.mentions if found.kind in {"channel", "here"}), None),
            mentioned_groups=[found.group_id for found in content.mentions if found.group_id is not None],
            parent_sender_id=None if parent is None else str(parent.sender_id),
            file_ids=[file.id for file in content.files],
            forwarded_file_ids=[] if quote is None else [file.id for file in quote.files],
        ),
        event_id=message_id,
        actor_id=actor.user_id,
        workspace_id=access.workspace_id,
        dedupe=dedupe,
        counts=parent is None,
        thread=None if parent is None else (parent.message_id, parent.bucket, parent.created_at, parent.seq),
        sealed=await contents.seal(content, workspace_id=access.workspace_id, stream=stream, event_id=message_id),
        wait=wait or retry,
    )
    posted = await _what_became(appended, stream, dedupe)
    if posted.message_id != message_id:
        standing = posted.message is None or posted.message.deleted_at is None
        await attaching.settle(content, repeat_id=message_id, message_id=posted.message_id, standing=standing)
    if retry and not posted.sequenced and posted.message_id == message_id and dedupe is not None:
        # An earlier attempt may stand before this one in the log: until that is known, its id is not ours to say.
        raise UnavailableError("It is not known yet what an earlier attempt became; repeat it.", retry_after=1)
    return posted


async def _parent(channel_id: int, thread_id: int) -> Location:
    """Raises NotFoundError, InvalidError."""
    try:
        found = await targets.locate(thread_id)
    except NotFoundError:
        found = None
    if found is None or found.channel_id != channel_id:
        raise NotFoundError("There is no such message in this channel.")
    if found.parent is not None:
        raise InvalidError(errors={"thread_id": ["A reply has no thread of its own; name the message that begins it."]})
    message = await targets.stored(found)
    if message.deleted_at is not None and message.reply_count == 0:
        raise NotFoundError("This message was deleted.")
    return found


async def _what_became(appended: appending.Appended, stream: str, dedupe: str | None) -> Posted:
    """From here on nothing may fail: the record is durable."""
    durable = Posted(appended.event_id, ids.timestamp_ms(appended.event_id))
    match appended.outcome:
        case None:
            return durable
        case Sequenced() as event:
            message = stored_message(event)
            return Posted(appended.event_id, event.created_at, event.seq, message, sequenced=True)
        case Duplicate() as duplicate:
            return await _original(duplicate.original_event_id, duplicate.original_created_at, duplicate.original_seq)
    try:
        location = await store().locate(appended.event_id)
        if location is not None:
            return await _original(location.message_id, location.created_at, location.seq)
        if dedupe is not None:
            found = await original_before(stream, dedupe, appended.position.offset)
            if found is not None:
                return await _original(found.event_id, found.created_at, found.seq)
    except StoreUnavailableError:
        pass
    return durable


async def _original(message_id: int, created_at: int, seq: int) -> Posted:
    message = None
    try:
        location = await store().locate(message_id)
        if location is not None:
            message = await store().message(location)
    except StoreUnavailableError:
        pass
    return Posted(message_id, created_at, seq, message, sequenced=message is not None)


async def _standing_original(stream: str, dedupe: str) -> Posted | None:
    """What an earlier attempt became, if the store already shows it: a repeat then needs no second record."""
    try:
        found = await original_before(stream, dedupe, _END)
    except StoreUnavailableError:
        return None
    # what is nearly forgotten is for the sequencer to decide, by the log's clock
    if found is None or now_ms() - found.timestamp_ms > settings.DEDUPE_WINDOW_S * 500:
        return None
    return await _original(found.event_id, found.created_at, found.seq)
