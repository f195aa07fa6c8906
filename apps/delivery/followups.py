"""Follow-up work: which Celery tasks an event of a stream sets off, by name.

A task is called with a list of at most BATCH events, each {stream, seq, event_id, type, created_at}, ids as strings. It
is called at least once for each event, in the order of a stream's seq when nothing fails, so it must be idempotent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from apps.eventlog.events import Sequenced

BATCH = 100

FOLLOWUPS: Mapping[str, tuple[str, ...]] = {
    "message.posted": ("messaging.follow_thread",),
}
# Tasks that only some events of a type concern; the others are spared the way through the broker.
CONCERNED: Mapping[str, Callable[[Sequenced], bool]] = {
    "messaging.follow_thread": lambda event: event.envelope.thread is not None,
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
    calls: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        about = {
            "stream": event.stream,
            "seq": event.seq,
            "event_id": str(event.envelope.event_id),
            "type": event.envelope.type,
            "created_at": event.created_at,
        }
        for task in tasks_of(event):
            calls.setdefault(task, []).append(about)
    try:
        for task, abouts in calls.items():
            current_app.send_task(task, args=[abouts], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise BrokerUnavailableError(str(error)) from error
