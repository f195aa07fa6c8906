"""What time brings: messages that are to be sent now, reminders whose time has come.

A message is claimed before it is sent, and sent under a `client_msg_id` of its own: whoever dies in between, and who
comes after, it becomes one message.
"""

import logging

from apps.accounts.principal import Principal
from apps.core.clock import now_ms
from apps.core.errors import AppError, RateLimitedError, UnavailableError
from apps.desk import sealing
from apps.desk.actions.writing import tell, write
from apps.desk.events import ReminderChanged, ScheduledChanged
from apps.desk.models import Reminder, Scheduled
from apps.messaging.actions import post_message

BATCH = 100
CLAIM_MS = 60_000
_logger = logging.getLogger(__name__)


async def sweep() -> int:
    """One round; returns how many messages were tried and reminders told. Raises UnavailableError."""
    now = now_ms()
    due = await write(
        lambda: list(
            Scheduled.objects.filter(at__lte=now, claimed_until__lte=now, problem="")
            .order_by("at")
            .values_list("id", flat=True)[:BATCH]
        )
    )
    for scheduled_id in due:
        await send_one(scheduled_id)
    return len(due) + await write(_remind)


async def send_one(scheduled_id: int, *, raising: bool = False) -> None:
    """Nothing when it is gone or somebody else is at it. What can't be posted stays, with its `problem`."""
    now = now_ms()
    claimed = await write(
        lambda: Scheduled.objects.filter(id=scheduled_id, claimed_until__lte=now).update(claimed_until=now + CLAIM_MS)
    )
    if not claimed:
        return
    row = await write(lambda: Scheduled.objects.get(id=scheduled_id))
    (text,) = await sealing.opened([(row.id, bytes(row.sealed))], user_id=row.user_id)
    try:
        await post_message(
            actor=Principal(user_id=row.user_id),
            channel_id=row.channel_id,
            text=text,
            client_msg_id=f"scheduled-{row.id}",
            thread_id=row.thread_id,
            also_in_channel=row.also_in_channel,
            retry=True,
        )
    except (UnavailableError, RateLimitedError):
        # It may have been taken all the same: the next round repeats it under the same key.
        await write(lambda: Scheduled.objects.filter(id=scheduled_id).update(claimed_until=0))
        if raising:
            raise
        return
    except AppError as error:
        detail = error.detail
        await write(lambda: _failed(row, detail))
        if raising:
            raise
        return
    await write(lambda: _sent(row))


def _sent(row: Scheduled) -> None:
    if Scheduled.objects.filter(id=row.id).delete()[0]:
        _tell(row, "sent")


def _failed(row: Scheduled, problem: str) -> None:
    _logger.info("a scheduled message could not be sent: %s", problem)
    Scheduled.objects.filter(id=row.id).update(claimed_until=0, problem=problem[:200] or "It could not be sent.")
    _tell(row, "failed")


def _tell(row: Scheduled, state: str) -> None:
    event = ScheduledChanged(
        workspace_id=str(row.workspace_id), channel_id=str(row.channel_id), id=str(row.id), state=state
    )
    tell(row.user_id, event, workspace_id=row.workspace_id)


def _remind() -> int:
    rows = list(Reminder.objects.select_for_update().filter(at__lte=now_ms(), due=False).order_by("at")[:BATCH])
    for row in rows:
        row.due = True
        row.save(update_fields=["due"])
        event = ReminderChanged(workspace_id=str(row.workspace_id), id=str(row.id), state="due")
        tell(row.user_id, event, workspace_id=row.workspace_id)
    return len(rows)
