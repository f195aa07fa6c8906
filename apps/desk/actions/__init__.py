"""What people do at their desk, one subject a file."""

from apps.desk.actions.arrange_sidebar import arrange_sidebar
from apps.desk.actions.drafts import drop_draft, keep_draft
from apps.desk.actions.reminders import change_reminder, finish_reminder, remind
from apps.desk.actions.saving import save_message, unsave_message
from apps.desk.actions.scheduling import cancel_scheduled, change_scheduled, schedule_message, send_now
from apps.desk.actions.sweeping import sweep

__all__ = [
    "arrange_sidebar",
    "cancel_scheduled",
    "change_reminder",
    "change_scheduled",
    "drop_draft",
    "finish_reminder",
    "keep_draft",
    "remind",
    "save_message",
    "schedule_message",
    "send_now",
    "sweep",
    "unsave_message",
]
