"""The Celery application. Its tasks are declared in the rooms' tasks.py and named in slackclone/settings.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")


def make_app() -> Celery:
    made = Celery("slackclone", set_as_current=False, task_cls="apps.core.limited:LimitedTask")
    made.config_from_object("django.conf:settings", namespace="CELERY")
    made.autodiscover_tasks()
    return made


app = make_app()
app.set_default()
