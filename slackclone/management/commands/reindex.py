"""Rebuild the search index from the log, or take a workspace out of it."""

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.eventlog.registry import log
from apps.search.indexing import reindex
from apps.search.registry import index


class Command(BaseCommand):
    help = "Drop the search index and rebuild it from the log; everything may go on running. Or --forget a workspace."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--forget", type=int, metavar="WORKSPACE_ID", help="only remove this workspace's rows")

    def handle(self, *_: Any, forget: int | None, **__: Any) -> None:
        try:
            if forget is not None:
                index().setup()
                self.stdout.write(f"removed {index().forget_workspace(forget)} messages from the index")
            else:
                self.stdout.write(f"indexed {asyncio.run(self._reindex())} records")
        finally:
            index().close()

    @staticmethod
    async def _reindex() -> int:
        try:
            return await reindex(log(), index())
        finally:
            await log().close()
