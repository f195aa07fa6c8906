"""The Celery application. Its tasks are declared in the rooms' tasks.py and named in slackclone/settings.py."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")

app = Celery("slackclone")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.set_default()
app.autodiscover_tasks()
