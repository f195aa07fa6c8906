"""Reminders to oneself."""

from apps.accounts.policies import require_person
from apps.accounts.principal import Principal
from apps.core import ids, threads
from apps.core.errors import ConflictError, InvalidError, NotFoundError
from apps.desk import sealing
from apps.desk.actions.writing import check_time, tell, write
from apps.desk.events import ReminderChanged
from apps.desk.models import Reminder
from apps.messaging import targets
from apps.workspaces import queries as workspaces

REMINDERS_MAX = 500  # a person
TEXT_MAX = 500


async def remind(
    *, actor: Principal, workspace_id: int, at: int, text: str = "", message_id: int | None = None
) -> Reminder:
    """Of a text, or of a message. Raises InvalidError, NotFoundError, ConflictError, UnavailableError."""
    require_person(actor)
    check_time(at)
    if len(text) > TEXT_MAX:
        raise InvalidError(errors={"text": [f"At most {TEXT_MAX} characters."]})
    if not text.strip() and message_id is None:
        raise InvalidError(errors={"text": ["Say what to be reminded of."]})
    await threads.read(lambda: workspaces.member(workspace_id, actor.user_id))
    row = Reminder(id=ids.new_id(), user_id=actor.user_id, workspace_id=workspace_id, at=at)
    if message_id is not None:
        location, access = await targets.visible(actor, message_id)
        if access.workspace_id != workspace_id:
            raise NotFoundError(targets.NO_MESSAGE)
        row.channel_id, row.message_id = location.channel_id, message_id
    row.sealed = await sealing.seal(text, workspace_id=workspace_id, user_id=actor.user_id, row_id=row.id)

    def change() -> Reminder:
        if Reminder.objects.filter(user_id=actor.user_id).count() >= REMINDERS_MAX:
            raise ConflictError(f"At most {REMINDERS_MAX} reminders. Finish some first.")
        row.save(force_insert=True)
        _tell(row, "waiting")
        return row

    return await write(change)


async def change_reminder(*, actor: Principal, reminder_id: int, at: int) -> Reminder:
    """Put off. Raises InvalidError, NotFoundError, UnavailableError."""
    require_person(actor)
    check_time(at)

    def change() -> Reminder:
        row = _mine(actor, reminder_id)
        row.at, row.due = at, False
        row.save(update_fields=["at", "due"])
        _tell(row, "waiting")
        return row

    return await write(change)


async def finish_reminder(*, actor: Principal, reminder_id: int) -> None:
    """Raises NotFoundError, UnavailableError."""
    require_person(actor)

    def change() -> None:
        row = _mine(actor, reminder_id)
        _tell(row, "done")
        row.delete()

    await write(change)


def _mine(actor: Principal, reminder_id: int) -> Reminder:
    row = Reminder.objects.select_for_update().filter(id=reminder_id, user_id=actor.user_id).first()
    if row is None:
        raise NotFoundError("There is no such reminder.")
    return row


def _tell(row: Reminder, state: str) -> None:
    event = ReminderChanged(workspace_id=str(row.workspace_id), id=str(row.id), state=state)
    tell(row.user_id, event, workspace_id=row.workspace_id)
