"""The role that feeds the search from the log."""

from typing import Any

from django.core.management.base import BaseCommand

from slackclone import runtime


class Command(BaseCommand):
    help = (
        "Run an indexer until SIGTERM: it feeds the search from the log. Any number may run; they share the partitions."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        runtime.run(frozenset({runtime.Role.INDEXER}))
