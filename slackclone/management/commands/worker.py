"""The Celery worker role."""

import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.eventlog import leases
from slackclone.workers import Workers, give_back, threads_for

_GIVE_BACK_S = 5.0
# On a host that serves chat as well, chat comes first; and what is for many comes last.
_NICENESS = 10
_BULK_NICENESS = 19


class Command(BaseCommand):
    help = "Run Celery workers until SIGTERM, with threads of their own for each group of queues."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("groups", nargs="*", help=f"of {', '.join(settings.WORKER_QUEUES)}; none: all of them")

    def handle(self, *_: Any, groups: list[str], **__: Any) -> None:
        os.nice(_BULK_NICENESS if groups == ["bulk"] else _NICENESS)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        lease = leases.hold()
        try:
            ordinary = int(os.environ.get("CELERY_CONCURRENCY", "4"))
            workers = Workers(threads_for(groups or list(settings.WORKER_QUEUES), ordinary=ordinary, special=2))
            workers.start()
            while not stopping.wait(_GIVE_BACK_S) and workers.alive:
                give_back()
            ended = workers.stop()
        finally:
            lease.release()
        if not ended:
            # The interpreter would wait for the tasks' threads; the broker gives what they hold to another worker.
            os._exit(1)
        if not stopping.is_set():
            raise SystemExit(1)
