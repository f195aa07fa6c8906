from apps.notifications.actions.devices import register_device, remove_device, request_test
from apps.notifications.actions.preferences import change_channel_preference, change_preference, turn_off_mail
from apps.notifications.actions.report_unacknowledged import report_unacknowledged

__all__ = [
    "change_channel_preference",
    "change_preference",
    "register_device",
    "remove_device",
    "report_unacknowledged",
    "request_test",
    "turn_off_mail",
]
