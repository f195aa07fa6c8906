"""Writing in a canvas.

It is no event of the channel's stream: a document's updates commute, so they need no order, and
every client can give back what another place has lost. They are told to who looks, and kept in the database.
"""

import msgspec

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.canvas import documents, policies, queries, writer
from apps.canvas.registry import writer as the_writer
from apps.conversations import policies as channels
from apps.conversations import queries as conversations
from apps.conversations.access import Access
from apps.core import threads
from apps.core.errors import InvalidError, TooLargeError
from apps.eventlog import registry as eventlog
from apps.eventlog import streams
from apps.eventlog.events import Batch, Ephemeral

UPDATE_MAX = 4 * 1024 * 1024
UPDATED = "canvas.update"


async def edit_canvas(*, actor: Principal, channel_id: int, update: bytes, origin: int = 0) -> None:
    """Durable on return, and told to everyone who has the canvas open except the socket `origin`.

    Raises NotFoundError, ForbiddenError, InvalidError, TooLargeError, UnavailableError.
    """
    if len(update) > UPDATE_MAX:
        raise TooLargeError(f"An update is at most {UPDATE_MAX} bytes.")
    access = await _require_editor(actor, channel_id)
    try:
        documents.checked(update)
    except documents.MalformedError as error:
        raise InvalidError("Not an update of a document.") from error
    # Told before it is durable: who has it gives it back should it be lost here.
    told = Ephemeral(type=UPDATED, key=str(origin), body=msgspec.msgpack.encode([origin, update]))
    await eventlog.broadcast().publish(Batch(streams.channel(channel_id), ephemeral=[told]))
    await the_writer().write(
        channel_id=channel_id, workspace_id=access.workspace_id, user_id=actor.user_id, update=update
    )


async def restore_version(*, actor: Principal, channel_id: int, n: int) -> None:
    """Make the content what it was at version `n`; what it is now becomes a version. Raises as `edit_canvas`."""
    access = await _require_editor(actor, channel_id)
    wanted = await queries.version(actor=actor, channel_id=channel_id, n=n)

    def edit() -> bytes:
        writer.keep_version(channel_id, access.workspace_id)
        return documents.replacing(queries.document(channel_id), wanted)

    await edit_canvas(actor=actor, channel_id=channel_id, update=await threads.read(edit))


async def _require_editor(actor: Principal, channel_id: int) -> Access:
    require_scope(actor, "messages:write")
    access = await conversations.access(channel_id, actor.user_id)
    why = "This channel is archived." if access.archived else "Join the channel to write in its canvas."
    channels.require(policies.can_edit(access), access, why)
    return access
