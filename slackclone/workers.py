"""Celery workers of this process: one for each group of queues, so that work of one kind can't hold up another's.

They are threads, and every wait in a task has a deadline of its own: a stuck task holds one thread of its own kind.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Collection, Mapping

from celery.worker import WorkController, state
from django.conf import settings
from kombu.exceptions import OperationalError

from slackclone.celery import app, make_app

_log = logging.getLogger(__name__)
_STOP_S = 12.0


class Workers:
    """`threads` by group of settings.WORKER_QUEUES."""

    def __init__(self, threads: Mapping[str, int]) -> None:
        self._controllers = [
            WorkController(
                # An application of its own: which queues are consumed from is its state, not the controller's.
                app=make_app(),
                pool="threads",
                concurrency=count,
                queues=list(settings.WORKER_QUEUES[group]),
                hostname=f"{group}@{socket.gethostname()}-{os.getpid()}",
                # several in one process: kombu's event loop is one for a process
                use_eventloop=False,
                without_gossip=True,
                without_mingle=True,
                without_heartbeat=True,
            )
            for group, count in threads.items()
        ]
        self._threads = [
            threading.Thread(target=controller.start, name=f"celery-{index}", daemon=True)
            for index, controller in enumerate(self._controllers)
        ]

    def start(self) -> None:
        state.should_stop = None
        for thread in self._threads:
            thread.start()

    def stop(self) -> bool:
        """Tasks in hand are finished, what was only reserved goes back. False: some are not done in time."""
        # Each notices it in its own loop, within two seconds: stopped from here, a controller hangs on its connection.
        state.should_stop = 0
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)


def give_back() -> None:
    """What killed workers held for longer than BROKER_VISIBILITY_S goes back to its queue.

    Kombu does this in its event loop only; without one, its look at Redis ends before it comes to that.
    """
    try:
        with app.connection_for_write() as connection:
            qos = connection.default_channel.qos
            if hasattr(qos, "restore_visible"):
                qos.restore_visible(interval=1)
    except (OperationalError, OSError, *connection_errors()) as error:
        _log.warning("the broker was not asked for what others left: %s", error)


def connection_errors() -> tuple[type[Exception], ...]:
    return tuple(app.connection_for_write().connection_errors)


def threads_for(groups: Collection[str], *, ordinary: int, special: int) -> dict[str, int]:
    """`ordinary` threads for the default queue, `special` ones for each of the others."""
    return {group: ordinary if group == "celery" else special for group in groups}
