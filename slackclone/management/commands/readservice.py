"""The role that keeps unread and mention counts from the log."""

from typing import Any

from django.core.management.base import BaseCommand

from slackclone import runtime


class Command(BaseCommand):
    help = (
        "Run a read service until SIGTERM: it keeps mentions, deletions and own posts for the unread counts."
        " Any number may run; they share the partitions."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        runtime.run(frozenset({runtime.Role.READS}))
