"""Follow-up work: which Celery tasks an event of a stream sets off, by name.

A task is called with a list of at most BATCH events, each {stream, seq, event_id, type, created_at}, ids as strings. It
is called at least once for each event, in the order of a stream's seq when nothing fails, so it must be idempotent.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import current_app
from django.db import close_old_connections
from kombu.exceptions import OperationalError

from apps.eventlog.events import Sequenced
from apps.notifications.concerns import concerning

_log = logging.getLogger(__name__)
BATCH = 100

FOLLOWUPS: Mapping[str, tuple[str, ...]] = {
    "message.deleted": ("messaging.withdraw_files", "notifications.withdraw"),
    "message.posted": ("messaging.follow_thread", "notifications.notify"),
}
# Tasks that only some events of a type concern; the others are spared the way through the broker.
CONCERNED: Mapping[str, Callable[[Sequenced], bool]] = {
    "messaging.follow_thread": lambda event: event.envelope.thread is not None,
}
# Asked for a batch, in the thread that hands it over, so it may ask the database: which of the events concern anybody.
CONCERNING: Mapping[str, Callable[[Sequence[Sequenced]], Sequence[Sequenced]]] = {
    "notifications.notify": concerning,
}


class BrokerUnavailableError(Exception):
    """The broker did not take the work, or not all of it."""


def has_followups(event: Sequenced) -> bool:
    return bool(tasks_of(event))


def tasks_of(event: Sequenced) -> list[str]:
    names = FOLLOWUPS.get(event.envelope.type, ())
    return [name for name in names if name not in CONCERNED or CONCERNED[name](event)]


def enqueue(events: Sequence[Sequenced]) -> None:
    """Hand the follow-ups of `events` to the broker; blocks. Raises BrokerUnavailableError."""
    calls: dict[str, list[Sequenced]] = {}
    for event in events:
        for task in tasks_of(event):
            calls.setdefault(task, []).append(event)
    try:
        for task, candidates in calls.items():
            abouts = [_about(event) for event in _concerning(task, candidates)]
            if abouts:
                current_app.send_task(task, args=[abouts], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise BrokerUnavailableError(str(error)) from error


def _about(event: Sequenced) -> dict[str, Any]:
    return {
        "stream": event.stream,
        "seq": event.seq,
        "event_id": str(event.envelope.event_id),
        "type": event.envelope.type,
        "created_at": event.created_at,
    }


def _concerning(task: str, events: Sequence[Sequenced]) -> Sequence[Sequenced]:
    """All of them when the database can't be asked: a task too many does no harm."""
    ask = CONCERNING.get(task)
    if ask is None:
        return events
    try:
        close_old_connections()
        return ask(events)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not hold the offsets back
        _log.warning("not known whom these events concern, so they all go on: %r", error)
        return events
    finally:
        close_old_connections()
