"""Follow-up work: which Celery tasks an event of a stream sets off, by name.

A task is called with a list of at most BATCH events, each {stream, seq, event_id, type, created_at}, ids as strings. It
is called at least once for each event, in the order of a stream's seq when nothing fails, so it must be idempotent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from apps.eventlog.events import Sequenced

BATCH = 100

FOLLOWUPS: Mapping[str, tuple[str, ...]] = {}


class BrokerUnavailableError(Exception):
    """The broker did not take the work, or not all of it."""


def has_followups(event: Sequenced) -> bool:
    return event.envelope.type in FOLLOWUPS


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
        for task in FOLLOWUPS.get(event.envelope.type, ()):
            calls.setdefault(task, []).append(about)
    try:
        for task, abouts in calls.items():
            current_app.send_task(task, args=[abouts], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        raise BrokerUnavailableError(str(error)) from error
