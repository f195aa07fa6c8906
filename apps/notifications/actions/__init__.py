from apps.notifications.actions.report_unacknowledged import report_unacknowledged

__all__ = ["report_unacknowledged"]
