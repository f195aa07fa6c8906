"""Messages for later. What is being sent right now can't be changed any more."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.conversations import policies
from apps.conversations import queries as conversations
from apps.core import ids
from apps.core.clock import now_ms
from apps.core.errors import ConflictError, NotFoundError
from apps.desk import sealing
from apps.desk.actions.sweeping import send_one
from apps.desk.actions.writing import check_time, tell, write
from apps.desk.events import ScheduledChanged
from apps.desk.models import Scheduled
from apps.messaging import texts

SCHEDULED_MAX = 200  # a person
NO_SUCH = "There is no such message to be sent."


async def schedule_message(
    *,
    actor: Principal,
    channel_id: int,
    text: str,
    at: int,
    thread_id: int | None = None,
    also_in_channel: bool = False,
) -> Scheduled:
    """Raises InvalidError, ForbiddenError, NotFoundError, ConflictError at SCHEDULED_MAX, UnavailableError."""
    require_scope(actor, "messages:write")
    texts.check_text(text)
    check_time(at)
    access = await conversations.access(channel_id, actor.user_id)
    is_reply = thread_id is not None and not also_in_channel
    allowed = policies.can_take_part(access) if is_reply else policies.can_post(access)
    policies.require(allowed, access, "Join this channel to post in it.")
    row = Scheduled(
        id=ids.new_id(),
        user_id=actor.user_id,
        workspace_id=access.workspace_id,
        channel_id=channel_id,
        thread_id=thread_id,
        also_in_channel=also_in_channel and thread_id is not None,
        at=at,
    )
    row.sealed = await sealing.seal(text, workspace_id=row.workspace_id, user_id=actor.user_id, row_id=row.id)

    def change() -> Scheduled:
        if Scheduled.objects.filter(user_id=actor.user_id).count() >= SCHEDULED_MAX:
            raise ConflictError(f"At most {SCHEDULED_MAX} messages can wait to be sent.")
        row.save(force_insert=True)
        _tell(row, "waiting")
        return row

    return await write(change)


async def change_scheduled(
    *, actor: Principal, scheduled_id: int, text: str | None = None, at: int | None = None
) -> Scheduled:
    """What failed waits again. Raises InvalidError, NotFoundError, ConflictError, UnavailableError."""
    require_scope(actor, "messages:write")
    if text is not None:
        texts.check_text(text)
    if at is not None:
        check_time(at)
    found = await write(lambda: _mine(actor, scheduled_id))
    sealed = found.sealed
    if text is not None:
        sealed = await sealing.seal(text, workspace_id=found.workspace_id, user_id=actor.user_id, row_id=found.id)

    def change() -> Scheduled:
        row = _mine(actor, scheduled_id)
        row.sealed = sealed
        row.at = row.at if at is None else at
        row.problem = ""
        row.save()
        _tell(row, "waiting")
        return row

    return await write(change)


async def cancel_scheduled(*, actor: Principal, scheduled_id: int) -> None:
    """Raises NotFoundError, ConflictError, UnavailableError."""
    require_scope(actor, "messages:write")

    def change() -> None:
        row = _mine(actor, scheduled_id)
        _tell(row, "cancelled")
        row.delete()

    await write(change)


async def send_now(*, actor: Principal, scheduled_id: int) -> None:
    """Raises what a post raises; then it stays."""
    require_scope(actor, "messages:write")
    await write(lambda: _mine(actor, scheduled_id))
    await send_one(scheduled_id, raising=True)


def _mine(actor: Principal, scheduled_id: int) -> Scheduled:
    row = Scheduled.objects.select_for_update().filter(id=scheduled_id, user_id=actor.user_id).first()
    if row is None:
        raise NotFoundError(NO_SUCH)
    if row.claimed_until > now_ms():
        raise ConflictError("This message is being sent now.")
    return row


def _tell(row: Scheduled, state: str) -> None:
    event = ScheduledChanged(
        workspace_id=str(row.workspace_id), channel_id=str(row.channel_id), id=str(row.id), state=state
    )
    tell(row.user_id, event, workspace_id=row.workspace_id)
