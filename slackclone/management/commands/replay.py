"""Rebuild the store from the log."""

import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from apps.delivery.replay import replay
from apps.eventlog.registry import log
from apps.messaging.registry import store


class Command(BaseCommand):
    help = "Drop the store's tables and rebuild them from the log. Stop the sequencers first."

    def handle(self, *_: Any, **__: Any) -> None:
        self.stdout.write(f"replayed {asyncio.run(self._replay())} records")

    @staticmethod
    async def _replay() -> int:
        try:
            return await replay(log(), store())
        finally:
            await store().close()
            await log().close()
