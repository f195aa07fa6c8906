"""Puts the rooms together and runs the roles of this process in one event loop; started in order, ended in reverse."""

import asyncio
import contextlib
import enum
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import uvloop
from celery.beat import Service as Beat
from django.conf import settings
from prometheus_client import start_http_server

from apps.core import threads
from apps.delivery.sequencer import Sequencer
from apps.eventlog import leases
from apps.eventlog.outbox import Relay
from apps.eventlog.ports import LogUnavailableError
from apps.eventlog.registry import broadcast, log, tail
from apps.gateway import lifecycle as gateway
from apps.gateway.consumers import enter
from apps.gateway.handshake import front
from apps.gateway.routing import SOCKET_PATH
from apps.gateway.server import Server, bind, make_server
from apps.messaging.ports import StoreUnavailableError
from apps.messaging.registry import message_service, store
from apps.reads.service import ReadService
from apps.search.indexing import Indexer
from apps.search.registry import index
from slackclone import celery, demo, metrics
from slackclone.workers import Workers, threads_for

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from apps.messaging.servicer import MessageServer

_logger = logging.getLogger("apps.runtime")
DRAIN_S = 3.0
# On a host that serves chat as well, chat comes first.
_NICENESS = 10
# How long a thread that works on something else may keep the event loop waiting; Python's own 5 ms add up.
_SWITCH_S = 0.001
_SETUP_TRIES = 60
_SETUP_PAUSE_S = 1.0


class Role(enum.Enum):
    WEB = "web"
    MESSAGES = "messages"
    SEQUENCER = "sequencer"
    WORKER = "worker"
    INDEXER = "indexer"
    READS = "reads"


EVERYTHING = frozenset(Role)
# Readers of the log that nobody waits for.
_BEHIND = frozenset({Role.INDEXER, Role.READS})


def run(roles: frozenset[Role], *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Until SIGTERM or SIGINT. The exit status says whether a part failed for good.

    `host` and `port` are the web's; gRPC listens at GRPC_HOST and GRPC_PORT.
    """
    if roles <= _BEHIND:
        os.nice(_NICENESS)
    sys.setswitchinterval(_SWITCH_S)
    try:
        serve_metrics()
    except OSError as error:
        _say(f"can't serve metrics on {settings.METRICS_HOST}:{settings.METRICS_PORT}: {error.strerror}")
        sys.exit(1)
    lease = leases.hold()
    try:
        failed = uvloop.run(_serve(roles, host, port))
    except (KeyboardInterrupt, asyncio.CancelledError):
        failed = False
    finally:
        lease.release()
    sys.exit(1 if failed else 0)


def serve_metrics() -> "WSGIServer | None":
    """At METRICS_PORT, in a thread, for as long as the process lives. Raises OSError."""
    if not settings.METRICS_PORT:
        return None
    server, _ = start_http_server(settings.METRICS_PORT, settings.METRICS_HOST)
    return server


async def _serve(roles: frozenset[Role], host: str, port: int) -> bool:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    parts = _Parts(stopping)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(log().close)
        stack.push_async_callback(store().close)
        stack.push_async_callback(broadcast().close)
        stack.push_async_callback(tail().close)
        # Bound before the rest starts, so that a port in use is said at once.
        try:
            listener, messages = _bound(roles, host, port)
            await _measured(stack)
        except _PortInUseError as error:
            _say(str(error))
            return True
        if listener is not None:
            stack.callback(listener.close)
        if not await _set_up(stopping):
            return False
        if Role.WORKER in roles:
            await stack.enter_async_context(_worker())
        await _read_the_log(roles, parts, stack)
        if messages is not None:
            await stack.enter_async_context(parts.running("message service", messages.run, messages.stop))
            _say(f"gRPC is at {settings.GRPC_HOST}:{settings.GRPC_PORT}")
        if listener is not None:
            from slackclone.asgi import application

            stack.push_async_callback(message_service().close)
            await stack.enter_async_context(parts.running("hub", gateway.run, gateway.stop))
            server = make_server(
                application,
                host=host,
                port=port,
                max_frame_bytes=settings.FRAME_MAX_BYTES,
                trust_proxy=settings.TRUST_PROXY,
                http=front({SOCKET_PATH: enter}),
            )
            await stack.enter_async_context(
                parts.running("server", lambda: server.serve(sockets=[listener]), lambda: _end(server))
            )
            await _announce(server, stopping)
        _collect_seldom()
        await stopping.wait()
        if Role.WEB in roles:
            await gateway.drain(0.0 if settings.EMBEDDED else DRAIN_S)
    return parts.failed


async def _read_the_log(roles: frozenset[Role], parts: "_Parts", stack: contextlib.AsyncExitStack) -> None:
    if Role.SEQUENCER in roles:
        sequencer, relay = Sequencer(log(), store(), broadcast(), tail=tail()), Relay(log())
        await stack.enter_async_context(parts.running("sequencer", sequencer.run, sequencer.stop))
        await stack.enter_async_context(parts.running("outbox relay", relay.run, relay.stop))
    if Role.INDEXER in roles:
        indexer = Indexer(log(), index())
        stack.callback(index().close)
        await stack.enter_async_context(parts.running("indexer", indexer.run, indexer.stop))
    if Role.READS in roles:
        reads = ReadService(log(), store)
        await stack.enter_async_context(parts.running("read service", reads.run, reads.stop))


def _collect_seldom() -> None:
    """What the start made stays; and a full collection of many thousand sockets stops everything for long."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


class _PortInUseError(Exception):
    """The text is for the operator."""


def _bound(roles: frozenset[Role], host: str, port: int) -> "tuple[socket.socket | None, MessageServer | None]":
    listener = messages = None
    if Role.WEB in roles:
        try:
            listener = bind(host, port, reuse_port=not settings.EMBEDDED)
        except OSError as error:
            raise _PortInUseError(f"can't listen on {host}:{port}: {error.strerror}; set PORT to another") from error
    if Role.MESSAGES in roles:
        from apps.messaging.servicer import MessageServer

        messages = MessageServer()
        try:
            messages.bind(settings.GRPC_HOST, settings.GRPC_PORT)
        except OSError as error:
            raise _PortInUseError(f"can't serve gRPC: {error.strerror}; set GRPC_PORT to another") from error
    return listener, messages


async def _measured(stack: contextlib.AsyncExitStack) -> None:
    if settings.METRICS_PORT:
        host, port = settings.METRICS_HOST, settings.METRICS_PORT
        try:
            await stack.enter_async_context(metrics.served(host, port))
        except OSError as error:
            raise _PortInUseError(f"can't serve metrics on {host}:{port}: {error.strerror}") from error


async def _set_up(stopping: asyncio.Event) -> bool:
    """Tables, keyspace and topic; waits for servers that are still starting. False when told to stop meanwhile."""
    for what, setup in (("log", log().setup), ("store", store().setup)):
        for attempt in range(_SETUP_TRIES):
            try:
                await setup()
                break
            except (OSError, RuntimeError, LogUnavailableError, StoreUnavailableError) as error:
                if attempt == _SETUP_TRIES - 1:
                    raise
                _logger.warning("the %s does not answer yet: %s", what, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _SETUP_PAUSE_S)
                return False
    return True


class _Parts:
    """Long-running parts. One that fails for good ends the process, so that its supervisor starts a fresh one."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self.failed = False
        self._stopping = stopping

    @contextlib.asynccontextmanager
    async def running(
        self, name: str, run_part: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[None]:
        async def guarded() -> None:
            try:
                await run_part()
            except Exception:
                _logger.exception("%s failed", name)
                self.failed = True
            finally:
                self._stopping.set()

        task = asyncio.create_task(guarded(), name=name)
        try:
            yield
        finally:
            await stop()
            await asyncio.wait([task], timeout=20)


@contextlib.asynccontextmanager
async def _worker() -> AsyncIterator[None]:
    """The embedded profile's Celery: workers and beat, each in threads."""
    workers = Workers(threads_for(settings.WORKER_QUEUES, ordinary=2, special=1))
    workers.start()
    # The schedule is short and kept in memory: a file of it can be locked or broken, and beat dies of that.
    beat = Beat(celery.app, max_interval=1, scheduler_cls="celery.beat.Scheduler")
    beat_thread = threading.Thread(target=beat.start, kwargs={"embedded_process": False}, name="beat", daemon=True)
    beat_thread.start()
    try:
        yield
    finally:
        beat.stop()
        await asyncio.to_thread(beat_thread.join, 5)
        await asyncio.to_thread(workers.stop)


async def _end(server: Server) -> None:
    server.should_exit = True


async def _announce(server: Server, stopping: asyncio.Event) -> None:
    """Print the address once it is served; then, for DEMO=1, make the demo workspace and say how to sign in."""
    while not server.started:
        if stopping.is_set():
            return
        await asyncio.sleep(0.02)
    _say(f"slackclone is at {settings.PUBLIC_URL}  (Ctrl-C ends it)")
    if settings.DEMO:
        for line in await demo.seed(read=threads.read):
            _say(line)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
