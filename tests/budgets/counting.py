"""`manage.py serve` that says in each answer how many relational queries it took: header `x-queries`."""

import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import django

_counter: contextvars.ContextVar[list[int] | None] = contextvars.ContextVar("queries", default=None)


def _count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
    # Work that no request asked for (relay, leases) runs outside of any request's context.
    if (counter := _counter.get()) is not None:
        counter[0] += 1
    return execute(sql, params, many, context)


def _connected(connection: Any, **_: Any) -> None:
    if _count not in connection.execute_wrappers:
        connection.execute_wrappers.append(_count)


_submit = ThreadPoolExecutor.submit


def _submit_in_context(self: ThreadPoolExecutor, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
    """Reads in other threads belong to the request that asked for them."""
    return _submit(self, contextvars.copy_context().run, call, *args, **kwargs)


class Counting:
    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        counter = [0]
        token = _counter.set(counter)

        async def counted(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-queries", str(counter[0]).encode())]
            await send(message)

        try:
            await self.application(scope, receive, counted)
        finally:
            _counter.reset(token)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "slackclone.settings")
    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db.backends.signals import connection_created

    from slackclone import asgi, runtime

    connection_created.connect(_connected)
    ThreadPoolExecutor.submit = _submit_in_context  # type: ignore[method-assign, assignment]
    call_command("migrate", verbosity=0, interactive=False)
    asgi.application = Counting(asgi.application)
    runtime.run(runtime.EVERYTHING, port=settings.PORT)


if __name__ == "__main__":
    main()
