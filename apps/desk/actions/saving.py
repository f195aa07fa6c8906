"""Save a message for oneself."""

from apps.accounts.policies import require_scope
from apps.accounts.principal import Principal
from apps.core.clock import now_ms
from apps.core.errors import ConflictError
from apps.desk.actions.writing import tell, write
from apps.desk.events import SavedChanged
from apps.desk.models import Saved
from apps.eventlog.events import encode
from apps.messaging import targets

SAVED_MAX = 5_000  # a person


async def save_message(*, actor: Principal, message_id: int, done: bool = False) -> None:
    """Idempotent; also turns `done` on and off. Raises NotFoundError, ConflictError at SAVED_MAX, UnavailableError."""
    require_scope(actor, "messages:read")
    location, access = await targets.visible(actor, message_id)
    await targets.standing(location)
    target = encode(targets.target(location))

    def change() -> None:
        mine = Saved.objects.filter(user_id=actor.user_id)
        row = mine.filter(message_id=message_id).first()
        if row is not None and (row.done_at is not None) is done:
            return
        if row is None and mine.count() >= SAVED_MAX:
            raise ConflictError(f"At most {SAVED_MAX} messages can be saved. Remove some first.")
        Saved.objects.update_or_create(
            user_id=actor.user_id,
            message_id=message_id,
            defaults={
                "workspace_id": access.workspace_id,
                "channel_id": location.channel_id,
                "target": target,
                "done_at": now_ms() if done else None,
            },
        )
        _tell(actor.user_id, access.workspace_id, message_id, saved=True, done=done)

    await write(change)


async def unsave_message(*, actor: Principal, message_id: int) -> None:
    """Idempotent; works also when the message can't be seen any more."""
    require_scope(actor, "messages:read")

    def change() -> None:
        row = Saved.objects.filter(user_id=actor.user_id, message_id=message_id).first()
        if row is not None:
            row.delete()
            _tell(actor.user_id, row.workspace_id, message_id, saved=False, done=False)

    await write(change)


def _tell(user_id: int, workspace_id: int, message_id: int, *, saved: bool, done: bool) -> None:
    event = SavedChanged(workspace_id=str(workspace_id), message_id=str(message_id), saved=saved, done=done)
    tell(user_id, event, workspace_id=workspace_id)
