"""Database reads for code in the event loop, in a few threads of their own.

Not Django's thread-sensitive executor: a read that many wait for must not queue behind a caller that blocks that very
thread while it waits for the read.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync
from django.db import close_old_connections, connection
from django.utils import translation

P = ParamSpec("P")
T = TypeVar("T")

_executor = ThreadPoolExecutor(max_workers=4, thread_name_prefix="reads")


async def read(function: Callable[[], T]) -> T:
    """Call `function` in a reading thread, in the caller's language; the thread's connection is tidied up around it."""
    language = translation.get_language()

    def call() -> T:
        close_old_connections()
        try:
            with translation.override(language):
                return function()
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_executor, call)


def wait(function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an async function from a request's thread and wait for it.

    A pooled connection goes back first: else as many callers as the pool has connections wait for a read that waits for
    one of theirs.
    """
    if connection.settings_dict["OPTIONS"].get("pool") and not connection.in_atomic_block:
        connection.close()
    return async_to_sync(function)(*args, **kwargs)
