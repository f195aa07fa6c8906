"""Celery workers of this process: one for each group of queues, so that work of one kind can't hold up another's.

They are threads, and every wait in a task has a deadline of its own: a stuck task holds one thread of its own kind.
"""

import os
import socket
import threading
from collections.abc import Collection, Mapping

from celery.worker import WorkController, state
from django.conf import settings

from slackclone.celery import make_app

_JOIN_S = 10.0


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
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Tasks in hand are finished; what was only reserved goes back to the broker."""
        # Each stops in its own thread: stopped from here, it would wait for an answer that its thread has read already.
        state.should_stop = os.EX_OK
        try:
            for thread in self._threads:
                thread.join(_JOIN_S)
        finally:
            state.should_stop = None

    @property
    def alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)


def threads_for(groups: Collection[str], *, ordinary: int, special: int) -> dict[str, int]:
    """`ordinary` threads for the default queue, `special` ones for each of the others."""
    return {group: ordinary if group == "celery" else special for group in groups}
