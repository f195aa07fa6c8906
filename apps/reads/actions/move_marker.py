"""Read on: in a channel, in a thread, everywhere."""

from apps.accounts.policies import has_scope, require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.conversations.access import Access
from apps.core import threads
from apps.core.errors import InvalidError, UnavailableError
from apps.eventlog import streams
from apps.messaging import queries as messaging
from apps.messaging import registry
from apps.messaging.targets import store_needed
from apps.reads import queries
from apps.reads.moves import Move, Moved, write
from apps.reads.registry import buffer
from apps.reads.telling import tell

NOT_IN = "Join this channel to keep your place in it."
_PAGE = 200
_MAX_CHANNELS = 5_000


async def move_marker(
    *, actor: Principal, channel_id: int, n: int, thread_id: int | None = None, version: int = 0
) -> None:
    """Soon written, with others. `n` beyond the end means the end.

    Raises NotFoundError, ForbiddenError, InvalidError, UnavailableError (also while too many moves wait).
    """
    move = await _checked(actor, channel_id, thread_id, n, version)
    if not buffer().put(move):
        raise UnavailableError("Too many markers wait for the database.", retry_after=5)


def move_known_marker(*, actor: Principal, channel_id: int, n: int, version: int) -> bool:
    """The caller knows that the actor is a member, and that there is a message `n`. False when there is no room."""
    return has_scope(actor, "messages:read") and buffer().put(Move(actor.user_id, channel_id, channel_id, n, version))


async def move_marker_now(
    *, actor: Principal, channel_id: int, n: int | None, thread_id: int | None = None, version: int | None = None
) -> Moved:
    """Written on return, which says where the marker is. `n` None: the end; `version` None: the marker's own."""
    move = await _checked(actor, channel_id, thread_id, 1 << 62 if n is None else n, version or 0)

    def now() -> tuple[Moved, bool]:
        standing = queries.marker(actor.user_id, move.scope_id)
        asked = move if version is not None or standing is None else move._replace(version=standing.version)
        moved = write([asked])
        if moved:
            return moved[0], True
        standing = queries.marker(actor.user_id, move.scope_id)
        return standing or Moved(*move), False

    marker, moved = await threads.read(now)
    if moved:
        await tell([marker])
    return marker


async def mark_all_read(*, actor: Principal, workspace_id: int) -> int:
    """Every channel and followed thread of the workspace; returns how many markers moved.

    Raises NotFoundError, ForbiddenError, UnavailableError.
    """
    require_scope(actor, "messages:read")
    scopes = await threads.read(lambda: queries.scopes(actor=actor, workspace_id=workspace_id, limit=_MAX_CHANNELS))
    names = [streams.channel(channel.id) for channel in scopes.channels]
    counts: dict[int, int] = {}
    with store_needed():
        for start in range(0, len(names), _PAGE):
            heads = await registry.store().heads(names[start : start + _PAGE])
            counts |= {int(name[2:]): head.count for name, head in heads.items()}

    def now() -> list[Moved]:
        ends = [(channel.id, channel.id, counts.get(channel.id, 0)) for channel in scopes.channels]
        ends += [(thread.thread_id, thread.channel_id, thread.count) for thread in scopes.threads]
        versions = queries.versions(actor.user_id, [scope_id for scope_id, _, _ in ends])
        return write(
            [
                Move(actor.user_id, scope_id, channel_id, n, versions.get(scope_id, 0))
                for scope_id, channel_id, n in ends
                if n
            ]
        )

    moved = await threads.read(now)
    await tell(moved)
    return len(moved)


async def _checked(actor: Principal, channel_id: int, thread_id: int | None, n: int, version: int) -> Move:
    require_scope(actor, "messages:read")
    if thread_id is not None:
        location = await messaging.locate(actor=actor, message_id=thread_id)
        if location.parent is not None or location.channel_id != channel_id:
            raise InvalidError(errors={"thread_id": ["not a message that begins a thread in this channel"]})
    require_member(await conversations.access(channel_id, actor.user_id))
    with store_needed():
        if thread_id is None:
            stream = streams.channel(channel_id)
            head = (await registry.store().heads([stream])).get(stream)
            end = head.count if head else 0
        else:
            place = (channel_id, (thread_id, location.bucket, location.created_at, location.seq))
            end = (await registry.store().thread_totals([place])).get(thread_id, 0)
    return Move(actor.user_id, thread_id or channel_id, channel_id, min(n, end), version)


def require_member(access: Access) -> None:
    policies.require(access.is_member, access, NOT_IN)
