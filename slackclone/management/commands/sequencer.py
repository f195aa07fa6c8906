"""The role that reads the log: order, storage, delivery; and the outbox relay beside it."""

from typing import Any

from django.core.management.base import BaseCommand

from slackclone import runtime


class Command(BaseCommand):
    help = "Run a sequencer and the outbox relay until SIGTERM. Any number may run; they share the partitions."

    def handle(self, *_: Any, **__: Any) -> None:
        runtime.run(frozenset({runtime.Role.SEQUENCER}))
