"""Drafts: kept as they are typed, gone once sent."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core import ids
from apps.core.clock import now_ms
from apps.core.errors import ConflictError
from apps.desk import sealing
from apps.desk.actions.writing import tell, write
from apps.desk.events import DraftChanged
from apps.desk.models import Draft
from apps.messaging import texts

DRAFTS_MAX = 500  # a person


async def keep_draft(
    *, actor: Principal, channel_id: int, text: str, thread_id: int | None = None, origin: str | None = None
) -> None:
    """Raises InvalidError, ForbiddenError, NotFoundError, ConflictError at DRAFTS_MAX, UnavailableError."""
    require_scope(actor, "messages:write")
    texts.check_text(text)
    access = await conversations.access(channel_id, actor.user_id)
    policies.require(access.is_member, access, "Join this channel to write in it.")
    row_id = ids.new_id()
    sealed = await sealing.seal(text, workspace_id=access.workspace_id, user_id=actor.user_id, row_id=row_id)

    def change() -> None:
        mine = Draft.objects.filter(user_id=actor.user_id)
        old = mine.filter(channel_id=channel_id, thread_id=thread_id or 0)
        if not old.exists() and mine.count() >= DRAFTS_MAX:
            raise ConflictError(f"At most {DRAFTS_MAX} drafts are kept. Send or delete some first.")
        old.delete()  # the text is sealed under the row's id
        Draft.objects.create(
            id=row_id,
            user_id=actor.user_id,
            workspace_id=access.workspace_id,
            channel_id=channel_id,
            thread_id=thread_id or 0,
            sealed=sealed,
            updated_at=now_ms(),
        )
        _tell(actor.user_id, access.workspace_id, channel_id, thread_id, origin, kept=True)

    await write(change)


async def drop_draft(
    *, actor: Principal, channel_id: int, thread_id: int | None = None, origin: str | None = None
) -> None:
    """It was sent, or thrown away. Idempotent, also where the channel can't be seen any more."""
    require_scope(actor, "messages:write")

    def change() -> None:
        row = Draft.objects.filter(user_id=actor.user_id, channel_id=channel_id, thread_id=thread_id or 0).first()
        if row is not None:
            row.delete()
            _tell(actor.user_id, row.workspace_id, channel_id, thread_id, origin, kept=False)

    await write(change)


def _tell(
    user_id: int, workspace_id: int, channel_id: int, thread_id: int | None, origin: str | None, *, kept: bool
) -> None:
    event = DraftChanged(
        workspace_id=str(workspace_id),
        channel_id=str(channel_id),
        thread_id=None if not thread_id else str(thread_id),
        kept=kept,
        origin=origin,
    )
    tell(user_id, event, workspace_id=workspace_id)
