from prometheus_client import Counter

PUSHES = Counter("slackclone_pushes", "Pushes by service and outcome", ["service", "outcome"])
MAILS = Counter("slackclone_notification_mails", "Letters about missed messages")
DEAD_TASKS = Counter("slackclone_notification_dead_tasks", "Notification tasks given up for good")
