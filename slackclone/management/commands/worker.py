"""The Celery worker role."""

import os
from typing import Any

from django.core.management.base import BaseCommand

from slackclone.celery import app


class Command(BaseCommand):
    help = "Run a Celery worker until SIGTERM (CELERY_CONCURRENCY threads)."

    def handle(self, *_: Any, **__: Any) -> None:
        app.worker_main(
            [
                "worker",
                "--pool=threads",
                f"--concurrency={os.environ.get('CELERY_CONCURRENCY', '4')}",
                "--loglevel=WARNING",
                "--without-gossip",
                "--without-mingle",
            ]
        )
