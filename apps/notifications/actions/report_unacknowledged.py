"""The gateway saw that nobody acknowledged an event, though it was sent again: it goes out as push, at once."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from celery import current_app
from kombu.exceptions import OperationalError

TASK = "notifications.unacknowledged"
DEADLINE_S = 5.0
_log = logging.getLogger(__name__)
_threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="unacknowledged")


async def report_unacknowledged(*, user_id: int, stream: str, seq: int) -> None:
    """Never raises: when the broker does not take it, the re-check that every notification has catches it."""
    send = partial(current_app.send_task, TASK, args=[str(user_id), stream, seq], retry=False, ignore_result=True)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.get_running_loop().run_in_executor(_threads, send)
    except (OperationalError, OSError, TimeoutError) as error:
        _log.warning("a missed acknowledgement is not reported: %s", error)
