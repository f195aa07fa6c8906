"""Database reads for code in the event loop, in a few threads of their own.

Not Django's thread-sensitive executor: a read that many wait for must not queue behind a caller that blocks that very
thread while it waits for the read.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections

T = TypeVar("T")

_executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reads")


async def read(function: Callable[[], T]) -> T:
    """Call `function` in a reading thread, whose database connection is tidied up around it."""

    def call() -> T:
        close_old_connections()
        try:
            return function()
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_executor, call)
