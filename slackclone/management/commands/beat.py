"""The Celery beat role."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from slackclone.celery import app


class Command(BaseCommand):
    help = "Run Celery beat, the clock of periodic tasks. Exactly one a cluster."

    def handle(self, *_: Any, **__: Any) -> None:
        app.Beat(loglevel="WARNING", schedule=str(settings.DATA_DIR / "beat-schedule")).run()
